"""Finding out which files instances write beside their code, to tell people before or when a deployment loses them."""

from __future__ import annotations

from collections.abc import Iterable

from fairway.deployments.commands import progress
from fairway.deployments.lost import group_writes, in_words, not_dismissed
from fairway.deployments.models import Placement
from fairway.drivers.runtimes.contract import Instance, NullProgress, Progress, Runtime
from fairway.shared.failures import Failure


def look_at_writes(
    runtime: Runtime, placement: Placement, instances: Iterable[Instance], log: Progress | None = None
) -> None:
    """Record which files these instances wrote outside their volumes. With a `log`, write there which are lost with the
    instances. If the runtime cannot tell, nothing is recorded or raised: no deployment may fail because of it."""
    try:
        found = [written for instance in instances for written in runtime.written(instance.name)]
    except Failure as failure:
        (log or NullProgress()).line(f"What it wrote could not be looked at: {failure.sentence}", stream="fairway")
        return
    entries = group_writes(set(found))
    if log and (lost := not_dismissed(entries, placement.writes_dismissed)):
        log.line(f"Files it wrote beside its code go with it: {in_words(lost)}. A volume would keep them.", stream="fairway")
    if entries or log:  # a version that has just started may yet write; one that ends has written all it ever will
        progress.writes_seen(placement=placement, entries=entries)
