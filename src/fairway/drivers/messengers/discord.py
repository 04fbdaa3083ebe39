"""Discord: a webhook with one embed. Limits: docs.discord.com/developers/resources/message#embed-object-embed-limits."""

from __future__ import annotations

import re
from typing import Any

from fairway.drivers.messengers.contract import Message, Target, Tone, shortened
from fairway.drivers.posting import Line, as_json

TITLE, DESCRIPTION, NAME, VALUE, FOOTER = 256, 2000, 100, 300, 300  # together below 6,000, which is the limit of all
MOST_FIELDS = 8
COLOURS = {Tone.GOOD: 0x2E9E5B, Tone.BAD: 0xD64545, Tone.WAITING: 0xD9A400, Tone.PLAIN: 0x0B5C8A}
_MARKDOWN = re.compile(r"([\\*_~`|>#\[\]()<:@-])")


class Discord:
    def __init__(self, line: Line) -> None:
        self._line = line

    def send(self, message: Message, target: Target) -> str:
        return self._line.post(target.url, as_json(content(message)))


def content(message: Message) -> dict[str, Any]:
    """The JSON that Discord takes. Nobody is mentioned, whatever the words say."""
    embed: dict[str, Any] = {
        "title": shortened(escaped(message.subject), TITLE),
        "description": shortened(escaped(message.sentence), DESCRIPTION),
        "color": COLOURS[message.tone],
        "timestamp": message.at.isoformat(),
        "fields": [
            {"name": shortened(label, NAME), "value": shortened(escaped(value), VALUE) or "—", "inline": len(value) < 40}
            for label, value in message.facts[:MOST_FIELDS]
        ],
    }
    if message.url:
        embed["url"] = message.url
    if message.reason:
        embed["footer"] = {"text": shortened(message.reason, FOOTER)}
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def escaped(text: str) -> str:
    """The text without meaning as Markdown."""
    return _MARKDOWN.sub(r"\\\1", text)
