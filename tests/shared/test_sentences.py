"""Several sentences as one text."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Blocked, Blocker
from fairway.shared.sentences import joined


@pytest.mark.parametrize(
    ("sentences", "text"),
    [
        ([], ""),
        (["It is locked: mine"], "It is locked: mine"),
        (["It is locked: mine", "It is stopped."], "It is locked: mine. It is stopped."),
        (["It is locked: why not?", "It is stopped."], "It is locked: why not? It is stopped."),
        (["One.", "", " Two. "], "One. Two."),
    ],
)
def test_each_sentence_ends_before_the_next_one_begins(sentences: list[str], text: str) -> None:
    assert joined(sentences) == text


def test_several_blockers_are_read_as_sentences() -> None:
    locked = Blocker("locked", "Staging is locked by max: release night")
    assert str(Blocked([locked, Blocker("stopped", "It is stopped.")])) == (
        "Staging is locked by max: release night. It is stopped."
    )
