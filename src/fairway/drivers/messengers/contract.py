"""What every messenger promises: it sends one message to one place, and says what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from fairway.drivers.taking import NotTaken, Trouble

__all__ = ["Kind", "Message", "Messenger", "NotTaken", "Target", "Tone", "Trouble", "shortened"]


class Kind(StrEnum):
    SLACK = "slack"
    TEAMS = "teams"
    DISCORD = "discord"
    WEBHOOK = "webhook"
    MAIL = "mail"


class Tone(StrEnum):
    """What a message means to whoever reads it; it chooses a colour or a sign."""

    GOOD = "good"
    BAD = "bad"
    WAITING = "waiting"
    PLAIN = "plain"


@dataclass(frozen=True)
class Message:
    """One message, as plain text in the language of its receiver. Each messenger escapes and shortens it as it must.

    A message that is sent again has the same `id`, so that a receiver can recognise it. `facts` are labels with values,
    `link` is what the button says, `data` is what a program gets instead of words.
    """

    id: str
    at: datetime
    type: str
    subject: str
    sentence: str
    tone: Tone = Tone.PLAIN
    facts: tuple[tuple[str, str], ...] = ()
    url: str = ""
    link: str = ""
    reason: str = ""  # why it was sent there, in small type
    language: str = "en"
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """Where a message goes: the URL of a webhook with its signing secret, or a mail address."""

    url: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    address: str = ""


class Messenger(Protocol):
    """Sends messages of one kind."""

    def send(self, message: Message, target: Target) -> str:
        """Send it; returns what the receiver answered, without secrets. Raises `NotTaken`."""


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning with “…” if it has more than `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
