"""Whoever starts Fairway is refused while another one lives, and waits for one that was killed to be gone."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairway.config.runfile import CannotStart, RunFile
from tests.services.waiting import wait_for

LASTS = 0.5  # seconds that a process outlives its supervisor


def supervised(data: Path) -> int:
    """A supervisor with a process that shares its lock and outlives it by `LASTS` seconds; returns the supervisor's pid."""
    if pid := os.fork():
        wait_for((data / "run" / "fairway.json").exists, "it has started")
        return pid
    with RunFile.claimed(data, 1, 2):
        if not os.fork():
            parent = os.getppid()
            while os.getppid() == parent:
                time.sleep(0.01)
            time.sleep(LASTS)
            os._exit(0)
        signal.pause()
    os._exit(0)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[int]:
    pid = supervised(tmp_path)
    yield pid
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def test_a_second_one_is_refused_at_once(tmp_path: Path, supervisor: int) -> None:
    with pytest.raises(CannotStart, match="another Fairway already uses"), RunFile.claimed(tmp_path, 3, 4):
        pass
    assert json.loads((tmp_path / "run" / "fairway.json").read_text())["pid"] == supervisor


def test_the_next_one_waits_until_the_processes_of_one_that_was_killed_are_gone(tmp_path: Path, supervisor: int) -> None:
    os.kill(supervisor, signal.SIGKILL)
    os.waitpid(supervisor, 0)
    with RunFile.claimed(tmp_path, 3, 4):
        assert json.loads((tmp_path / "run" / "fairway.json").read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("written", [None, "", "[]", "{}", '{"pid": "x"}'])
def test_without_a_sensible_run_file_nobody_is_waited_for(tmp_path: Path, supervisor: int, written: str | None) -> None:
    path = tmp_path / "run" / "fairway.json"
    path.unlink()
    if written is not None:
        path.write_text(written)
    with pytest.raises(CannotStart), RunFile.claimed(tmp_path, 3, 4):
        pass
