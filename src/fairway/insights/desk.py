"""Read models of the release desk: what its pages show beside what the releases room itself answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Actor, reach_of
from fairway.accounts.rules import Reach as Reached
from fairway.applications.models import Artifact
from fairway.deployments.models import Placement
from fairway.deployments.queries import Absence, absence, placements_visible_to
from fairway.deployments.rules import Health, Wanted
from fairway.environments.models import Environment
from fairway.releases import queries
from fairway.releases.graph import levels
from fairway.releases.models import Package, PackageOnTarget, Release, Rollout, RolloutPackage
from fairway.releases.plan import StepStatus
from fairway.releases.rules import ROLLOUT_ACTIVE, ROLLOUT_NOT_BEGUN, ROLLOUT_UNDER_WAY, OnTarget
from fairway.releases.target_state import IS_SERVED, TargetState, goes_down


@dataclass(frozen=True)
class Reach:
    """How far a release is on one target, of the packages that the actor reaches there.

    `state` is the status of a rollout that is planned or under way, or "".
    """

    environment: Environment
    deployed: int
    total: int
    state: str


@dataclass(frozen=True)
class Overview:
    """One line of the list."""

    release: Release
    status: str
    packages: tuple[str, ...]
    targets: tuple[Reach, ...]
    planned: Rollout | None


def overview(actor: Actor) -> list[Overview]:
    """Every release the actor may see, newest first; the number of queries does not grow with their number."""
    releases = list(queries.visible_to(actor).prefetch_related("targets"))
    statuses = queries.statuses_of(releases)
    reach = reach_of(actor)
    names = _names(releases, reach)
    deployed = _deployed(releases, reach)
    active = {(one.release_id, one.environment_id): one for one in queries.active_rollouts(actor)}
    return [
        Overview(
            one,
            statuses[one.pk],
            tuple(name for name, _application in names.get(one.pk, ())),
            tuple(_reaches(one, reach, deployed, active, names.get(one.pk, ()))),
            _first_planned(one, active.values()),
        )
        for one in releases
    ]


def _names(releases: Sequence[Release], reach: Reached) -> dict[int, list[tuple[str, str]]]:
    """The packages of each that are reached somewhere: their names, and the slugs of their applications."""
    found: dict[int, list[tuple[str, str]]] = {}
    rows = Package.objects.filter(release__in=releases, deleted_at=None).order_by("name")
    for number, name, application in rows.values_list("release_id", "name", "application__slug"):
        if reach.meets_application(application):
            found.setdefault(number, []).append((name, application))
    return found


def _deployed(releases: Sequence[Release], reach: Reached) -> Counter[tuple[int, int]]:
    rows = PackageOnTarget.objects.filter(
        IS_SERVED,
        reached(reach, application="package__application__slug", environment="environment__slug"),
        package__release__in=releases,
        package__deleted_at=None,
        status=OnTarget.DEPLOYED,
    ).values_list("package__release_id", "environment_id")
    return Counter(rows)


def _reaches(
    one: Release,
    reach: Reached,
    deployed: Mapping[tuple[int, int], int],
    active: Mapping[tuple[int, int], Rollout],
    packages: Sequence[tuple[str, str]],
) -> Iterable[Reach]:
    living = [each for each in one.targets.all() if each.deleted_at is None and reach.meets_environment(each.slug)]
    for each in sorted(living, key=lambda environment: (environment.position, environment.slug)):
        rollout = active.get((one.pk, each.pk))
        total = sum(reach.covers(application, each.slug) for _name, application in packages)
        yield Reach(each, deployed.get((one.pk, each.pk), 0), total, rollout.status if rollout else "")


def _first_planned(one: Release, active: Iterable[Rollout]) -> Rollout | None:
    own = [each for each in active if each.release_id == one.pk and each.status in ROLLOUT_NOT_BEGUN and each.planned_at]
    return min(own, key=lambda each: each.planned_at or each.created_at, default=None)


def planned(release: Release, actor: Actor) -> Rollout | None:
    """The next rollout that is planned and has not begun, and that the actor may see."""
    return all_planned(release, actor).first()


def all_planned(release: Release, actor: Actor) -> QuerySet[Rollout]:
    """One for each target at most, the next first."""
    own = queries.rollouts_visible_to(actor).filter(release=release, status__in=sorted(ROLLOUT_NOT_BEGUN))
    return own.exclude(planned_at=None).order_by("planned_at")


def under_way(release: Release, actor: Actor) -> Rollout | None:
    """The rollout that runs, or waits for a decision, and that the actor may see."""
    chosen = queries.rollouts_visible_to(actor).filter(release=release, status__in=sorted(ROLLOUT_UNDER_WAY))
    return chosen.order_by("-pk").first()


def is_being_rolled_out(release: Release) -> bool:
    return queries.rollouts_of(release).filter(status__in=sorted(ROLLOUT_ACTIVE)).exists()


def steps_of(rollout: Rollout) -> QuerySet[RolloutPackage]:
    """Its packages, level by level."""
    related = ("package__application", "package__artifact", "deployment", "fallback")
    return rollout.steps.select_related(*related).order_by("level", "package__name")


def versions_before(rollout: Rollout) -> dict[str, str]:
    """Application → the version that ran on the target before it began."""
    wanted = {slug: one.get("artifact") for slug, one in rollout.before.items()}
    known = dict(Artifact.objects.filter(pk__in=[one for one in wanted.values() if one]).values_list("pk", "version"))
    return {slug: known.get(number, "") for slug, number in wanted.items()}


def healthy_in(actor: Actor, environment: Environment) -> QuerySet[Placement]:
    """What a release of what runs there would hold."""
    chosen = placements_visible_to(actor).filter(environment=environment, wanted=Wanted.RUNNING, health=Health.HEALTHY)
    return chosen.filter(application__deleted_at=None).exclude(current__artifact=None).order_by("application__name")


@dataclass(frozen=True)
class Ahead:
    """What a rollout would do with one package; `before` and `after` are versions, "" for nothing. `away` is set where
    visitors are interrupted meanwhile; of one that falls back, `goes_down` says that nothing serves afterwards."""

    name: str
    before: str
    after: str
    is_same: bool
    is_distributed: bool
    away: Absence | None = None
    goes_down: bool = False


@dataclass(frozen=True)
class Level:
    """Packages that go together; `number` from 1."""

    number: int
    packages: list[Ahead] = field(default_factory=list)


def steps_ahead(state: TargetState, *, is_back: bool) -> list[Level]:
    """What rolling out (or back) would do, level by level, in the order it would."""
    level = levels(state.needs)
    found: dict[int, Level] = {}
    chosen = [one for one in state.packages if not is_back or (state.is_deployed(one) and not state.was_there(one))]
    for one in sorted(chosen, key=lambda each: (level[each.pk], each.name)):
        number = level[one.pk] + 1
        found.setdefault(number, Level(number)).packages.append(_ahead(one, state, is_back=is_back))
    return sorted(found.values(), key=lambda each: each.number, reverse=is_back)


def _ahead(package: Package, state: TargetState, *, is_back: bool) -> Ahead:
    on_target = state.on_targets.get(package.pk)
    placement = state.placements.get(package.application_id)
    now = placement.current.version if placement and placement.current else ""
    is_there = on_target is not None and on_target.distributed_at is not None
    is_same = not is_back and state.is_there(package)
    then, after = package.artifact, package.version
    if is_back:
        before = on_target.before if on_target else None
        then, after = (before.artifact, before.version) if before else (None, "")
    away = absence(placement, then) if placement and after and not is_same else None
    return Ahead(package.name, now, after, is_same, is_there, away, goes_down=is_back and goes_down(on_target))


def step_counts(steps: Iterable[RolloutPackage]) -> tuple[int, int]:
    """How many packages of a rollout are done, of how many."""
    statuses = [one.status for one in steps]
    return sum(one in {StepStatus.DEPLOYED, StepStatus.SKIPPED, StepStatus.FALLEN_BACK} for one in statuses), len(statuses)


def facts_of(rollout: Rollout) -> dict[str, Any]:
    """What a calendar entry says of a planned rollout."""
    return {"title": str(rollout.release), "where": rollout.environment.name, "status": rollout.status}
