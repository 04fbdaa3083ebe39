"""Typed failures of work outside the database, so that the engine knows what to do next.

A driver or a step raises one of these. Any other exception is a defect of Fairway and ends the run as *errored*. Every
failure carries a sentence for the person who reads the page: what happened and what to do. It must not contain secrets
(everything that prints or stores it masks them by value all the same).
"""

from __future__ import annotations


class Failure(Exception):
    """Base of the typed failures.

    `sentence` is shown to people; `detail` is longer evidence (last log lines, an error body).
    """

    def __init__(self, sentence: str, *, detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.detail = detail


class Retry(Failure):
    """Something outside was not ready (a busy daemon, a dropped connection): trying again may work.

    `after` is the least number of seconds to wait; None leaves it to the step's back-off.
    """

    def __init__(self, sentence: str, *, detail: str = "", after: float | None = None) -> None:
        super().__init__(sentence, detail=detail)
        self.after = after


class Away(Retry):
    """Something that the work needs cannot be reached (a daemon restarts, a machine has no network). The engine tries again
    for minutes, because nothing is wrong with what was requested."""


class Refused(Failure):
    """What was requested is bad (it crashes, does not build, does not exist): trying again changes nothing."""


class NeedsPerson(Failure):
    """A person must act first (credentials, a missing tool, a full disk); the sentence says who and how."""


class Cancelled(Exception):
    """Raised inside a step whose run was cancelled."""
