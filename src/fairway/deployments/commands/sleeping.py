"""Sleep: an application that nobody visits runs no instances, and its next request wakes it.

A sleeping placement still counts as running: its version is live, and whoever visits it is answered. Falling asleep and
waking are `adjust` runs under the placement's key, so neither overlaps a deployment.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.rules import SYSTEM, Act, Actor, Blocked, Blocker
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.deployments.commands.placements import STORY, about, locked, subject_of
from fairway.deployments.gate import ask
from fairway.deployments.models import Deployment, JobRun, Placement
from fairway.deployments.rules import ACTIVE, MOST_SLEEP_AFTER, Wanted
from fairway.deployments.subjects import on_placement
from fairway.engine import clock
from fairway.engine.commands import enqueue
from fairway.engine.models import Run
from fairway.shared.names import Invalid, parse_text

WAKING = "waking"  # the lane of runs that visitors wait for


@transaction.atomic
def set_sleep(
    *, actor: Actor, placement: Placement, after: int | None, keeps_workers: bool = False, as_of: int | None = None
) -> Placement:
    """Let the application fall asleep `after` so many minutes without a visit; None: never. With `keeps_workers` only its
    main service sleeps. Raises `Blocked`, `Invalid`, and `Changed` if somebody has set it since event `as_of`."""
    require(actor, Act.SCALE, application=placement.application.slug, environment=placement.environment.slug)
    row = locked(placement)
    refuse_stale(as_of, "placement.sleep_set", **about(row))
    if after is not None and (isinstance(after, bool) or not 1 <= after <= MOST_SLEEP_AFTER):
        raise Invalid("after", "must be a number of minutes from 1 to {most}, or nothing.", most=MOST_SLEEP_AFTER)
    before = {"after": row.sleeps_after, "keeps_workers": row.keeps_workers}
    row.sleeps_after, row.keeps_workers = after, keeps_workers
    if before != (wanted := {"after": after, "keeps_workers": keeps_workers}):
        row.save(update_fields=["sleeps_after", "keeps_workers"])
        record(who=actor.who, verb="placement.sleep_set", on=on_placement(row), before=before, after=wanted)
    return row


@transaction.atomic
def put_to_sleep(*, actor: Actor, placement: Placement, reason: str = "", is_automatic: bool = False) -> Placement:
    """Ask that the application falls asleep. If `is_automatic`, it stays awake if somebody visits it at that moment; else
    requests in flight may finish first. Raises `Blocked` or `Invalid`."""
    row = locked(placement)
    ask(Act.STOP, subject_of(row), actor)
    if reasons := what_keeps_awake(row):
        raise Blocked(reasons)
    why = parse_text(reason, field="reason", longest=500)
    row.asleep_since = clock.now()
    row.save(update_fields=["asleep_since"])
    payload = {"placement": row.pk, "asked": ["asleep_since"], "unless_visited": is_automatic}
    enqueue(kind=STORY, key=row.key, payload=payload, lane=row.environment.lane)
    record(who=actor.who, verb="placement.sleep_requested", on=on_placement(row), comment=why)
    return row


def what_keeps_awake(row: Placement) -> list[Blocker]:
    """Why a placement may not fall asleep now, besides the gate's reasons."""
    here = {"application": row.application_id, "environment": row.environment_id, "status__in": ACTIVE}
    if row.is_asleep:
        return [Blocker(code="asleep", sentence=_("It is asleep already."), who=_("a Deployer, by waking it"))]
    if row.wanted != Wanted.RUNNING:
        return [Blocker(code="stopped", sentence=_("It is stopped; start it first."), who=_("a Deployer"))]
    # One that waits for approval may take days; it wakes the application when it goes on.
    if Deployment.objects.filter(**here).exclude(approve_by__isnull=False, approved_at=None).exists():
        sentence = _("A deployment of it is running or queued.")
        return [Blocker(code="in_progress", sentence=sentence, who=_("a Deployer, by cancelling it"))]
    if JobRun.objects.filter(**here).exists():
        sentence = _("A command of it is running.")
        return [Blocker(code="command_runs", sentence=sentence, who=_("a Deployer, by cancelling it"))]
    return []


@transaction.atomic
def wake(*, actor: Actor, placement: Placement, reason: str = "") -> Placement:
    """Wake the application for a person. Does nothing if it does not sleep. Raises `Blocked` or `Invalid`."""
    row = locked(placement)
    ask(Act.START, subject_of(row), actor)
    if row.is_asleep:
        _wake(actor, row, parse_text(reason, field="reason", longest=500))
    return row


@transaction.atomic
def wake_for_visitor(*, placement: Placement) -> bool:
    """Wake the application because somebody visits it; False if it does not sleep. No lock or freeze keeps it from being
    woken, because nothing new comes live."""
    row = locked(placement)
    if not row.is_asleep:
        return False
    _wake(SYSTEM, row, "")
    return True


@transaction.atomic
def wake_for_run(*, placement: Placement) -> bool:
    """Record that the application is awake from now on, because a deployment or a command needs it; False if it does not
    sleep. The caller, which has the placement's key, starts it."""
    row = locked(placement)
    if not row.is_asleep:
        return False
    row.asleep_since, row.woken_at = None, clock.now()
    row.save(update_fields=["asleep_since", "woken_at"])
    record(who=SYSTEM.who, verb="placement.wake_requested", on=on_placement(row))
    placement.asleep_since, placement.woken_at = None, row.woken_at
    return True


def _wake(actor: Actor, row: Placement, reason: str) -> None:
    row.asleep_since, row.woken_at = None, clock.now()
    row.save(update_fields=["asleep_since", "woken_at"])
    is_first = not Run.objects.filter(key=row.key, finished_at=None).exists()
    payload = {"placement": row.pk, "asked": ["asleep_since"], "woken_at": row.woken_at.isoformat()}
    enqueue(kind=STORY, key=row.key, payload=payload, lane=WAKING, priority=20 if is_first else 0)
    record(who=actor.who, verb="placement.wake_requested", on=on_placement(row), comment=reason)


@transaction.atomic
def stays_awake(*, placement: Placement) -> None:
    """Record that the application did not fall asleep, because somebody visited it at that moment."""
    row = locked(placement)
    if row.is_asleep:
        row.asleep_since, row.woken_at = None, clock.now()
        row.save(update_fields=["asleep_since", "woken_at"])
        record(who=SYSTEM.who, verb="placement.stayed_awake", on=on_placement(row))


@transaction.atomic
def woke(*, placement: Placement, seconds: float) -> None:
    """Record that the application serves again, so many seconds after it was woken."""
    row = locked(placement)
    row.wake_seconds = round(max(0.0, seconds), 2)
    row.save(update_fields=["wake_seconds"])
    record(who=SYSTEM.who, verb="placement.woke", on=on_placement(row), after={"seconds": row.wake_seconds})
