"""Graphs of needs: a cycle is never closed, levels respect every need, descendants are who would miss it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.releases.graph import ancestors, cycle_closed_by, descendants, levels, needs_of, path_between

EDGES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40)


def built(edges):
    """The graph after trying to add every edge, as the command does; and the cycles that were refused."""
    kept, refused = [], []
    for one, needed in edges:
        needs = needs_of(range(10), kept)
        cycle = [one, one] if one == needed else cycle_closed_by(one, needed, needs)
        if cycle:
            refused.append((cycle, needs, (one, needed)))
        else:
            kept.append((one, needed))
    return needs_of(range(10), kept), refused


@given(EDGES)
def test_what_is_let_through_never_has_a_cycle(edges):
    needs, _ = built(edges)
    found = levels(needs)
    assert found.keys() == needs.keys()
    assert all(found[one] > found[needed] for one in needs for needed in needs[one])
    assert all(found[one] == 0 or any(found[needed] == found[one] - 1 for needed in needs[one]) for one in needs)


@given(EDGES)
def test_what_is_refused_is_named_as_a_closed_chain_of_real_needs(edges):
    _, refused = built(edges)
    for cycle, needs, new in refused:
        assert cycle[0] == cycle[-1] == new[0]
        pairs = list(zip(cycle, cycle[1:], strict=False))
        assert all(pair == new or pair[1] in needs[pair[0]] for pair in pairs)


@given(EDGES, st.integers(0, 9))
def test_descendants_are_exactly_those_from_whom_a_path_leads_here(edges, node):
    needs, _ = built(edges)
    expected = {one for one in needs if one != node and path_between(one, node, needs)}
    assert descendants([node], needs) == expected
    assert all(node in ancestors([one], needs) for one in expected)


def test_a_cycle_reads_like_a_sentence():
    needs = needs_of("abc", [("b", "c"), ("c", "a")])
    assert cycle_closed_by("a", "b", needs) == ["a", "b", "c", "a"]
    assert cycle_closed_by("b", "a", needs) == []


def test_levels_refuse_what_should_never_have_come_into_being():
    with pytest.raises(ValueError, match="cycle"):
        levels({"a": frozenset("b"), "b": frozenset("a")})
