"""Creates, edits, clones, cancels and deletes releases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.models import User
from fairway.accounts.rules import Act, Actor, Blocked, Blocker
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.deployments.models import Placement
from fairway.deployments.rules import AVAILABLE, Wanted
from fairway.engine.commands import request_cancel
from fairway.engine.models import Run
from fairway.environments.models import Environment
from fairway.releases.commands.guards import locked, refuse_while_rolling_out, void
from fairway.releases.commands.packages import forget_made_application
from fairway.releases.models import Dependency, Package, PackageOnTarget, Release, Rollout
from fairway.releases.queries import status_of
from fairway.releases.rules import BUSY, LONGEST_DESCRIPTION, ROLLOUT_NOT_BEGUN, OnTarget, ReleaseStatus, Resolution, Stage
from fairway.releases.subjects import on_package, on_release, package_facts, release_facts
from fairway.releases.target_state import packages_of, serves
from fairway.shared.names import Invalid, parse_text

EDITABLE = ("description", "manager", "deputy", "targets")


@transaction.atomic
def create_release(
    *,
    actor: Actor,
    name: str,
    version: str,
    manager: User,
    deputy: User | None = None,
    description: str = "",
    targets: Iterable[Environment] | None = None,
) -> Release:
    """Create an empty release. `targets` are the environments it is meant for (None: all).

    Raises `Blocked` (role) or `Invalid` (an empty or too long text, a version that exists, people who are not active).
    """
    require(actor, Act.CREATE_RELEASE)
    release = _new(actor, name, version, description, manager, deputy, targets)
    record(who=actor.who, verb="release.created", on=on_release(release), after=release_facts(release))
    return release


@transaction.atomic
def edit_release(
    *,
    actor: Actor,
    release: Release,
    description: str | None = None,
    manager: User | None = None,
    deputy: User | None = None,
    no_deputy: bool = False,
    targets: Iterable[Environment] | None = None,
    as_of: int | None = None,
) -> Release:
    """Change the given fields; name and version cannot change. Changing `targets` removes the seal.

    Raises `Blocked`, `Invalid`, or `Changed` if any of them was changed after event `as_of`.
    """
    require(actor, Act.EDIT_RELEASE)
    row = locked(release)
    refuse_stale(as_of, "release.edited", subject_kind="release", subject_id=str(row.pk))
    before = release_facts(row)
    if description is not None:
        row.description = parse_text(description, field="description", longest=LONGEST_DESCRIPTION)
    if manager is not None:
        row.manager = _active(manager, "manager")
    if deputy is not None or no_deputy:
        row.deputy = None if no_deputy else _active(deputy, "deputy")
    _refuse_same(row.manager, row.deputy)
    row.save(update_fields=["description", "manager", "deputy"])
    if targets is not None:
        _set_targets(actor, row, targets)
    record(who=actor.who, verb="release.edited", on=on_release(row), before=before, after=release_facts(row))
    return row


@transaction.atomic
def clone_release(*, actor: Actor, release: Release, version: str, name: str = "") -> Release:
    """Create a release with the same packages, dependencies, people and targets and another version; every package is
    Registered again. Raises `Blocked` or `Invalid`."""
    require(actor, Act.CREATE_RELEASE)
    source = Release.objects.select_related("manager", "deputy").get(pk=release.pk)
    targets = list(source.targets.filter(deleted_at=None))
    clone = _new(actor, name or source.name, version, source.description, source.manager, source.deputy, targets)
    clone.cloned_from = source
    clone.save(update_fields=["cloned_from"])
    copies = {package.pk: _copied(actor, package, clone) for package in packages_of(source)}
    for edge in Dependency.objects.filter(package__in=copies, needs__in=copies):
        Dependency.objects.create(package=copies[edge.package_id], needs=copies[edge.needs_id])
    after = {**release_facts(clone), "packages": sorted(copy.name for copy in copies.values())}
    record(who=actor.who, verb="release.cloned", on=on_release(clone), before={"release": str(source)}, after=after)
    return clone


@transaction.atomic
def cancel_release(*, actor: Actor, release: Release, reason: str) -> Release:
    """Cancel a release: nothing of it is distributed or deployed any more, and its schedules are cancelled.

    What runs keeps running, and can still fall back. Raises `Blocked` during a rollout, or `Invalid` without a reason.
    """
    require(actor, Act.CANCEL_RELEASE)
    why = parse_text(reason, field="reason", longest=500, required=True)
    planned = _planned_runs(release)
    row = locked(release)
    refuse_while_rolling_out(row)
    if row.cancelled_at is not None:
        return row
    row.cancelled_at, row.cancelled_by, row.cancel_reason = timezone.now(), actor.name, why
    row.save(update_fields=["cancelled_at", "cancelled_by", "cancel_reason"])
    for run in planned:
        request_cancel(run_id=run, reason=why)
    record(who=actor.who, verb="release.cancelled", on=on_release(row), comment=why)
    return row


@transaction.atomic
def delete_release(*, actor: Actor, release: Release, confirmed: str = "") -> None:
    """Delete a release and its packages (the rows stay, because history refers to them). What was deployed keeps running.

    Raises `Blocked` while it is scheduled or rolled out, or while a package is Deployed and `confirmed` is not “name
    version”.
    """
    require(actor, Act.DELETE_RELEASE)
    row = locked(release)
    refuse_while_rolling_out(row, also_scheduled=True)
    _refuse_busy(row)
    names = deployed_names(row)
    if names and confirmed != str(row):
        words = {"names": ", ".join(names), "release": row}
        sentence = _("%(names)s is Deployed. It keeps running; type “%(release)s” to confirm.") % words
        raise Blocked([Blocker(code="deployed", sentence=sentence, who=_("a Deployer, by falling it back first"))])
    now = timezone.now()
    packages = [package_facts(package) for package in packages_of(row)]
    made = list(packages_of(row).filter(made_application=True))
    Package.objects.filter(release=row, deleted_at=None).update(deleted_at=now)
    row.deleted_at = now
    row.save(update_fields=["deleted_at"])
    record(
        who=actor.who,
        verb="release.deleted",
        on=on_release(row),
        before={**release_facts(row), "packages": packages, "deployed": names},
    )
    for one in made:
        forget_made_application(actor, one)


@transaction.atomic
def release_from_environment(
    *,
    actor: Actor,
    environment: Environment,
    name: str,
    version: str,
    manager: User,
    deputy: User | None = None,
    targets: Iterable[Environment] | None = None,
) -> Release:
    """Create a release of what runs healthy in an environment, by digest: nothing is built, and every package is Ready.

    Without `targets` it is meant for the later environments in the promotion order. Raises `Blocked` if nothing runs
    healthy, or `Invalid`.
    """
    require(actor, Act.CREATE_RELEASE, environment=environment.slug)
    if targets is None:
        targets = list(Environment.objects.filter(deleted_at=None, position__gt=environment.position)) or None
    release = _new(actor, name, version, "", manager, deputy, targets)
    placements = Placement.objects.filter(
        environment=environment, wanted=Wanted.RUNNING, health__in=AVAILABLE, application__deleted_at=None
    ).exclude(current__artifact=None)
    made = _packages_of(actor, release, list(placements.select_related("application", "current__artifact")))
    if not made:
        sentence = _("Nothing in %(environment)s is running and healthy.") % {"environment": environment.name}
        raise Blocked([Blocker(code="nothing_there", sentence=sentence, who=_("a Deployer, by deploying there first"))])
    after = {**release_facts(release), "packages": [package_facts(one) for one in made]}
    record(
        who=actor.who,
        verb="release.made_from_environment",
        on=on_release(release, environment),
        before={"environment": environment.slug},
        after=after,
    )
    return release


def deployed_names(release: Release) -> list[str]:
    """The packages that are served somewhere, as “package in environment”."""
    there = PackageOnTarget.objects.filter(package__release=release, package__deleted_at=None, status=OnTarget.DEPLOYED)
    found = []
    for one in there.select_related("package", "environment"):
        placement = Placement.objects.filter(application=one.package.application_id, environment=one.environment_id)
        if serves(placement.select_related("current").first(), one.package.artifact_id):
            found.append(f"{one.package.name} ({one.environment.name})")
    return sorted(found)


def _new(
    actor: Actor,
    name: str,
    version: str,
    description: str,
    manager: User,
    deputy: User | None,
    targets: Iterable[Environment] | None,
) -> Release:
    release = Release(
        name=parse_text(name, field="name", longest=80, required=True),
        version=parse_text(version, field="version", longest=60, required=True),
        description=parse_text(description, field="description", longest=LONGEST_DESCRIPTION),
        manager=_active(manager, "manager"),
        deputy=_active(deputy, "deputy") if deputy else None,
        created_by_id=actor.id,
        created_by=actor.name,
    )
    _refuse_same(release.manager, release.deputy)
    if Release.objects.filter(name=release.name, version=release.version, deleted_at=None).exists():
        raise Invalid("version", "{release} exists already; choose another version.", release=release)
    release.save()
    release.targets.set(_parse_targets(targets))
    return release


def _parse_targets(targets: Iterable[Environment] | None) -> list[Environment]:
    chosen = list(Environment.objects.filter(deleted_at=None)) if targets is None else list(targets)
    if targets is not None and not chosen:
        raise Invalid("targets", "is empty; choose at least one environment.")
    if gone := [one.name for one in chosen if one.deleted_at is not None]:
        raise Invalid("targets", "{names} was deleted; choose others.", names=", ".join(gone))
    return chosen


def _set_targets(actor: Actor, row: Release, targets: Iterable[Environment]) -> None:
    chosen = _parse_targets(targets)
    if {one.pk for one in chosen} == set(row.targets.values_list("pk", flat=True)):
        return
    refuse_while_rolling_out(row)
    _refuse_planned(row, [one.pk for one in chosen])
    before = status_of(row)
    row.targets.set(chosen)
    if ReleaseStatus.RELEASED not in {before} and status_of(row) == ReleaseStatus.RELEASED:
        sentence = _("Without the targets it has not reached, %(release)s would count as Released.") % {"release": row}
        who = _("a Release Manager, by cancelling it, or by cloning it for the targets it is meant for")
        raise Blocked([Blocker(code="would_finish", sentence=sentence, who=who)])
    if row.sealed_at is not None:
        void(actor, row, "Its targets were changed")


def _refuse_planned(row: Release, kept: list[int]) -> None:
    """Raise `Blocked` if the release is scheduled for a target that is not kept: nothing could start then."""
    planned = Rollout.objects.filter(release=row, status__in=sorted(ROLLOUT_NOT_BEGUN)).exclude(environment__in=kept)
    if (one := planned.select_related("environment").first()) is not None:
        sentence = _("%(release)s is scheduled for %(environment)s.") % {"release": row, "environment": one.environment.name}
        who = _("a Release Manager, by cancelling the schedule")
        raise Blocked([Blocker(code="scheduled", sentence=sentence, who=who)])


def _active(person: User | None, field: str) -> User:
    row = User.objects.filter(pk=person.pk, is_active=True).first() if person is not None else None
    if row is None:
        raise Invalid(field, "is not an active user; choose somebody else.")
    return row


def _refuse_same(manager: User, deputy: User | None) -> None:
    if deputy is not None and deputy.pk == manager.pk:
        raise Invalid("deputy", "is the manager already; choose somebody else or nobody.")


def _copied(actor: Actor, package: Package, clone: Release) -> Package:
    is_resolved = package.artifact is not None and package.resolution == Resolution.RESOLVED
    return Package.objects.create(
        release=clone,
        name=package.name,
        application=package.application,
        artifact=package.artifact if is_resolved else None,
        resolution=Resolution.RESOLVED if is_resolved else Resolution.UNRESOLVABLE,
        sentence="" if is_resolved else package.sentence or "It was not resolved when it was cloned; enter it again.",
        source_kind=package.source_kind,
        source=package.source,
        source_input=package.source_input,
        created_by_id=actor.id,
        created_by=actor.name,
    )


def _packages_of(actor: Actor, release: Release, placements: list[Placement]) -> list[Package]:
    """Create the packages, named like their applications, or by slug if two have the same name."""
    names = Counter(placement.application.name for placement in placements)
    return [
        _package_of(actor, release, one, one.application.name if names[one.application.name] == 1 else one.application.slug)
        for one in sorted(placements, key=lambda one: one.application.slug)
    ]


def _package_of(actor: Actor, release: Release, placement: Placement, name: str) -> Package:
    assert placement.current is not None
    artifact = placement.current.artifact
    assert artifact is not None
    package = Package.objects.create(
        release=release,
        name=name,
        application=placement.application,
        artifact=artifact,
        stage=Stage.READY,
        resolution=Resolution.RESOLVED,
        source_input=f"{placement.application.slug} {artifact.version}",
        created_by_id=actor.id,
        created_by=actor.name,
    )
    facts: dict[str, Any] = package_facts(package)
    record(who=actor.who, verb="package.added", on=on_package(package), after=facts)
    return package


def _planned_runs(release: Release) -> list[int]:
    """The runs of scheduled rollouts, locked before the rows of this room."""
    planned = Rollout.objects.filter(release=release, status__in=sorted(ROLLOUT_NOT_BEGUN)).exclude(run=None)
    numbers = sorted(planned.values_list("run_id", flat=True))
    list(Run.objects.select_for_update(no_key=True).filter(pk__in=numbers).order_by("pk"))
    return [number for number in numbers if number is not None]


def _refuse_busy(release: Release) -> None:
    busy = PackageOnTarget.objects.filter(package__release=release, package__deleted_at=None, status__in=sorted(BUSY))
    if one := busy.select_related("package", "environment").first():
        words = {"package": one.package.name, "environment": one.environment.name}
        sentence = _("Another operation on %(package)s is running in %(environment)s.") % words
        raise Blocked([Blocker(code="in_progress", sentence=sentence, who=_("nobody; it ends by itself"))])
