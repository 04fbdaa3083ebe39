"""Read models of the release desk, in addition to the queries of the releases room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Actor, Reach, reach_of
from fairway.applications.models import Artifact
from fairway.deployments.models import Placement
from fairway.deployments.queries import Absence, absence, placements_visible_to
from fairway.deployments.rules import AVAILABLE, Wanted
from fairway.environments.models import Environment
from fairway.releases import queries
from fairway.releases.graph import levels
from fairway.releases.models import Package, PackageOnTarget, Release, Rollout, RolloutPackage
from fairway.releases.plan import StepStatus
from fairway.releases.rules import ROLLOUT_ACTIVE, ROLLOUT_NOT_BEGUN, ROLLOUT_UNDER_WAY, OnTarget
from fairway.releases.target_state import IS_SERVED, TargetState, goes_down


@dataclass(frozen=True)
class TargetProgress:
    """How far a release is on one target, counting the packages that the actor may see there.

    `state` is the status of its scheduled or running rollout, or "".
    """

    environment: Environment
    deployed: int
    total: int
    state: str


@dataclass(frozen=True)
class Overview:
    """One release in the list of releases."""

    release: Release
    status: str
    packages: tuple[str, ...]
    targets: tuple[TargetProgress, ...]
    planned: Rollout | None


def overview(actor: Actor) -> list[Overview]:
    """Every release that the actor may see, newest first, in a fixed number of queries."""
    releases = list(queries.visible_to(actor).prefetch_related("targets"))
    statuses = queries.statuses_of(releases)
    reach = reach_of(actor)
    names = _names(releases, reach)
    deployed = _deployed(releases, reach)
    active = {(rollout.release_id, rollout.environment_id): rollout for rollout in queries.active_rollouts(actor)}
    return [
        Overview(
            release,
            statuses[release.pk],
            tuple(name for name, _application in names.get(release.pk, ())),
            tuple(_progress(release, reach, deployed, active, names.get(release.pk, ()))),
            _first_planned(release, active.values()),
        )
        for release in releases
    ]


def _names(releases: Sequence[Release], reach: Reach) -> dict[int, list[tuple[str, str]]]:
    """The visible packages of each release: their names and the slugs of their applications."""
    names: dict[int, list[tuple[str, str]]] = {}
    rows = Package.objects.filter(release__in=releases, deleted_at=None).order_by("name")
    for number, name, application in rows.values_list("release_id", "name", "application__slug"):
        if reach.meets_application(application):
            names.setdefault(number, []).append((name, application))
    return names


def _deployed(releases: Sequence[Release], reach: Reach) -> Counter[tuple[int, int]]:
    rows = PackageOnTarget.objects.filter(
        IS_SERVED,
        reached(reach, application="package__application__slug", environment="environment__slug"),
        package__release__in=releases,
        package__deleted_at=None,
        status=OnTarget.DEPLOYED,
    ).values_list("package__release_id", "environment_id")
    return Counter(rows)


def _progress(
    release: Release,
    reach: Reach,
    deployed: Mapping[tuple[int, int], int],
    active: Mapping[tuple[int, int], Rollout],
    packages: Sequence[tuple[str, str]],
) -> Iterable[TargetProgress]:
    living = [each for each in release.targets.all() if each.deleted_at is None and reach.meets_environment(each.slug)]
    for each in sorted(living, key=lambda environment: (environment.position, environment.slug)):
        rollout = active.get((release.pk, each.pk))
        total = sum(reach.covers(application, each.slug) for _name, application in packages)
        yield TargetProgress(each, deployed.get((release.pk, each.pk), 0), total, rollout.status if rollout else "")


def _first_planned(release: Release, active: Iterable[Rollout]) -> Rollout | None:
    own = [each for each in active if each.release_id == release.pk and each.status in ROLLOUT_NOT_BEGUN and each.planned_at]
    return min(own, key=lambda each: each.planned_at or each.created_at, default=None)


def next_planned(release: Release, actor: Actor) -> Rollout | None:
    """The next scheduled rollout that the actor may see; None if there is none."""
    return all_planned(release, actor).first()


def all_planned(release: Release, actor: Actor) -> QuerySet[Rollout]:
    """The scheduled rollouts that the actor may see, at most one per target, the next first."""
    own = queries.rollouts_visible_to(actor).filter(release=release, status__in=sorted(ROLLOUT_NOT_BEGUN))
    return own.exclude(planned_at=None).order_by("planned_at")


def running_rollout(release: Release, actor: Actor) -> Rollout | None:
    """The rollout that runs or waits for a decision, if the actor may see it."""
    chosen = queries.rollouts_visible_to(actor).filter(release=release, status__in=sorted(ROLLOUT_UNDER_WAY))
    return chosen.order_by("-pk").first()


def is_being_rolled_out(release: Release) -> bool:
    return queries.rollouts_of(release).filter(status__in=sorted(ROLLOUT_ACTIVE)).exists()


def steps_of(rollout: Rollout) -> QuerySet[RolloutPackage]:
    """The packages of a rollout, level by level."""
    related = ("package__application", "package__artifact", "deployment", "fallback")
    return rollout.steps.select_related(*related).order_by("level", "package__name")


def versions_before(rollout: Rollout) -> dict[str, str]:
    """The versions that ran on the target before the rollout began, by application."""
    wanted = {slug: before.get("artifact") for slug, before in rollout.before.items()}
    known = dict(
        Artifact.objects.filter(pk__in=[number for number in wanted.values() if number]).values_list("pk", "version")
    )
    return {slug: known.get(number, "") for slug, number in wanted.items()}


def healthy_in(actor: Actor, environment: Environment) -> QuerySet[Placement]:
    """The healthy placements in an environment, from which a release can be created."""
    chosen = placements_visible_to(actor).filter(environment=environment, wanted=Wanted.RUNNING, health__in=AVAILABLE)
    return chosen.filter(application__deleted_at=None).exclude(current__artifact=None).order_by("application__name")


@dataclass(frozen=True)
class PlannedStep:
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
    """Packages that are deployed together; `number` starts at 1."""

    number: int
    packages: list[PlannedStep] = field(default_factory=list)


def steps_ahead(state: TargetState, *, is_back: bool) -> list[Level]:
    """What a rollout (or a fallback) would do, level by level, in its order."""
    level = levels(state.needs)
    by_number: dict[int, Level] = {}
    chosen = [
        package for package in state.packages if not is_back or (state.is_deployed(package) and not state.was_there(package))
    ]
    for package in sorted(chosen, key=lambda each: (level[each.pk], each.name)):
        number = level[package.pk] + 1
        by_number.setdefault(number, Level(number)).packages.append(_ahead(package, state, is_back=is_back))
    return sorted(by_number.values(), key=lambda each: each.number, reverse=is_back)


def _ahead(package: Package, state: TargetState, *, is_back: bool) -> PlannedStep:
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
    return PlannedStep(package.name, now, after, is_same, is_there, away, goes_down=is_back and goes_down(on_target))


def step_counts(steps: Iterable[RolloutPackage]) -> tuple[int, int]:
    """Returns (how many packages of a rollout are done, how many there are)."""
    statuses = [step.status for step in steps]
    return sum(status in {StepStatus.DEPLOYED, StepStatus.SKIPPED, StepStatus.FALLEN_BACK} for status in statuses), len(
        statuses
    )


def calendar_facts(rollout: Rollout) -> dict[str, Any]:
    """The facts about a scheduled rollout for a calendar entry."""
    return {"title": str(rollout.release), "where": rollout.environment.name, "status": rollout.status}
