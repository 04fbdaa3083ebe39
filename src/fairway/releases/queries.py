"""Reads releases; every lookup starts at `visible_to(actor)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from fairway.accounts.queries import actor_of_request, may_in_query, reached
from fairway.accounts.rules import SYSTEM, Act, Actor, Blocker, NotVisible, Reach, may, reach_of
from fairway.applications.models import Artifact, Configuration
from fairway.applications.queries import changes_between
from fairway.applications.rules import Change
from fairway.environments.models import Environment
from fairway.environments.protection import has_own_approvers, may_approve
from fairway.releases.gate_rules import release_blockers
from fairway.releases.models import Approval, Package, PackageLog, PackageOnTarget, Release, Rollout
from fairway.releases.rules import (
    ROLLOUT_ACTIVE,
    ROLLOUT_NOT_BEGUN,
    OnTarget,
    ReleaseFacts,
    ReleaseStatus,
    Resolution,
    RolloutFacts,
    RolloutStatus,
    release_status,
)
from fairway.releases.target_state import (
    IS_SERVED,
    TargetState,
    answers_to,
    is_sealed,
    lapsed_among,
    packages_of,
    target_state_of,
    target_state_seen,
)


def visible_to(actor: Actor) -> QuerySet[Release]:
    """The releases that this actor may see, newest first: one grant covers a package on a target. Without deleted ones."""
    chosen = Release.objects.filter(deleted_at=None).select_related("manager", "deputy").order_by("-pk")
    reach = reach_of(actor)
    if reach.is_everything:
        return chosen
    living = Q(packages__deleted_at=None, targets__deleted_at=None)
    pair = reached(reach, application="packages__application__slug", environment="targets__slug")
    return chosen.filter(pk__in=Release.objects.filter(living & pair).values("pk"))


def visible_packages(release: Release, actor: Actor) -> list[Package]:
    """The packages whose application this actor may see, by name."""
    reach = reach_of(actor)
    return [each for each in packages_of(release) if reach.meets_application(each.application.slug)]


def visible_targets(release: Release, actor: Actor) -> list[Environment]:
    """The targets that this actor may see, in promotion order."""
    reach = reach_of(actor)
    return [each for each in targets_of(release) if reach.meets_environment(each.slug)]


def fully_visible_targets(release: Release, actor: Actor) -> list[Environment]:
    """The targets on which the actor may see every package. Facts about the whole release there (blockers, approvals,
    rollouts) are shown for these only, because they may name every package."""
    reach = reach_of(actor)
    applications = {each.application.slug for each in packages_of(release)}
    return [
        each
        for each in targets_of(release)
        if reach.meets_environment(each.slug) and all(reach.covers(slug, each.slug) for slug in applications)
    ]


def require_full_visibility(release: Release, actor: Actor, environment: Environment | None = None) -> None:
    """Raise `NotVisible` unless the actor may see every package on that target (None: on every target)."""
    reach = reach_of(actor)
    if reach.is_everything:
        return
    targets = [environment] if environment else targets_of(release)
    applications = {each.application.slug for each in packages_of(release)}
    if environment and not applications:
        return  # an empty release has nothing to hide
    pairs = {(slug, each.slug) for slug in applications for each in targets}
    if not (pairs and reach.holds(Reach(frozenset(pairs)))):
        raise NotVisible("release", release.pk)


def on_target_of(one: Package, environment: Environment) -> PackageOnTarget | None:
    """Where it is on a target; None: it never was there."""
    return PackageOnTarget.objects.filter(package=one, environment=environment).first()


def standing_approvals(one: Release) -> list[Approval]:
    """Who has approved it, for which target, until it changes."""
    given = one.approvals.filter(voided_at=None, is_approved=True)
    return list(given.select_related("environment").order_by("environment__position", "person"))


def confirms_unsealing(one: Release) -> str:
    """What is typed to confirm that its answers become void; "" where nobody has given any."""
    return one.version if one.approvals.filter(voided_at=None).exists() else ""


def rollouts_visible_to(actor: Actor) -> QuerySet[Rollout]:
    """The rollouts that this actor may see: those on targets where they may see every package."""
    chosen = Rollout.objects.filter(release__deleted_at=None).select_related("release", "environment")
    reach = reach_of(actor)
    if reach.is_everything:
        return chosen
    there = ExpressionWrapper(OuterRef("environment__slug"), output_field=CharField())
    inside = Package.objects.filter(release=OuterRef("release"), deleted_at=None).annotate(there=there)
    outside = inside.exclude(reached(reach, application="application__slug", environment="there"))
    return chosen.filter(Exists(inside), ~Exists(outside))


def get_release(actor: Actor, number: int) -> Release:
    """The release with this id. Raises `NotVisible`."""
    found = visible_to(actor).filter(pk=number).first()
    if found is None:
        raise NotVisible("release", number)
    return found


def get_package(actor: Actor, number: int) -> Package:
    """The package with this id, of a release that the actor may see. Raises `NotVisible`."""
    chosen = Package.objects.filter(deleted_at=None, release__in=visible_to(actor).values("pk"))
    chosen = chosen.filter(reached(reach_of(actor), application="application__slug"))
    found = chosen.select_related("application", "artifact", "release").filter(pk=number).first()
    if found is None:
        raise NotVisible("package", number)
    return found


def get_rollout(actor: Actor, number: int) -> Rollout:
    """The rollout with this id. Raises `NotVisible`."""
    found = rollouts_visible_to(actor).filter(pk=number).first()
    if found is None:
        raise NotVisible("rollout", number)
    return found


def targets_of(release: Release) -> list[Environment]:
    """The environments that the release is meant for, in promotion order, without deleted ones."""
    return list(release.targets.filter(deleted_at=None).order_by("position", "slug"))


def status_of(release: Release) -> ReleaseStatus:
    """The status of the release now, derived from facts that are read anew."""
    return statuses_of([Release.objects.get(pk=release.pk)])[release.pk]


def statuses_of(releases: Sequence[Release]) -> dict[int, ReleaseStatus]:
    """The statuses of many releases by id; a few queries, and two more for each sealed one."""
    numbers = [one.pk for one in releases]
    rollouts: dict[int, list[RolloutFacts]] = {}
    for row in Rollout.objects.filter(release__in=numbers).order_by("pk").values_list("release_id", "status", "finished_at"):
        rollouts.setdefault(row[0], []).append(RolloutFacts(RolloutStatus(row[1]), row[2]))
    packages: dict[int, set[int]] = {}
    for release_id, number in Package.objects.filter(release__in=numbers, deleted_at=None).values_list("release_id", "pk"):
        packages.setdefault(release_id, set()).add(number)
    on_targets, served = _deployments_in(numbers)
    last = _last_targets(numbers)
    found = {}
    for one in releases:
        deployed = on_targets.get(one.pk, {})
        own = packages.get(one.pk, set())
        target = last.get(one.pk)
        there = served.get(one.pk, {}).get(target or 0, set()) & own
        facts = ReleaseFacts(
            is_cancelled=one.cancelled_at is not None,
            sealed_at=one.sealed_at if is_sealed(one) else None,
            rollouts=rollouts.get(one.pk, []),
            is_deployed_on_last_target=bool(own) and target is not None and own <= deployed.get(target, set()),
            served_there=None if own <= there else len(there),
            is_anything_deployed=any(deployed.values()),
        )
        found[one.pk] = release_status(facts)
    return found


Deployed = dict[int, dict[int, set[int]]]


def _deployments_in(numbers: Sequence[int]) -> tuple[Deployed, Deployed]:
    """Two maps release → target → packages: those that are deployed there, and those of them that are served now."""
    there = PackageOnTarget.objects.filter(
        package__release__in=numbers, package__deleted_at=None, status=OnTarget.DEPLOYED
    ).annotate(is_served=IS_SERVED)
    found: Deployed = {}
    served: Deployed = {}
    for row in there.values_list("package__release_id", "environment_id", "package_id", "is_served"):
        for kept in (found, served) if row[3] else (found,):
            kept.setdefault(row[0], {}).setdefault(row[1], set()).add(row[2])
    return found, served


def _last_targets(numbers: Sequence[int]) -> dict[int, int]:
    rows = Release.targets.through.objects.filter(release__in=numbers, environment__deleted_at=None)
    ordered = rows.order_by("environment__position", "environment__slug").values_list("release_id", "environment_id")
    return dict(ordered)  # the last target of each release overwrites earlier ones


@dataclass(frozen=True)
class Cell:
    """One package on one target, for the matrix. `status` is the status to show; `row` is None if it is absent."""

    package: Package
    environment: Environment
    status: str
    row: PackageOnTarget | None


def matrix(release: Release, actor: Actor) -> list[list[Cell]]:
    """Packages × targets, in name and promotion order; for each package only the targets where the actor may see it."""
    states = [target_state_seen(release, environment, actor) for environment in visible_targets(release, actor)]
    return [
        [_cell(package, each) for each in states if package in each.seen] for package in visible_packages(release, actor)
    ]


def _cell(package: Package, state: TargetState) -> Cell:
    return Cell(package, state.environment, state.shown(package), state.on_targets.get(package.pk))


@dataclass(frozen=True)
class Readiness:
    """What would block a release on a target at time `at` (None: now). `planned` is the rollout scheduled for that time."""

    environment: Environment
    at: datetime | None
    planned: Rollout | None
    blockers: tuple[Blocker, ...]

    @property
    def is_ready(self) -> bool:
        return not self.blockers


def readiness(release: Release, actor: Actor) -> list[Readiness]:
    """For each target: the blockers, who can clear them, and when they clear by themselves.

    If a rollout is scheduled, the gate is asked for that time and its requester; otherwise for now and `actor`.
    """
    return [_readiness(release, environment, actor) for environment in fully_visible_targets(release, actor)]


def _readiness(release: Release, environment: Environment, actor: Actor) -> Readiness:
    state = target_state_of(release, environment)
    planned = state.active_rollout
    if planned is None or planned.status not in ROLLOUT_NOT_BEGUN:
        return Readiness(environment, None, planned, tuple(release_blockers(Act.ROLL_OUT, state, actor)))
    at = planned.planned_at if planned.status == RolloutStatus.SCHEDULED else None
    alone = replace(state, active_rollout=None)
    blocked_then = release_blockers(Act.SCHEDULE_RELEASE, alone, requester_of(planned), at)
    return Readiness(environment, at, planned, tuple(blocked_then))


def requester_of(planned: Rollout) -> Actor:
    """The requester of a scheduled rollout, with their present grants."""
    if planned.requested_by_id is None:
        return SYSTEM
    who = (planned.requested_by_id, planned.requested_by, planned.door, planned.acting_role)
    return actor_of_request(*who, token=planned.requested_with_id)


@dataclass(frozen=True)
class Standstill:
    """A release that waits for a person on a target: for a decision about `get_rollout`, or, if that is None, for an
    approval (`approved` of the target's `approvals_needed` exist)."""

    release: Release
    environment: Environment
    rollout: int | None
    sentence: str
    since: datetime
    approved: int = 0


def standstills(actor: Actor) -> list[Standstill]:
    """What waits for this person: rollouts to decide about, and sealed releases that they may approve and have not answered.

    One query for all, and two more for each target with approvers of its own.
    """
    if actor.id is None:
        return []
    same = {"release": OuterRef("release"), "environment": OuterRef("environment")}
    stopped = Rollout.objects.filter(**same, status=RolloutStatus.NEEDS_DECISION)
    answers = Approval.objects.filter(**same, voided_at=None, fingerprint=OuterRef("release__fingerprint"))
    able = answers.filter(may_in_query(Act.APPROVE_RELEASE, person="person_id", environment="environment"), is_approved=True)
    yes = able.order_by().values("release").annotate(number=Count("pk")).values("number")
    is_sealed_now = Q(release__sealed_at__isnull=False, release__cancelled_at=None)
    asks_others = ~Q(environment__approval_roles=[]) | ~Q(environment__approval_people=[])
    is_missing = Q(approved__lt=F("environment__approvals_needed")) | asks_others & Q(environment__approvals_needed__gt=0)
    is_asked = is_sealed_now & is_missing
    open_ones = (
        Release.targets.through.objects.filter(release__in=visible_to(actor).values("pk"), environment__deleted_at=None)
        .annotate(
            rollout=Subquery(stopped.values("pk")[:1]),
            sentence=Subquery(stopped.values("sentence")[:1]),
            started_at=Subquery(stopped.values("started_at")[:1]),
            approved=Coalesce(Subquery(yes), 0),
            is_answered=Exists(answers.filter(person_id=actor.id)),
        )
        .filter(Q(rollout__isnull=False) | is_asked & Q(is_answered=False) & ~Q(release__sealed_by_id=actor.id))
        .select_related("release", "environment")
    )
    return [found for row in open_ones if (found := _standstill(row, actor)) is not None]


def _standstill(row: Any, actor: Actor) -> Standstill | None:
    environment, is_asked = row.environment, row.rollout is None
    if not (may_approve(actor, environment) if is_asked else may(actor, Act.ROLL_OUT, environment=environment.slug)):
        return None
    approved = row.approved
    if is_asked and has_own_approvers(environment):
        given = [one for one in answers_to(row.release, environment) if one.is_approved]
        approved = len(given) - len(lapsed_among(given, environment))
        if approved >= environment.approvals_needed:
            return None
    since = (row.started_at if row.rollout is not None else row.release.sealed_at) or row.release.created_at
    return Standstill(row.release, environment, row.rollout, row.sentence or "", since, approved)


@dataclass(frozen=True)
class Difference:
    """What a release would change for one package on a target: the artifact now and then, and the settings that differ."""

    package: Package
    now: Artifact | None
    then: Artifact | None
    settings: tuple[Change, ...]

    @property
    def is_same(self) -> bool:
        same = self.now is not None and self.then is not None and self.now.pk == self.then.pk
        return same and not self.settings


def differences(release: Release, environment: Environment, actor: Actor) -> list[Difference]:
    """What a release would change on a target for the packages that the actor may see there: versions, commits, names of
    changed settings, never their values."""
    state = target_state_seen(release, environment, actor)
    return [_difference(package, state) for package in state.seen]


def _difference(package: Package, state: TargetState) -> Difference:
    placement = state.placements.get(package.application_id)
    current = placement.current if placement else None
    then: Configuration | None = state.configurations.get(package.application_id)
    named = _named(current.configuration if current else None, then)
    return Difference(package, current.artifact if current else None, package.artifact, named)


@dataclass(frozen=True)
class NewerSettings:
    """Settings of a package on a target that were saved after its release was sealed: by whom, when, which (never
    values)."""

    package: Package
    environment: Environment
    by: str
    at: datetime
    comment: str
    changes: tuple[Change, ...]


def newer_settings(release: Release, actor: Actor) -> list[NewerSettings]:
    """The newer settings that a sealed release could be sealed with again, as far as the actor may see them; in promotion
    order."""
    if release.sealed_at is None or release.cancelled_at is not None:
        return []
    states = [target_state_seen(release, environment, actor) for environment in visible_targets(release, actor)]
    return [
        NewerSettings(package, state.environment, saved.created_by, saved.created_at, saved.comment, _named(had, saved))
        for state in states
        if state.is_sealed
        for package in state.seen
        if (saved := state.newer.get(package.application_id))
        for had in [state.configurations.get(package.application_id)]
    ]


def _named(before: Configuration | None, after: Configuration | None) -> tuple[Change, ...]:
    """The differences, without values."""
    return tuple(replace(change, before="", after="") for change in changes_between(before, after))


def approvals(release: Release, environment: Environment) -> list[Approval]:
    """The approvals and rejections that count now, oldest first; none after the release has changed."""
    return list(answers_to(release, environment)) if is_sealed(release) else []


def rollouts_of(one: Release) -> QuerySet[Rollout]:
    """All rollouts of a release, newest first; not limited to what an actor may see."""
    return Rollout.objects.filter(release=one).select_related("environment", "release").order_by("-pk")


def planned_between(actor: Actor, start: datetime, end: datetime) -> QuerySet[Rollout]:
    """The rollouts that are, or were, scheduled in this period, for the calendar."""
    return rollouts_visible_to(actor).filter(planned_at__gte=start, planned_at__lt=end).order_by("planned_at")


def logs_of(one: Package, environment: Environment | None = None) -> QuerySet[PackageLog]:
    """The package's logs of resolving (no environment) or of distributing to an environment, newest first."""
    return PackageLog.objects.filter(package=one, environment=environment).order_by("-pk")


def visible_logs(one: Package, actor: Actor) -> QuerySet[PackageLog]:
    """The package's logs of resolving, and of distributing to targets where the actor may see it; newest first."""
    there = reached(reach_of(actor), application="package__application__slug", environment="environment__slug")
    chosen = PackageLog.objects.filter(there | Q(environment=None), package=one)
    return chosen.select_related("environment").order_by("-pk")


def uploads_needed() -> set[str]:
    """The checksums of uploads that packages of releases use, without deleted ones."""
    made_of = Package.objects.filter(deleted_at=None, release__deleted_at=None, source_kind="archive")
    return {source["upload"] for source in made_of.values_list("source", flat=True) if source.get("upload")}


def still_resolving() -> list[int]:
    """The ids of packages that a worker may be resolving now."""
    return list(Package.objects.filter(resolution=Resolution.RESOLVING, deleted_at=None).values_list("pk", flat=True))


def active_rollouts(actor: Actor) -> QuerySet[Rollout]:
    """The rollouts that are scheduled or running and that this actor may see."""
    return rollouts_visible_to(actor).filter(status__in=sorted(ROLLOUT_ACTIVE)).order_by("planned_at", "pk")
