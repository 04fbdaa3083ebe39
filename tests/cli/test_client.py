"""How the CLI reads long answers."""

from __future__ import annotations

import json

import pytest

from fairway.cli.client import _lines

TEXT = json.dumps({"note": "a\u2028b\x85c € 🚢"}, ensure_ascii=False) + "\n" + json.dumps({"n": 2}) + "\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_only_a_newline_ends_a_line_wherever_the_chunks_were_cut(size: int) -> None:
    data = TEXT.encode()
    found = list(_lines(data[at : at + size] for at in range(0, len(data), size)))
    assert [json.loads(line) for line in found] == [{"note": "a\u2028b\x85c € 🚢"}, {"n": 2}]
