"""What should be there: start, stop, scale, remove; domains, access, holds.

Acts on instances are `adjust` runs under the placement's key, so they never overlap a deployment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.rules import SYSTEM, Act, Actor, Blocked, Blocker
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.applications import commands as applications
from fairway.applications.commands import on_application
from fairway.applications.models import Application
from fairway.deployments.commands.approvals import end_waiting, locked_waiting
from fairway.deployments.commands.progress import healthy_or_not
from fairway.deployments.commands.requests import parse_replicas
from fairway.deployments.gate import Subject, ask
from fairway.deployments.hosts import claimant_of, is_fairways_own
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import ACTIVE, Access, Health, Wanted, most_replicas
from fairway.deployments.subjects import on_placement
from fairway.drivers.runtimes.contract import MAIN
from fairway.engine.commands import enqueue
from fairway.engine.models import Run
from fairway.engine.queries import is_worked_on
from fairway.environments.commands import IN_USE
from fairway.environments.models import Environment
from fairway.shared.hosts import host_in, is_same_or_below, shown_host
from fairway.shared.names import Invalid, parse_domain, parse_text

STORY = "adjust"


@transaction.atomic
def stop(*, actor: Actor, placement: Placement, reason: str = "", parent: Run | None = None) -> Placement:
    """Stop serving: the route shows a friendly page, requests in flight finish, then the instances stop."""
    return _want(actor, Act.STOP, placement, "placement.stop_requested", reason, parent=parent, wanted=Wanted.STOPPED)


@transaction.atomic
def start(*, actor: Actor, placement: Placement, reason: str = "") -> Placement:
    """Start what was stopped: the same artifact and configuration."""
    return _want(actor, Act.START, placement, "placement.start_requested", reason, wanted=Wanted.RUNNING)


@transaction.atomic
def scale(*, actor: Actor, placement: Placement, replicas: int, service: str = MAIN, reason: str = "") -> Placement:
    """Run `replicas` instances of a service: 1–8 of the main one, 0–8 of another. New ones are checked before they serve,
    surplus ones drained before they stop. Raises `Invalid` for a service that it has not."""
    if service == MAIN:
        return _want(actor, Act.SCALE, placement, "placement.scale_requested", reason, replicas=parse_replicas(replicas))
    row = _locked(placement)
    ask(Act.SCALE, _subject(row), actor)
    scales = {**row.scales, service: _parse_scale(row, service, replicas)}
    return _want(actor, Act.SCALE, row, "placement.scale_requested", reason, scales=scales)


def _parse_scale(row: Placement, service: str, replicas: int) -> int:
    if service not in row.counts:
        names = ", ".join(row.counts)
        raise Invalid("service", "“{name}” is none of its services; it has {names}.", name=service[:40], names=names)
    stored = row.current.artifact.parsed_spec.volumes if row.current and row.current.artifact else ()
    most = most_replicas(stored)
    if isinstance(replicas, bool) or not 0 <= int(replicas) <= most:
        if stored and int(replicas) > most:
            raise Invalid("replicas", "must be 0 or 1: it stores data that only one instance of a service may write.")
        raise Invalid("replicas", "must be a number from 0 to {most}.", most=most)
    return int(replicas)


@transaction.atomic
def remove(
    *, actor: Actor, placement: Placement, reason: str = "", volumes_confirmed: str = "", parent: Run | None = None
) -> Placement:
    """Take an application out of an environment. Its volumes stay unless `volumes_confirmed` is the placement's name.

    `parent` is the run that is told when it is done.
    """
    if volumes_confirmed and volumes_confirmed != placement.name:
        raise Invalid("volumes_confirmed", "to delete its stored data too, type “{name}” exactly.", name=placement.name)
    if parent is None:
        here = locked_waiting(application=placement.application, environment=placement.environment)
        words = {"environment": placement.environment.name, "person": actor.name}
        end_waiting(here, _("It was removed from %(environment)s by %(person)s.") % words)
    return _want(
        actor, Act.REMOVE, placement, "placement.remove_requested", reason,
        payload={"volumes": bool(volumes_confirmed)}, parent=parent, wanted=Wanted.REMOVED,
    )  # fmt: skip


@transaction.atomic
def delete_application(*, actor: Actor, application: Application, confirmed: str, volumes: bool = False) -> None:
    """Remove it from every environment, then forget it (history stays). `confirmed` must be its slug. Raises `Blocked`
    while a deployment works on it, or a release counts on it."""
    require(actor, Act.DELETE_APPLICATION, application=application.slug)
    if confirmed != application.slug:
        raise Invalid("confirmed", "type “{slug}” exactly to delete it.", slug=application.slug)
    end_waiting(locked_waiting(application=application), _("%(application)s was deleted.") % {"application": application})
    row = Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    if reasons := deletion_blockers(row):
        raise Blocked(reasons)
    for placement in Placement.objects.filter(application=row).select_related("application", "environment", "current"):
        _enqueue_removal(actor, placement, volumes)
    row.deleted_at = timezone.now()
    row.save(update_fields=["deleted_at"])
    record(who=actor.who, verb="application.deleted", on=on_application(row), after={"volumes": volumes})


def deletion_blockers(application: Application) -> list[Blocker]:
    """What keeps an application from being deleted; one that only waits for approval would be ended."""
    reasons = [blocker for found in applications.IN_USE for blocker in found(application)]
    if _at_work(application=application):
        sentence = _("A deployment of it is running or queued.")
        return [Blocker(code="in_progress", sentence=sentence, who=_("a Deployer, by cancelling it")), *reasons]
    return reasons


@transaction.atomic
def set_domains(*, actor: Actor, placement: Placement, domains: Sequence[str], as_of: int | None = None) -> Placement:
    """The placement's custom domains. Raises `Invalid` for a bad one, one of Fairway's own, or one that is taken, and
    `Changed` when somebody set them since event `as_of`."""
    # Locked so that two people who claim one domain at the same time do so one after the other.
    environments = list(Environment.objects.select_for_update(no_key=True).filter(deleted_at=None).order_by("pk"))
    row = _locked(placement)
    ask(Act.ROUTE, _subject(row), actor)
    refuse_stale(as_of, "placement.domains_set", **_about(row))
    wanted = list(dict.fromkeys(parse_domain(domain, field="domains") for domain in domains))
    for domain in wanted:
        _refuse_taken(domain, row, environments)
    return _set(actor, row, "placement.domains_set", domains=wanted)


@transaction.atomic
def set_access(*, actor: Actor, placement: Placement, access: str, as_of: int | None = None) -> Placement:
    """Who may open it: ``public`` or ``signed_in``. Raises `Changed` when somebody said so since event `as_of`."""
    row = _locked(placement)
    ask(Act.ROUTE, _subject(row), actor)
    refuse_stale(as_of, "placement.access_set", **_about(row))
    if access not in set(Access):
        raise Invalid("access", "use one of {names}.", names=", ".join(Access))
    return _set(actor, row, "placement.access_set", access=access)


@transaction.atomic
def dismiss_writes(*, actor: Actor, placement: Placement) -> Placement:
    """Say no more of the places it writes to by now: what they hold may be lost."""
    require(actor, Act.EDIT_APPLICATION, application=placement.application.slug)
    row = _locked(placement)
    before = list(row.writes_dismissed)
    row.writes_dismissed = sorted({*before, *(place["name"] for place in row.writes)})
    if row.writes_dismissed != before:
        row.save(update_fields=["writes_dismissed"])
        after = {"places": row.writes_dismissed}
        record(
            who=actor.who, verb="placement.writes_dismissed", on=on_placement(row), before={"places": before}, after=after
        )
    return row


@transaction.atomic
def release_hold(*, actor: Actor, placement: Placement) -> Placement:
    """Let automation deploy here again after an automatic rollback."""
    require(actor, Act.RELEASE_HOLD, application=placement.application.slug, environment=placement.environment.slug)
    row = _locked(placement)
    if row.held_at is None:
        return row
    before = {"reason": row.hold_reason}
    row.held_at, row.hold_reason = None, ""
    row.save(update_fields=["held_at", "hold_reason"])
    record(who=actor.who, verb="placement.hold_released", on=on_placement(row), before=before)
    return row


@transaction.atomic
def hold(*, actor: Actor, placement: Placement, reason: str) -> Placement:
    """Keep automation from deploying here until a person releases it."""
    row = _locked(placement)
    row.held_at, row.hold_reason = timezone.now(), parse_text(reason, field="reason", longest=500)
    row.save(update_fields=["held_at", "hold_reason"])
    record(who=actor.who, verb="placement.held", on=on_placement(row), comment=row.hold_reason)
    return row


@transaction.atomic
def observe(*, placement: Placement, health: Health, drift: list[str], observed: list[dict[str, Any]]) -> None:
    """Write down what was last seen; an event only when health or drift changed."""
    row = _locked(placement)
    changed = (row.health, row.drift) != (health, drift)
    before = {"health": row.health, "drift": row.drift}
    row.health, row.drift, row.observed, row.observed_at = health, drift, observed, timezone.now()
    row.save(update_fields=["health", "drift", "observed", "observed_at"])
    if changed:
        healthy_or_not(row)
        after = {"health": health, "drift": drift}
        record(who=SYSTEM.who, verb="placement.observed", on=on_placement(row), before=before, after=after)


@transaction.atomic
def request_repair(*, placement: Placement) -> None:
    """Ask for what should be there to be made so; does nothing while a run of this key is at work or about to be."""
    if not is_worked_on(placement.key):
        enqueue(kind=STORY, key=placement.key, payload=_payload(placement, {}), lane=placement.environment.lane)


def _want(
    actor: Actor,
    act: Act,
    placement: Placement,
    verb: str,
    reason: str,
    payload: dict[str, Any] | None = None,
    parent: Run | None = None,
    **changes: Any,
) -> Placement:
    row = _locked(placement)
    ask(act, _subject(row, changes.get("replicas")), actor)
    why = parse_text(reason, field="reason", longest=500)
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))
    more = {**(payload or {}), "asked": sorted(changes)}
    enqueue(
        kind=STORY,
        key=row.key,
        payload=_payload(row, more),
        lane=row.environment.lane,
        priority=_urgency(row),
        parent=parent,
    )
    record(who=actor.who, verb=verb, on=on_placement(row), comment=why, before=before, after=changes)
    return row


def _urgency(row: Placement) -> int:
    """Before other applications' deployments, but never before what was asked of this one earlier."""
    return 0 if Run.objects.filter(key=row.key, finished_at=None).exists() else 10


def _enqueue_removal(actor: Actor, placement: Placement, volumes: bool) -> None:
    placement.wanted = Wanted.REMOVED
    placement.save(update_fields=["wanted"])
    enqueue(
        kind=STORY,
        key=placement.key,
        payload=_payload(placement, {"volumes": volumes, "asked": ["wanted"]}),
        lane=placement.environment.lane,
    )
    record(who=actor.who, verb="placement.remove_requested", on=on_placement(placement))


def _payload(placement: Placement, more: dict[str, Any]) -> dict[str, Any]:
    return {"placement": placement.pk, **more}


def _set(actor: Actor, row: Placement, verb: str, **changes: Any) -> Placement:
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))
    enqueue(
        kind=STORY, key=row.key, payload=_payload(row, {"gone_hosts": _gone(before, changes)}), lane=row.environment.lane
    )
    record(who=actor.who, verb=verb, on=on_placement(row), before=before, after=changes)
    return row


def _about(row: Placement) -> dict[str, str]:
    """Its events, as `refuse_stale` looks for them."""
    on = on_placement(row)
    return {"subject_kind": on.kind, "subject_id": str(on.id)}


def _gone(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [host for host in before.get("domains", []) if host not in after.get("domains", [])]


def _locked(placement: Placement) -> Placement:
    chosen = Placement.objects.select_for_update(of=("self",), no_key=True).select_related(
        "application", "environment", "current__artifact", "current__configuration"
    )
    return chosen.get(pk=placement.pk)


def _subject(row: Placement, replicas: int | None = None) -> Subject:
    current = row.current
    return Subject(
        row.application,
        row.environment,
        placement=row,
        artifact=current.artifact if current else None,
        configuration=current.configuration if current else None,
        replicas=replicas,
    )


def _refuse_taken(domain: str, row: Placement, environments: Iterable[Environment]) -> None:
    if is_fairways_own(domain):
        raise Invalid("domains", "“{domain}” is Fairway's own address.", domain=shown_host(domain))
    if is_same_or_below(domain, [host_in(one.host) for one in environments]):
        raise Invalid(
            "domains",
            "“{domain}” lies below an environment's own domain; those are given by Fairway.",
            domain=shown_host(domain),
        )
    if other := claimant_of(domain, besides=row):
        raise Invalid(
            "domains",
            "“{domain}” belongs to {application} in {environment}.",
            domain=shown_host(domain),
            application=other.application.name,
            environment=other.environment.name,
        )


def _at_work(**where: Any) -> bool:
    """Whether a deployment is queued or running. One that waits for approval, or did and is being taken away, is neither."""
    active = Deployment.objects.filter(status__in=ACTIVE, **where)
    return active.exclude(approve_by__isnull=False, approved_at=None).exists()


def _placed_there(environment: Environment) -> Iterable[Blocker]:
    """An environment in use cannot be deleted; see `environments.commands.IN_USE`."""
    placed = Placement.objects.filter(environment=environment).filter(~Q(current=None) | Q(wanted=Wanted.REMOVED))
    names = list(placed.values_list("application__name", flat=True))
    active = _at_work(environment=environment)
    if names:
        sentence = _("%(names)s is deployed there.") % {"names": ", ".join(names)}
        yield Blocker(code="in_use", sentence=sentence, who=_("a Deployer, by removing it from this environment"))
    elif active:
        yield Blocker(
            code="in_progress", sentence=_("A deployment there is running or queued."), who=_("a Deployer, by cancelling it")
        )


IN_USE.append(_placed_there)
