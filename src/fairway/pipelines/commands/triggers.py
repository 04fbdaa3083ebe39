"""Creating, changing, pausing and deleting triggers, and renewing the secret of their webhook."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, Blocked, Blocker
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.applications.models import Application
from fairway.applications.rules import SourceKind
from fairway.applications.secrets import seal
from fairway.deployments.gate import Subject, blockers
from fairway.drivers.forges.contract import PUSHED, RefKind
from fairway.drivers.forges.signatures import new_secret
from fairway.engine import clock
from fairway.environments.models import Environment
from fairway.pipelines.models import Trigger
from fairway.pipelines.rules import parse_paths, parse_pattern
from fairway.pipelines.subjects import on_trigger
from fairway.shared.names import Invalid

CHANGEABLE = ("ref_kind", "pattern", "paths", "is_paused")
EDITED = ("trigger.edited", "trigger.paused", "trigger.resumed")


@transaction.atomic
def create_trigger(
    *,
    actor: Actor,
    application: Application,
    environment: Environment,
    pattern: str,
    ref_kind: str = RefKind.BRANCH,
    paths: Iterable[str] = (),
) -> tuple[Trigger, str]:
    """Deploy the application here whenever a matching branch or tag is pushed, with the present rights of the actor.

    Returns the trigger and the secret of its webhook, which is not shown again. Raises `Blocked` or `Invalid`.
    """
    _may(actor, application, environment)
    if application.preview_of_id is not None:
        raise Invalid("application", "is a preview; set it up for the application itself.")
    if application.source_kind != SourceKind.GIT:
        raise Invalid("application", "has no Git repository as its source, so nothing can be pushed to it.")
    Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    secret = new_secret()
    trigger = Trigger(
        application=application,
        environment=environment,
        public_id=secrets.token_urlsafe(18),
        sealed_secret=seal().seal(secret),
    )
    _fill(actor, trigger, {"ref_kind": ref_kind, "pattern": pattern, "paths": paths, "is_paused": False})
    trigger.save()
    record(who=actor.who, verb="trigger.created", on=on_trigger(trigger), after=_facts(trigger))
    return trigger, secret


@transaction.atomic
def edit_trigger(*, actor: Actor, trigger: Trigger, as_of: int | None = None, **changes: Any) -> Trigger:
    """Change any of `CHANGEABLE`. From then on it deploys with the rights of this actor, unless it was only paused.

    Raises `Blocked`, `Invalid`, or `Changed` if it was changed after event `as_of`.
    """
    if unknown := set(changes) - set(CHANGEABLE):
        raise Invalid(sorted(unknown)[0], "cannot be changed; only {names} can.", names=", ".join(CHANGEABLE))
    Application.objects.select_for_update(no_key=True).get(pk=trigger.application_id)
    row = _locked(trigger)
    only_pauses = changes == {"is_paused": True}
    _may(actor, row.application, row.environment, only_stops=only_pauses)
    refuse_stale(as_of, *EDITED, subject_kind="trigger", subject_id=str(row.pk))
    before, saved_by = _facts(row), row.saved_by
    if only_pauses:
        row.is_paused = True
    else:
        _fill(actor, row, {**{name: getattr(row, name) for name in CHANGEABLE}, **changes})
    row.save()
    after = _facts(row)
    if before != after or saved_by != row.saved_by:
        record(who=actor.who, verb=_verb_of(before, after), on=on_trigger(row), before=before, after=after)
    return row


def _verb_of(before: dict[str, Any], after: dict[str, Any]) -> str:
    changed = {name for name in after if before[name] != after[name]}
    if changed != {"is_paused"}:
        return "trigger.edited"
    return "trigger.paused" if after["is_paused"] else "trigger.resumed"


@transaction.atomic
def renew_secret(*, actor: Actor, trigger: Trigger) -> tuple[Trigger, str]:
    """Make a new secret, which is not shown again; the one before is refused from now on. Raises `Blocked`."""
    row = _locked(trigger)
    _may(actor, row.application, row.environment)
    secret = new_secret()
    row.sealed_secret, row.secret_made_at = seal().seal(secret), clock.now()
    row.save(update_fields=["sealed_secret", "secret_made_at"])
    record(who=actor.who, verb="trigger.secret_renewed", on=on_trigger(row))
    return row, secret


@transaction.atomic
def delete_trigger(*, actor: Actor, trigger: Trigger) -> Trigger:
    """Delete it: its webhook is unknown from then on. Deployments that it requested go on. Raises `Blocked`."""
    _may(actor, trigger.application, trigger.environment, only_stops=True)
    row = _rows_for_change().get(pk=trigger.pk)
    if row.deleted_at is None:
        row.deleted_at, row.sealed_secret = clock.now(), ""
        row.save(update_fields=["deleted_at", "sealed_secret"])
        record(who=actor.who, verb="trigger.deleted", on=on_trigger(row), before=_facts(row))
    return row


@transaction.atomic
def reseal_triggers() -> int:
    """Seal the secrets with the newest key; returns how many. For use after a key was added."""
    rows = list(Trigger.objects.filter(deleted_at=None).select_for_update(no_key=True))
    for row in rows:
        row.sealed_secret = seal().reseal(row.sealed_secret)
        row.save(update_fields=["sealed_secret"])
    return len(rows)


def trigger_blockers(actor: Actor, application: Application, environment: Environment) -> list[Blocker]:
    """Why pushes cannot be deployed here with the rights of this actor; what only delays a deployment does not count."""
    found = blockers(Act.DEPLOY, Subject(application, environment), actor)
    return [one for one in found if one.code in {"role", "not_a_deployer_here", "only_releases"}]


def _may(actor: Actor, application: Application, environment: Environment, *, only_stops: bool = False) -> None:
    """Raises `Blocked` unless the actor may deploy here themselves; whoever has the role may stop it."""
    require(actor, Act.DEPLOY, application=application.slug, environment=environment.slug)
    if not only_stops and (reasons := trigger_blockers(actor, application, environment)):
        raise Blocked(reasons)


def _rows_for_change() -> QuerySet[Trigger]:
    return Trigger.objects.select_for_update(of=("self",), no_key=True).select_related("application", "environment")


def _locked(trigger: Trigger) -> Trigger:
    """Raises `Invalid` if it was deleted meanwhile."""
    row = _rows_for_change().filter(pk=trigger.pk, deleted_at=None).first()
    if row is None:
        raise Invalid("trigger", "was deleted meanwhile.")
    return row


def _fill(actor: Actor, trigger: Trigger, values: dict[str, Any]) -> None:
    """Raises `Invalid`."""
    if values["ref_kind"] not in set(RefKind):
        raise Invalid("ref_kind", "use one of {names}.", names=", ".join(RefKind))
    trigger.ref_kind = values["ref_kind"]
    trigger.pattern = parse_pattern(values["pattern"])
    trigger.paths = parse_paths(values["paths"])
    trigger.is_paused = bool(values["is_paused"])
    trigger.saved_now_by(actor)
    _refuse_second(trigger)


def _refuse_second(trigger: Trigger) -> None:
    """Raises `Invalid`: pushes to one place have one trigger, and requests have one."""
    same = Trigger.objects.filter(application=trigger.application, environment=trigger.environment, deleted_at=None)
    kinds = (RefKind.REQUEST,) if trigger.ref_kind == RefKind.REQUEST else PUSHED
    if same.filter(ref_kind__in=kinds).exclude(pk=trigger.pk).exists():
        raise Invalid("environment", "has a trigger of this application already; change that one.")
    if trigger.ref_kind == RefKind.REQUEST and trigger.paths:
        raise Invalid("paths", "count for pushes only; leave them out for previews of requests.")


def _facts(trigger: Trigger) -> dict[str, Any]:
    return {name: getattr(trigger, name) for name in CHANGEABLE}
