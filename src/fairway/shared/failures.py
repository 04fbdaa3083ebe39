"""The ways outside work goes wrong, typed, so that the engine knows what to do next.

A driver or a step raises one of these; anything else that escapes is *our* machinery breaking and ends
the run as *errored*. Every failure carries a sentence for the person on the page: what happened and what
to do. Secrets never belong in it (the sinks mask by value all the same).
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
    """The outside was not ready (a busy daemon, a dropped connection): trying again may work.

    `after` is the least number of seconds to wait; None leaves it to the step's back-off.
    """

    def __init__(self, sentence: str, *, detail: str = "", after: float | None = None) -> None:
        super().__init__(sentence, detail=detail)
        self.after = after


class Away(Retry):
    """What the work needs is not there at all (a daemon restarts, a host has no network): worth minutes of patience, because
    nothing is wrong with what was asked for."""


class Refused(Failure):
    """The thing asked for is bad (it crashes, does not build, does not exist): trying again changes nothing."""


class NeedsPerson(Failure):
    """Somebody must act first (credentials, a missing tool, a full disk); the sentence says who and how."""


class Cancelled(Exception):
    """Raised inside work whose run was asked to stop."""
