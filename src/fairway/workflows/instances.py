"""What workflows do to instances: start, check, stop and remove several of them, and hear their last words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from fairway.deployments.models import Deployment
from fairway.drivers.health import HealthResult, wait_until_ready
from fairway.drivers.runtimes.contract import Instance, InstanceSpec, Progress, Runtime
from fairway.shared.failures import Failure, Refused
from fairway.workflows.parallel import run_parallel

DEFAULT_GRACE = 10.0  # seconds; for instances whose deployment nobody knows any more
LAST_LINES = 40
Result = TypeVar("Result")


def start_all(runtime: Runtime, specs: Sequence[InstanceSpec], log: Progress) -> list[Instance]:
    """Start, or adopt, one instance per spec. Raises the first failure, with the last lines of what did start as detail."""

    def start(spec: InstanceSpec, ear: Progress) -> Instance:
        instance = runtime.ensure_started(spec, ear)
        where = f" at {instance.address}" if instance.address else ""
        ear.line(f"Started {instance.name}{where}.", stream="fairway")
        return instance

    return _with_tail(lambda: run_parallel(start, specs, log), runtime, [spec.name for spec in specs])


def check_all(
    runtime: Runtime, specs: Sequence[InstanceSpec], log: Progress, *, hosts: Sequence[str], has_served: bool = False
) -> list[HealthResult]:
    """Wait until every one is ready. Raises `Refused` with the last lines of the one that is not as detail.

    What `has_served` before is brought back with whatever it answers: the alternative is nothing.
    """

    def check(spec: InstanceSpec, ear: Progress) -> HealthResult:
        wanted = replace(spec.health, accepts_errors=has_served)
        result = wait_until_ready(runtime, spec.name, wanted, ear, host=hosts[0], domains=hosts[1:])
        ear.line(f"{spec.name} is ready ({result.gate}, {result.elapsed:.1f} s).", stream="fairway")
        return result

    return _with_tail(lambda: run_parallel(check, specs, log), runtime, [spec.name for spec in specs])


def stop_all(runtime: Runtime, instances: Sequence[Instance], log: Progress) -> None:
    """Stop them gently, each with the grace its own version asked for."""
    graces = graces_of(instances)
    run_parallel(lambda one, ear: runtime.ensure_stopped(one.name, grace=graces[one.deployment]), instances, log)


def remove_all(runtime: Runtime, instances: Sequence[Instance], log: Progress) -> None:
    """Stop and forget them; their volumes stay. Once begun it is gone through with."""
    graces = graces_of(instances)

    def remove(one: Instance, ear: Progress) -> None:
        runtime.ensure_removed(one.name, grace=graces[one.deployment])
        ear.line(f"Removed {one.name}.", stream="fairway")

    run_parallel(remove, instances, _Resolute(log))


class _Resolute:
    """Passes lines on and hears no wish to stop: half a removal would help nobody."""

    def __init__(self, log: Progress) -> None:
        self.line = log.line

    def check(self) -> None: ...


def graces_of(instances: Iterable[Instance]) -> dict[str, float]:
    """Seconds between TERM and KILL, by deployment label, as the versions that run want it."""
    labels = {one.deployment for one in instances}
    numbers = [int(label[1:]) for label in labels if label[:1] == "d" and label[1:].isdigit()]
    known = Deployment.objects.filter(pk__in=numbers).select_related("artifact")
    wanted = {one.label: one.artifact.parsed_spec.stop_grace for one in known if one.artifact}
    return {label: wanted.get(label, DEFAULT_GRACE) for label in labels}


def tail(runtime: Runtime, names: Iterable[str], *, lines: int = LAST_LINES) -> str:
    """The last lines that each of these printed, "" when none printed anything or they cannot be read."""
    found: list[str] = []
    for name in names:
        try:
            found += [line.text for line in runtime.output(name, tail=lines)]
        except Failure:
            continue
    return "\n".join(found[-lines:])


def _with_tail(act: Callable[[], list[Result]], runtime: Runtime, names: list[str]) -> list[Result]:
    try:
        return act()
    except Refused as refused:
        if not refused.detail:
            refused.detail = tail(runtime, names)
        raise


def describe(one: Instance) -> dict[str, object]:
    """An instance as the page and the API show it."""
    return {
        "name": one.name,
        "service": one.service,
        "replica": one.replica,
        "deployment": one.deployment,
        "state": one.state,
        "health": one.health,
        "address": one.address,
        "digest": one.digest,
        "restarts": one.restarts,
        "exit_code": one.exit_code,
        "started_at": one.started_at.isoformat() if one.started_at else None,
    }
