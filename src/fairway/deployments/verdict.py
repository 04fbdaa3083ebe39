"""Whether a new version answers visitors as well as the one before. Pure; the numbers come from the probe."""

from __future__ import annotations

from collections.abc import Mapping

from fairway.drivers.proxy.contract import Answers

LEAST = 10  # answers of a new version before anything is said of it
LEAST_IN_DOUBT = 40  # once one of them has failed
CHANCE = 1  # failures that may have any reason: a first request, a connection that was just being closed
MARGIN = 0.05  # by how much a larger share must fail: the same version asked twice never gives quite the same numbers

ByPath = Mapping[str, Answers]


def is_known(new: ByPath) -> bool:
    """Whether there are enough answers to judge by."""
    return _asked(new) >= (LEAST_IN_DOUBT if _failed(new) else LEAST) or is_hopeless(new)


def is_hopeless(new: ByPath) -> bool:
    """Whether nothing but failures came, and enough of them."""
    return _asked(new) == _failed(new) >= max(1, LEAST // 2)


def is_suspect(new: ByPath) -> bool:
    """Whether it is worth asking how the version before answers."""
    return any(now.failed > CHANCE for now in new.values()) or 0 < _asked(new) == _failed(new)


def complaint(new: ByPath, old: ByPath) -> str:
    """Why the new version must not stay, as a sentence; "" where it may.

    It must not fail more than the old one did, on any path that the old one answered. Where that cannot be told (a first
    version, an old one that failed always), it must not only fail.
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
    return sum(one.asked for one in answers.values())


def _failed(answers: ByPath) -> int:
    return sum(one.failed for one in answers.values())
