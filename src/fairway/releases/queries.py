"""Reading releases; every lookup starts at `visible_to(actor)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from fairway.accounts.queries import actor_of_request, holds, reached
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
    """The living releases this actor may see something of, newest first: a package on a target that one grant covers."""
    chosen = Release.objects.filter(deleted_at=None).select_related("manager", "deputy").order_by("-pk")
    reach = reach_of(actor)
    if reach.is_everything:
        return chosen
    living = Q(packages__deleted_at=None, targets__deleted_at=None)
    pair = reached(reach, application="packages__application__slug", environment="targets__slug")
    return chosen.filter(pk__in=Release.objects.filter(living & pair).values("pk"))


def packages_seen(one: Release, actor: Actor) -> list[Package]:
    """The packages whose application this actor may know of, by name."""
    reach = reach_of(actor)
    return [each for each in packages_of(one) if reach.meets_application(each.application.slug)]


def targets_seen(one: Release, actor: Actor) -> list[Environment]:
    """The targets this actor may know of, in promotion order."""
    reach = reach_of(actor)
    return [each for each in targets_of(one) if reach.meets_environment(each.slug)]


def whole_targets(one: Release, actor: Actor) -> list[Environment]:
    """The targets where the actor reaches every package. Only of these is told what is true of the release as a whole:
    what stands in its way, who approved it, how its rollouts go. Any of it may name every package."""
    reach = reach_of(actor)
    applications = {each.application.slug for each in packages_of(one)}
    return [
        each
        for each in targets_of(one)
        if reach.meets_environment(each.slug) and all(reach.covers(slug, each.slug) for slug in applications)
    ]


def require_whole(one: Release, actor: Actor, environment: Environment | None = None) -> None:
    """Raises `NotVisible` unless the actor reaches all of it, on that target or on every one."""
    reach = reach_of(actor)
    if reach.is_everything:
        return
    targets = [environment] if environment else targets_of(one)
    applications = {each.application.slug for each in packages_of(one)}
    if environment and not applications:
        return  # there is nothing yet that could be told
    pairs = {(slug, each.slug) for slug in applications for each in targets}
    if not (pairs and reach.holds(Reach(frozenset(pairs)))):
        raise NotVisible("release", one.pk)


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
    """The rollouts this actor may see: those of targets where they reach every package."""
    chosen = Rollout.objects.filter(release__deleted_at=None).select_related("release", "environment")
    reach = reach_of(actor)
    if reach.is_everything:
        return chosen
    there = ExpressionWrapper(OuterRef("environment__slug"), output_field=CharField())
    inside = Package.objects.filter(release=OuterRef("release"), deleted_at=None).annotate(there=there)
    outside = inside.exclude(reached(reach, application="application__slug", environment="there"))
    return chosen.filter(Exists(inside), ~Exists(outside))


def release(actor: Actor, number: int) -> Release:
    """Raises `NotVisible`."""
    found = visible_to(actor).filter(pk=number).first()
    if found is None:
        raise NotVisible("release", number)
    return found


def package(actor: Actor, number: int) -> Package:
    """A living package of a release the actor may see. Raises `NotVisible`."""
    chosen = Package.objects.filter(deleted_at=None, release__in=visible_to(actor).values("pk"))
    chosen = chosen.filter(reached(reach_of(actor), application="application__slug"))
    found = chosen.select_related("application", "artifact", "release").filter(pk=number).first()
    if found is None:
        raise NotVisible("package", number)
    return found


def rollout(actor: Actor, number: int) -> Rollout:
    """Raises `NotVisible`."""
    found = rollouts_visible_to(actor).filter(pk=number).first()
    if found is None:
        raise NotVisible("rollout", number)
    return found


def targets_of(one: Release) -> list[Environment]:
    """The living environments it is meant for, in promotion order."""
    return list(one.targets.filter(deleted_at=None).order_by("position", "slug"))


def status_of(one: Release) -> ReleaseStatus:
    """What it is right now, from facts; read anew, whatever `one` was when it was read."""
    return statuses_of([Release.objects.get(pk=one.pk)])[one.pk]


def statuses_of(releases: Sequence[Release]) -> dict[int, ReleaseStatus]:
    """The same for a page of them; a handful of queries, and two more for each that was sealed."""
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
    """Release → target → packages that were deployed there and not taken back; and those of them that are served."""
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
    return dict(ordered)  # the last of each stays


@dataclass(frozen=True)
class Cell:
    """One package on one target, for the matrix. `status` is the word shown; `row` is None where it is absent."""

    package: Package
    environment: Environment
    status: str
    row: PackageOnTarget | None


def matrix(one: Release, actor: Actor) -> list[list[Cell]]:
    """Packages × targets, in name and promotion order; of each package the targets where the actor reaches it."""
    states = [target_state_seen(one, environment, actor) for environment in targets_seen(one, actor)]
    return [[_cell(package, each) for each in states if package in each.seen] for package in packages_seen(one, actor)]


def _cell(package: Package, state: TargetState) -> Cell:
    return Cell(package, state.environment, state.shown(package), state.on_targets.get(package.pk))


@dataclass(frozen=True)
class Readiness:
    """What would block a release on a target, at `at` (None: now). `planned` is the rollout that is to start then."""

    environment: Environment
    at: datetime | None
    planned: Rollout | None
    blockers: tuple[Blocker, ...]

    @property
    def is_ready(self) -> bool:
        return not self.blockers


def readiness(one: Release, actor: Actor) -> list[Readiness]:
    """For each target: what blocks it, who can clear it and when it clears by itself.

    Where a rollout is planned the gate is asked for that instant and for who planned it; elsewhere for now, and for `actor`.
    """
    return [_readiness(one, environment, actor) for environment in whole_targets(one, actor)]


def _readiness(one: Release, environment: Environment, actor: Actor) -> Readiness:
    state = target_state_of(one, environment)
    planned = state.active_rollout
    if planned is None or planned.status not in ROLLOUT_NOT_BEGUN:
        return Readiness(environment, None, planned, tuple(release_blockers(Act.ROLL_OUT, state, actor)))
    at = planned.planned_at if planned.status == RolloutStatus.SCHEDULED else None
    alone = replace(state, active_rollout=None)
    blocked_then = release_blockers(Act.SCHEDULE_RELEASE, alone, requester_of(planned), at)
    return Readiness(environment, at, planned, tuple(blocked_then))


def requester_of(planned: Rollout) -> Actor:
    """Who asked for it, with what they may do now."""
    if planned.requested_by_id is None:
        return SYSTEM
    who = (planned.requested_by_id, planned.requested_by, planned.door, planned.acting_role)
    return actor_of_request(*who, token=planned.requested_with_id)


@dataclass(frozen=True)
class Standstill:
    """A release that goes on with a target only when somebody says how. `rollout` is the one to decide about; without one
    it is an approval that is missing (`approved` of the target's `approvals_needed` are there)."""

    release: Release
    environment: Environment
    rollout: int | None
    sentence: str
    since: datetime
    approved: int = 0


def standstills(actor: Actor) -> list[Standstill]:
    """What waits for this person's word: rollouts to decide about, sealed releases they may approve and have not answered.

    One query for all, and two for each that asks other people than usual for their approval.
    """
    if actor.id is None:
        return []
    same = {"release": OuterRef("release"), "environment": OuterRef("environment")}
    stopped = Rollout.objects.filter(**same, status=RolloutStatus.NEEDS_DECISION)
    answers = Approval.objects.filter(**same, voided_at=None, fingerprint=OuterRef("release__fingerprint"))
    able = answers.filter(holds(Act.APPROVE_RELEASE, person="person_id", environment="environment"), is_approved=True)
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
    """What a release would change for one package: what the target runs now, what it would run, which settings differ."""

    package: Package
    now: Artifact | None
    then: Artifact | None
    settings: tuple[Change, ...]

    @property
    def is_same(self) -> bool:
        same = self.now is not None and self.then is not None and self.now.pk == self.then.pk
        return same and not self.settings


def differences(one: Release, environment: Environment, actor: Actor) -> list[Difference]:
    """What a release would change on a target, as far as the actor reaches its packages there: versions, commits, names of
    changed settings; never a value of one."""
    state = target_state_seen(one, environment, actor)
    return [_difference(package, state) for package in state.seen]


def _difference(package: Package, state: TargetState) -> Difference:
    placement = state.placements.get(package.application_id)
    current = placement.current if placement else None
    then: Configuration | None = state.configurations.get(package.application_id)
    named = _named(current.configuration if current else None, then)
    return Difference(package, current.artifact if current else None, package.artifact, named)


@dataclass(frozen=True)
class NewerSettings:
    """Settings of a package on a target that were saved after its release was sealed: who, when, which (never a value)."""

    package: Package
    environment: Environment
    by: str
    at: datetime
    comment: str
    changes: tuple[Change, ...]


def newer_settings(one: Release, actor: Actor) -> list[NewerSettings]:
    """What a sealed release would take if a person said so, as far as the actor reaches it; in promotion order."""
    if one.sealed_at is None or one.cancelled_at is not None:
        return []
    states = [target_state_seen(one, environment, actor) for environment in targets_seen(one, actor)]
    return [
        NewerSettings(package, state.environment, saved.created_by, saved.created_at, saved.comment, _named(had, saved))
        for state in states
        if state.is_sealed
        for package in state.seen
        if (saved := state.newer.get(package.application_id))
        for had in [state.configurations.get(package.application_id)]
    ]


def _named(before: Configuration | None, after: Configuration | None) -> tuple[Change, ...]:
    """What differs, without any value."""
    return tuple(replace(change, before="", after="") for change in changes_between(before, after))


def approvals(one: Release, environment: Environment) -> list[Approval]:
    """The answers that count now, oldest first; none once it has changed."""
    return list(answers_to(one, environment)) if is_sealed(one) else []


def rollouts_of(one: Release) -> QuerySet[Rollout]:
    """All of them, newest first; `rollouts_visible_to` says which an actor may see."""
    return Rollout.objects.filter(release=one).select_related("environment", "release").order_by("-pk")


def planned_between(actor: Actor, start: datetime, end: datetime) -> QuerySet[Rollout]:
    """What is, or was, planned to start in that time, for the calendar."""
    return rollouts_visible_to(actor).filter(planned_at__gte=start, planned_at__lt=end).order_by("planned_at")


def logs_of(one: Package, environment: Environment | None = None) -> QuerySet[PackageLog]:
    """What resolving it (no environment), or distributing it to one, said; newest first."""
    return PackageLog.objects.filter(package=one, environment=environment).order_by("-pk")


def logs_seen(one: Package, actor: Actor) -> QuerySet[PackageLog]:
    """What resolving it said, and distributing it to the targets where the actor reaches it; newest first."""
    there = reached(reach_of(actor), application="package__application__slug", environment="environment__slug")
    chosen = PackageLog.objects.filter(there | Q(environment=None), package=one)
    return chosen.select_related("environment").order_by("-pk")


def uploads_needed() -> set[str]:
    """The uploads that packages of living releases are made of."""
    made_of = Package.objects.filter(deleted_at=None, release__deleted_at=None, source_kind="archive")
    return {source["upload"] for source in made_of.values_list("source", flat=True) if source.get("upload")}


def still_resolving() -> list[int]:
    """The packages that a worker may be making right now."""
    return list(Package.objects.filter(resolution=Resolution.RESOLVING, deleted_at=None).values_list("pk", flat=True))


def active_rollouts(actor: Actor) -> QuerySet[Rollout]:
    """What is planned or under way."""
    return rollouts_visible_to(actor).filter(status__in=sorted(ROLLOUT_ACTIVE)).order_by("planned_at", "pk")
