"""Changing what should run: start, stop, scale, remove; domains, access, holds.

What changes instances is an `adjust` run under the placement's key, so it never overlaps a deployment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from fairway.deployments.commands.scheduled_jobs import delete_jobs, locked_jobs_of
from fairway.deployments.gate import Subject, ask
from fairway.deployments.hosts import claimant_of, is_fairways_own
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import ACTIVE, Access, Health, Status, Wanted, most_replicas, ran_out_of_memory
from fairway.deployments.subjects import on_placement
from fairway.drivers.runtimes.contract import MAIN
from fairway.engine.commands import enqueue
from fairway.engine.models import Run
from fairway.engine.queries import is_key_busy
from fairway.environments.commands import IN_USE
from fairway.environments.models import Environment
from fairway.shared.hostnames import hostname_in, is_same_or_below, readable_hostname
from fairway.shared.names import Invalid, parse_domain, parse_text

STORY = "adjust"


@transaction.atomic
def stop(*, actor: Actor, placement: Placement, reason: str = "", parent: Run | None = None) -> Placement:
    """Request a stop: the route shows a page that says so, requests in flight finish, then the instances stop. The run
    `parent` is signalled when it is done. Raises `Blocked` or `Invalid`."""
    return _want(actor, Act.STOP, placement, "placement.stop_requested", reason, parent=parent, wanted=Wanted.STOPPED)


@transaction.atomic
def start(*, actor: Actor, placement: Placement, reason: str = "") -> Placement:
    """Request a start of what was stopped, with the same artifact and configuration. Raises `Blocked` or `Invalid`."""
    return _want(actor, Act.START, placement, "placement.start_requested", reason, wanted=Wanted.RUNNING)


@transaction.atomic
def scale(
    *,
    actor: Actor,
    placement: Placement,
    replicas: int,
    service: str = MAIN,
    reason: str = "",
    because: Mapping[str, Any] | None = None,
) -> Placement:
    """Run `replicas` instances of a service: 1–8 of the main one, 0–8 of another, fewer with volumes. New instances are
    checked before they serve, surplus ones are drained before they stop. `because` has the numbers that caused it, for the
    event. Raises `Blocked`, or `Invalid` for another number
    or a service that the application does not have."""
    if service == MAIN:
        wanted = parse_replicas(replicas)
        return _want(
            actor, Act.SCALE, placement, "placement.scale_requested", reason, facts={"because": because} if because else {},
            replicas=wanted,
        )  # fmt: skip
    row = locked(placement)
    ask(Act.SCALE, subject_of(row), actor)
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
    """Remove an application from an environment. Its volumes are kept unless `volumes_confirmed` is the placement's name.

    The run `parent` is signalled when it is done. Raises `Blocked` or `Invalid`.
    """
    if volumes_confirmed and volumes_confirmed != placement.name:
        raise Invalid("volumes_confirmed", "to delete its stored data too, type “{name}” exactly.", name=placement.name)
    if parent is None:
        waiting = locked_waiting(application=placement.application, environment=placement.environment)
        words = {"environment": placement.environment.name, "person": actor.name}
        end_waiting(waiting, _("It was removed from %(environment)s by %(person)s.") % words)
    return _want(
        actor, Act.REMOVE, placement, "placement.remove_requested", reason,
        payload={"volumes": bool(volumes_confirmed)}, parent=parent, wanted=Wanted.REMOVED,
    )  # fmt: skip


@transaction.atomic
def delete_application(*, actor: Actor, application: Application, confirmed: str, volumes: bool = False) -> None:
    """Remove an application from every environment and delete it; its history stays. `confirmed` must be its slug, else
    `Invalid` is raised. Raises `Blocked` while a deployment of it runs or a release includes it."""
    require(actor, Act.DELETE_APPLICATION, application=application.slug)
    if confirmed != application.slug:
        raise Invalid("confirmed", "type “{slug}” exactly to delete it.", slug=application.slug)
    _delete(actor, application, volumes=volumes)


@transaction.atomic
def delete_copy(*, actor: Actor, application: Application, reason: str) -> bool:
    """Remove a preview with all that it stored, and delete its application; whatever is being deployed is cancelled first.
    It is called again until it is deleted; returns whether this call changed anything. Raises `Blocked` while a release
    needs it."""
    assert application.preview_of_id is not None, "only previews are removed without a person's confirmation"
    if active := locked_waiting(Q(status__in=ACTIVE - {Status.CANCELLING}), application=application):
        end_waiting(active, reason)
        return True
    if Deployment.objects.filter(application=application, status__in=ACTIVE).exists():
        return False
    _delete(actor, application, volumes=True)
    return True


def _delete(actor: Actor, application: Application, *, volumes: bool) -> None:
    jobs = locked_jobs_of(application=application)
    end_waiting(locked_waiting(application=application), _("%(application)s was deleted.") % {"application": application})
    row = Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    if reasons := deletion_blockers(row):
        raise Blocked(reasons)
    for placement in Placement.objects.filter(application=row).select_related("application", "environment", "current"):
        _enqueue_removal(actor, placement, volumes)
    delete_jobs(actor, jobs)
    row.deleted_at = timezone.now()
    row.save(update_fields=["deleted_at"])
    record(who=actor.who, verb="application.deleted", on=on_application(row), after={"volumes": volumes})


def deletion_blockers(application: Application) -> list[Blocker]:
    """What keeps an application from being deleted. A deployment that only waits for approval does not, as it is ended."""
    reasons = [blocker for rule in applications.IN_USE for blocker in rule(application)]
    if _at_work(application=application):
        sentence = _("A deployment of it is running or queued.")
        return [Blocker(code="in_progress", sentence=sentence, who=_("a Deployer, by cancelling it")), *reasons]
    return reasons


@transaction.atomic
def set_domains(*, actor: Actor, placement: Placement, domains: Sequence[str], as_of: int | None = None) -> Placement:
    """Set the placement's custom domains. Raises `Blocked`, `Invalid` if a domain is malformed, taken, or Fairway's own, and
    `Changed` if somebody has set them since event `as_of`."""
    # The lock makes two people who claim the same domain at the same time do so one after the other.
    environments = list(Environment.objects.select_for_update(no_key=True).filter(deleted_at=None).order_by("pk"))
    row = locked(placement)
    ask(Act.ROUTE, subject_of(row), actor)
    refuse_stale(as_of, "placement.domains_set", **about(row))
    wanted = list(dict.fromkeys(parse_domain(domain, field="domains") for domain in domains))
    for domain in wanted:
        _refuse_taken(domain, row, environments)
    return _set(actor, row, "placement.domains_set", domains=wanted)


@transaction.atomic
def set_access(*, actor: Actor, placement: Placement, access: str, as_of: int | None = None) -> Placement:
    """Set who may open the application: ``public`` or ``signed_in``. Raises `Blocked`, `Invalid` for another value, and
    `Changed` if somebody has set it since event `as_of`."""
    row = locked(placement)
    ask(Act.ROUTE, subject_of(row), actor)
    refuse_stale(as_of, "placement.access_set", **about(row))
    if access not in set(Access):
        raise Invalid("access", "use one of {names}.", names=", ".join(Access))
    return _set(actor, row, "placement.access_set", access=access)


@transaction.atomic
def dismiss_writes(*, actor: Actor, placement: Placement) -> Placement:
    """Stop warning about the files and folders to which the application writes now; their contents may be lost. Raises
    `Blocked`."""
    require(actor, Act.EDIT_APPLICATION, application=placement.application.slug)
    row = locked(placement)
    before = list(row.writes_dismissed)
    row.writes_dismissed = sorted({*before, *(entry["name"] for entry in row.writes)})
    if row.writes_dismissed != before:
        row.save(update_fields=["writes_dismissed"])
        after = {"places": row.writes_dismissed}
        record(
            who=actor.who, verb="placement.writes_dismissed", on=on_placement(row), before={"places": before}, after=after
        )
    return row


@transaction.atomic
def release_hold(*, actor: Actor, placement: Placement) -> Placement:
    """Allow automatic deployments here again. Raises `Blocked`."""
    require(actor, Act.RELEASE_HOLD, application=placement.application.slug, environment=placement.environment.slug)
    row = locked(placement)
    if row.held_at is None:
        return row
    before = {"reason": row.hold_reason}
    row.held_at, row.hold_reason = None, ""
    row.save(update_fields=["held_at", "hold_reason"])
    record(who=actor.who, verb="placement.hold_released", on=on_placement(row), before=before)
    return row


@transaction.atomic
def hold(*, actor: Actor, placement: Placement, reason: str) -> Placement:
    """Hold automatic deployments here until a person releases the hold."""
    row = locked(placement)
    row.held_at, row.hold_reason = timezone.now(), parse_text(reason, field="reason", longest=500)
    row.save(update_fields=["held_at", "hold_reason"])
    record(who=actor.who, verb="placement.held", on=on_placement(row), comment=row.hold_reason)
    return row


@transaction.atomic
def observe(*, placement: Placement, health: Health, drift: list[str], observed: list[dict[str, Any]]) -> None:
    """Record what was last seen. There is an event if health or drift changed, and for each instance that was ended because
    it used more memory than its limit."""
    row = locked(placement)
    changed = (row.health, row.drift) != (health, drift)
    for name in ran_out_of_memory(row.observed, observed):
        record(who=SYSTEM.who, verb="placement.out_of_memory", on=on_placement(row), after={"instance": name})
    before = {"health": row.health, "drift": row.drift}
    row.health, row.drift, row.observed, row.observed_at = health, drift, observed, timezone.now()
    row.save(update_fields=["health", "drift", "observed", "observed_at"])
    if changed:
        healthy_or_not(row)
        after = {"health": health, "drift": drift}
        record(who=SYSTEM.who, verb="placement.observed", on=on_placement(row), before=before, after=after)


@transaction.atomic
def request_repair(*, placement: Placement) -> None:
    """Request a repair of the drift. It does nothing while a run of this placement is queued or at work."""
    if not is_key_busy(placement.key):
        enqueue(kind=STORY, key=placement.key, payload=_payload(placement, {}), lane=placement.environment.lane)


def _want(
    actor: Actor,
    act: Act,
    placement: Placement,
    verb: str,
    reason: str,
    payload: dict[str, Any] | None = None,
    parent: Run | None = None,
    facts: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Placement:
    row = locked(placement)
    ask(act, subject_of(row, changes.get("replicas")), actor)
    why = parse_text(reason, field="reason", longest=500)
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    if "wanted" in changes:
        row.asleep_since = None
    row.save(update_fields=[*changes, "asleep_since"])
    more = {**(payload or {}), "asked": sorted(changes)}
    enqueue(
        kind=STORY,
        key=row.key,
        payload=_payload(row, more),
        lane=row.environment.lane,
        priority=_urgency(row),
        parent=parent,
    )
    after = {**changes, **(facts or {})}
    record(who=actor.who, verb=verb, on=on_placement(row), comment=why, before=before, after=after)
    return row


def _urgency(row: Placement) -> int:
    """The priority of an adjustment: before other applications' deployments, but never before an earlier run of this one."""
    return 0 if Run.objects.filter(key=row.key, finished_at=None).exists() else 10


def _enqueue_removal(actor: Actor, placement: Placement, volumes: bool) -> None:
    placement.wanted, placement.asleep_since = Wanted.REMOVED, None
    placement.save(update_fields=["wanted", "asleep_since"])
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


def about(row: Placement) -> dict[str, str]:
    """What the events of a placement are about, as arguments of `refuse_stale`."""
    on = on_placement(row)
    return {"subject_kind": on.kind, "subject_id": str(on.id)}


def _gone(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [host for host in before.get("domains", []) if host not in after.get("domains", [])]


def locked(placement: Placement) -> Placement:
    chosen = Placement.objects.select_for_update(of=("self",), no_key=True).select_related(
        "application", "environment", "current__artifact", "current__configuration"
    )
    return chosen.get(pk=placement.pk)


def subject_of(row: Placement, replicas: int | None = None) -> Subject:
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
        raise Invalid("domains", "“{domain}” is Fairway's own address.", domain=readable_hostname(domain))
    if is_same_or_below(domain, [hostname_in(environment.host) for environment in environments]):
        raise Invalid(
            "domains",
            "“{domain}” lies below an environment's own domain; those are given by Fairway.",
            domain=readable_hostname(domain),
        )
    if other := claimant_of(domain, besides=row):
        raise Invalid(
            "domains",
            "“{domain}” belongs to {application} in {environment}.",
            domain=readable_hostname(domain),
            application=other.application.name,
            environment=other.environment.name,
        )


def _at_work(**where: Any) -> bool:
    """Whether a deployment is queued or running. One that waits for approval, or did until it was cancelled, does not
    count."""
    active = Deployment.objects.filter(status__in=ACTIVE, **where)
    return active.exclude(approve_by__isnull=False, approved_at=None).exists()


def _placed_there(environment: Environment) -> Iterable[Blocker]:
    """Why an environment in use cannot be deleted; see `environments.commands.IN_USE`."""
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
