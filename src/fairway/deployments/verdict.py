"""Whether a new version answers visitors as well as the one before. Pure; the numbers come from the probe."""

from __future__ import annotations

from collections.abc import Mapping

from fairway.drivers.proxy.contract import Answers

LEAST = 10  # answers of a new version that are needed to judge it
LEAST_IN_DOUBT = 40  # answers that are needed once one of them has failed
CHANCE = 1  # failures that may happen to any version: a first request, a connection that was just being closed
# A new version is worse if its share of failures is larger by more than this, because two measurements of the same version
# are never quite equal.
MARGIN = 0.05

ByPath = Mapping[str, Answers]


def is_known(new: ByPath) -> bool:
    """Whether there are enough answers to judge by."""
    return _asked(new) >= (LEAST_IN_DOUBT if _failed(new) else LEAST) or is_hopeless(new)


def is_hopeless(new: ByPath) -> bool:
    """Whether every answer is a failure, and there are enough of them."""
    return _asked(new) == _failed(new) >= max(1, LEAST // 2)


def is_suspect(new: ByPath) -> bool:
    """Whether it is worth asking how the version before answers."""
    return any(now.failed > CHANCE for now in new.values()) or 0 < _asked(new) == _failed(new)


def complaint(new: ByPath, old: ByPath) -> str:
    """Why the new version must not stay, as a sentence; "" if it may.

    On no path that the old version answered may a larger share of requests fail than before. If they cannot be compared (it
    is the first version, or the old one always failed), not every request may fail.
    """
    for path, now in new.items():
        before = old.get(path, Answers())
        if before.asked > before.failed and now.failed > CHANCE and now.share > before.share + MARGIN:
            as_before = f"{before.failed} of {before.asked}" if before.failed else f"none of {before.asked}"
            return f"{_figure(path, now)}; of the version before, {as_before} did."
    if 0 < _asked(new) == _failed(new):
        return " ".join(f"{_figure(path, now)}." for path, now in new.items() if now.asked)
    return ""


def _figure(path: str, now: Answers) -> str:
    return f"{now.failed} of {now.asked} requests to “{path}” failed after the switch ({now.words})"


def _asked(answers: ByPath) -> int:
    return sum(answer.asked for answer in answers.values())


def _failed(answers: ByPath) -> int:
    return sum(answer.failed for answer in answers.values())
