"""What workflows do to instances: start, check, stop and remove several of them, and read what they printed last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from fairway.deployments.models import Deployment
from fairway.drivers.health import HealthResult, wait_until_ready
from fairway.drivers.runtimes.contract import Instance, InstanceSpec, Progress, Runtime
from fairway.shared.failures import Failure, Refused
from fairway.workflows.parallel import run_parallel

DEFAULT_GRACE = 10.0  # seconds; for instances whose deployment is not in the database
LAST_LINES = 40
Result = TypeVar("Result")


def start_all(runtime: Runtime, specs: Sequence[InstanceSpec], log: Progress) -> list[Instance]:
    """Start one instance per spec, or adopt it if it runs. Raises the first failure; a `Refused` without a detail gets the
    last lines that the instances printed."""

    def start(spec: InstanceSpec, progress: Progress) -> Instance:
        instance = runtime.ensure_started(spec, progress)
        where = f" at {instance.address}" if instance.address else ""
        progress.line(f"Started {instance.name}{where}.", stream="fairway")
        return instance

    return _with_tail(lambda: run_parallel(start, specs, log), runtime, [spec.name for spec in specs])


def check_all(
    runtime: Runtime, specs: Sequence[InstanceSpec], log: Progress, *, hosts: Sequence[str], has_served: bool = False
) -> list[HealthResult]:
    """Wait until every instance is ready, and return how each became so. Raises `Refused` if one does not; a `Refused`
    without a detail gets the last lines that the instances printed.

    `has_served` says that this version served visitors before. Then an HTTP error counts as ready, too, because the
    alternative is that nothing serves.
    """

    def check(spec: InstanceSpec, progress: Progress) -> HealthResult:
        wanted = replace(spec.health, accepts_errors=has_served)
        result = wait_until_ready(runtime, spec.name, wanted, progress, host=hosts[0], domains=hosts[1:])
        progress.line(f"{spec.name} is ready ({result.gate}, {result.elapsed:.1f} s).", stream="fairway")
        return result

    return _with_tail(lambda: run_parallel(check, specs, log), runtime, [spec.name for spec in specs])


def stop_all(runtime: Runtime, instances: Sequence[Instance], log: Progress) -> None:
    """Stop the instances, each with the grace period that its own version asks for."""
    graces = graces_of(instances)
    run_parallel(
        lambda instance, progress: runtime.ensure_stopped(instance.name, grace=graces[instance.deployment]), instances, log
    )


def remove_all(runtime: Runtime, instances: Sequence[Instance], log: Progress) -> None:
    """Stop the instances and remove them; their volumes stay. It cannot be cancelled halfway."""
    graces = graces_of(instances)

    def remove(instance: Instance, progress: Progress) -> None:
        runtime.ensure_removed(instance.name, grace=graces[instance.deployment])
        progress.line(f"Removed {instance.name}.", stream="fairway")

    run_parallel(remove, instances, _Resolute(log))


class _Resolute:
    """A `Progress` that passes lines on and never stops the work: half a removal would help nobody."""

    def __init__(self, log: Progress) -> None:
        self.line = log.line

    def check(self) -> None: ...


def graces_of(instances: Iterable[Instance]) -> dict[str, float]:
    """The seconds between TERM and KILL, by deployment label, as the spec of each deployment's artifact sets them."""
    labels = {one.deployment for one in instances}
    numbers = [int(label[1:]) for label in labels if label[:1] == "d" and label[1:].isdigit()]
    known = Deployment.objects.filter(pk__in=numbers).select_related("artifact")
    wanted = {one.label: one.artifact.parsed_spec.stop_grace for one in known if one.artifact}
    return {label: wanted.get(label, DEFAULT_GRACE) for label in labels}


def tail(runtime: Runtime, names: Iterable[str], *, lines: int = LAST_LINES) -> str:
    """The last lines that these instances printed, at most `lines` in all; "" if there are none or they cannot be read."""
    printed: list[str] = []
    for name in names:
        try:
            printed += [line.text for line in runtime.output(name, tail=lines)]
        except Failure:
            continue
    return "\n".join(printed[-lines:])


def _with_tail(act: Callable[[], list[Result]], runtime: Runtime, names: list[str]) -> list[Result]:
    try:
        return act()
    except Refused as refused:
        if not refused.detail:
            refused.detail = tail(runtime, names)
        raise


def describe(instance: Instance) -> dict[str, object]:
    """An instance as the pages and the API show it, for JSON."""
    return {
        "name": instance.name,
        "service": instance.service,
        "replica": instance.replica,
        "deployment": instance.deployment,
        "state": instance.state,
        "health": instance.health,
        "address": instance.address,
        "digest": instance.digest,
        "restarts": instance.restarts,
        "exit_code": instance.exit_code,
        "out_of_memory": instance.out_of_memory,
        "started_at": instance.started_at.isoformat() if instance.started_at else None,
    }
