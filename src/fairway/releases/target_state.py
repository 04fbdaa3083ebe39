"""A release on one target as the gate needs to know it, read in a few queries however many packages there are."""

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
    """`needs`, `on_targets` and the like are keyed by package; `placements` and `configurations` by application."""

    release: Release
    environment: Environment
    packages: tuple[Package, ...]
    needs: dict[int, frozenset[int]]
    on_targets: dict[int, PackageOnTarget]
    placements: dict[int, Placement]
    configurations: dict[int, Configuration]
    is_target: bool  # whether the release is meant for it: only then its configuration is part of the fingerprint
    is_sealed: bool
    newer: dict[int, Configuration]  # settings saved after the release was sealed; it keeps those of `configurations`
    answers: tuple[Approval, ...]  # given to the fingerprint it has now
    lapsed: frozenset[int] = frozenset()  # those of the answers that count no more: see `lapsed_among`
    active_rollout: Rollout | None = None
    claims: dict[int, Rollout] = field(default_factory=dict)  # the rollouts of other releases, by application they work on
    hidden: frozenset[int] = frozenset()  # the packages that whoever looks does not reach here; the gate asks about all

    @property
    def seen(self) -> tuple[Package, ...]:
        return tuple(one for one in self.packages if one.pk not in self.hidden)

    def shown(self, package: Package) -> str:
        """The word people see for it here."""
        on_target = self.on_targets.get(package.pk)
        status = on_target.status if on_target else OnTarget.ABSENT.value
        return shown_on_target(status, is_served=serves(self.placements.get(package.application_id), package.artifact_id))

    def is_deployed(self, package: Package) -> bool:
        return self.shown(package) == OnTarget.DEPLOYED

    def is_there(self, package: Package) -> bool:
        """Its very artifact serves, with the configuration that a deployment would have now, whoever deployed it."""
        placement = self.placements.get(package.application_id)
        if placement is None or placement.current is None or not serves(placement, package.artifact_id):
            return False
        wanted = self.configurations.get(package.application_id)
        return placement.current.configuration_id == (wanted.pk if wanted else None)

    def was_there(self, package: Package) -> bool:
        """It was there before its release came: a fallback has nothing to take back."""
        on_target = self.on_targets.get(package.pk)
        return on_target is not None and on_target.before_id is not None and on_target.before_id == on_target.deployment_id

    def is_replaced(self, package: Package) -> bool:
        return self.shown(package) == REPLACED

    def needed_by(self, package: Package) -> list[Package]:
        """Those that directly need it."""
        return [one for one in self.packages if package.pk in self.needs.get(one.pk, frozenset())]

    def needed(self, package: Package) -> list[Package]:
        """Those that it directly needs."""
        return [one for one in self.packages if one.pk in self.needs.get(package.pk, frozenset())]


@dataclass(frozen=True)
class PackageSubject(Subject):
    """A package on a target, as the gate is asked about it. `is_start`: what was asked for begins now."""

    package: Package | None = field(default=None)
    target_state: TargetState | None = field(default=None)
    is_start: bool = False


def goes_down(on_target: PackageOnTarget | None) -> bool:
    """Whether a fallback leaves nothing that serves: nothing ran before the package came, or it was stopped."""
    return on_target is None or on_target.before_id is None or on_target.before_stopped


def serves(placement: Placement | None, artifact_id: int | None) -> bool:
    """Whether this artifact is what the placement's route serves right now."""
    if placement is None or placement.current is None or artifact_id is None or placement.wanted != Wanted.RUNNING:
        return False
    return placement.current.artifact_id == artifact_id


IS_SERVED = Exists(  # the same, asked of rows of PackageOnTarget in a query
    Placement.objects.filter(
        application=OuterRef("package__application"),
        environment=OuterRef("environment"),
        wanted=Wanted.RUNNING,
        current__artifact=OuterRef("package__artifact"),
    )
)


def packages_of(release: Release) -> QuerySet[Package]:
    """Its living packages, by name."""
    chosen = Package.objects.filter(release=release, deleted_at=None)
    return chosen.select_related("application", "artifact", "release").order_by("name")


def needs_in(packages: Sequence[Package]) -> dict[int, frozenset[int]]:
    numbers = [one.pk for one in packages]
    edges = Dependency.objects.filter(package__in=numbers, needs__in=numbers).values_list("package_id", "needs_id")
    return needs_of(numbers, edges)


def current_fingerprint(release: Release) -> str:
    """The fingerprint of the release as it is this moment: with the settings it was sealed with, else with the newest."""
    if release.sealed_at is None:
        return fingerprint_with(release, newest_configurations(release))
    return fingerprint_with(release, sealed_configurations(release))


def fingerprint_with(release: Release, configurations: Iterable[Configuration]) -> str:
    packages = list(packages_of(release))
    names = {one.pk: one.name for one in packages}
    needs = needs_in(packages)
    versions: dict[str, dict[str, int]] = {}
    for one in configurations:
        versions.setdefault(one.environment.slug, {})[one.application.slug] = one.version
    return fingerprint(
        {one.name: _identity(one) for one in packages},
        versions,
        [(names[one], names[needed]) for one in needs for needed in needs[one]],
    )


def _identity(package: Package) -> str:
    artifact = package.artifact
    found = f"{artifact.number}@{artifact.digest}" if artifact else f"unresolved {package.source_input}"
    return f"{package.application.slug}#{found}"


def newest_configurations(release: Release) -> QuerySet[Configuration]:
    """The newest settings of its packages on its targets."""
    later = Configuration.objects.filter(
        application=OuterRef("application"), environment=OuterRef("environment"), version__gt=OuterRef("version")
    )
    inside = Package.objects.filter(release=release, deleted_at=None).values("application")
    chosen = Configuration.objects.filter(~Exists(later), application__in=inside, environment__in=release.targets.all())
    return chosen.select_related("application", "environment")


def sealed_configurations(release: Release) -> QuerySet[Configuration]:
    """The settings it was sealed with."""
    return release.sealed_configurations.select_related("application", "environment")


def is_sealed(release: Release) -> bool:
    """Whether it was sealed and its content is still that. Settings saved since change nothing: it keeps its own."""
    return release.sealed_at is not None and release.fingerprint == current_fingerprint(release)


def target_state_of(release: Release, environment: Environment) -> TargetState:
    packages = tuple(packages_of(release))
    applications = [one.application_id for one in packages]
    placements = Placement.objects.filter(environment=environment, application__in=applications).select_related(
        "application", "environment", "current__artifact", "current__configuration"
    )
    on_targets = PackageOnTarget.objects.filter(environment=environment, package__in=packages)
    sealed, is_target = is_sealed(release), release.targets.filter(pk=environment.pk).exists()
    newest = _latest_configurations(applications, environment)
    configurations = newest
    if sealed and is_target:
        configurations = {one.application_id: one for one in sealed_configurations(release).filter(environment=environment)}
    answers = tuple(answers_to(release, environment)) if sealed else ()
    return TargetState(
        release=release,
        environment=environment,
        packages=packages,
        needs=needs_in(packages),
        on_targets={
            one.package_id: one
            for one in on_targets.select_related("deployment", "before__artifact", "before__configuration")
        },
        placements={one.application_id: one for one in placements},
        configurations=configurations,
        is_target=is_target,
        is_sealed=sealed,
        newer={key: one for key, one in newest.items() if one != configurations.get(key)},
        answers=answers,
        lapsed=lapsed_among(answers, environment),
        active_rollout=Rollout.objects.filter(
            release=release, environment=environment, status__in=sorted(ROLLOUT_ACTIVE)
        ).first(),
        claims={one.application_id: one.rollout for one in _claims_of_others(release, environment, applications)},
    )


def _claims_of_others(release: Release, environment: Environment, applications: Sequence[int]) -> QuerySet[RolloutClaim]:
    chosen = RolloutClaim.objects.filter(environment=environment, application__in=applications)
    return chosen.exclude(rollout__release=release).select_related("rollout__release", "rollout__environment")


def target_state_seen(release: Release, environment: Environment, actor: Actor) -> TargetState:
    """The same, as this actor may see it."""
    reach, whole = reach_of(actor), target_state_of(release, environment)
    outside = (one.pk for one in whole.packages if not reach.covers(one.application.slug, environment.slug))
    return replace(whole, hidden=frozenset(outside))


def answers_to(release: Release, environment: Environment) -> QuerySet[Approval]:
    """The answers that were given to the fingerprint that is sealed now."""
    chosen = Approval.objects.filter(release=release, environment=environment, voided_at=None)
    return chosen.filter(fingerprint=release.fingerprint).order_by("pk")


def lapsed_among(answers: Iterable[Approval], environment: Environment) -> frozenset[int]:
    """The approvals whose givers may no longer approve there, by their number: a yes counts while its giver could still say
    it. A no stands whoever said it, until they say yes or the release changes."""
    given = [one for one in answers if one.is_approved]
    if not given:
        return frozenset()
    able = approvers_among({one.person_id for one in given}, environment)
    return frozenset(one.pk for one in given if one.person_id not in able)


def _latest_configurations(applications: Sequence[int], environment: Environment) -> dict[int, Configuration]:
    chosen = Configuration.objects.filter(environment=environment, application__in=applications)
    return {one.application_id: one for one in chosen.order_by("version")}  # the last of each stays


def subject_of(package: Package, state: TargetState, *, is_start: bool = False) -> PackageSubject:
    """`package` on the state's target, with what would be live once it is deployed."""
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
    """`package` on the state's target, with what would be live once it has fallen back."""
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
    """A deployment that starts for a package is asked about as that package, too: much may have changed since."""
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
