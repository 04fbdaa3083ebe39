"""What reading the usage of 200 running instances costs: the CPU of a round, as a share of the ten seconds between rounds.

The instances are programs that sleep, under their real shims, one for each placement. A round reads them, stores their
samples in SQLite and sums up what has passed. The floor is one look at all processes by hand: the ``stat`` of each.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, middle, report

INSTANCES = 200
ROUNDS = 96  # sixteen minutes, so that each resolution is made once


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as folder:
        os.environ |= {"FAIRWAY_DATA": folder, "DJANGO_SETTINGS_MODULE": "fairway.config.settings", "FAIRWAY_DEMO": "1"}
        import django

        django.setup()
        from fairway.config.launch import prepare

        prepare(is_demo=True, has_workers=True)
        from fairway.drivers.runtimes.process import ProcessRuntime

        runtime = ProcessRuntime.open({}, data=Path(folder))
        names = _started(runtime, Path(folder))
        try:
            yield from _measured()
        finally:
            for name in names:
                runtime.ensure_removed(name, grace=0)


def _measured() -> Iterator[Figure]:
    from django.db import connection

    from fairway.monitoring.models import UsageSample
    from fairway.monitoring.rules import FINE
    from fairway.worker import sampling

    clock = [float(time.time() // 900 * 900)]
    sampler, spent, floors = sampling.Sampler(), [], []
    for _ in range(ROUNDS + 1):
        clock[0] += FINE
        floors.append(_by_hand())
        began = time.process_time()
        sampler.take(clock[0])
        spent.append(time.process_time() - began)
        connection.close()
    assert UsageSample.objects.filter(resolution=FINE).count() == INSTANCES * ROUNDS
    about = f"CPU of a round, median of {ROUNDS}; {INSTANCES} processes that sleep, and their shims"
    yield Figure("sampling 200 instances", middle(spent) * 1000, "ms", floor=middle(floors) * 1000, about=about)
    share = 100 * sum(spent[1:]) / (FINE * ROUNDS)
    yield Figure("  of one core", share, "%", most=1, about="on average, with the roll-ups of sixteen minutes")


def _by_hand() -> float:
    began = time.process_time()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                Path(f"/proc/{name}/stat").read_bytes()
            except OSError:
                continue
    return time.process_time() - began


def _started(runtime: object, data: Path) -> list[str]:
    """Instances of as many placements, as a finished deployment leaves them."""
    from fairway.accounts.rules import SYSTEM
    from fairway.applications.commands import create_application
    from fairway.deployments.models import Deployment, Placement
    from fairway.drivers.runtimes.contract import InstanceSpec, NullProgress
    from fairway.drivers.runtimes.process import ProcessRuntime
    from fairway.drivers.runtimes.process.bundle import seal
    from fairway.environments.models import Environment
    from fairway.workflows.instances import describe

    assert isinstance(runtime, ProcessRuntime)
    (data / "bundles" / ".draft" / "app").mkdir(parents=True)
    artifact = seal(data / "bundles" / ".draft", {"command": ["sleep", "100000"], "kind": "python"})
    environment = Environment.objects.get(slug="development")
    names = []
    for number in range(INSTANCES):
        source = {"image": f"registry.example/app-{number}:1"}
        application = create_application(actor=SYSTEM, name=f"App {number}", source_kind="image", source=source)
        deployment = Deployment.objects.create(
            application=application,
            environment=environment,
            kind="deploy",
            requested_by="bench",
            door="web",
            status="succeeded",
        )
        placement = Placement(application=application, environment=environment, current=deployment)
        spec = InstanceSpec(placement.name, deployment.label, 0, artifact, port=None)
        placement.observed = [describe(runtime.ensure_started(spec, NullProgress()))]
        placement.save()
        names.append(spec.name)
    return names


if __name__ == "__main__":
    report(measure)
