"""Lines as a terminal shows them, and where bytes are whole characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.drivers.runtimes.process import shim_log
from fairway.shared.lines import last_shown, whole_characters


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain", "plain"), ("10 %\r20 %\r30 %", "30 %"), ("10 %\r20 %\r", "20 %"), ("done\r", "done"), ("\r", ""), ("", "")],
)
def test_what_was_written_over_is_not_shown(text: str, shown: str) -> None:
    assert last_shown(text) == shown


@pytest.mark.parametrize("count", [whole_characters, shim_log.whole_characters])
@given(text=st.text("aé€🚢"), cut=st.integers(0, 20))
def test_a_cut_never_breaks_a_character(count, text: str, cut: int) -> None:
    data = text.encode()[:cut]
    whole = data[: count(data)].decode()
    assert text.startswith(whole)
    assert len(data) - len(whole.encode()) <= 3


@pytest.mark.parametrize("count", [whole_characters, shim_log.whole_characters])
@given(data=st.binary(max_size=12))
def test_of_anything_else_at_most_the_beginning_of_a_character_waits(count, data: bytes) -> None:
    rest = data[count(data) :]
    assert len(rest) <= 3
    assert rest == b"" or rest[0] >= 0xC0
