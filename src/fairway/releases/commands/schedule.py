"""Schedules rollouts: a release starts automatically at a wall time in a time zone, and the gate is asked again then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, Blocked, Blocker
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.engine.commands import request_cancel, signal
from fairway.engine.models import Run
from fairway.environments.freeze_commands import WHEN_OPENED
from fairway.environments.freeze_rules import instant_of, parse_wall, parse_zone
from fairway.environments.models import Environment
from fairway.releases.commands.guards import locked
from fairway.releases.commands.rollouts import (
    cancel_rollout,
    enqueue_run,
    locked_rollout,
    new_rollout,
    require_for_all,
)
from fairway.releases.commands.targets import asked_by, locked_environment
from fairway.releases.gate_rules import rollout_in_the_way
from fairway.releases.models import Release, Rollout
from fairway.releases.rules import (
    LONGEST_START_BY,
    ROLLOUT_NOT_BEGUN,
    USUAL_PARALLEL,
    RolloutStatus,
)
from fairway.releases.subjects import on_rollout, rollout_facts
from fairway.releases.target_state import TargetState, target_state_of
from fairway.shared.names import Invalid

USUAL_START_BY = 60  # minutes


@dataclass(frozen=True)
class Planned:
    """A wall time in a time zone, and the two instants that follow from it."""

    wall_time: str
    zone: str
    planned_at: datetime
    start_by: datetime

    @classmethod
    def of(cls, at: str, zone: str, start_by_minutes: int) -> Planned:
        """Parse a schedule. Raises `Invalid` for an unknown zone, a malformed or past time, or a limit out of bounds."""
        wall, zone = parse_wall(at, field="at"), parse_zone(zone)
        instant = instant_of(wall, zone)
        if instant <= timezone.now():
            raise Invalid("at", "lies in the past; give a later time.")
        if isinstance(start_by_minutes, bool) or not 1 <= int(start_by_minutes) <= LONGEST_START_BY:
            raise Invalid("start_by_minutes", "must be a number from 1 to {most}.", most=LONGEST_START_BY)
        return cls(wall.strftime("%Y-%m-%dT%H:%M"), zone, instant, instant + timedelta(minutes=int(start_by_minutes)))


@transaction.atomic
def schedule_release(
    *,
    actor: Actor,
    release: Release,
    environment: Environment,
    at: str,
    zone: str,
    start_by_minutes: int = USUAL_START_BY,
    parallel: int = USUAL_PARALLEL,
    reason: str = "",
) -> Rollout:
    """Schedule a rollout at the wall time `at` (``2026-03-29T02:30``) in `zone`. A time that a clock change skips means
    the instant of the change.

    What would block it now may have cleared by then, so only a cancelled release or another rollout of it there is
    refused. If it is blocked at its time, it waits up to `start_by_minutes` and is then cancelled. Raises `Blocked` or
    `Invalid`.
    """
    row = locked(release)
    place = locked_environment(environment)
    require_for_all(actor, Act.SCHEDULE_RELEASE, row, place)
    planned = Planned.of(at, zone, start_by_minutes)
    state = target_state_of(row, place)
    if row.cancelled_at is not None:
        sentence = _("%(release)s was cancelled.") % {"release": row}
        raise Blocked([Blocker(code="release_cancelled", sentence=sentence, who=_("a Release Manager, by cloning it"))])
    if reasons := _idle(state) or rollout_in_the_way(state):
        raise Blocked(reasons)
    rollout = new_rollout(
        actor,
        Act.SCHEDULE_RELEASE,
        state,
        RolloutStatus.SCHEDULED,
        parallel=parallel,
        reason=reason,
        run_at=planned.planned_at,
        wall_time=planned.wall_time,
        zone=planned.zone,
        start_by=planned.start_by,
    )
    record(
        who=actor.who, verb="rollout.scheduled", on=on_rollout(rollout), comment=rollout.reason, after=rollout_facts(rollout)
    )
    return rollout


def scheduling_blockers(state: TargetState) -> list[Blocker]:
    """What keeps everybody from scheduling this release for this target, or moving its schedule there, now."""
    is_planned = state.active_rollout is not None and state.active_rollout.status in ROLLOUT_NOT_BEGUN
    return _idle(state) or ([] if is_planned else rollout_in_the_way(state))


def _idle(state: TargetState) -> list[Blocker]:
    """The blockers of a schedule under which nothing could ever start."""
    words = {"release": state.release, "environment": state.environment.name}
    if not state.is_target:
        sentence = _("%(release)s is not meant for %(environment)s.") % words
        who = _("a Release Manager, by adding it to the release's targets")
        return [Blocker(code="not_a_target", sentence=sentence, who=who)]
    if not state.packages:
        sentence = _("%(release)s has no packages.") % words
        return [Blocker(code="empty", sentence=sentence, who=_("a Deployer, by adding some"))]
    return []


@transaction.atomic
def reschedule(
    *,
    actor: Actor,
    rollout: Rollout,
    at: str,
    zone: str,
    start_by_minutes: int = USUAL_START_BY,
    as_of: int | None = None,
) -> Rollout:
    """Another time for what has not begun; whoever moves it is who it starts for.

    Raises `Blocked`, `Invalid`, or `Changed` when somebody moved it since event `as_of`.
    """
    list(Run.objects.select_for_update(no_key=True).filter(pk__in=[rollout.run_id]))
    row = locked_rollout(rollout)
    require_for_all(actor, Act.SCHEDULE_RELEASE, row.release, row.environment)
    planned = Planned.of(at, zone, start_by_minutes)
    _refuse_begun(row)
    refuse_stale(as_of, "rollout.rescheduled", subject_kind="rollout", subject_id=str(row.pk))
    before, old = rollout_facts(row), row.run_id
    row.wall_time, row.zone, row.planned_at, row.start_by = (
        planned.wall_time, planned.zone, planned.planned_at, planned.start_by,
    )  # fmt: skip
    row.requested_by_id, row.requested_by, row.acting_role = actor.id, actor.name, actor.acting_as or ""
    row.requested_with_id = actor.authentication.token
    row.sequence += 1
    row.run = enqueue_run(row, asked_by(actor, Act.SCHEDULE_RELEASE), "", planned.planned_at)
    row.save()
    if row.status == RolloutStatus.HELD:
        row.move_to(RolloutStatus.SCHEDULED, sentence="")
    if old is not None:
        request_cancel(run_id=old, reason="Rescheduled.")
    record(who=actor.who, verb="rollout.rescheduled", on=on_rollout(row), before=before, after=rollout_facts(row))
    return row


def cancel_schedule(*, actor: Actor, rollout: Rollout, reason: str = "") -> Rollout:
    """Cancel a scheduled rollout. Raises `Blocked` if it has begun."""
    _refuse_begun(Rollout.objects.select_related("release", "environment").get(pk=rollout.pk))
    return cancel_rollout(actor=actor, rollout=rollout, reason=reason)


def _refuse_begun(row: Rollout) -> None:
    if row.status not in ROLLOUT_NOT_BEGUN:
        raise Blocked([Blocker(code="begun", sentence=_("It has started or ended, so it can no longer be rescheduled."))])


def wake_held() -> None:
    """Wake every blocked rollout, in the order of their runs, so that it asks the gate again."""
    held = Rollout.objects.filter(status=RolloutStatus.HELD).exclude(run=None).order_by("run_id")
    for number in held.values_list("run_id", flat=True):
        if number is not None:
            signal(run_id=number, name="gate", data={})


WHEN_OPENED.append(wake_held)
