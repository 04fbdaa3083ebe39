"""Slack: incoming webhooks with Block Kit. Mattermost and Rocket.Chat read the text of the same message.

Limits: docs.slack.dev/reference/block-kit/blocks. A text that is longer is refused as a whole, so each is shortened.
"""

from __future__ import annotations

from typing import Any

from fairway.drivers.messengers.contract import Message, Target, Tone, shortened
from fairway.drivers.posting import Line, as_json

HEADER, TEXT, FIELD, BUTTON, URL = 150, 3000, 2000, 75, 3000
MOST_FIELDS = 10
SIGNS = {Tone.GOOD: "✅", Tone.BAD: "🔴", Tone.WAITING: "⏳", Tone.PLAIN: ""}
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Slack:
    def __init__(self, line: Line) -> None:
        self._line = line

    def send(self, message: Message, target: Target) -> str:
        return self._line.post(target.url, as_json(content(message)))


def content(message: Message) -> dict[str, Any]:
    """The JSON that Slack takes: blocks, and the text that notifications show."""
    title = f"{SIGNS[message.tone]} {message.subject}".strip()
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": shortened(title, HEADER), "emoji": True}},
        {"type": "section", "text": {"type": "mrkdwn", "text": escaped(message.sentence, TEXT)}},
    ]
    if message.facts:
        fields = [_field(label, value) for label, value in message.facts[:MOST_FIELDS]]
        blocks.append({"type": "section", "fields": fields})
    if message.url and len(message.url) <= URL:
        label = {"type": "plain_text", "text": shortened(message.link, BUTTON), "emoji": True}
        blocks.append({"type": "actions", "elements": [{"type": "button", "text": label, "url": message.url}]})
    if message.reason:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": escaped(message.reason, TEXT)}]})
    return {"text": escaped(f"{title}\n{message.sentence}", TEXT), "blocks": blocks, "unfurl_links": False}


def _field(label: str, value: str) -> dict[str, str]:
    name = escaped(label, 100)
    return {"type": "mrkdwn", "text": f"*{name}*\n{escaped(value, FIELD - len(name) - 3)}"}


def escaped(text: str, longest: int) -> str:
    """The text as mrkdwn, in which nothing mentions anybody or hides a link; shortened to `longest` characters, as Slack
    counts them: escaped."""
    found: list[str] = []
    left = longest
    for at, sign in enumerate(text):
        said = _ESCAPED.get(sign, sign)
        is_last = at == len(text) - 1
        if len(said) > left - (0 if is_last else 1):
            return "".join(found) + "…"
        found.append(said)
        left -= len(said)
    return "".join(found) or "—"
