"""The home page's matrix: application × environment, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery

from fairway.accounts.rules import Actor
from fairway.applications.models import Application
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.queries import active, placements_visible_to, visible_to
from fairway.deployments.rules import Health, Wanted
from fairway.environments.models import Environment
from fairway.environments.queries import visible_to as environments_visible_to

Spot = tuple[int, int]  # application, environment

# What people see of a placement nothing happens to. Unknown: it was switched to, and nobody has looked since.
STATES: Mapping[str, str] = {
    Health.HEALTHY: "healthy",
    Health.DEGRADED: "unhealthy",
    Health.DOWN: "down",
    Health.STARTING: "starting",
    Health.STOPPED: "stopped",
    Health.UNKNOWN: "live",
}


@dataclass(frozen=True)
class Cell:
    """One application in one environment. `behind` counts the versions made since, that the environment before has."""

    state: str
    deployment_id: int
    version: str
    digest: str
    at: datetime
    actor: Mapping[str, str]
    url: str = ""
    step: str = ""
    behind: int = 0


@dataclass(frozen=True)
class Row:
    application: Application
    cells: list[Cell | None]


@dataclass(frozen=True)
class Matrix:
    environments: list[Environment]
    rows: list[Row]


def matrix(actor: Actor, running: Sequence[Deployment] | None = None, there: Sequence[Placement] | None = None) -> Matrix:
    """What this actor may see, environments in promotion order. `running` (the active deployments) and `there` (the
    placements) save asking for them again."""
    environments = list(environments_visible_to(actor))
    applications = list(applications_visible_to(actor))
    placements = {spot_of(one): one for one in (placements_visible_to(actor) if there is None else there)}
    moving = {spot_of(one): one for one in reversed(list(active(actor)) if running is None else running)}
    failed = _first_attempts(actor, placements.values())
    rows = [Row(application, _cells(application, environments, placements, moving, failed)) for application in applications]
    return Matrix(environments, rows)


def spot_of(one: Deployment | Placement) -> Spot:
    return (one.application_id, one.environment_id)


def placement_state(placement: Placement) -> str:
    """What it does, in one word; "" when nothing was ever live there."""
    if placement.current_id is None:
        return ""
    if placement.wanted in {Wanted.STOPPED, Wanted.REMOVED}:
        return "stopped"
    return STATES[placement.health]


def _first_attempts(actor: Actor, placements: Iterable[Placement]) -> dict[Spot, Deployment]:
    """The newest attempt where nothing has ever been live; an index look per placement, not a walk through history."""
    empty = [one.pk for one in placements if one.current_id is None]
    if not empty:
        return {}
    attempts = Deployment.objects.filter(application=OuterRef("application"), environment=OuterRef("environment"))
    newest = Placement.objects.filter(pk__in=empty).annotate(newest=Subquery(attempts.order_by("-pk").values("pk")[:1]))
    numbers = list(newest.values_list("newest", flat=True))
    return {spot_of(one): one for one in visible_to(actor).filter(pk__in=numbers)}


def _cells(
    application: Application,
    environments: Iterable[Environment],
    placements: Mapping[Spot, Placement],
    moving: Mapping[Spot, Deployment],
    failed: Mapping[Spot, Deployment],
) -> list[Cell | None]:
    cells: list[Cell | None] = []
    number_before: int | None = None
    for environment in environments:
        spot = (application.pk, environment.pk)
        placement = placements.get(spot)
        cells.append(_cell(placement, moving.get(spot), failed.get(spot), number_before))
        if placement and placement.current and placement.current.artifact:
            number_before = placement.current.artifact.number
    return cells


def _cell(
    placement: Placement | None, moving: Deployment | None, failed: Deployment | None, number_before: int | None
) -> Cell | None:
    current = placement.current if placement else None
    shown = moving or current or failed
    if shown is None:
        return None
    is_settled = placement is not None and current is not None and moving is None
    artifact = (current or shown).artifact
    return Cell(
        state=placement_state(placement) if placement and is_settled else shown.status,
        deployment_id=shown.pk,
        version=shown.version or (current.version if current else ""),
        digest=artifact.digest if artifact else "",
        at=shown.finished_at or shown.created_at,
        actor={"name": shown.requested_by},
        url=placement.url if placement and current and placement.wanted == Wanted.RUNNING else "",
        step=moving.step if moving else "",
        behind=_behind(current, number_before),
    )


def _behind(current: Deployment | None, number_before: int | None) -> int:
    if current is None or current.artifact is None or number_before is None:
        return 0
    return max(0, number_before - current.artifact.number)
