"""Creating, changing, pausing and deleting the stages of a pipeline."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, Blocked, Blocker, may
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.applications.models import Application
from fairway.deployments.gate import Subject, blockers
from fairway.engine import clock
from fairway.environments.models import Environment
from fairway.pipelines.models import Stage
from fairway.pipelines.stage_rules import goes_round, parse_after
from fairway.pipelines.subjects import on_stage
from fairway.shared.names import Invalid

CHANGEABLE = ("origin", "after_minutes", "is_paused")
EDITED = ("stage.edited", "stage.paused", "stage.resumed")
LASTING = {"role", "not_a_deployer_here", "only_releases"}  # codes of blockers that no waiting removes


@transaction.atomic
def create_stage(
    *, actor: Actor, application: Application, environment: Environment, origin: Environment, after_minutes: int
) -> Stage:
    """Promote to `environment` whatever was healthy in `origin` for `after_minutes` minutes, with the present rights of the
    actor. What runs in `origin` now counts, too. Raises `Blocked` or `Invalid`."""
    _may(actor, application, environment)
    Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    if Stage.objects.filter(application=application, environment=environment, deleted_at=None).exists():
        raise Invalid("environment", "has a stage of this pipeline already; change that one.")
    stage = Stage(application=application, environment=environment)
    _fill(actor, stage, {"origin": origin, "after_minutes": after_minutes, "is_paused": False})
    stage.save()
    record(who=actor.who, verb="stage.created", on=on_stage(stage), after=_facts(stage))
    return stage


@transaction.atomic
def edit_stage(*, actor: Actor, stage: Stage, as_of: int | None = None, **changes: Any) -> Stage:
    """Change any of `CHANGEABLE`. From then on it promotes with the rights of this actor, unless it was only paused.

    Raises `Blocked`, `Invalid`, or `Changed` if it was changed after event `as_of`.
    """
    if unknown := set(changes) - set(CHANGEABLE):
        raise Invalid(sorted(unknown)[0], "cannot be changed; only {names} can.", names=", ".join(CHANGEABLE))
    Application.objects.select_for_update(no_key=True).get(pk=stage.application_id)
    row = _locked(stage)
    only_pauses = changes == {"is_paused": True}
    _may(actor, row.application, row.environment, only_stops=only_pauses)
    refuse_stale(as_of, *EDITED, subject_kind="stage", subject_id=str(row.pk))
    before, saved_by = _facts(row), row.saved_by
    if only_pauses:
        row.is_paused = True
    else:
        _fill(actor, row, {**{name: getattr(row, name) for name in CHANGEABLE}, **changes})
    row.save()
    after = _facts(row)
    if before != after or saved_by != row.saved_by:
        record(who=actor.who, verb=_verb_of(before, after), on=on_stage(row), before=before, after=after)
    return row


def _verb_of(before: dict[str, Any], after: dict[str, Any]) -> str:
    changed = {name for name in after if before[name] != after[name]}
    if changed != {"is_paused"}:
        return "stage.edited"
    return "stage.paused" if after["is_paused"] else "stage.resumed"


@transaction.atomic
def delete_stage(*, actor: Actor, stage: Stage) -> None:
    """Delete it: nothing is promoted here automatically any more. Deployments that it requested go on. Raises `Blocked`."""
    _may(actor, stage.application, stage.environment, only_stops=True)
    row = _rows_for_change().get(pk=stage.pk)
    if row.deleted_at is None:
        row.deleted_at = clock.now()
        row.save(update_fields=["deleted_at"])
        record(who=actor.who, verb="stage.deleted", on=on_stage(row), before=_facts(row))


def stage_blockers(actor: Actor, application: Application, environment: Environment) -> list[Blocker]:
    """Why nothing can be promoted here with the rights of this actor; what only delays a promotion does not count."""
    found = blockers(Act.PROMOTE, Subject(application, environment), actor)
    return [one for one in found if one.code in LASTING]


def _may(actor: Actor, application: Application, environment: Environment, *, only_stops: bool = False) -> None:
    """Raises `Blocked` unless the actor may promote here themselves; whoever has the role may stop it."""
    require(actor, Act.PROMOTE, application=application.slug, environment=environment.slug)
    if not only_stops and (reasons := stage_blockers(actor, application, environment)):
        raise Blocked(reasons)


def _rows_for_change() -> QuerySet[Stage]:
    chosen = Stage.objects.select_for_update(of=("self",), no_key=True)
    return chosen.select_related("application", "environment", "origin")


def _locked(stage: Stage) -> Stage:
    """Raises `Invalid` if it was deleted meanwhile."""
    row = _rows_for_change().filter(pk=stage.pk, deleted_at=None).first()
    if row is None:
        raise Invalid("stage", "was deleted meanwhile.")
    return row


def _fill(actor: Actor, stage: Stage, values: dict[str, Any]) -> None:
    """Raises `Invalid`."""
    stage.origin = values["origin"]
    _refuse_circle(actor, stage)
    stage.after_minutes = parse_after(values["after_minutes"])
    stage.is_paused = bool(values["is_paused"])
    stage.saved_now_by(actor)


def _refuse_circle(actor: Actor, stage: Stage) -> None:
    if stage.origin == stage.environment:
        raise Invalid("origin", "is the environment itself; choose another one to promote from.")
    others = Stage.objects.filter(application=stage.application, deleted_at=None).exclude(pk=stage.pk)
    known = dict(others.values_list("environment__slug", "origin__slug"))
    if way := goes_round(known, stage.environment.slug, stage.origin.slug):
        may_see = {one: may(actor, Act.VIEW, application=stage.application.slug, environment=one) for one in way}
        said = " → ".join(one if may_see[one] else "…" for one in way)
        raise Invalid("origin", "would send versions round in a circle: {way}.", way=said)


def _facts(stage: Stage) -> dict[str, Any]:
    return {"from": stage.origin.slug, "after_minutes": stage.after_minutes, "is_paused": stage.is_paused}
