"""The context for choosing a version: an existing one, the source's newest, or a folder that was just uploaded."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse

from fairway.accounts.rules import Act, Actor, may
from fairway.applications.models import Application, Artifact, Configuration, Upload
from fairway.applications.queries import artifacts_of, latest_configuration
from fairway.deployments.gate import Subject, blockers, opens_by_itself
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.protection import PROTECTS, approval_words, needs_approval
from fairway.deployments.queries import absence, expected_total_seconds, placements_visible_to
from fairway.deployments.rules import ENDED, Kind, Wanted, shown_status
from fairway.environments.models import Environment
from fairway.environments.queries import environments_for
from fairway.web.errors import shown
from fairway.web.presenters.applications import head, source_text
from fairway.web.presenters.changes import compared, compared_with, keys_shown
from fairway.web.presenters.placements import away_shown
from fairway.web.words import STRATEGY_WORDS

RECENT = 30


@dataclass(frozen=True)
class Choice:
    """The choice so far. `artifact` is a number as typed, `upload` a folder that was just uploaded."""

    artifact: str = ""
    upload: Upload | None = None
    upload_name: str = ""
    ref: str = ""
    reason: str = ""
    strategy: str = ""
    errors: dict[str, str] = field(default_factory=dict)


def choices_shown(actor: Actor, application: Application, environment: Environment, choice: Choice) -> dict[str, Any]:
    """The whole context of ``deployments/new.html``, its drop field left to the view."""
    places = list(placements_visible_to(actor).filter(application=application))
    here = next((place for place in places if place.environment_id == environment.pk), None)
    latest = latest_configuration(application, environment)
    found = blockers(Act.DEPLOY, Subject(application, environment, here, configuration=latest), actor)
    where = {"application": application.slug, "environment": environment.slug}
    may_break = may(actor, Act.BREAK_GLASS, **where) and all(one.only_starts or one.code in PROTECTS for one in found)
    return {
        "application": head(actor, application)["application"],
        "environment": environment,
        "environments": environments_for(actor, application),
        "current": _current(here),
        "changes": _changes(application, here, latest, choice.ref),
        "artifacts": _artifacts(application, places, environment),
        "chosen": choice.artifact,
        "fresh": {"checksum": choice.upload.checksum, "name": choice.upload_name} if choice.upload else None,
        "ref": choice.ref or application.source.get("ref", ""),
        "reason": choice.reason,
        "errors": choice.errors,
        "configuration": {"number": latest.version} if latest else None,
        "expected_seconds": expected_total_seconds(
            Deployment(application=application, environment=environment, kind=Kind.DEPLOY)
        ),
        "away": away_shown(absence(here) if here else None),
        "strategies": _strategies(here, environment, choice),
        "blockers": shown(found),
        "approval": approval_words(environment) if needs_approval(Act.DEPLOY, environment) else "",
        "can_break_glass": may_break and bool(found),
        "can_wait": bool(found) and opens_by_itself(found),
        "url": reverse("placement-deploy", args=[application.slug, environment.slug]),
    }


def _strategies(here: Placement | None, environment: Environment, choice: Choice) -> list[dict[str, Any]]:
    """How the version can get the requests; empty if it can only get all at once."""
    if here is None or here.current is None or here.wanted != Wanted.RUNNING or absence(here) is not None:
        return []
    chosen = choice.strategy or environment.strategy
    return [{"value": one.value, "label": label, "is_chosen": one == chosen} for one, label in STRATEGY_WORDS.items()]


def _current(here: Placement | None) -> dict[str, str] | None:
    current = here.current if here else None
    if current is None:
        return None
    return {"version": current.version, "digest": current.artifact.digest if current.artifact else ""}


def _changes(application: Application, here: Placement | None, latest: Configuration | None, ref: str) -> dict[str, Any]:
    """What the newest from the source would change here: the context of ``parts/changes.html``."""
    current, address = here.current if here else None, str(application.source.get("url", ""))
    name = ref or str(application.source.get("ref", "HEAD"))
    old = current.artifact if current else None
    last = Deployment.objects.filter(application=application, environment=here.environment_id) if here else None
    before = last.filter(status__in=ENDED).select_related("artifact").order_by("-pk").first() if last else None
    status = shown_status(before.status, is_current=before == current) if before else ""
    return {
        "compare": compared_with(application, old, name, address),
        "old": old.commit[:7] if old else "",
        "new": name,
        "keys": keys_shown(current.configuration, latest) if current else [],
        "before": {"id": before.pk, "version": before.version, "status": status} if before else None,
    }


def _artifacts(application: Application, places: list[Placement], environment: Environment) -> list[dict[str, Any]]:
    where: dict[int, list[Environment]] = defaultdict(list)
    for place in places:
        if place.current and place.current.artifact_id:
            where[place.current.artifact_id].append(place.environment)
    here = next((place.current for place in places if place.environment_id == environment.pk), None)
    old = here.artifact if here else None
    return [
        {**_artifact(one, where[one.pk], environment), "compare": compared(application, old, one)}
        for one in artifacts_of(application)[:RECENT]
    ]


def _artifact(artifact: Artifact, where: list[Environment], environment: Environment) -> dict[str, Any]:
    return {
        "id": artifact.number,
        "version": artifact.version,
        "digest": artifact.digest,
        "at": artifact.created_at,
        "source": source_text(artifact.source_kind, artifact.source),
        "author": artifact.author,
        "message": artifact.message,
        "is_current": environment in where,
        "is_bad": artifact.bad_at is not None,
        "bad_reason": artifact.bad_reason,
        "places": [place.name for place in where if place != environment],
    }
