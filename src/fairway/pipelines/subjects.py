"""How events name a trigger, and whom it acts as."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from fairway.accounts.queries import active_actors, actor_of_request, tokens_left_to_end
from fairway.accounts.rules import SYSTEM, Act, Actor, Role, may
from fairway.activity.rules import Door, On
from fairway.environments.protection import may_deploy_here
from fairway.pipelines.models import ForgeConnection, Preview, Saved, Stage, Trigger
from fairway.pipelines.rules import narrowed


def on_trigger(trigger: Trigger) -> On:
    label = f"{trigger.pattern} → {trigger.application.name} · {trigger.environment.name}"
    return On("trigger", trigger.pk, label, trigger.application.slug, trigger.environment.slug)


def on_preview(preview: Preview) -> On:
    application, environment = preview.application, preview.environment
    return On("preview", preview.pk, f"{application.name} {preview.sign}", application.slug, environment.slug)


def on_stage(stage: Stage) -> On:
    label = f"{stage.application.name} → {stage.environment.name}"
    return On("stage", stage.pk, label, stage.application.slug, stage.environment.slug)


def on_forge(connection: ForgeConnection) -> On:
    return On("forge", connection.pk, f"{connection.application.name} · {connection.project}", connection.application.slug)


def runner_of(trigger: Trigger) -> Actor:
    """Whoever saved it last, with what they may do now with this application in this environment, and nothing else."""
    return _runner_of(trigger, Door.WEBHOOK, "deploy on push")


def runner_of_stage(stage: Stage) -> Actor:
    """The same for a stage of a pipeline."""
    return _runner_of(stage, Door.SCHEDULE, "a stage of the pipeline")


def _runner_of(saved: Saved, door: Door, name: str) -> Actor:
    if saved.saved_by_id is None:
        return replace(SYSTEM, door=door, identified_by=name)
    person = actor_of_request(saved.saved_by_id, saved.saved_by, door, saved.acting_role, token=saved.saved_with_id)
    limited = narrowed(person, saved.application.slug, saved.environment.slug)
    authentication = replace(person.authentication, token=saved.saved_with_id)
    return replace(limited, identified_by=name, authentication=authentication)


def lost_right(saved: Saved, act: Act = Act.DEPLOY) -> str:
    """Why it does not deploy any more: whoever saved it may no longer do so here. "" while they may."""
    return lost_rights([saved], act)[saved.pk]


def lost_rights(saved: Sequence[Saved], act: Act = Act.DEPLOY) -> dict[int, str]:
    """The same for several of a kind, by their id, in a few queries."""
    people = {one.id: one for one in active_actors(one.saved_by_id for one in saved if one.saved_by_id)}
    tokens = tokens_left_to_end(one.saved_with_id for one in saved if one.saved_with_id)
    return {one.pk: _lost(one, act, people.get(one.saved_by_id), tokens) for one in saved}


def _lost(saved: Saved, act: Act, person: Actor | None, tokens: Container[int | None]) -> str:
    if saved.saved_by_id is None:
        return ""
    slug, where = saved.application.slug, saved.environment
    if person is not None and (saved.saved_with_id is None or saved.saved_with_id in tokens):
        actor = replace(person, acting_as=Role(saved.acting_role) if saved.acting_role else None)
        if may(actor, act, application=slug, environment=where.slug) and may_deploy_here(actor, where, slug):
            return ""
    return f"{saved.saved_by}, who set this up, may no longer deploy here; whoever saves it anew takes it over."
