"""Closed ports, and what a busy machine does to the calls that close them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fairway.drivers.runtimes.process.bundle import disk_failure
from fairway.drivers.wall import abilities, groups
from fairway.drivers.wall.groups import Groups, can_close
from fairway.shared.failures import NeedsPerson, Refused, Retry


@contextmanager
def signals_rain() -> Iterator[None]:
    """A signal five thousand times a second, each of which makes the kernel give up checking a filter."""
    before = signal.signal(signal.SIGALRM, lambda number, frame: None)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(os.geteuid() != 0, reason="closing ports with control groups needs root")
def test_signals_keep_no_port_from_being_closed(tmp_path: Path) -> None:
    made = Groups(tmp_path)
    with signals_rain():
        for _ in range(20):
            made.ensure("rain", [(20000, 28999), (7, 7)])
        assert can_close()
    made.remove("rain")


def test_a_call_that_the_kernel_gives_up_is_made_again_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Kernel:
        def __init__(self, *answers: int) -> None:
            self.answers = list(answers)

        def syscall(self, *words: object) -> int:
            groups.ctypes.set_errno(self.answers[0])
            return -1 if (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]) else 7

    monkeypatch.setattr(groups, "_LIBC", Kernel(errno.EAGAIN, errno.EINTR, errno.EAGAIN, 0))
    assert groups._bpf(5, b"") == 7
    for number in (errno.EAGAIN, errno.EPERM):
        monkeypatch.setattr(groups, "_LIBC", Kernel(number))
        with pytest.raises(OSError, match=os.strerror(number)):
            groups._bpf(5, b"")


def test_a_machine_too_busy_to_say_is_not_taken_for_one_without_walls(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def busy(user: int) -> bytes:
        asked.append(user)
        raise subprocess.TimeoutExpired("python", 30)

    fresh = abilities.abilities.__wrapped__
    monkeypatch.setattr(abilities, "_enquire", busy)
    with pytest.raises(Retry, match="too busy"):
        fresh()
    assert len(asked) == abilities.ENQUIRIES
    monkeypatch.setattr(abilities, "_enquire", lambda user: b"?")
    assert not any(layer.stands for layer in fresh().layers())


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, NeedsPerson, "The disk is full"),
        (errno.EACCES, NeedsPerson, "No permission"),
        (errno.EAGAIN, Retry, "temporarily unavailable"),
        (errno.EMFILE, Retry, "Too many open files"),
        (errno.ELOOP, Refused, "symbolic links"),
    ],
)
def test_only_a_full_disk_is_called_full(number: int, kind: type, words: str) -> None:
    failure = disk_failure(OSError(number, os.strerror(number)), "building the bundle")
    assert (type(failure), words in failure.sentence) == (kind, True)
