"""Sleep of a placement: when it falls asleep by itself, and putting it to sleep or waking it now."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Status as Answer
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.placement_schemas import PlacementShown, placement_shown
from fairway.api.placements import HERE, placement_named
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Given, Reason, Slug
from fairway.deployments.commands import sleeping
from fairway.deployments.rules import MOST_SLEEP_AFTER

router = PermissionRouter(tags=["placements"])


class SleepWanted(Given):
    """Fall asleep `after` so many minutes without a visit; null: never. With `keeps_workers` only ``web`` sleeps."""

    after: int | None = Field(ge=1, le=MOST_SLEEP_AFTER)
    keeps_workers: bool = False


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
