"""Commands on one package on one target: distribute, deploy, fall back, withdraw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from fairway.accounts.queries import actor_of_request
from fairway.accounts.rules import SYSTEM, Act, Actor, Blocked, Blocker, NotVisible, may, role_blocker
from fairway.activity.commands import record
from fairway.deployments.commands.placements import remove
from fairway.deployments.commands.requests import request_under
from fairway.deployments.gate import blockers
from fairway.deployments.models import Deployment
from fairway.engine.commands import enqueue
from fairway.engine.models import Run
from fairway.environments.commands import IN_USE
from fairway.environments.models import Environment
from fairway.releases.commands.guards import locked, locked_package
from fairway.releases.gate_rules import packages_there
from fairway.releases.models import Package, PackageOnTarget, Release
from fairway.releases.rules import ROLLOUT_UNDER_WAY, OnTarget
from fairway.releases.subjects import on_package, on_release, package_facts
from fairway.releases.target_state import (
    PackageSubject,
    TargetState,
    fallback_target_of,
    subject_of,
    target_state_of,
    target_state_seen,
)
from fairway.shared.names import parse_text

DISTRIBUTE_STORY = "distribute"


@dataclass(frozen=True)
class Skipped:
    """A package that a bulk act skipped, and every reason why."""

    package: Package
    blockers: tuple[Blocker, ...]


@dataclass(frozen=True)
class Distribution:
    """What a bulk distribution started and what it skipped."""

    started: tuple[PackageOnTarget, ...]
    skipped: tuple[Skipped, ...]


@transaction.atomic
def distribute(
    *, actor: Actor, package: Package, environment: Environment, reason: str = "", break_glass: str = ""
) -> PackageOnTarget:
    """Start bringing the package's artifact to the target, where its digest is verified. Raises `Blocked`."""
    row = locked_package(package)
    place = locked_environment(environment)
    override = parse_text(break_glass, field="break_glass", longest=500)
    ask_about(Act.DISTRIBUTE, row, target_state_of(row.release, place), actor, breaks_glass=bool(override))
    return begin_distribution(actor, Act.DISTRIBUTE, row, place, reason=reason, override=override)


@transaction.atomic
def distribute_all(*, actor: Actor, release: Release, environment: Environment, reason: str = "") -> Distribution:
    """Distribute every package that the gate allows and skip the others with all reasons. It is no error if nothing is
    allowed.

    Packages that the actor may not see there are neither distributed nor named.
    """
    row = locked(release)
    place = locked_environment(environment)
    state = target_state_seen(row, place, actor)
    started, skipped = [], []
    for package in state.seen:
        reasons = blockers(Act.DISTRIBUTE, subject_of(package, state), actor)
        if reasons:
            skipped.append(Skipped(package, tuple(reasons)))
        else:
            started.append(begin_distribution(actor, Act.DISTRIBUTE, package, place, reason=reason))
    after = {
        "started": [one.package.name for one in started],
        "skipped": {one.package.name: [reason.sentence for reason in one.blockers] for one in skipped},
    }
    record(who=actor.who, verb="release.distribution_requested", on=on_release(row, place), comment=reason, after=after)
    return Distribution(tuple(started), tuple(skipped))


@transaction.atomic
def deploy_package(
    *, actor: Actor, package: Package, environment: Environment, reason: str = "", break_glass: str = ""
) -> Deployment:
    """Deploy a distributed package's artifact. Raises `Blocked`."""
    row = locked_package(package)
    place = locked_environment(environment)
    state = target_state_of(row.release, place)
    ask_about(Act.DEPLOY_PACKAGE, row, state, actor, breaks_glass=bool(break_glass.strip()))
    return begin_deployment(actor, Act.DEPLOY_PACKAGE, subject_of(row, state), state, reason=reason, override=break_glass)


@transaction.atomic
def fall_back_package(
    *, actor: Actor, package: Package, environment: Environment, reason: str = "", break_glass: str = ""
) -> PackageOnTarget:
    """Restore exactly what served before the package was deployed, or remove it if nothing did. Raises `Blocked`."""
    row = locked_package(package)
    place = locked_environment(environment)
    state = target_state_of(row.release, place)
    ask_about(Act.FALL_BACK, row, state, actor, breaks_glass=bool(break_glass.strip()))
    return begin_fallback(actor, Act.FALL_BACK, row, state, reason=reason, override=break_glass)


@transaction.atomic
def withdraw(*, actor: Actor, package: Package, environment: Environment, reason: str = "") -> PackageOnTarget:
    """Withdraw a distributed package from a target, so that its artifact need not be kept there. Raises `Blocked`."""
    row = locked_package(package)
    place = locked_environment(environment)
    state = target_state_of(row.release, place)
    if reasons := withdrawal_blockers(actor, row, state):
        raise Blocked(reasons)
    on_target = state.on_targets[row.pk]
    on_target.move_to(OnTarget.ABSENT, artifact=None, digest="", distributed_at=None, sentence="")
    why = parse_text(reason, field="reason", longest=500)
    record(who=actor.who, verb="package.withdrawn", on=on_package(row, place), comment=why, before=package_facts(row))
    return on_target


def withdrawal_blockers(actor: Actor, package: Package, state: TargetState) -> list[Blocker]:
    words = {"package": package.name, "environment": state.environment.name, "release": state.release}
    if not may(actor, Act.DISTRIBUTE, application=package.application.slug, environment=state.environment.slug):
        return [role_blocker(Act.DISTRIBUTE)]
    if state.active_rollout is not None and state.active_rollout.status in ROLLOUT_UNDER_WAY:
        sentence = _("%(release)s is being rolled out to %(environment)s.") % words
        return [Blocker(code="rollout_running", sentence=sentence, who=_("a Deployer, by stopping the rollout"))]
    if state.shown(package) != OnTarget.DISTRIBUTED:
        sentence = _("%(package)s is not just distributed to %(environment)s: there is nothing to withdraw.") % words
        return [Blocker(code="not_distributed", sentence=sentence)]
    return []


def ask_about(act: Act, package: Package, state: TargetState, actor: Actor, *, breaks_glass: bool = False) -> None:
    """Raise `Blocked` unless the gate allows `act` for this package on the state's target."""
    subject = (fallback_target_of if act == Act.FALL_BACK else subject_of)(package, state)
    if reasons := blockers(act, subject, actor, breaks_glass=breaks_glass):
        raise Blocked(reasons)


def locked_environment(environment: Environment) -> Environment:
    """The target's row, locked, so that deleting or locking it and using it happen one after the other. Raises
    `NotVisible` if it was deleted."""
    row = Environment.objects.select_for_update(no_key=True).filter(pk=environment.pk, deleted_at=None).first()
    if row is None:
        raise NotVisible("environment", environment.slug)
    return row


def asked_by(actor: Actor, act: Act) -> dict[str, Any]:
    """The requester, for the run's payload; `asker` reads them back with the grants they have then."""
    who = {"id": actor.id, "name": actor.name, "door": actor.door, "role": actor.acting_as or ""}
    return {**who, "token": actor.authentication.token, "act": act}


def asker(payload: dict[str, Any]) -> Actor:
    if payload["id"] is None:
        return SYSTEM
    who = (payload["id"], payload["name"], payload["door"], payload["role"])
    return actor_of_request(*who, token=payload.get("token"))


def begin_distribution(
    actor: Actor,
    act: Act,
    package: Package,
    environment: Environment,
    *,
    reason: str = "",
    override: str = "",
    parent: Run | None = None,
) -> PackageOnTarget:
    """Inside the caller's transaction, with the gate asked."""
    on_target, _made = PackageOnTarget.objects.get_or_create(package=package, environment=environment)
    why = parse_text(reason, field="reason", longest=500)
    run = enqueue(
        kind=DISTRIBUTE_STORY,
        key=f"{package.application.slug}:{environment.slug}",
        payload={"on_target": on_target.pk, "asked": asked_by(actor, act), "glass": override},
        lane=environment.lane,
        parent=parent,
    )
    on_target.move_to(OnTarget.DISTRIBUTING, run=run, artifact=package.artifact, digest="", sentence="")
    if override:
        record(who=actor.who, verb="gate.glass_broken", on=on_package(package, environment), comment=override)
    record(
        who=actor.who,
        verb="package.distribution_requested",
        on=on_package(package, environment),
        comment=why,
        after=package_facts(package),
    )
    return on_target


def begin_deployment(
    actor: Actor,
    act: Act,
    subject: PackageSubject,
    state: TargetState,
    *,
    reason: str = "",
    override: str = "",
    parent: Run | None = None,
) -> Deployment:
    """Inside the caller's transaction, with the gate asked."""
    assert subject.package is not None
    on_target = state.on_targets[subject.package.pk]
    deployment = request_under(
        act,
        actor=actor,
        application=subject.application,
        environment=subject.environment,
        artifact=subject.artifact,
        configuration=subject.configuration,
        reason=reason or f"{state.release}",
        break_glass=override,
        parent=parent,
    )
    on_target.move_to(OnTarget.DEPLOYING, deployment=deployment, run=deployment.run, sentence="")
    after = {**package_facts(subject.package), "deployment": deployment.pk}
    where = on_package(subject.package, subject.environment)
    record(who=actor.who, verb="package.deployment_requested", on=where, comment=reason, after=after)
    return deployment


def begin_fallback(
    actor: Actor,
    act: Act,
    package: Package,
    state: TargetState,
    *,
    reason: str = "",
    override: str = "",
    parent: Run | None = None,
) -> PackageOnTarget:
    """Start a fallback inside the caller's transaction, after the gate: what ran before is deployed again with its
    configuration."""
    on_target = state.on_targets[package.pk]
    why = reason or f"{state.release} falls back"
    before = on_target.before
    if before is not None and before.artifact is not None:
        undo = request_under(
            act,
            actor=actor,
            application=package.application,
            environment=state.environment,
            artifact=before.artifact,
            configuration=before.configuration,
            returns_to=before,
            replicas=on_target.before_replicas,
            reason=why,
            break_glass=override,
            parent=parent,
        )
        on_target.move_to(OnTarget.FALLING_BACK, fallback=undo, run=undo.run, sentence="")
    else:
        placement = state.placements[package.application_id]
        remove(actor=actor, placement=placement, reason=why, parent=parent)
        newest = Run.objects.filter(key=placement.key, kind="adjust").order_by("-pk").first()
        on_target.move_to(OnTarget.FALLING_BACK, fallback=None, run=newest, sentence="")
        if override:
            record(who=actor.who, verb="gate.glass_broken", on=on_package(package, state.environment), comment=override)
    after = {"returns_to": before.pk if before else None, "stopped": on_target.before_stopped}
    where = on_package(package, state.environment)
    record(
        who=actor.who,
        verb="package.fallback_requested",
        on=where,
        comment=reason,
        before=package_facts(package),
        after=after,
    )
    return on_target


IN_USE.append(packages_there)
