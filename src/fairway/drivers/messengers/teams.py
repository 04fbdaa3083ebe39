"""Microsoft Teams: an incoming webhook (a workflow, or a connector of before) with an Adaptive Card.

Words stand in rich text blocks, because text blocks read Markdown, and then a name could hide a link.
"""

from __future__ import annotations

import re
from typing import Any

from fairway.drivers.messengers.contract import Message, NotTaken, Target, Tone, Trouble, shortened
from fairway.drivers.posting import Line, as_json

# Characters. A message may have 28 KB, in which every character may take four bytes.
SENTENCE, SHORT, LABEL = 2000, 300, 100
MOST_FACTS = 8
COLOURS = {Tone.GOOD: "Good", Tone.BAD: "Attention", Tone.WAITING: "Warning", Tone.PLAIN: "Default"}
# A connector answers 200 although Teams did not take the message, and says so in the text.
_NOT_TAKEN = re.compile(r"(?i)HTTP error (\d{3})")


class Teams:
    def __init__(self, line: Line) -> None:
        self._line = line

    def send(self, message: Message, target: Target) -> str:
        answer = self._line.post(target.url, as_json(content(message)))
        if found := _NOT_TAKEN.search(answer):
            status = int(found[1])
            trouble = {429: Trouble.TOO_MANY, 410: Trouble.GONE}.get(status, Trouble.FAILED)
            raise NotTaken(trouble, host=self._line.checked(target.url).host, status=status, answer=answer)
        return answer


def content(message: Message) -> dict[str, Any]:
    """The JSON that Teams takes: a message with one Adaptive Card."""
    title = {"size": "Large", "weight": "Bolder", "color": COLOURS[message.tone]}
    body = [_text((shortened(message.subject, SHORT), title)), _text((shortened(message.sentence, SENTENCE), {}))]
    for label, value in message.facts[:MOST_FACTS]:
        body.append(_text((f"{shortened(label, LABEL)}: ", {"weight": "Bolder"}), (shortened(value, SHORT), {})))
    if message.reason:
        body.append(_text((shortened(message.reason, SHORT), {"isSubtle": True, "size": "Small"})))
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "lang": message.language,
        "fallbackText": shortened(message.subject, SHORT),
        "body": body,
    }
    if message.url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": message.link, "url": message.url}]
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _text(*runs: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    inlines = [{"type": "TextRun", "text": text, **style} for text, style in runs]
    return {"type": "RichTextBlock", "inlines": inlines}
