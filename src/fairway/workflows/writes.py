"""Looking at what instances write beside their code: it is told once, before a deployment loses it or as it does."""

from __future__ import annotations

from collections.abc import Iterable

from fairway.deployments.commands import progress
from fairway.deployments.lost import named, places_of, untold
from fairway.deployments.models import Placement
from fairway.drivers.runtimes.contract import Instance, NullProgress, Progress, Runtime
from fairway.shared.failures import Failure


def look_at_writes(
    runtime: Runtime, placement: Placement, instances: Iterable[Instance], log: Progress | None = None
) -> None:
    """Write down which places they wrote to; with a `log`, say what goes with them. What cannot be looked at is left alone:
    nothing else must fail by it."""
    try:
        found = [one for instance in instances for one in runtime.written(instance.name)]
    except Failure as failure:
        (log or NullProgress()).line(f"What it wrote could not be looked at: {failure.sentence}", stream="fairway")
        return
    places = places_of(set(found))
    if log and (lost := untold(places, placement.writes_dismissed)):
        log.line(f"Files it wrote beside its code go with it: {named(lost)}. A volume would keep them.", stream="fairway")
    if places or log:  # a whole version that wrote nothing has done with it; one that just started may yet
        progress.writes_seen(placement=placement, places=places)
