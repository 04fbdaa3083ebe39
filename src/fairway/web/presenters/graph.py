"""The layout of a dependency graph: the coordinates of boxes and lines. Pure.

Layers go from left to right (a needed package is left of what needs it), waypoints lead long lines around boxes, and
barycentre sweeps reduce crossings: the method of Sugiyama, Tagawa and Toda (1981).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

BOX_WIDTH, BOX_HEIGHT = 184, 48  # px, multiples of the design's 4 px grid
ACROSS, DOWN = 72, 16  # px between layers and between rows
MARGIN = 8  # px around the drawing, so that focus rings are not cut off
SWEEPS = 12  # sweeps in both directions; more did not improve random graphs of 50 packages


@dataclass(frozen=True)
class Box:
    """One node; `x` and `y` are its upper left corner, `level` its layer from 0."""

    name: str
    level: int
    x: int
    y: int


@dataclass(frozen=True)
class Line:
    """A line from a needed package to one that needs it; `path` is an SVG path."""

    start: str
    end: str
    path: str


@dataclass(frozen=True)
class Drawing:
    """The drawing; `width` and `height` in px."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


Point = tuple[str, str, int]  # a box (name, "", level), or a waypoint of the line from…to… in a layer between


def drawn(names: Sequence[str], needs: Mapping[str, Collection[str]]) -> Drawing:
    """The drawing of these nodes; `needs[a]` are the nodes that `a` depends on. Raises ValueError for a cycle."""
    levels = _levels(names, needs)
    lines = {(one, name): _waypoints(one, name, levels) for name in names for one in sorted(needs.get(name, ()))}
    layers = _ordered(_layers(names, levels, lines), lines)
    tallest = max((_height(layer) for layer in layers), default=0)
    places = {
        point: (MARGIN + number * (BOX_WIDTH + ACROSS), y)
        for number, layer in enumerate(layers)
        for point, y in _stacked(layer, tallest)
    }
    boxes = tuple(Box(name, level, *places[name, "", level]) for name, level in levels.items())
    width = max((box.x + BOX_WIDTH for box in boxes), default=0) + MARGIN
    paths = tuple(Line(*ends, _path([places[point] for point in points])) for ends, points in lines.items())
    return Drawing(width, tallest + 2 * MARGIN, boxes, paths)


def _levels(names: Sequence[str], needs: Mapping[str, Collection[str]]) -> dict[str, int]:
    """Each node's layer: one to the right of the rightmost node it needs."""
    levels: dict[str, int] = {}
    left = list(names)
    while left:
        ready = [name for name in left if all(one in levels for one in needs.get(name, ()))]
        if not ready:
            raise ValueError(f"there is a cycle among {', '.join(left)}")
        for name in ready:
            levels[name] = 1 + max((levels[one] for one in needs.get(name, ())), default=-1)
        left = [name for name in left if name not in levels]
    return {name: levels[name] for name in names}


def _waypoints(start: str, end: str, levels: Mapping[str, int]) -> list[Point]:
    """The points a line goes through: its ends and one per layer between."""
    between: list[Point] = [(start, end, level) for level in range(levels[start] + 1, levels[end])]
    return [(start, "", levels[start]), *between, (end, "", levels[end])]


def _layers(
    names: Sequence[str], levels: Mapping[str, int], lines: Mapping[tuple[str, str], list[Point]]
) -> list[list[Point]]:
    layers: list[list[Point]] = [[] for _ in range(max(levels.values(), default=-1) + 1)]
    for name in names:
        layers[levels[name]].append((name, "", levels[name]))
    for points in lines.values():
        for point in points[1:-1]:
            layers[point[2]].append(point)
    return layers


def _ordered(layers: list[list[Point]], lines: Mapping[tuple[str, str], list[Point]]) -> list[list[Point]]:
    """The order with the fewest crossings after sweeps that move each point to the mean position of its neighbours."""
    before: dict[Point, list[Point]] = {}
    after: dict[Point, list[Point]] = {}
    for points in lines.values():
        for one, other in pairwise(points):
            after.setdefault(one, []).append(other)
            before.setdefault(other, []).append(one)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, after)
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        order = range(1, len(layers)) if forth else range(len(layers) - 2, -1, -1)
        for number in order:
            _sort(layers[number], layers[number - 1 if forth else number + 1], before if forth else after)
        crossings = _crossings(layers, after)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    return best


def _sort(layer: list[Point], beside: list[Point], neighbours: Mapping[Point, list[Point]]) -> None:
    position = {point: number / max(len(beside) - 1, 1) for number, point in enumerate(beside)}
    own = {point: number / max(len(layer) - 1, 1) for number, point in enumerate(layer)}

    def mean(point: Point) -> float:
        found = [position[one] for one in neighbours.get(point, ())]
        return sum(found) / len(found) if found else own[point]

    layer.sort(key=mean)


def _crossings(layers: Sequence[Sequence[Point]], after: Mapping[Point, list[Point]]) -> int:
    count = 0
    for left, right in pairwise(layers):
        position = {point: number for number, point in enumerate(right)}
        ends = [position[other] for point in left for other in sorted(after.get(point, ()), key=position.__getitem__)]
        count += sum(one > other for number, one in enumerate(ends) for other in ends[number + 1 :])
    return count


def _size(point: Point) -> int:
    return DOWN if point[1] else BOX_HEIGHT


def _height(layer: Sequence[Point]) -> int:
    return sum(_size(point) for point in layer) + DOWN * max(len(layer) - 1, 0)


def _stacked(layer: Sequence[Point], tallest: int) -> list[tuple[Point, int]]:
    """The points of a layer with their y coordinates, centred vertically."""
    y = MARGIN + (tallest - _height(layer)) // 2 // 4 * 4
    found = []
    for point in layer:
        found.append((point, y if not point[1] else y + DOWN // 2))
        y += _size(point) + DOWN
    return found


def _path(places: Sequence[tuple[int, int]]) -> str:
    """An SVG path from the right side of a box through its waypoints to the left side of a box."""
    (x, y), *between, (last_x, last_y) = places
    x, y = x + BOX_WIDTH, y + BOX_HEIGHT // 2
    words = [f"M{x} {y}"]
    for next_x, next_y in between:
        words.append(f"{_curve(x, y, next_x, next_y)}H{next_x + BOX_WIDTH}")
        x, y = next_x + BOX_WIDTH, next_y
    words.append(_curve(x, y, last_x, last_y + BOX_HEIGHT // 2))
    return "".join(words)


def _curve(x: int, y: int, to_x: int, to_y: int) -> str:
    middle = (x + to_x) // 2
    return f"H{to_x}" if y == to_y else f"C{middle} {y} {middle} {to_y} {to_x} {to_y}"
