"""All of a release at once: now, later, and back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.http import HttpRequest
from ninja import Query, Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor
from fairway.api.preconditions import AsOf
from fairway.api.release_shapes import RolloutDetail, RolloutShown, rollout_detail, rollout_shown
from fairway.api.routing import DoorRouter
from fairway.api.schemas import Asked, Given, Moment, Number, Reason, Slug
from fairway.environments.models import Environment
from fairway.environments.queries import environment
from fairway.insights.desk import steps_ahead
from fairway.releases import queries
from fairway.releases.commands import rollouts, schedule
from fairway.releases.models import Release
from fairway.releases.rules import LONGEST_START_BY, MOST_PARALLEL, USUAL_PARALLEL
from fairway.releases.target_state import target_state_of

router = DoorRouter(tags=["rollouts"])
Choice = Literal["retry", "skip", "fall_back_all", "stop"]


class RolloutWanted(Given):
    """`parallel` is how many packages are worked on at a time."""

    parallel: int = Field(USUAL_PARALLEL, ge=1, le=MOST_PARALLEL)
    reason: str = Field("", max_length=500)
    break_glass: str = Field("", max_length=500)


class ForwardWanted(RolloutWanted):
    """`redeploy`: also what serves there already, byte for byte and with the same settings."""

    redeploy: bool = False


class TimeWanted(Given):
    """`at` is a wall time in `zone`, e.g. 2026-03-29T20:00; blocked then, it starts at most `start_by_minutes` later."""

    at: str = Field(max_length=25)
    zone: str = Field(max_length=64)
    start_by_minutes: int = Field(schedule.USUAL_START_BY, ge=1, le=LONGEST_START_BY)


class ScheduleWanted(TimeWanted):
    parallel: int = Field(USUAL_PARALLEL, ge=1, le=MOST_PARALLEL)
    reason: str = Field("", max_length=500)


class Decision(Given):
    """How a rollout that needs a decision goes on."""

    choice: Choice
    reason: str = Field("", max_length=500)


class ChoiceAsked(Asked):
    choice: Choice


class ConsequenceShown(Schema):
    """What a choice would do with one package. Of one that falls back: `before` is the version that serves again, and
    `goes_down` is true where nothing does."""

    package: str
    now: str
    then: str
    version: str
    before: str
    goes_down: bool


class FallbackShown(Schema):
    """What a fallback would do with one package: `before` is the version that serves again ("": nothing ran before), and
    `goes_down` is true where nothing serves then, because nothing ran before or it was stopped."""

    package: str
    version: str
    before: str
    goes_down: bool


class TimeAsked(Asked):
    """Planned rollouts that start in `[since, until)`."""

    since: Moment
    until: Moment


class CalendarEntry(RolloutShown):
    """A planned rollout with the name of its release."""

    title: str
    starts: datetime


def _whole(actor: Actor, number: int, env: str) -> tuple[Release, Environment]:
    """A release and a target where the actor reaches all of it. Raises `NotVisible`."""
    one, where = queries.release(actor, number), environment(actor, env)
    queries.require_whole(one, actor, where)
    return one, where


@router.get("/releases/{number}/rollouts", response=list[RolloutShown])
@needs(Act.VIEW)
def list_rollouts(request: HttpRequest, number: Number) -> list[RolloutShown]:
    """Every rollout and fallback of a release, newest first."""
    actor = actor_of(request)
    one = queries.release(actor, number)
    return [rollout_shown(each) for each in queries.rollouts_visible_to(actor).filter(release=one).order_by("-pk")]


@router.post("/releases/{number}/environments/{env}/rollouts", response={201: RolloutDetail})
@needs(Act.ROLL_OUT)
def roll_out_release(request: HttpRequest, number: Number, env: Slug, given: ForwardWanted) -> Status[RolloutDetail]:
    """Deploy every package on a target, level by level."""
    actor = actor_of(request)
    one, where = _whole(actor, number, env)
    return Status(201, rollout_detail(rollouts.roll_out(actor=actor, release=one, environment=where, **given.dict())))


@router.get("/releases/{number}/environments/{env}/fallback", response=list[FallbackShown])
@needs(Act.VIEW)
def preview_fallback(request: HttpRequest, number: Number, env: Slug) -> list[FallbackShown]:
    """What falling back would do, in the order it would."""
    actor = actor_of(request)
    one, where = _whole(actor, number, env)
    ahead = [each for level in steps_ahead(target_state_of(one, where), is_back=True) for each in level.packages]
    return [
        FallbackShown(package=each.name, version=each.before, before=each.after, goes_down=each.goes_down) for each in ahead
    ]


@router.post("/releases/{number}/environments/{env}/fallback", response={201: RolloutDetail})
@needs(Act.FALL_BACK_RELEASE)
def fall_back_release(request: HttpRequest, number: Number, env: Slug, given: RolloutWanted) -> Status[RolloutDetail]:
    """Take every package that is deployed on a target back to exactly what served before, in reverse order."""
    actor = actor_of(request)
    one, where = _whole(actor, number, env)
    made = rollouts.fall_back_release(actor=actor, release=one, environment=where, **given.dict())
    return Status(201, rollout_detail(made))


@router.post("/releases/{number}/environments/{env}/schedule", response={201: RolloutDetail})
@needs(Act.SCHEDULE_RELEASE)
def schedule_release(request: HttpRequest, number: Number, env: Slug, given: ScheduleWanted) -> Status[RolloutDetail]:
    """Let it start by itself."""
    actor = actor_of(request)
    one, where = _whole(actor, number, env)
    made = schedule.schedule_release(actor=actor, release=one, environment=where, **given.dict())
    return Status(201, rollout_detail(made))


@router.get("/rollouts/{number}", response=RolloutDetail)
@needs(Act.VIEW)
def show_rollout(request: HttpRequest, number: Number) -> RolloutDetail:
    """One rollout, and how far each of its packages is."""
    return rollout_detail(queries.rollout(actor_of(request), number))


@router.put("/rollouts/{number}/schedule", response=RolloutDetail)
@needs(Act.SCHEDULE_RELEASE)
def move_rollout(request: HttpRequest, number: Number, given: TimeWanted, as_of: AsOf) -> RolloutDetail:
    """Move what is planned and has not begun."""
    actor = actor_of(request)
    moved = schedule.reschedule(actor=actor, rollout=queries.rollout(actor, number), as_of=as_of, **given.dict())
    return rollout_detail(moved)


@router.get("/rollouts/{number}/preview", response=list[ConsequenceShown])
@needs(Act.VIEW)
def preview_decision(request: HttpRequest, number: Number, asked: Query[ChoiceAsked]) -> list[ConsequenceShown]:
    """What a choice would do, package by package."""
    found = rollouts.preview(rollout=queries.rollout(actor_of(request), number), choice=asked.choice)
    return [
        ConsequenceShown(
            package=one.package.name,
            now=one.now,
            then=one.then,
            version=one.package.version,
            before=one.before,
            goes_down=one.goes_down,
        )
        for one in found
    ]


@router.post("/rollouts/{number}/decision", response=RolloutDetail)
@needs(Act.ROLL_OUT)
def decide_rollout(request: HttpRequest, number: Number, given: Decision) -> RolloutDetail:
    """Say how it goes on."""
    actor = actor_of(request)
    one = queries.rollout(actor, number)
    return rollout_detail(rollouts.decide(actor=actor, rollout=one, choice=given.choice, reason=given.reason))


@router.post("/rollouts/{number}/cancellation", response=RolloutDetail)
@needs(Act.ROLL_OUT)
def cancel_rollout(request: HttpRequest, number: Number, given: Reason) -> RolloutDetail:
    """End it now: what is not begun never is; deployments in flight are cancelled, each back on its previous version."""
    actor = actor_of(request)
    one = queries.rollout(actor, number)
    return rollout_detail(rollouts.cancel_rollout(actor=actor, rollout=one, reason=given.reason))


@router.delete("/rollouts/{number}/schedule", response=RolloutDetail)
@needs(Act.SCHEDULE_RELEASE)
def cancel_schedule(request: HttpRequest, number: Number) -> RolloutDetail:
    """Take what is planned, and has not begun, off the calendar."""
    actor = actor_of(request)
    return rollout_detail(schedule.cancel_schedule(actor=actor, rollout=queries.rollout(actor, number)))


@router.get("/calendar", response=list[CalendarEntry])
@needs(Act.VIEW)
def show_calendar(request: HttpRequest, asked: Query[TimeAsked]) -> list[CalendarEntry]:
    """The rollouts that are, or were, planned to start between two instants."""
    found = queries.planned_between(actor_of(request), asked.since, asked.until)
    return [
        CalendarEntry(**rollout_shown(one).dict(), title=str(one.release), starts=one.planned_at)
        for one in found
        if one.planned_at is not None
    ]
