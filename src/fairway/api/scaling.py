"""How much of a placement runs by itself: sleep, and automatic replicas."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Schema
from ninja import Status as Answer
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.placement_schemas import PlacementShown, placement_shown
from fairway.api.placements import HERE, placement_named
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Given, Reason, Slug, Text
from fairway.deployments.commands import sleeping
from fairway.deployments.commands.limits import set_limits
from fairway.deployments.models import Placement
from fairway.deployments.rules import MOST_REPLICAS, MOST_SLEEP_AFTER
from fairway.drivers.runtimes.contract import MAIN
from fairway.environments.cron import LONGEST
from fairway.monitoring.scaling_commands import policy_of, set_scaling

router = PermissionRouter(tags=["placements"])


class SleepWanted(Given):
    """Fall asleep `after` so many minutes without a visit; null: never. With `keeps_workers` only ``web`` sleeps."""

    after: int | None = Field(ge=1, le=MOST_SLEEP_AFTER)
    keeps_workers: bool = False


class HoursGiven(Given):
    """A part of the week between two times of cron, e.g. ``0 8 * * MON-FRI``, in which at least `minimum` replicas run."""

    start: Text = Field(max_length=LONGEST)
    end: Text = Field(max_length=LONGEST)
    zone: Text = Field(max_length=64)
    minimum: int = Field(ge=1, le=MOST_REPLICAS)


class ScalingWanted(Given):
    """From `minimum` to `maximum` replicas of ``web``, so many that each target holds: `cpu` in percent of what a replica
    may use, `requests` a second for each replica, `latency_ms` of the 95th percentile."""

    minimum: int = Field(ge=1, le=MOST_REPLICAS)
    maximum: int = Field(ge=1, le=MOST_REPLICAS)
    cpu: float | None = None
    requests: float | None = None
    latency_ms: float | None = None
    hours: HoursGiven | None = None


class HoursShown(Schema):
    start: str
    end: str
    zone: str
    minimum: int


class ScalingShown(Schema):
    """How it is scaled by itself, as in `ScalingWanted`."""

    minimum: int
    maximum: int
    cpu: float | None
    requests: float | None
    latency_ms: float | None
    hours: HoursShown | None


class ScalingAnswer(Schema):
    """`policy` is null if it is not scaled by itself; `replicas` is how many there should be now."""

    replicas: int
    policy: ScalingShown | None


def _answer(placement: Placement) -> ScalingAnswer:
    policy = policy_of(placement)
    return ScalingAnswer(replicas=placement.replicas, policy=ScalingShown(**policy.stored) if policy else None)


@router.get(f"{HERE}/scaling", response=ScalingAnswer)
@needs(Act.VIEW)
def show_placement_scaling(request: HttpRequest, app: Slug, env: Slug) -> ScalingAnswer:
    """How it is scaled by itself."""
    return _answer(placement_named(request, app, env))


@router.put(f"{HERE}/scaling", response=ScalingAnswer)
@needs(Act.SCALE)
def set_placement_scaling(request: HttpRequest, app: Slug, env: Slug, given: ScalingWanted, as_of: AsOf) -> ScalingAnswer:
    """Scale it by itself."""
    there = placement_named(request, app, env)
    set_scaling(actor=actor_of(request), placement=there, given=given.model_dump(), as_of=as_of)
    return _answer(there)


@router.delete(f"{HERE}/scaling", response=ScalingAnswer)
@needs(Act.SCALE)
def end_placement_scaling(request: HttpRequest, app: Slug, env: Slug) -> ScalingAnswer:
    """Leave it with as many replicas as it has now."""
    there = placement_named(request, app, env)
    set_scaling(actor=actor_of(request), placement=there, given=None)
    return _answer(there)


class LimitsWanted(Given):
    """What one instance of a `service` may use; null: as its version says. From its next deployment on; a restart is one."""

    service: str = Field(MAIN, max_length=40)
    memory_mb: int | None = None
    cpus: float | None = None
    pids: int | None = None


@router.put(f"{HERE}/limits", response=PlacementShown)
@needs(Act.SCALE)
def set_placement_limits(request: HttpRequest, app: Slug, env: Slug, given: LimitsWanted, as_of: AsOf) -> PlacementShown:
    """Set the limits of a service."""
    there = placement_named(request, app, env)
    wanted = given.model_dump(exclude={"service"})
    return placement_shown(
        set_limits(actor=actor_of(request), placement=there, service=given.service, given=wanted, as_of=as_of)
    )


@router.put(f"{HERE}/sleep", response=PlacementShown)
@needs(Act.SCALE)
def set_placement_sleep(request: HttpRequest, app: Slug, env: Slug, given: SleepWanted, as_of: AsOf) -> PlacementShown:
    """Say when it falls asleep by itself."""
    there = placement_named(request, app, env)
    return placement_shown(
        sleeping.set_sleep(
            actor=actor_of(request),
            placement=there,
            after=given.after,
            keeps_workers=given.keeps_workers,
            as_of=as_of,
        )
    )


@router.post(f"{HERE}/sleeping", response={202: PlacementShown})
@needs(Act.STOP)
def put_placement_to_sleep(request: HttpRequest, app: Slug, env: Slug, given: Reason) -> Answer[PlacementShown]:
    """Put it to sleep now: nothing of it runs until the next request, which waits and is answered."""
    there = placement_named(request, app, env)
    return Answer(202, placement_shown(sleeping.put_to_sleep(actor=actor_of(request), placement=there, reason=given.reason)))


@router.post(f"{HERE}/waking", response={202: PlacementShown})
@needs(Act.START)
def wake_placement(request: HttpRequest, app: Slug, env: Slug, given: Reason) -> Answer[PlacementShown]:
    """Wake it without waiting for a visit."""
    there = placement_named(request, app, env)
    return Answer(202, placement_shown(sleeping.wake(actor=actor_of(request), placement=there, reason=given.reason)))
