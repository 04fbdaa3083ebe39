"""Slack's limits, as docs.slack.dev/reference/block-kit names them: what breaks one is refused as a whole."""

from __future__ import annotations

from typing import Any


def refused_because(content: dict[str, Any]) -> str:
    """The first limit that is broken, "" if none is."""
    blocks = content.get("blocks", [])
    if len(blocks) > 50 or len(content.get("text", "")) > 40_000:
        return "too much"
    return next((why for block in blocks if (why := _of_block(block))), "")


def _of_block(block: dict[str, Any]) -> str:
    match block["type"]:
        case "header":
            return _text(block["text"], 150, {"plain_text"})
        case "section":
            if "text" not in block and "fields" not in block:
                return "a section without text"
            fields = block.get("fields", [{"type": "mrkdwn", "text": "x"}])
            if not 1 <= len(fields) <= 10:
                return "fields"
            return (_text(block["text"], 3000) if "text" in block else "") or next(
                filter(None, (_text(f, 2000) for f in fields)), ""
            )
        case "actions":
            if not 1 <= len(block["elements"]) <= 25:
                return "elements"
            return next(filter(None, (_button(one) for one in block["elements"])), "")
        case "context":
            if not 1 <= len(block["elements"]) <= 10:
                return "elements"
            return next(filter(None, (_text(one, 3000) for one in block["elements"])), "")
        case other:
            return f"unknown block {other}"


def _button(one: dict[str, Any]) -> str:
    if len(one.get("url", "")) > 3000:
        return "url"
    return _text(one["text"], 75, {"plain_text"})


def _text(one: dict[str, Any], longest: int, kinds: frozenset[str] | set[str] = frozenset({"plain_text", "mrkdwn"})) -> str:
    if one["type"] not in kinds:
        return f"type {one['type']}"
    if not 1 <= len(one["text"]) <= longest:
        return f"{len(one['text'])} characters of {longest}"
    return ""
