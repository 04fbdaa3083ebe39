"""All lines about an installation's security, in the order in which they are shown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fairway.insights.security import access, surroundings
from fairway.insights.security.facts import Facts
from fairway.insights.security.lines import Group, Line, State, group_title, state_word

JUDGES: tuple[Callable[[Facts], Iterator[Line]], ...] = (
    access.sign_in,
    access.people,
    access.tokens,
    surroundings.running,
    surroundings.records,
    surroundings.network,
)


def lines_of(facts: Facts) -> list[Line]:
    """Every line: groups in which something is weak come first, and within a group what is weak."""
    found = [line for judge in JUDGES for line in judge(facts)]
    weak = {line.group for line in found if line.state == State.WEAK}
    groups, states = list(Group), list(State)
    return sorted(found, key=lambda line: (line.group not in weak, groups.index(line.group), states.index(line.state)))


def count_weak(lines: Sequence[Line]) -> int:
    return sum(line.state == State.WEAK for line in lines)


def answer_of(lines: Sequence[Line]) -> dict[str, Any]:
    """The lines as programs are told them: by the API, and by ``fairway doctor --security``."""
    return {"weak": count_weak(lines), "checks": [_told(line) for line in lines]}


def _told(line: Line) -> dict[str, str]:
    return {
        "check": line.code,
        "group": line.group.value,
        "group_title": group_title(line.group),
        "state": line.state.value,
        "state_word": state_word(line.state),
        "title": line.title,
        "sentence": line.sentence,
        "fix": line.fix,
        "variable": line.variable,
    }
