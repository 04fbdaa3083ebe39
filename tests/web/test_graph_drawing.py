"""Where boxes and lines of a dependency graph go."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.web.presenters.graph import ACROSS, BOX_HEIGHT, BOX_WIDTH, drawn


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], dict[str, set[str]]]:
    names = [f"p{number}" for number in range(draw(st.integers(0, 20)))]
    needs = {name: draw(st.sets(st.sampled_from(names[:at]), max_size=4)) for at, name in enumerate(names) if at}
    return draw(st.permutations(names)), needs


@given(graphs())
def test_what_is_needed_stands_left_of_what_needs_it_and_nothing_overlaps(graph) -> None:
    names, needs = graph
    drawing = drawn(names, needs)
    boxes = {box.name: box for box in drawing.boxes}
    assert [box.name for box in drawing.boxes] == list(names)
    for name, wanted in needs.items():
        assert all(boxes[one].x + BOX_WIDTH + ACROSS <= boxes[name].x for one in wanted)
    for x in {box.x for box in drawing.boxes}:
        column = sorted(box.y for box in drawing.boxes if box.x == x)
        assert all(lower - upper > BOX_HEIGHT for upper, lower in pairwise(column))
    assert all(0 < box.y <= drawing.height - BOX_HEIGHT and box.x + BOX_WIDTH < drawing.width for box in drawing.boxes)
    assert sorted((line.end, line.start) for line in drawing.lines) == sorted(
        (a, b) for a, some in needs.items() for b in some
    )


def test_a_pair_in_the_wrong_order_is_uncrossed() -> None:
    drawing = drawn(["a", "b", "x", "y"], {"x": {"b"}, "y": {"a"}})
    boxes = {box.name: box for box in drawing.boxes}
    assert (boxes["a"].y < boxes["b"].y) == (boxes["y"].y < boxes["x"].y)


def test_a_line_over_two_layers_goes_round_the_box_between() -> None:
    drawing = drawn(["db", "api", "web"], {"api": {"db"}, "web": {"api", "db"}})
    boxes = {box.name: box for box in drawing.boxes}
    long = next(line for line in drawing.lines if (line.start, line.end) == ("db", "web"))
    heights = [int(part.split()[-1]) for part in long.path.split("H")[0].split("C")[1:]]
    assert all(not boxes["api"].y <= height <= boxes["api"].y + BOX_HEIGHT for height in heights)


def test_a_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycle among a, b"):
        drawn(["a", "b"], {"a": {"b"}, "b": {"a"}})


def test_nothing_is_drawn_of_nothing() -> None:
    assert drawn([], {}).boxes == ()
