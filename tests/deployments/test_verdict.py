"""When a new version must not stay: not for chance, not for what the old one did too, but for what visitors lost by it."""

from __future__ import annotations

import pytest

from fairway.deployments.verdict import complaint, is_known, is_suspect
from fairway.drivers.proxy.contract import Answers

GOOD, BAD = Answers(5, 0), Answers(5, 5, "/ answered 500")


def new(asked: int, failed: int) -> Answers:
    return Answers(asked, failed, "the application answered 500" if failed else "")


@pytest.mark.parametrize(
    ("now", "before", "may_stay"),
    [
        (new(27, 0), GOOD, True),
        (new(27, 24), GOOD, False),
        (new(27, 27), GOOD, False),
        (new(40, 1), GOOD, True),  # may be chance
        (new(40, 2), GOOD, True),
        (new(40, 4), GOOD, False),
        (new(40, 12), Answers(5, 1, "x"), False),
        (new(40, 8), Answers(5, 1, "x"), True),  # as often as before
        (new(40, 39), BAD, True),  # the old one never answered: nothing is lost
        (new(40, 40), BAD, False),  # but nothing is won either
        (new(40, 39), Answers(), True),  # a first version that answers at all
        (new(1, 1), Answers(), False),
        (new(0, 0), GOOD, True),
    ],
)
def test_it_must_not_fail_more_than_the_old_one_did(now: Answers, before: Answers, may_stay: bool) -> None:
    said = complaint({"/": now}, {"/": before})
    assert (said == "") == may_stay, said


def test_the_sentence_has_the_figure_and_names_status_and_path() -> None:
    said = complaint({"/": new(27, 24)}, {"/": GOOD})
    figure = "24 of 27 requests to “/” failed after the switch (the application answered 500)"
    assert said == f"{figure}; of the version before, none of 5 did."


def test_each_path_is_judged_by_itself() -> None:
    """A health path that answers excuses no page that does not."""
    assert complaint({"/": new(20, 20), "/health": new(20, 0)}, {"/": GOOD, "/health": GOOD}) != ""
    assert complaint({"/": new(20, 20), "/health": new(20, 0)}, {"/": BAD, "/health": GOOD}) == ""
    assert complaint({"/": new(20, 20), "/health": new(20, 0)}, {}) == ""
    assert complaint({"/": new(20, 20), "/health": new(20, 20)}, {}) != ""


@pytest.mark.parametrize(
    ("now", "known", "suspect"),
    [
        (new(9, 0), False, False),
        (new(10, 0), True, False),
        (new(10, 1), False, False),
        (new(39, 2), False, True),
        (new(40, 2), True, True),
        (new(4, 4), False, True),
        (new(5, 5), True, True),
    ],
)
def test_doubt_asks_for_more_answers_and_only_failures_for_fewer(now: Answers, known: bool, suspect: bool) -> None:
    assert (is_known({"/": now}), is_suspect({"/": now})) == (known, suspect)
