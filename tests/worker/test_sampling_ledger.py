"""A known load, read from real processes: every CPU second is counted once, also across a restart and with two samplers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from django.db.models import Sum

from fairway.drivers.runtimes.contract import InstanceSpec, NullProgress
from fairway.drivers.runtimes.process import ProcessRuntime
from fairway.drivers.runtimes.process.bundle import seal
from fairway.monitoring.models import UsageSample
from fairway.monitoring.rules import FINE
from fairway.worker import sampling
from fairway.worker.sampling import Sampler
from fairway.workflows.instances import describe
from tests.monitoring.conftest import NOW, place
from tests.services.waiting import eventually

BURNS = """
import time
from pathlib import Path

def wait_for(name):
    while not Path(name).exists():
        time.sleep(0.01)

Path("started").touch()
wait_for("go")
began = time.process_time() if Path("go").read_text() == "first" else 0.0
until = time.process_time() + 0.5
while time.process_time() < until:
    pass
Path("part").write_text(str(time.process_time() - began))
Path("part").rename("burned")
time.sleep(600)
"""
SLACK = 0.15  # seconds: the kernel counts in ticks of 10 ms, and the program still falls asleep when it is read


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    runtime = ProcessRuntime.open({}, data=tmp_path / "data")
    monkeypatch.setattr(sampling, "runtime_of", lambda environment: runtime)
    yield runtime
    for instance in runtime.instances():
        runtime.ensure_removed(instance.name, grace=0)


@pytest.fixture
def work(runtime: ProcessRuntime, hello, staging, tmp_path: Path) -> Path:
    """The folder in which the program runs, which waits for a file called “go” there."""
    draft = tmp_path / "data" / "bundles" / ".draft"
    (draft / "app").mkdir(parents=True)
    (draft / "app" / "burns.py").write_text(BURNS)
    artifact = seal(draft, {"command": ["{python}", "burns.py"], "kind": "python"})
    placed = place(hello, staging)
    assert placed.current is not None
    spec = InstanceSpec(placed.name, placed.current.label, 0, artifact, port=None)
    placed.observed = [describe(runtime.ensure_started(spec, NullProgress()))]
    placed.save()
    return runtime.places.instance(spec.name) / "work" / "app"


def burned(work: Path) -> float:
    eventually((work / "burned").exists, what="it has worked")
    seconds = float((work / "burned").read_text())
    (work / "burned").unlink()
    return seconds


def counted() -> float:
    return float(UsageSample.objects.filter(resolution=FINE).aggregate(sum=Sum("cpu_seconds"))["sum"] or 0)


def test_every_second_is_counted_once_across_a_restart(runtime: ProcessRuntime, work: Path):
    sampler = Sampler()
    name = work.parents[1].name
    eventually((work / "started").exists, what="Python has started, which is not the load")
    sampler.take(NOW)
    assert counted() == 0
    (work / "go").write_text("first")
    known = burned(work)
    sampler.take(NOW + FINE)
    assert counted() == pytest.approx(known, abs=SLACK)
    (work / "go").write_text("second")
    before = runtime.usages([name])[name]
    os.kill(int(before.began.partition("-")[0]), signal.SIGKILL)
    known += burned(work)
    sampler.take(NOW + 2 * FINE)
    assert counted() == pytest.approx(known, abs=SLACK)
    assert UsageSample.objects.get(at=NOW + FINE).restarts == 1
    sampler.take(NOW + 3 * FINE)
    assert counted() == pytest.approx(known, abs=SLACK), "it sleeps"


def test_two_samplers_count_once(runtime: ProcessRuntime, work: Path):
    """A worker that hangs is replaced, and may come back in the same round."""
    samplers = [Sampler(), Sampler()]
    for number in range(3):
        for sampler in samplers:
            sampler.take(NOW + number * FINE)
    assert list(UsageSample.objects.values_list("at", flat=True)) == [NOW, NOW + FINE]
