"""Recreating: whatever has a volume of the next instances stops before they start, because stored data has one writer.

page     the starting page answers (503 with Retry-After) from one rename on, so that nobody is sent to what is about to stop
finish   requests that have begun may end, for a few seconds; every other visitor waits meanwhile
stop     first TERM, then KILL; the instances are kept, so that they can be started again

The runtime is asked each time who has a volume. An instance that is stopped already is stopped again, because a worker may
have died between ending the instance and ending what it left behind. The runtime itself refuses to start a second holder.

Nothing is started on a volume that held data and is empty now: its disk may not be mounted, somebody may have pruned it, or
the machine was restored without it. If an instance ran on it until just now, that instance may have emptied the volume
itself, and the volume is used.
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

MOST_DRAIN = 5.0  # seconds; one visitor's download must not keep the application down for all others


@dataclass(frozen=True)
class Recreate:
    """Stops whatever has a volume of a placement's next instances, whichever workflow starts them."""

    context: Context
    placement: Placement
    runtime: Runtime
    proxy: Proxy
    log: Progress

    def holders(self, specs: Sequence[InstanceSpec]) -> list[Instance]:
        """Every other instance of the placement that has, or may have, a volume of the instances in `specs`."""
        names, volumes = {spec.name for spec in specs}, {volume.name for spec in specs for volume in spec.volumes}
        if not volumes:
            return []
        return [
            instance
            for instance in self.runtime.instances(self.placement.name)
            if instance.name not in names and instance.shares(volumes)
        ]

    def stop(self, holders: Sequence[Instance], label: str) -> None:
        """Stop these instances. Visitors see the starting page, whose route has the generation `label`."""
        addresses = [holder.address for holder in holders if holder.address]
        if addresses:
            self.announce(label)
            drain(
                self.proxy.in_flight,
                addresses,
                limit=min(MOST_DRAIN, settings.DRAIN_SECONDS),
                cancelled=self.context.stop,
            )
        self.context.checkpoint()  # no other worker has taken the run over since the holders were listed
        stop_all(self.runtime, holders, self.log)
        self.context.checkpoint()  # if another worker has taken it over by now, we must not start anything

    def refuse_if_emptied(self, specs: Sequence[InstanceSpec]) -> None:
        """Raises `NeedsPerson` if a volume that held data is empty."""
        known = {volume.name for spec in specs for volume in spec.volumes}.intersection(self.placement.stored)
        if lost := sorted(known - self.runtime.stored(specs[0])) if known else []:
            names = ", ".join(f"“{name.removeprefix(f'{self.placement.name}.')}”" for name in lost)
            raise NeedsPerson(
                f"The volume {names} held data and is empty now, so nothing is started on it. Put the data back; or, if it "
                "may be empty, remove the application from this environment and deploy it again."
            )

    def remember_data(self, specs: Sequence[InstanceSpec]) -> None:
        """Record which volumes hold data by now, so that one that is empty later is noticed. If the runtime cannot tell, it
        is logged and nothing is raised: the version that serves must not fail because of it."""
        unknown = {volume.name for spec in specs for volume in spec.volumes}.difference(self.placement.stored)
        try:
            found = unknown & self.runtime.stored(specs[0]) if unknown else frozenset()
        except Failure as failure:
            self.log.line(f"Whether its volume holds data could not be seen: {failure.sentence}", stream="fairway")
            return
        if found:
            progress.data_seen(placement=self.placement, volumes=found)

    def announce(self, label: str, kind: RouteKind = RouteKind.STARTING) -> None:
        """Let Fairway's own page of this kind answer for every host of the placement."""
        for host in self.placement.hosts:
            self.proxy.ensure_route(Route(host, kind, (), label), fence=self.context.checkpoint)
