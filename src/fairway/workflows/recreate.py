"""One after the other: whatever has a volume of what starts next stops first, because what is stored has one writer.

page     our starting page answers (503 with Retry-After), from one rename on: nobody is sent to what is about to stop
finish   what visitors asked for already may end, for a few seconds: everybody else waits meanwhile
stop     gently, then for good; each is kept as it was, so that it can be started again

Who has a volume is asked of the runtime each time; an instance that is stopped already is stopped again, because a worker
may have died between ending it and ending what it left behind. The runtime itself refuses to start a second holder.

What held data and is empty is not started on: a disk that is not mounted, a volume that somebody pruned, a machine that was
restored without it. What ran on it until just now is believed: it may have emptied its own volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from fairway.deployments.commands import progress
from fairway.deployments.models import Placement
from fairway.drivers.proxy.admin import drain
from fairway.drivers.proxy.contract import Proxy, Route, RouteKind
from fairway.drivers.runtimes.contract import Instance, InstanceSpec, Progress, Runtime
from fairway.engine.workflow import Context
from fairway.shared.failures import Failure, NeedsPerson
from fairway.workflows.instances import stop_all

MOST_DRAIN = 5.0  # seconds: one download must not keep everybody else away


@dataclass(frozen=True)
class Recreate:
    """What it takes to make way for one placement's next instances, whichever workflow starts them."""

    context: Context
    placement: Placement
    runtime: Runtime
    proxy: Proxy
    log: Progress

    def holders(self, specs: Sequence[InstanceSpec]) -> list[Instance]:
        """Every other instance here that has, or may have, a volume of these."""
        names, volumes = {spec.name for spec in specs}, {volume.name for spec in specs for volume in spec.volumes}
        if not volumes:
            return []
        return [one for one in self.runtime.instances(self.placement.name) if one.name not in names and one.shares(volumes)]

    def stop(self, holders: Sequence[Instance], label: str) -> None:
        """Stop them all; visitors see the starting page of generation `label`."""
        addresses = [one.address for one in holders if one.address]
        if addresses:
            self.announce(label)
            drain(
                self.proxy.in_flight,
                addresses,
                limit=min(MOST_DRAIN, settings.DRAIN_SECONDS),
                cancelled=self.context.stop,
            )
        self.context.checkpoint()  # nobody has taken over since they were counted
        stop_all(self.runtime, holders, self.log)
        self.context.checkpoint()  # nobody who has may meet a start of ours

    def refuse_if_emptied(self, specs: Sequence[InstanceSpec]) -> None:
        """Raises `NeedsPerson` where a volume that held data has none."""
        known = {volume.name for spec in specs for volume in spec.volumes}.intersection(self.placement.stored)
        if lost := sorted(known - self.runtime.stored(specs[0])) if known else []:
            names = ", ".join(f"“{name.removeprefix(f'{self.placement.name}.')}”" for name in lost)
            raise NeedsPerson(
                f"The volume {names} held data and is empty now, so nothing is started on it. Put the data back; or, if it "
                "may be empty, remove the application from this environment and deploy it again."
            )

    def remember_data(self, specs: Sequence[InstanceSpec]) -> None:
        """What holds data by now would be missed from now on. What serves must not fail by a look that does."""
        unknown = {volume.name for spec in specs for volume in spec.volumes}.difference(self.placement.stored)
        try:
            found = unknown & self.runtime.stored(specs[0]) if unknown else frozenset()
        except Failure as failure:
            self.log.line(f"Whether its volume holds data could not be seen: {failure.sentence}", stream="fairway")
            return
        if found:
            progress.data_seen(placement=self.placement, volumes=found)

    def announce(self, label: str, kind: RouteKind = RouteKind.STARTING) -> None:
        """Our own page answers for every host."""
        for host in self.placement.hosts:
            self.proxy.ensure_route(Route(host, kind, (), label), fence=self.context.checkpoint)
