"""The home page's matrix: application × environment, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db.models import OuterRef, Subquery

from fairway.accounts.rules import Actor
from fairway.applications.models import Application
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.deployments.models import Deployment, Placement, public_url
from fairway.deployments.queries import active, placements_visible_to, visible_to
from fairway.deployments.rules import Health, Wanted
from fairway.environments.models import Environment
from fairway.environments.queries import visible_to as environments_visible_to

CellKey = tuple[int, int]  # application, environment

# The state of a placement without a running deployment. Unknown: its runtime cannot be asked; its drift says why.
STATES: Mapping[str, str] = {
    Health.HEALTHY: "healthy",
    Health.DEGRADED: "unhealthy",
    Health.DOWN: "down",
    Health.STARTING: "starting",
    Health.STOPPED: "stopped",
    Health.SLEEPING: "sleeping",
    Health.UNKNOWN: "unknown",
}


@dataclass(frozen=True)
class Cell:
    """One application in one environment. `behind` is how many versions the previous environment is ahead."""

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
    """The matrix. `live` are the ids of the deployments that are served."""

    environments: list[Environment]
    rows: list[Row]
    live: frozenset[int] = frozenset()


class _LivePlacement(NamedTuple):
    """The columns of a placement and its live deployment that a cell needs; only these are read, because there are many."""

    application_id: int
    environment_id: int
    pk: int
    wanted: str
    health: str
    current_id: int | None
    by: str
    finished_at: datetime | None
    created_at: datetime
    version: str | None
    digest: str | None
    number: int | None


_COLUMNS = (
    *("application_id", "environment_id", "pk", "wanted", "health", "current_id"),
    *("current__requested_by", "current__finished_at", "current__created_at"),
    *("current__artifact__version", "current__artifact__digest", "current__artifact__number"),
)


def matrix(actor: Actor, running: Sequence[Deployment] | None = None) -> Matrix:
    """The matrix that this actor may see, environments in promotion order. `running`, the active deployments, saves a
    query."""
    environments = list(environments_visible_to(actor))
    applications = list(applications_visible_to(actor))
    rows = placements_visible_to(actor).select_related(None).order_by().values_list(*_COLUMNS)
    placements = {cell_key(one): one for one in map(_LivePlacement._make, rows)}
    moving = {cell_key(one): one for one in reversed(list(active(actor)) if running is None else running)}
    failed = _first_attempts(actor, placements.values())
    live = frozenset(placement.current_id for placement in placements.values() if placement.current_id is not None)
    shown = [Row(application, _cells(application, environments, placements, moving, failed)) for application in applications]
    return Matrix(environments, shown, live)


def cell_key(deployment: Deployment | _LivePlacement) -> CellKey:
    return (deployment.application_id, deployment.environment_id)


def placement_state(placement: Placement) -> str:
    """The state of a placement, a value of `STATES`; "" if nothing was ever live there."""
    if placement.current_id is None:
        return ""
    return _state(placement.wanted, placement.health)


def _state(wanted: str, health: str) -> str:
    return "stopped" if wanted in {Wanted.STOPPED, Wanted.REMOVED} else STATES[health]


def _first_attempts(actor: Actor, placements: Iterable[_LivePlacement]) -> dict[CellKey, Deployment]:
    """The newest deployment of each placement where nothing was ever live; one index look-up per placement."""
    empty = [placement.pk for placement in placements if placement.current_id is None]
    if not empty:
        return {}
    attempts = Deployment.objects.filter(application=OuterRef("application"), environment=OuterRef("environment"))
    newest = Placement.objects.filter(pk__in=empty).annotate(newest=Subquery(attempts.order_by("-pk").values("pk")[:1]))
    return {cell_key(deployment): deployment for deployment in visible_to(actor).filter(pk__in=newest.values("newest"))}


def _cells(
    application: Application,
    environments: Iterable[Environment],
    placements: Mapping[CellKey, _LivePlacement],
    moving: Mapping[CellKey, Deployment],
    failed: Mapping[CellKey, Deployment],
) -> list[Cell | None]:
    cells: list[Cell | None] = []
    number_before: int | None = None
    for environment in environments:
        key = (application.pk, environment.pk)
        placement = placements.get(key)
        live = placement if placement is not None and placement.current_id is not None else None
        url = public_url(f"{application.slug}.{environment.host}") if live and live.wanted == Wanted.RUNNING else ""
        behind = _behind(live, number_before)
        if shown := moving.get(key) or (None if live else failed.get(key)):
            cells.append(_moving_cell(shown, live, url, behind, is_moving=key in moving))
        else:
            cells.append(_settled_cell(live, url, behind) if live else None)
        if live and live.number is not None:
            number_before = live.number
    return cells


def _settled_cell(live: _LivePlacement, url: str, behind: int) -> Cell:
    assert live.current_id is not None
    return Cell(
        state=_state(live.wanted, live.health),
        deployment_id=live.current_id,
        version=live.version or "",
        digest=live.digest or "",
        at=live.finished_at or live.created_at,
        actor={"name": live.by},
        url=url,
        behind=behind,
    )


def _moving_cell(shown: Deployment, live: _LivePlacement | None, url: str, behind: int, *, is_moving: bool) -> Cell:
    """The cell for a running deployment, or for the first attempt where nothing was ever live."""
    artifact = shown.artifact
    return Cell(
        state=shown.status,
        deployment_id=shown.pk,
        version=shown.version or (live.version or "" if live else ""),
        digest=(live.digest or "") if live else artifact.digest if artifact else "",
        at=shown.finished_at or shown.created_at,
        actor={"name": shown.requested_by},
        url=url,
        step=shown.step if is_moving else "",
        behind=behind,
    )


def _behind(live: _LivePlacement | None, number_before: int | None) -> int:
    if live is None or live.number is None or number_before is None:
        return 0
    return max(0, number_before - live.number)
