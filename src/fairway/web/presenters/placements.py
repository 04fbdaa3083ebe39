"""Contexts of the cards on an application's overview, one per environment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fairway.accounts.rules import Act, Actor, may
from fairway.applications.models import Application, Configuration
from fairway.deployments.gate import Subject
from fairway.deployments.lost import MOST_NAMED
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.queries import (
    Absence,
    absence,
    active,
    expected_total_seconds,
    is_stale,
    placements_visible_to,
)
from fairway.deployments.rules import Health, most_replicas, strategy_of
from fairway.drivers.runtimes.contract import MAIN
from fairway.environments.models import Environment
from fairway.environments.queries import environments_for
from fairway.environments.rules import Lock
from fairway.insights.matrix import placement_state
from fairway.insights.queue import positions
from fairway.web.failure_words import in_words
from fairway.web.presenters.acts import ActContext, Button, main_acts, more_acts, release_hold, sleep_act
from fairway.web.words import STEP_LABELS, gate_words


@dataclass(frozen=True)
class Situation:
    """The data for an application's overview, read in a fixed number of queries."""

    environments: list[Environment]
    placements: Mapping[int, Placement]  # by environment
    running: Mapping[int, Deployment]
    positions: Mapping[int, int]
    configurations: Mapping[int, Configuration]


def situation(actor: Actor, application: Application) -> Situation:
    environments = list(environments_for(actor, application))
    found = placements_visible_to(actor).filter(application=application).select_related("previous_good__configuration")
    moving = list(active(actor).filter(application=application))
    return Situation(
        environments,
        {one.environment_id: one for one in found},
        {one.environment_id: one for one in reversed(moving)},
        positions(moving),
        {
            newest_configuration.environment_id: newest_configuration
            for newest_configuration in newest_configurations(application)
        },
    )


def newest_configurations(application: Application) -> Iterable[Configuration]:
    """The newest configuration of each environment."""
    mine = Configuration.objects.filter(application=application)
    newer = mine.filter(environment=OuterRef("environment"), version__gt=OuterRef("version"))
    return mine.exclude(Exists(newer))


def placements_shown(actor: Actor, application: Application) -> list[dict[str, Any]]:
    """The cards of all environments, in promotion order."""
    now = situation(actor, application)
    cards, origin = [], None
    for environment in now.environments:
        context = act_context(now, actor, application, environment, origin)
        cards.append(_card(context, now))
        if context.subject.placement and context.subject.placement.current:
            origin = context.subject.placement
    return cards


def placement_shown(actor: Actor, application: Application, environment: str) -> dict[str, Any] | None:
    """The card of one environment; None if the actor may not see it."""
    found = (card for card in placements_shown(actor, application) if card["environment"].slug == environment)
    return next(found, None)


def act_context(
    now: Situation, actor: Actor, application: Application, environment: Environment, origin: Placement | None
) -> ActContext:
    latest = now.configurations.get(environment.pk)
    subject = Subject(application, environment, placement=now.placements.get(environment.pk), configuration=latest)
    return ActContext(actor, subject, origin, latest)


def _card(context: ActContext, now: Situation) -> dict[str, Any]:
    environment, placement = context.subject.environment, context.subject.placement
    moving = now.running.get(environment.pk)
    card = {
        "environment": environment,
        "lock": lock_shown(environment.lock),
        "state": placement_state(placement) if placement else "",
        "running": running_shown(moving, now.positions) if moving else None,
        "acts": main_acts(context),
        "more": more_acts(context),
        "scale": _scale(context, placement) if placement and placement.current else None,
        "writes": writes_shown(context, placement) if placement and placement.lost_writes else None,
        "hold": _hold(context, placement) if placement and placement.held_at else None,
    }
    if placement and placement.current:
        sleep = {**sleep_shown(placement), "act": sleep_act(context, placement) if placement.is_asleep else None}
        card |= {"sleep": sleep, **_facts(placement, placement.current)}
    return card


def _hold(context: ActContext, placement: Placement) -> dict[str, Any]:
    return {"reason": in_words(placement.hold_reason), "at": placement.held_at, "act": release_hold(context)}


def _facts(placement: Placement, current: Deployment) -> dict[str, Any]:
    urls = placement.urls
    return {
        "url": urls[0] if placement.wanted == "running" else "",
        "other_urls": urls[1:],
        "access": placement.access.replace("_", "-"),
        "version": current.version,
        "digest": current.artifact.digest if current.artifact else "",
        "deployment_id": current.pk,
        "deployed_at": current.switched_at or current.finished_at or current.created_at,
        "actor": {"name": current.requested_by},
        "configuration_version": current.configuration.version if current.configuration else 0,
        "gate": gate_words(current.gate_used),
        "strategy": strategy_of(current.artifact.parsed_spec.volumes if current.artifact else ()),
        "away": away_shown(absence(placement)),
        "services": services_shown(placement),
        "instances": placement.observed,
        "drift": _drift(placement),
    }


def sleep_shown(placement: Placement) -> dict[str, Any]:
    """What a page says about the sleep of a placement."""
    return {
        "after": placement.sleeps_after,
        "since": placement.asleep_since if placement.health == Health.SLEEPING else None,
        "seconds": placement.wake_seconds,
    }


def writes_shown(context: ActContext, placement: Placement) -> dict[str, Any]:
    """The written files that the next deployment would lose, with the buttons to keep them and to dismiss the warning."""
    lost = placement.lost_writes
    may_edit = may(context.actor, Act.EDIT_APPLICATION, application=placement.application.slug)
    settings = reverse("application-settings", args=[placement.application.slug])
    keep = Button(_("Keep them in a volume"), f"{settings}?keep={placement.environment.slug}", "disk", method="get")
    can_keep = may_edit and any(one["target"] for one in lost)
    return {
        "places": ", ".join(_counted(one) for one in lost[:MOST_NAMED]) + (" …" if len(lost) > MOST_NAMED else ""),
        "keep": keep if can_keep else None,
        "dismiss": Button(_("Dismiss"), context.url("dismiss-writes"), "x", "ghost") if may_edit else None,
    }


def _counted(one: Mapping[str, Any]) -> str:
    if not one["name"].endswith("/"):
        return str(one["name"])
    return ngettext("%(name)s (%(files)d file)", "%(name)s (%(files)d files)", one["files"]) % one


def away_shown(found: Absence | None) -> dict[str, Any] | None:
    """An expected interruption, for ``parts/away.html``."""
    return {"volumes": ", ".join(found.volumes), "seconds": found.seconds} if found else None


def _drift(placement: Placement) -> list[str]:
    """Sentences about the drift, or one that the last observation is old."""
    if placement.drift:
        return [in_words(one) for one in placement.drift]
    if placement.observed_at and is_stale(placement, now=timezone.now()):
        return [_("It has not been checked for a while. Is a worker running?")]
    return []


def services_shown(placement: Placement) -> list[dict[str, Any]]:
    """How many instances of each service there should be, and how many were last seen running well."""
    if not placement.observed:
        is_healthy = placement.health == "healthy"
        return [{"name": name, "wanted": n, "healthy": n if is_healthy else 0} for name, n in placement.all_counts.items()]
    seen = Counter(one.get("service", MAIN) for one in placement.observed if _runs_well(one))
    return [{"name": name, "wanted": n, "healthy": seen[name]} for name, n in placement.all_counts.items()]


def _runs_well(one: Mapping[str, Any]) -> bool:
    return one.get("state") == "running" and one.get("health") in (None, "", "healthy")


def running_shown(deployment: Deployment, queue: Mapping[int, int]) -> dict[str, Any]:
    """A running or queued deployment."""
    return {
        "id": deployment.pk,
        "status": deployment.status,
        "step": STEP_LABELS.get(deployment.step, deployment.step),
        "step_number": deployment.steps.index(deployment.step) if deployment.step in deployment.steps else 0,
        "step_total": len(deployment.steps),
        "started_at": deployment.started_at or deployment.created_at,
        "expected_seconds": expected_total_seconds(deployment),
        "position": queue.get(deployment.pk),
        "version": deployment.version,
    }


def lock_shown(lock: Lock | None) -> dict[str, Any] | None:
    return {"by": {"name": lock.owner}, "reason": lock.reason, "at": lock.at, "until": lock.until} if lock else None


def _scale(context: ActContext, placement: Placement) -> dict[str, Any]:
    current = placement.current
    most = most_replicas(current.artifact.parsed_spec.volumes if current and current.artifact else ())
    return {
        "url": reverse("placement-scale", args=[placement.application.slug, placement.environment.slug]),
        "services": [_service_scale(name, count, most) for name, count in placement.counts.items()],
        "blockers": context.why_not(Act.SCALE, context.current()),
    }


def _service_scale(name: str, count: int, most: int) -> dict[str, Any]:
    """What the form for one service takes; it is fixed where there is nothing to choose."""
    least = 1 if name == MAIN else 0
    return {"name": name, "replicas": count, "minimum": least, "maximum": most, "is_fixed": least == most == count}
