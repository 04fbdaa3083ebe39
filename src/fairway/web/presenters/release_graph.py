"""A dependency graph with its states, as ``releases/graph_drawing.html`` draws it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext

from fairway.web.presenters.graph import BOX_HEIGHT, BOX_WIDTH, Box, drawn
from fairway.web.templatetags.vocabulary import STATUSES, UNKNOWN

LONGEST_NAME, LONGEST_NOTE = 20, 24  # characters that fit into a box


@dataclass(frozen=True)
class Node:
    """One package: where it stands, a short note below its name, where a click leads."""

    name: str
    status: str
    note: str = ""
    sentence: str = ""
    url: str = ""


def graph_shown(nodes: Sequence[Node], needs: Mapping[str, Collection[str]]) -> dict[str, Any]:
    """The whole drawing; `needs[a]` are the names that `a` depends on."""
    by_name = {node.name: node for node in nodes}
    drawing = drawn([node.name for node in nodes], needs)
    return {
        "width": drawing.width,
        "height": drawing.height,
        "lines": [{"path": line.path, "tone": _tone_of_line(by_name[line.start])} for line in drawing.lines],
        "boxes": [_box(box, by_name[box.name], needs) for box in drawing.boxes],
    }


def _box(box: Box, node: Node, needs: Mapping[str, Collection[str]]) -> dict[str, Any]:
    word, shape, tone = STATUSES.get(node.status, UNKNOWN)
    needed = ", ".join(sorted(needs.get(node.name, ())))
    title = f"{node.name}: {word}"
    title += f"; {gettext('needs')} {needed}" if needed else ""
    title += f" – {node.sentence}" if node.sentence else ""
    return {
        "name": node.name,
        "title": title,
        "short": shortened(node.name, LONGEST_NAME),
        "note": shortened(node.note, LONGEST_NOTE),
        "url": node.url,
        "tone": tone,
        "icon": f"{static('icons/sprite.svg')}#s-{shape}",
        "x": box.x,
        "y": box.y,
        "width": BOX_WIDTH,
        "height": BOX_HEIGHT,
        "icon_x": box.x + 12,
        "icon_y": box.y + 16,
        "text_x": box.x + 36,
        "text_y": box.y + 21,
        "note_y": box.y + 37,
    }


def _tone_of_line(start: Node) -> str:
    """A line is drawn in colour once what it leads from is there, or has failed."""
    tone = STATUSES.get(start.status, UNKNOWN)[2]
    return tone if tone in {"ok", "bad"} else ""


def shortened(text: str, longest: int) -> str:
    """The text, cut with an ellipsis; the whole is in the box's title."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
