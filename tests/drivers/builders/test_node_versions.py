"""Which Node.js a project means, in the words of npm, nvm and Volta."""

from __future__ import annotations

import pytest

from fairway.drivers.builders.node_versions import best_of, parse_range, parse_version

V18, V20, V2218, V24 = (18, 20, 4), (20, 20, 2), (22, 18, 0), (24, 1, 0)


@pytest.mark.parametrize(
    ("asked", "fitting"),
    [
        ("", [V20, V2218, V24]),
        ("node", [V20, V2218, V24]),
        ("lts/*", [V20, V2218, V24]),
        ("latest", [V20, V2218, V24]),
        ("lts/iron", [V20]),
        ("lts/Hydrogen", [V18]),
        ("22", [V2218]),
        ("v22", [V2218]),
        ("22.x", [V2218]),
        ("22.18", [V2218]),
        ("v22.18.0", [V2218]),
        ("22.17.1", []),
        (">=18 <21", [V18, V20]),
        (">= 18.0.0", [V18, V20, V2218, V24]),
        ("^20 || ^22", [V20, V2218]),
        ("18 - 20", [V18, V20]),
        ("~22.18.0", [V2218]),
        (">20", [V2218, V24]),
        ("<=20.20", [V18, V20]),
        ("<20", [V18]),
        ("*", [V20, V2218, V24]),
        (">=18 || *", [V18, V20, V2218, V24]),
        ("=20.20.2", [V20]),
    ],
)
def test_what_is_asked_for(asked: str, fitting: list[tuple[int, int, int]]) -> None:
    wanted = parse_range(asked)
    assert wanted is not None
    assert [version for version in (V18, V20, V2218, V24) if wanted.holds(version)] == fitting


@pytest.mark.parametrize("asked", ["lts/nobody", "twenty", "20 &&", ">=", "20.x.y.z", "$(id)", "18 -", "1" * 5 + ".x-"])
def test_what_nobody_understands(asked: str) -> None:
    wanted = parse_range(asked)
    assert wanted is None or not wanted.holds(V20)


def test_long_term_support_is_preferred_and_the_newest_of_it() -> None:
    wanted = parse_range(">=18")
    assert wanted is not None
    assert wanted.majors()[:4] == (24, 22, 20, 18)
    assert best_of([V18, V2218, (22, 1, 0), (25, 0, 0)], wanted) == V2218
    assert best_of([(25, 0, 0)], wanted) == (25, 0, 0)
    assert best_of([(16, 0, 0)], wanted) is None
    assert parse_version("v20.1.2\n") == (20, 1, 2)
    assert parse_version("twenty") is None
