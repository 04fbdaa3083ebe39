"""Workers are killed, really, at every boundary; others go on where they were cut. Nothing is lost, nothing doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from fairway.engine import commands
from fairway.engine.models import Run, Worker
from fairway.engine.queries import attempts
from fairway.engine.runner import Runner
from tests.engine.running import until_status, working
from tests.engine.stalling import StallingWorkflow
from tests.services.waiting import PATIENCE, eventually

ROOT = Path(__file__).parent.parent.parent
LEASE = 0.6  # seconds: short, so that a take-over is soon


@contextmanager
def worker_process(
    url: str, log: Path, *, name="victim", stall="", gate: Path | None = None, poll=0.2
) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-m", "tests.engine.worker", name, str(LEASE), str(poll), str(log), stall, str(gate or "")]
    environment = {**os.environ, "ENGINE_DATABASE_URL": url}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def translate(process: subprocess.Popen) -> str:
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


def survivor(log: Path) -> Runner:
    teller = StallingWorkflow("survivor", log)
    return Runner(teller.workflows(), worker_name="survivor", lease=timedelta(seconds=LEASE), poll=0.1)


def enqueue(**payload) -> Run:
    return commands.enqueue(kind="example", key="k", payload=payload)


def lines(log: Path, word: str) -> list[str]:
    """What was noted under this word: "step worker"."""
    return [" ".join(line.split()[2:]) for line in log.read_text().splitlines() if line.startswith(word)]


@pytest.mark.parametrize(
    ("place", "begun_by_survivor"),
    [
        ("begin:before:a", "abc"),
        ("begin:before:b", "abc"),  # one commit ends a and begins b
        ("begin:after:b", "bc"),
        ("inside:b", "bc"),
        ("finish:before:b", "bc"),
        ("finish:after:b", "c"),
        ("ended:before", "c"),
    ],
)
def test_another_worker_resumes_at_the_step_that_was_cut(database, tmp_path, place, begun_by_survivor):
    log, run = tmp_path / "log", enqueue()
    with worker_process(database, log, stall=place) as victim:
        assert translate(victim) == "stalled"
        kill(victim)
    with working(survivor(log)):
        until_status(run, "succeeded")
    begun = [step for step, who in (line.split() for line in lines(log, "begin")) if who == "survivor"]
    assert "".join(begun) == begun_by_survivor
    finished = [(a.step, a.status) for a in attempts(run) if a.status == "succeeded"]
    assert finished == [("a", "succeeded"), ("b", "succeeded"), ("c", "succeeded")]
    assert run.fence == 2


@pytest.mark.parametrize("place", ["inside:clean-up", "finish:before:clean-up", "begin:after:clean-up", "finish:after:c"])
def test_a_clean_up_that_was_cut_is_done_by_another_worker_before_the_key_is_free(database, tmp_path, place):
    log, run, follower = tmp_path / "log", enqueue(bad=True), enqueue()
    with worker_process(database, log, stall=place) as victim:
        assert translate(victim) == "stalled"
        kill(victim)
    with working(survivor(log)):
        until_status(follower, "succeeded")
    run.refresh_from_db()
    assert (run.status, run.sentence, run.clean_up_status) == ("failed", "Bad.", "done")
    notes = log.read_text().splitlines()
    assert notes.index(f"done {run.pk} clean-up survivor") < notes.index(f"begin {follower.pk} a survivor")


def test_a_worker_that_was_asleep_is_fenced_out(database, tmp_path):
    log, gate, run = tmp_path / "log", tmp_path / "gate", enqueue()
    with worker_process(database, log, stall="inside:b", gate=gate) as zombie:
        assert translate(zombie) == "stalled"
        zombie.send_signal(signal.SIGSTOP)
        with working(survivor(log)):
            until_status(run, "succeeded")
        gate.touch()
        zombie.send_signal(signal.SIGCONT)
        assert translate(zombie) == "LeaseLost"
        kill(zombie)
    run.refresh_from_db()
    assert run.state == {"a_by": "victim", "b_by": "survivor", "c_by": "survivor"}
    assert lines(log, "done") == ["a victim", "b survivor", "c survivor"]
    assert [(a.step, a.status, a.owner) for a in attempts(run)][1:3] == [
        ("b", "lost", "victim"),
        ("b", "succeeded", "survivor"),
    ]


def test_a_cancelled_run_of_a_dead_worker_is_cleaned_up_before_the_next_starts(database, tmp_path):
    log, run = tmp_path / "log", enqueue()
    with worker_process(database, log, stall="inside:b") as victim:
        assert translate(victim) == "stalled"
        follower = enqueue()
        assert commands.request_cancel(run_id=run.pk, reason="Not today.")
        kill(victim)
    with working(survivor(log)):
        until_status(follower, "succeeded")
    run.refresh_from_db()
    assert (run.status, run.sentence, run.outcome_step, run.clean_up_status) == ("cancelled", "Not today.", "b", "done")
    begun = log.read_text().splitlines()
    assert begun[-7] == f"done {run.pk} clean-up survivor"  # then the six notes of the follower


def test_a_request_from_another_process_wakes_a_worker_that_would_look_only_in_an_hour(database, tmp_path):
    log = tmp_path / "log"
    with worker_process(database, log, name="sleeper", poll=3600) as sleeper:
        eventually(Worker.objects.filter(name="sleeper").exists)
        run = until_status(enqueue(), "succeeded")
        assert commands.signal(run_id=run.pk, name="late", data={}) is False
        sleeper.terminate()
        assert sleeper.wait(PATIENCE) == 0
    assert not Worker.objects.exists()


def test_cancelling_from_another_process_interrupts_a_step(database, tmp_path):
    log, gate, run = tmp_path / "log", tmp_path / "gate", enqueue()
    with worker_process(database, log, stall="inside:b", gate=gate, poll=3600) as worker:
        assert translate(worker) == "stalled"
        assert commands.request_cancel(run_id=run.pk, reason="Stop.")
        gate.touch()
        assert translate(worker) == "Cancelled"
        until_status(run, "cancelled")
    assert lines(log, "done") == ["a victim", "clean-up victim"]
