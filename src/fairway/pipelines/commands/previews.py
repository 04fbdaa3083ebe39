"""Previews: an application for each pull or merge request, from its first commit until nothing of it is left.

A webhook only notes what a request is like now (`note`). A run of the worker, and a look every few seconds, bring each
preview closer to that (`advance_previews`), in small transactions: so it does not matter in which order things happen, how
often, or who dies in between.

Whoever needs several rows locks runs first, then the trigger, the preview and the environment, before the first event.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.rules import SYSTEM, Act, Actor, Blocked
from fairway.activity.commands import record
from fairway.activity.models import Event
from fairway.applications.models import Application
from fairway.applications.previews import copy_for_preview, inherit_configuration
from fairway.deployments.commands.approvals import WAITS, end_waiting, locked_waiting, superseded_by
from fairway.deployments.commands.placements import delete_copy
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Status
from fairway.deployments.subjects import placement_of
from fairway.drivers.forges.contract import ChangeRequest, RefKind
from fairway.engine import clock
from fairway.engine.commands import enqueue
from fairway.engine.models import Run
from fairway.environments.models import Environment
from fairway.pipelines.commands.reports import tell_gone
from fairway.pipelines.commands.triggers import trigger_blockers
from fairway.pipelines.models import Preview, Trigger
from fairway.pipelines.preview_rules import (
    End,
    Known,
    PreviewState,
    is_old_news,
    sign_of,
    slug_of,
    wanted_commit,
    why_no_preview,
)
from fairway.pipelines.rules import matches
from fairway.pipelines.subjects import lost_right, on_preview, runner_of
from fairway.shared.names import Invalid
from fairway.shared.sentences import joined

STORY = "push"  # the runs of a trigger, whether of pushes or of requests
SOON = 20  # priority of its runs: they take milliseconds, and builds take minutes
NOT_BEGUN = Q(status=Status.QUEUED) | WAITS
TRIED_AGAIN = timedelta(minutes=5)  # after which one that was blocked is tried again
MOST_AT_ONCE = 4  # changes that one look makes to a preview
ALIVE = (PreviewState.WAITING, PreviewState.OPEN)
RELATED = ("trigger", "application", "environment", "copy", "deployment")
RETURNS_WHEN_OPEN = {End.CLOSED, End.RETARGETED}  # those that ended for another reason come back with a push


def note(trigger: Trigger, request: ChangeRequest) -> tuple[Preview | None, str]:
    """Write down what a request is like now; the trigger is locked by the caller. Returns its preview, or None and why
    nothing changes."""
    row = Preview.objects.select_for_update(of=("self",), no_key=True).filter(trigger=trigger, number=request.number).first()
    sign = sign_of(request.number, is_merge=request.is_merge)
    if row is not None and is_old_news(request, Known(row.changed_at, row.is_request_open)):
        return None, f"Something newer is known of {sign}."
    why = why_no_preview(request, pattern=trigger.pattern, is_paused=trigger.is_paused) if request.is_open else ""
    if row is None and (why or not request.is_open):
        return None, why or f"{sign} was closed; there is no preview of it."
    if row is None:
        return _open(trigger, request), ""
    was_open, is_pushed = row.is_request_open, row.commit != request.commit
    if request.is_open and why and matches(trigger.pattern, request.target):
        return None, why  # what runs of it stays
    _fill(row, request)
    if not request.is_open or why:
        if row.state in ALIVE:
            _end(row, End.RETARGETED if request.is_open else End.CLOSED, runner_of(trigger))
    elif row.state not in ALIVE and (is_pushed or not was_open or row.end in RETURNS_WHEN_OPEN):
        _again(row)
        record(who=runner_of(trigger).who, verb="preview.opened", on=on_preview(row), after=_facts(row))
    elif is_pushed:
        row.moved_at, row.ends_at = clock.now(), later()
    row.save()
    return row, ""


def later() -> datetime:
    """When a preview ends to which something happened just now."""
    return clock.now() + timedelta(days=settings.PREVIEW_DAYS)


def _open(trigger: Trigger, request: ChangeRequest) -> Preview:
    row = Preview(
        trigger=trigger,
        application=trigger.application,
        environment=trigger.environment,
        number=request.number,
        is_merge=request.is_merge,
        is_fork=request.is_fork,
        created_at=clock.now(),
    )
    _fill(row, request)
    _again(row)
    row.save()
    record(who=runner_of(trigger).who, verb="preview.opened", on=on_preview(row), after=_facts(row))
    return row


def _fill(row: Preview, request: ChangeRequest) -> None:
    row.title, row.author, row.page, row.branch = request.title, request.author, request.page, request.branch
    row.commit, row.is_request_open = request.commit, request.is_open
    row.changed_at = request.at or row.changed_at
    row.is_fork = row.is_fork or request.is_fork  # one that was a fork's stays one


def _again(row: Preview) -> None:
    row.state = PreviewState.WAITING if row.is_fork and row.approved != row.commit else PreviewState.OPEN
    row.tried, row.tried_at, row.sentence = "", None, ""
    row.end, row.ended_by, row.ended_at = "", "", None
    row.moved_at, row.ends_at = clock.now(), later()


def _end(row: Preview, end: End, actor: Actor) -> None:
    """Let it be removed; the caller saves the row."""
    row.state, row.end, row.ended_by = PreviewState.ENDING, end, actor.name
    record(who=actor.who, verb="preview.ended", on=on_preview(row), after={"because": end.value})


def let_a_worker_see(trigger: Trigger) -> None:
    """Queue a run unless one waits that will see what has just been written: it locks the trigger, as the caller does,
    before it looks."""
    key = f"push:{trigger.pk}"
    if not Run.objects.live().filter(key=key, started_at=None).exists():
        lane = trigger.environment.lane
        enqueue(kind=STORY, key=key, payload={"trigger": trigger.pk}, lane=lane, priority=SOON)


def advance_previews(*, trigger: int | None = None) -> int:
    """Bring every preview, or those of one trigger, closer to what it should be; returns how many changed."""
    chosen = Preview.objects.filter(_due()).exclude(state=PreviewState.ENDED)
    chosen = chosen.filter(trigger=trigger) if trigger is not None else chosen
    numbers = list(chosen.order_by("moved_at", "pk").values_list("pk", flat=True))
    return sum(_follow(number) for number in numbers)


def _due() -> Q:
    """The previews that may need a change; nothing is locked for the others."""
    stopped = Q(trigger__deleted_at__isnull=False) | ~Q(trigger__ref_kind=RefKind.REQUEST.value)
    stopped |= Q(application__deleted_at__isnull=False) | Q(environment__deleted_at__isnull=False)
    other_commit = Q(is_fork=False) & ~Q(tried=F("commit"))
    other_commit |= Q(is_fork=True) & ~Q(approved="") & ~Q(tried=F("approved"))
    blocked = ~Q(sentence="") & Q(tried_at__lte=clock.now() - TRIED_AGAIN)
    to_deploy = (other_commit | blocked) & Q(trigger__is_paused=False)
    stopped |= Q(copy__deleted_at__isnull=False)
    return Q(state=PreviewState.ENDING) | Q(ends_at__lte=clock.now()) | stopped | to_deploy


def _follow(number: int) -> bool:
    """Make the changes that this preview needs now; returns whether there were any."""
    count = 0
    while count < MOST_AT_ONCE and _advance(number):
        count += 1
    return count > 0


@transaction.atomic
def _advance(number: int) -> bool:
    """Make the next change that this preview needs; returns whether there was one."""
    copy = Preview.objects.values_list("copy", flat=True).get(pk=number)
    begun_before = locked_waiting(NOT_BEGUN, application=copy) if copy else []
    row = _locked(number)
    before, is_moving = _stored(row), False
    if row.state in ALIVE and (end := _is_over(row)):
        _end(row, end, SYSTEM)
    elif row.state in ALIVE and row.tried and row.copy is not None and row.copy.deleted_at is not None:
        _end(row, End.PERSON, SYSTEM)
        row.ended_by = _who_deleted(row.copy)
    elif row.copy is not None and row.copy.deleted_at is not None:
        row.copy = None if _is_gone(row.copy) else row.copy
    elif row.state == PreviewState.ENDING:
        is_moving = _remove(row)
    elif row.state in ALIVE and not row.trigger.is_paused:
        commit = wanted_commit(commit=row.commit, is_fork=row.is_fork, approved=row.approved)
        is_due = commit != row.tried or bool(row.sentence and row.tried_at and row.tried_at <= clock.now() - TRIED_AGAIN)
        if commit and is_due and (row.copy is not None or _has_room(row)):
            _deploy(row, commit, begun_before)
    if _stored(row) == before:
        return is_moving
    row.save()
    return True


def _stored(row: Preview) -> tuple[Any, ...]:
    return row.state, row.end, row.copy_id, row.deployment_id, row.tried, row.tried_at, row.sentence


def _locked(number: int) -> Preview:
    trigger = Preview.objects.values_list("trigger", flat=True).get(pk=number)
    Trigger.objects.select_for_update(no_key=True).get(pk=trigger)
    found = Preview.objects.select_for_update(of=("self",), no_key=True).select_related(*RELATED)
    return found.get(pk=number)


def _is_over(row: Preview) -> End | None:
    if row.trigger.deleted_at or row.application.deleted_at or row.environment.deleted_at:
        return End.STOPPED
    if row.trigger.ref_kind != RefKind.REQUEST:
        return End.STOPPED
    return End.AGE if row.ends_at <= clock.now() else None


def _who_deleted(copy: Application) -> str:
    told = Event.objects.filter(verb="application.deleted", subject_kind="application", subject_id=str(copy.pk))
    return told.order_by("-pk").values_list("actor_name", flat=True).first() or SYSTEM.name


def _is_gone(copy: Application) -> bool:
    """Whether nothing of a deleted application is left."""
    is_placed = Placement.objects.filter(application=copy).exists()
    return not is_placed and not Run.objects.live().filter(key__startswith=f"{copy.slug}:").exists()


def _remove(row: Preview) -> bool:
    """Returns whether anything changed."""
    if row.copy is None:
        row.state, row.ended_at = PreviewState.ENDED, clock.now()
        if row.deployment is not None:
            tell_gone(row.deployment.application_id)
        record(who=SYSTEM.who, verb="preview.removed", on=on_preview(row), after={"because": row.end})
    elif row.copy.deleted_at is None:
        try:
            return delete_copy(actor=SYSTEM, application=row.copy, reason=_("The preview was removed."))
        except Blocked as problem:
            row.sentence = joined(blocker.sentence for blocker in problem.blockers)
    return False


def _deploy(row: Preview, commit: str, begun_before: list[Deployment]) -> None:
    """Request the deployment of this commit, or say why not; then it is tried again later."""
    Environment.objects.select_for_update(no_key=True).get(pk=row.environment_id)
    actor = runner_of(row.trigger)
    before = (row.tried, row.sentence)
    row.tried, row.tried_at, row.sentence = commit, clock.now(), lost_right(row.trigger)
    if not row.sentence:
        try:
            with transaction.atomic():
                row.copy, row.deployment = _requested(row, actor, commit)
        except Blocked as problem:
            row.sentence = joined(blocker.sentence for blocker in problem.blockers)
        except Invalid as problem:
            row.sentence = f"{problem.field}: {problem.sentence}"
    if row.sentence or row.deployment is None:
        if (row.tried, row.sentence) != before:
            after = {"commit": commit}
            record(who=actor.who, verb="preview.blocked", on=on_preview(row), comment=row.sentence, after=after)
        return
    end_waiting(begun_before, superseded_by(row.deployment))


def _requested(row: Preview, actor: Actor, commit: str) -> tuple[Application, Deployment]:
    """Raises `Blocked` or `Invalid`."""
    application, environment, access = row.application, row.environment, None
    copy = row.copy
    if copy is None:
        copy = copy_for_preview(
            actor=actor,
            application=application,
            environment=environment,
            slug=slug_of(application.slug, row.number, is_merge=row.is_merge),
            name=f"{application.name[:65]} {row.sign}",
            gets_secrets=not row.is_fork,
        )
        placed = placement_of(application, environment)
        access = placed.access if placed else None
    else:  # where the application's source has changed meanwhile
        copy.source_kind, copy.source, copy.spec = application.source_kind, application.source, application.spec
        copy.gets_secrets = copy.gets_secrets and not row.is_fork
        copy.save(update_fields=["source_kind", "source", "spec", "gets_secrets"])
    inherit_configuration(actor=actor, preview=copy, environment=environment)
    by = f" by {row.author}" if row.author else ""
    deployment = request_deployment(
        actor=actor,
        application=copy,
        environment=environment,
        reason=f"Preview of {row.sign}{by}: {row.title}"[:500],
        when_open=True,
        commit=commit,
        access=access,
    )
    return copy, deployment


def _has_room(row: Preview) -> bool:
    """Whether one more may run. If not, the previews to which nothing has happened for longest end, and this one waits."""
    others = Preview.objects.filter(trigger=row.trigger, state=PreviewState.OPEN).exclude(pk=row.pk)
    running = list(others.exclude(copy=None).select_for_update(of=("self",), no_key=True).order_by("moved_at", "pk"))
    ending = running[: max(0, len(running) + 1 - settings.PREVIEWS)]
    for one in ending:
        _end(one, End.LIMIT, SYSTEM)
        one.save()
    return not ending


@transaction.atomic
def approve_preview(*, actor: Actor, preview: Preview, commit: str) -> Preview:
    """Let this commit of a fork be built and run, without secrets. Raises `Blocked`, or `Invalid` if it is no fork's, has
    ended, or was pushed to meanwhile."""
    row = _for(actor, preview, Act.DEPLOY)
    if reasons := trigger_blockers(actor, row.application, row.environment):
        raise Blocked(reasons)
    if not row.is_fork:
        raise Invalid("preview", "comes from the repository itself, so it needs no approval.")
    if row.state not in ALIVE:
        raise Invalid("preview", "has ended; it comes back with the next push to the request.")
    if commit != row.commit:
        raise Invalid("commit", "is not the request’s newest one any more; look at what was pushed, then approve that.")
    if row.approved != commit:
        row.approved, row.approved_by, row.state = commit, actor.name, PreviewState.OPEN
        row.moved_at, row.ends_at = clock.now(), later()
        row.save()
        record(who=actor.who, verb="preview.approved", on=on_preview(row), after={"commit": commit})
        let_a_worker_see(row.trigger)
    return row


@transaction.atomic
def keep_preview(*, actor: Actor, preview: Preview) -> Preview:
    """Let it last as long from now on as a new one. Raises `Blocked`, or `Invalid` if it has ended."""
    row = _for(actor, preview, Act.DEPLOY)
    if row.state not in ALIVE:
        raise Invalid("preview", "has ended; it comes back with the next push to the request.")
    before = {"ends_at": row.ends_at.isoformat()}
    row.moved_at, row.ends_at = clock.now(), later()
    row.save()
    after = {"ends_at": row.ends_at.isoformat()}
    record(who=actor.who, verb="preview.kept", on=on_preview(row), before=before, after=after)
    return row


@transaction.atomic
def remove_preview(*, actor: Actor, preview: Preview) -> Preview:
    """Remove it with all that it stored; it comes back with the next push. One that has ended stays as it is. Raises
    `Blocked`."""
    row = _for(actor, preview, Act.REMOVE)
    if row.state in ALIVE:
        _end(row, End.PERSON, actor)
        row.save()
        let_a_worker_see(row.trigger)
    return row


def _for(actor: Actor, preview: Preview, act: Act) -> Preview:
    require(actor, act, application=preview.application.slug, environment=preview.environment.slug)
    return _locked(preview.pk)


def _facts(row: Preview) -> dict[str, Any]:
    return {"request": row.number, "commit": row.commit, "branch": row.branch, "is_fork": row.is_fork, "author": row.author}
