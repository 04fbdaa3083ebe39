"""Services with an image of their own: databases and caches that a compose file starts beside the application.

They belong to the placement, not to one deployment: an instance is named after what it is (image, command, variables,
volumes, limits), so that a deployment that changes none of this leaves it running, with its connections and its cache. One
that changes it stops the old instance before it starts the new one, since both may store data in one volume. Going back
does the same in the other direction; what is stored stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from fairway.drivers.runtimes.contract import Instance, InstanceSpec, InstanceState, Progress, Runtime
from fairway.engine import clock
from fairway.workflows.instances import check_all, remove_all, start_all, stop_all
from fairway.workflows.recreate import Recreate
from fairway.workflows.specs import STAYS_UP, is_backing

Groups = Sequence[Sequence[InstanceSpec]]  # each group starts once those before it are ready


def ensure_backing(recreate: Recreate, groups: Groups, log: Progress) -> None:
    """Make the services run as `groups` say, and wait until they are ready. Those that run so already are left alone; others
    of the same services, or with the same volumes, are stopped first. Services that are not named are left, too: a version
    that is taken back may still need them.

    Raises `NeedsPerson` if a volume that held data is empty, and what starting and checking raise.
    """
    specs = list(chain.from_iterable(groups))
    if not specs:
        return
    instances = recreate.runtime.instances(recreate.placement.name)
    _refuse_if_emptied(recreate, specs, instances)
    if old := _replaced(instances, specs):
        for instance in old:
            log.line(f"The service {instance.service} stops, because what it runs changes.", stream="fairway")
        recreate.context.checkpoint()  # no other worker has taken the run over since they were listed
        stop_all(recreate.runtime, old, log)
    settled = {instance.name for instance in instances if _has_settled(instance)}
    for group in groups:
        waiting = [spec for spec in group if spec.name not in settled]
        start_all(recreate.runtime, waiting, log)
        check_all(recreate.runtime, waiting, log, hosts=("",))
    remember_data(recreate, groups)


def remember_data(recreate: Recreate, groups: Groups) -> None:
    """Record which of the volumes of these services hold data by now."""
    for spec in chain.from_iterable(groups):
        recreate.remember_data([spec])


def retire_backing(runtime: Runtime, placement: str, groups: Groups, log: Progress) -> None:
    """Remove all instances of such services that `groups` do not name. Their volumes stay."""
    wanted = {spec.name for spec in chain.from_iterable(groups)}
    gone = [one for one in runtime.instances(placement) if is_backing(one) and one.name not in wanted]
    remove_all(runtime, gone, log)


def _refuse_if_emptied(recreate: Recreate, specs: Sequence[InstanceSpec], instances: Sequence[Instance]) -> None:
    """As `Recreate.refuse_if_emptied`, for services whose volumes no living instance has. One that lives may have emptied
    them itself."""
    living = [one for one in instances if one.state in (InstanceState.RUNNING, InstanceState.RESTARTING)]
    for spec in specs:
        volumes = {volume.name for volume in spec.volumes}
        if volumes and not any(one.shares(volumes) for one in living):
            recreate.refuse_if_emptied([spec])


def _replaced(instances: Sequence[Instance], specs: Sequence[InstanceSpec]) -> list[Instance]:
    """The instances that make room for those of `specs`."""
    names, services = {spec.name for spec in specs}, {spec.service for spec in specs}
    volumes = {volume.name for spec in specs for volume in spec.volumes}
    others = [one for one in instances if is_backing(one) and one.name not in names]
    return [one for one in others if one.service in services or (volumes and one.shares(volumes))]


def _has_settled(instance: Instance) -> bool:
    """Whether it has run long enough that nothing has to be waited for."""
    if instance.state is not InstanceState.RUNNING or instance.health not in (None, "healthy") or not instance.started_at:
        return False
    return (clock.now() - instance.started_at).total_seconds() > STAYS_UP
