"""The checklist of the ASVS names files and tests that exist, and counts its items rightly."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = (ROOT / "docs/security/asvs.md").read_text()
ITEMS = re.findall(r"(?m)^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \| (.+) \|$", LIST)
STATUSES = ["Met", "Partly", "Not met", "Does not apply"]
NAMED = sorted(set(re.findall(r"`((?:src|tests|docs|\.ci)/[\w./-]+|[A-Z]\w+(?:\.md|\.toml)?)(?:::(\w+))?`", LIST)))


def test_every_file_and_test_it_names_exists() -> None:
    assert len(NAMED) > 200
    assert [path for path, _ in NAMED if "/" in path and not (ROOT / path).exists()] == []
    assert [f"{path}::{function}" for path, function in NAMED if function and not _defines(ROOT / path, function)] == []


def _defines(place: Path, name: str) -> bool:
    return re.search(rf"^\s*(?:async )?(?:def|class) {name}\b", place.read_text(), re.M) is not None


def test_each_item_has_a_status_and_says_where_or_why() -> None:
    assert len({number for number, *_ in ITEMS}) == len(ITEMS) > 250
    assert {status for _, _, status, _ in ITEMS} == set(STATUSES)
    assert [number for number, _, _, where in ITEMS if not where.strip()] == []
    assert [number for number, _, status, where in ITEMS if status == "Met" and "`" not in where] == []


def test_it_counts_its_items_rightly() -> None:
    counted = Counter(status for _, _, status, _ in ITEMS)
    assert f"| {' | '.join(str(counted[status]) for status in STATUSES)} |" in LIST
