"""The state of a release on one target, for the gate; read in a few queries, however many packages there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from django.db.models import Exists, OuterRef, QuerySet

from fairway.accounts.rules import Act, Actor, reach_of
from fairway.applications.models import Configuration
from fairway.deployments.gate import Subject, recognise
from fairway.deployments.models import Placement
from fairway.deployments.rules import Wanted
from fairway.environments.models import Environment
from fairway.environments.protection import approvers_among
from fairway.releases.graph import needs_of
from fairway.releases.models import Approval, Dependency, Package, PackageOnTarget, Release, Rollout, RolloutClaim
from fairway.releases.rules import REPLACED, ROLLOUT_ACTIVE, OnTarget, Resolution, fingerprint, shown_on_target


@dataclass(frozen=True)
class TargetState:
    """The state of a release on one target. `needs`, `on_targets` and `newer` are keyed by package id, `placements` and
    `configurations` by application id."""

    release: Release
    environment: Environment
    packages: tuple[Package, ...]
    needs: dict[int, frozenset[int]]
    on_targets: dict[int, PackageOnTarget]
    placements: dict[int, Placement]
    configurations: dict[int, Configuration]
    is_target: bool  # whether the release is meant for it; only then the fingerprint covers its configurations
    is_sealed: bool
    newer: dict[int, Configuration]  # settings saved after the release was sealed; it uses those in `configurations`
    answers: tuple[Approval, ...]  # approvals and rejections of the present fingerprint
    lapsed: frozenset[int] = frozenset()  # answers that no longer count: see `lapsed_among`
    active_rollout: Rollout | None = None
    # rollouts of other releases, by the application they have claimed
    claims: dict[int, Rollout] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()  # packages that the viewer may not see here; the gate considers all

    @property
    def seen(self) -> tuple[Package, ...]:
        return tuple(package for package in self.packages if package.pk not in self.hidden)

    def shown(self, package: Package) -> str:
        """The status to show for this package here."""
        on_target = self.on_targets.get(package.pk)
        status = on_target.status if on_target else OnTarget.ABSENT.value
        return shown_on_target(status, is_served=serves(self.placements.get(package.application_id), package.artifact_id))

    def is_deployed(self, package: Package) -> bool:
        return self.shown(package) == OnTarget.DEPLOYED

    def is_there(self, package: Package) -> bool:
        """Whether its artifact serves already with the configuration that a deployment would use, whoever deployed it."""
        placement = self.placements.get(package.application_id)
        if placement is None or placement.current is None or not serves(placement, package.artifact_id):
            return False
        wanted = self.configurations.get(package.application_id)
        return placement.current.configuration_id == (wanted.pk if wanted else None)

    def was_there(self, package: Package) -> bool:
        """Whether it served here before this release was rolled out, so that a fallback has nothing to take back."""
        on_target = self.on_targets.get(package.pk)
        return on_target is not None and on_target.before_id is not None and on_target.before_id == on_target.deployment_id

    def can_fall_back(self, package: Package) -> bool:
        """Whether this release brought it here, so that falling back takes it away again."""
        return self.is_deployed(package) and not self.was_there(package)

    def is_replaced(self, package: Package) -> bool:
        return self.shown(package) == REPLACED

    def needed_by(self, package: Package) -> list[Package]:
        """The packages that need it directly."""
        return [one for one in self.packages if package.pk in self.needs.get(one.pk, frozenset())]

    def needed(self, package: Package) -> list[Package]:
        """The packages that it needs directly."""
        return [one for one in self.packages if one.pk in self.needs.get(package.pk, frozenset())]


@dataclass(frozen=True)
class PackageSubject(Subject):
    """A package on a target, as a subject of the gate. `is_start`: the requested act begins now."""

    package: Package | None = field(default=None)
    target_state: TargetState | None = field(default=None)
    is_start: bool = False


def goes_down(on_target: PackageOnTarget | None) -> bool:
    """Whether a fallback leaves nothing that serves: nothing ran before the package came, or it was stopped."""
    return on_target is None or on_target.before_id is None or on_target.before_stopped


def serves(placement: Placement | None, artifact_id: int | None) -> bool:
    """Whether the placement's route serves this artifact now."""
    if placement is None or placement.current is None or artifact_id is None or placement.wanted != Wanted.RUNNING:
        return False
    return placement.current.artifact_id == artifact_id


IS_SERVED = Exists(  # `serves` as a condition for rows of PackageOnTarget
    Placement.objects.filter(
        application=OuterRef("package__application"),
        environment=OuterRef("environment"),
        wanted=Wanted.RUNNING,
        current__artifact=OuterRef("package__artifact"),
    )
)


def packages_of(release: Release) -> QuerySet[Package]:
    """The release's packages by name, without deleted ones."""
    chosen = Package.objects.filter(release=release, deleted_at=None)
    return chosen.select_related("application", "artifact", "release").order_by("name")


def needs_in(packages: Sequence[Package]) -> dict[int, frozenset[int]]:
    numbers = [package.pk for package in packages]
    edges = Dependency.objects.filter(package__in=numbers, needs__in=numbers).values_list("package_id", "needs_id")
    return needs_of(numbers, edges)


def current_fingerprint(release: Release) -> str:
    """The fingerprint of the release's present content: with the settings it was sealed with, else with the newest."""
    if release.sealed_at is None:
        return fingerprint_with(release, newest_configurations(release))
    return fingerprint_with(release, sealed_configurations(release))


def fingerprint_with(release: Release, configurations: Iterable[Configuration]) -> str:
    packages = list(packages_of(release))
    names = {package.pk: package.name for package in packages}
    needs = needs_in(packages)
    versions: dict[str, dict[str, int]] = {}
    for one in configurations:
        versions.setdefault(one.environment.slug, {})[one.application.slug] = one.version
    return fingerprint(
        {one.name: _identity(one) for one in packages},
        versions,
        [(names[need], names[needed]) for need in needs for needed in needs[need]],
    )


def _identity(package: Package) -> str:
    artifact = package.artifact
    found = f"{artifact.number}@{artifact.digest}" if artifact else f"unresolved {package.source_input}"
    return f"{package.application.slug}#{found}"


def newest_configurations(release: Release) -> QuerySet[Configuration]:
    """The newest settings of the release's packages on its targets."""
    later = Configuration.objects.filter(
        application=OuterRef("application"), environment=OuterRef("environment"), version__gt=OuterRef("version")
    )
    inside = Package.objects.filter(release=release, deleted_at=None).values("application")
    chosen = Configuration.objects.filter(~Exists(later), application__in=inside, environment__in=release.targets.all())
    return chosen.select_related("application", "environment")


def sealed_configurations(release: Release) -> QuerySet[Configuration]:
    """The settings that the release was sealed with."""
    return release.sealed_configurations.select_related("application", "environment")


def is_sealed(release: Release) -> bool:
    """Whether the release is sealed and its content has not changed. Settings saved since do not count as a change."""
    return release.sealed_at is not None and release.fingerprint == current_fingerprint(release)


def target_state_of(release: Release, environment: Environment) -> TargetState:
    packages = tuple(packages_of(release))
    applications = [package.application_id for package in packages]
    placements = Placement.objects.filter(environment=environment, application__in=applications).select_related(
        "application", "environment", "current__artifact", "current__configuration"
    )
    on_targets = PackageOnTarget.objects.filter(environment=environment, package__in=packages)
    sealed, is_target = is_sealed(release), release.targets.filter(pk=environment.pk).exists()
    newest = _latest_configurations(applications, environment)
    configurations = newest
    if sealed and is_target:
        configurations = {
            sealed_configuration.application_id: sealed_configuration
            for sealed_configuration in sealed_configurations(release).filter(environment=environment)
        }
    answers = tuple(answers_to(release, environment)) if sealed else ()
    return TargetState(
        release=release,
        environment=environment,
        packages=packages,
        needs=needs_in(packages),
        on_targets={
            on_target.package_id: on_target
            for on_target in on_targets.select_related("deployment", "before__artifact", "before__configuration")
        },
        placements={placement.application_id: placement for placement in placements},
        configurations=configurations,
        is_target=is_target,
        is_sealed=sealed,
        newer={key: one for key, one in newest.items() if one != configurations.get(key)},
        answers=answers,
        lapsed=lapsed_among(answers, environment),
        active_rollout=Rollout.objects.filter(
            release=release, environment=environment, status__in=sorted(ROLLOUT_ACTIVE)
        ).first(),
        claims={
            claims_of_other.application_id: claims_of_other.rollout
            for claims_of_other in _claims_of_others(release, environment, applications)
        },
    )


def _claims_of_others(release: Release, environment: Environment, applications: Sequence[int]) -> QuerySet[RolloutClaim]:
    chosen = RolloutClaim.objects.filter(environment=environment, application__in=applications)
    return chosen.exclude(rollout__release=release).select_related("rollout__release", "rollout__environment")


def target_state_seen(release: Release, environment: Environment, actor: Actor) -> TargetState:
    """`target_state_of`, with the packages that this actor may not see marked as hidden."""
    reach, whole = reach_of(actor), target_state_of(release, environment)
    outside = (package.pk for package in whole.packages if not reach.covers(package.application.slug, environment.slug))
    return replace(whole, hidden=frozenset(outside))


def answers_to(release: Release, environment: Environment) -> QuerySet[Approval]:
    """The approvals and rejections of the fingerprint that is sealed now."""
    chosen = Approval.objects.filter(release=release, environment=environment, voided_at=None)
    return chosen.filter(fingerprint=release.fingerprint).order_by("pk")


def lapsed_among(answers: Iterable[Approval], environment: Environment) -> frozenset[int]:
    """The ids of approvals whose givers may no longer approve there; such approvals do not count. A rejection counts,
    whoever gave it, until that person approves or the release changes."""
    given = [answer for answer in answers if answer.is_approved]
    if not given:
        return frozenset()
    able = approvers_among({one.person_id for one in given}, environment)
    return frozenset(one.pk for one in given if one.person_id not in able)


def _latest_configurations(applications: Sequence[int], environment: Environment) -> dict[int, Configuration]:
    chosen = Configuration.objects.filter(environment=environment, application__in=applications)
    return {one.application_id: one for one in chosen.order_by("version")}  # the newest of each overwrites earlier ones


def subject_of(package: Package, state: TargetState, *, is_start: bool = False) -> PackageSubject:
    """The gate's subject for `package` on the state's target, with what would be live after its deployment."""
    return PackageSubject(
        application=package.application,
        environment=state.environment,
        placement=state.placements.get(package.application_id),
        artifact=package.artifact,
        configuration=state.configurations.get(package.application_id),
        package=package,
        target_state=state,
        is_start=is_start,
    )


def fallback_target_of(package: Package, state: TargetState) -> PackageSubject:
    """The gate's subject for `package` on the state's target, with what would be live after its fallback."""
    on_target = state.on_targets.get(package.pk)
    before = on_target.before if on_target else None
    return replace(
        subject_of(package, state),
        artifact=before.artifact if before else None,
        configuration=before.configuration if before else None,
    )


STARTS_A_PACKAGE = frozenset({Act.DEPLOY_PACKAGE, Act.ROLL_OUT, Act.SCHEDULE_RELEASE})


@recognise
def knows_its_package(act: Act, subject: Subject) -> Subject:
    """The subject of a deployment that starts for a package, extended by that package, so that the rules for packages are
    asked again: much may have changed since the request."""
    if act not in STARTS_A_PACKAGE or subject.deployment is None or isinstance(subject, PackageSubject):
        return subject
    found = PackageOnTarget.objects.filter(deployment=subject.deployment).select_related("package__release").first()
    if found is None:
        return subject
    state = target_state_of(found.package.release, subject.environment)
    package = next((one for one in state.packages if one.pk == found.package_id), None)
    if package is None:
        return subject
    return PackageSubject(
        subject.application,
        subject.environment,
        subject.placement,
        subject.artifact,
        subject.configuration,
        subject.deployment,
        subject.replicas,
        package=package,
        target_state=state,
        is_start=True,
    )


def is_ready_to_run(package: Package) -> bool:
    return package.resolution == Resolution.RESOLVED and package.artifact is not None
