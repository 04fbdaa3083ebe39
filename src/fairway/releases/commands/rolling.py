"""The rollout workflow's changes of the tables: the beginning, one round of work, the end. Each happens in the workflow's
transaction, with the run locked and its fence checked, so that each round happens once, even if a worker dies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from fairway.accounts.rules import SYSTEM, Act, Actor, Blocked, Blocker
from fairway.activity.commands import record
from fairway.deployments.gate import blockers
from fairway.deployments.models import Placement
from fairway.deployments.rules import ACTIVE
from fairway.deployments.rules import Status as DeploymentStatus
from fairway.engine.models import Run
from fairway.environments.models import Environment
from fairway.releases.commands.guards import locked
from fairway.releases.commands.rollouts import claim, end_rollout, locked_rollout, make_steps, steps_of
from fairway.releases.commands.targets import begin_deployment, begin_distribution, begin_fallback, locked_environment
from fairway.releases.gate_rules import release_blockers
from fairway.releases.models import Package, PackageOnTarget, Rollout, RolloutPackage
from fairway.releases.plan import IN_FLIGHT, Plan, StepStatus, Verdict, next_plan
from fairway.releases.rules import ROLLOUT_ENDED, ROLLOUT_NOT_BEGUN, Direction, OnTarget, RolloutStatus
from fairway.releases.subjects import on_package, on_rollout, rollout_facts
from fairway.releases.target_state import TargetState, fallback_target_of, subject_of, target_state_of
from fairway.shared.sentences import joined
from fairway.shared.translation import together

ALREADY_THERE = "It was there already."
LOOK_AGAIN = timedelta(seconds=30)  # how often a blocked rollout asks the gate again, unless a blocker clears earlier


def begin(rollout: Rollout, actor: Actor, *, breaks_glass: bool) -> datetime | None:
    """Begin a rollout: ask the gate again, store what runs on the target, create the steps. Idempotent.

    Returns None if it has begun or ended; otherwise it is blocked, waits until its start-by limit, and the result is when
    to ask again.
    """
    release = locked(rollout.release)
    row = locked_rollout(rollout)
    if row.status in ROLLOUT_ENDED or row.direction == Direction.BACK or row.steps.exists():
        return None
    target = locked_environment(row.environment)
    state = replace(target_state_of(release, target), active_rollout=None)  # the active one is this
    reasons = release_blockers(Act(row.asked_as), state, actor, breaks_glass=breaks_glass)
    if reasons:
        return _hold(row, reasons)
    before = placements_now(target)
    if row.status != RolloutStatus.RUNNING:
        row.move_to(RolloutStatus.RUNNING)
        claim(row, state.packages)
    Rollout.objects.filter(pk=row.pk).update(before=before, started_at=timezone.now(), sentence="")
    there = [] if row.redeploys else [one for one in state.packages if state.is_there(one)]
    _take_what_is_there(there, state)
    begins = {
        package.pk: StepStatus.DEPLOYED if package in there else _begins_as(package.pk, state) for package in state.packages
    }
    make_steps(row, state.packages, state, begins, is_ours=False)
    row.steps.filter(package__in=there).update(sentence=ALREADY_THERE)
    row.refresh_from_db()
    record(who=SYSTEM.who, verb="rollout.started", on=on_rollout(row), before=before, after=rollout_facts(row))
    return None


def _begins_as(package: int, state: TargetState) -> StepStatus:
    on_target = state.on_targets.get(package)
    return StepStatus.DISTRIBUTED if on_target is not None and on_target.distributed_at is not None else StepStatus.PENDING


def _take_what_is_there(packages: Iterable[Package], state: TargetState) -> None:
    """Mark packages that serve on the target already as Deployed. If another deployment than this release's brought them
    there, a fallback has nothing to take back."""
    now = timezone.now()
    for package in packages:
        if state.is_deployed(package):
            continue
        current, artifact = state.placements[package.application_id].current, package.artifact
        assert current is not None
        assert artifact is not None
        on_target, _ = PackageOnTarget.objects.get_or_create(package=package, environment=state.environment)
        on_target.move_to(
            OnTarget.DEPLOYED, artifact=artifact, digest=artifact.digest, distributed_at=now, deployed_at=now,
            deployment=current, before=current, sentence="",
        )  # fmt: skip
        state.on_targets[package.pk] = on_target
        record(
            who=SYSTEM.who,
            verb="package.found_there",
            on=on_package(package, state.environment),
            after={"deployment": current.pk},
        )


def _hold(row: Rollout, reasons: list[Blocker]) -> datetime | None:
    """Let a scheduled rollout wait for its blockers; end it if its start-by limit passed or it was not scheduled."""
    now, why = timezone.now(), joined(blocker.sentence for blocker in reasons)
    if row.start_by is None or now >= row.start_by:
        missed = f"It missed its start-by limit because: {why}" if row.start_by else f"It could not start: {why}"
        ends_as = RolloutStatus.CANCELLED if row.start_by else RolloutStatus.FAILED
        row.move_to(ends_as, sentence=missed, finished_at=now)
        record(who=SYSTEM.who, verb=f"rollout.{ends_as}", on=on_rollout(row), comment=missed)
        return None
    if row.status != RolloutStatus.HELD:
        row.move_to(RolloutStatus.HELD, sentence=why)
        record(who=SYSTEM.who, verb="rollout.held", on=on_rollout(row), comment=why)
    elif row.sentence != why:
        Rollout.objects.filter(pk=row.pk).update(sentence=why)
    clears = [reason.clears_at for reason in reasons if reason.clears_at is not None and reason.clears_at > now]
    return min([row.start_by, now + LOOK_AGAIN, *clears])


def placements_now(environment: Environment) -> dict[str, dict[str, Any]]:
    """The state of every placement on a target by application, in enough detail to verify later that a fallback restored
    it."""
    placements = Placement.objects.filter(environment=environment).exclude(current=None)
    return {
        placement.application.slug: {
            "deployment": placement.current_id,
            "artifact": placement.current.artifact_id if placement.current else None,
            "digest": placement.current.artifact.digest if placement.current and placement.current.artifact else "",
            "configuration": placement.current.configuration_id if placement.current else None,
            "replicas": placement.replicas,
            "wanted": placement.wanted,
        }
        for placement in placements.select_related("application", "current__artifact")
    }


def advance(rollout: Rollout, run: Run, actor: Actor, act: Act, *, override: str) -> Verdict:
    """One round: update the state of each package, then start what may start. Returns the verdict; *done* is also
    recorded."""
    release = locked(rollout.release)
    row = locked_rollout(rollout)
    if row.status in ROLLOUT_ENDED:
        return Verdict.DONE
    if row.status in ROLLOUT_NOT_BEGUN or row.status == RolloutStatus.NEEDS_DECISION:
        return Verdict.DECIDE
    target = locked_environment(row.environment)
    state = replace(target_state_of(release, target), active_rollout=None)
    steps = _steps(row)
    synchronise(steps, state)
    while True:
        plan = next_plan(steps_of(steps), state.needs, parallel=row.parallel, direction=Direction(row.direction))
        if not _perform(plan, steps, state, run, actor, act, override):
            break
    if plan.verdict is Verdict.DONE:
        _end(row, steps)
    elif plan.verdict is Verdict.DECIDE:
        _ask_a_person(row, steps)
    return plan.verdict


def _steps(row: Rollout) -> list[RolloutPackage]:
    return list(
        row.steps.select_for_update(of=("self",), no_key=True).select_related(
            "package__application", "deployment", "fallback"
        )
    )


def synchronise(steps: Iterable[RolloutPackage], state: TargetState) -> None:
    """Update the steps from what became of their distributions and deployments."""
    for step in steps:
        if step.status not in IN_FLIGHT:
            continue
        on_target = state.on_targets[step.package_id]
        if step.status == StepStatus.DEPLOYING:
            _see_deployment(step)
        elif on_target.status == OnTarget.DISTRIBUTED:
            step.move_to(
                StepStatus.DISTRIBUTED if step.status == StepStatus.DISTRIBUTING else StepStatus.FALLEN_BACK,
                finished_at=timezone.now(),
            )
        elif step.status == StepStatus.DISTRIBUTING and on_target.status == OnTarget.ABSENT:
            step.move_to(StepStatus.FAILED, sentence=on_target.sentence, finished_at=timezone.now())
        elif step.status == StepStatus.FALLING_BACK and on_target.status == OnTarget.DEPLOYED:
            step.move_to(StepStatus.STUCK, sentence=on_target.sentence, finished_at=timezone.now())


def _see_deployment(step: RolloutPackage) -> None:
    assert step.deployment is not None
    if step.deployment.status in ACTIVE:
        return
    if step.deployment.status == DeploymentStatus.SUCCEEDED:
        step.move_to(StepStatus.DEPLOYED, is_ours=True, finished_at=timezone.now(), sentence="")
    else:
        step.move_to(StepStatus.FAILED, finished_at=timezone.now(), sentence=step.deployment.sentence)


def _perform(
    plan: Plan, steps: list[RolloutPackage], state: TargetState, run: Run, actor: Actor, act: Act, override: str
) -> bool:
    """Perform the plan; returns whether to plan again at once, because something could not be started after all."""
    by_package = {step.package_id: step for step in steps}
    for number in plan.block:
        by_package[number].move_to(StepStatus.BLOCKED)
    refused = False
    for number in plan.distribute:
        refused |= not _distribute(by_package[number], state, run, actor, act, override)
    for number in plan.deploy:
        refused |= not _deploy(by_package[number], state, run, actor, act, override)
    for number in plan.fall_back:
        refused |= not _fall_back(by_package[number], state, run, actor, act, override)
    return refused or bool(plan.block)


def _distribute(step: RolloutPackage, state: TargetState, run: Run, actor: Actor, act: Act, override: str) -> bool:
    package = next(one for one in state.packages if one.pk == step.package_id)
    reasons = blockers(act, subject_of(package, state), actor, breaks_glass=bool(override))
    if reasons:
        return _could_not(step, StepStatus.FAILED, reasons)
    on_target = begin_distribution(actor, act, package, state.environment, override=override, parent=run)
    state.on_targets[package.pk] = on_target
    step.move_to(StepStatus.DISTRIBUTING, started_at=timezone.now(), attempts=step.attempts + 1, sentence="")
    return True


def _deploy(step: RolloutPackage, state: TargetState, run: Run, actor: Actor, act: Act, override: str) -> bool:
    package = next(one for one in state.packages if one.pk == step.package_id)
    subject = subject_of(package, state, is_start=True)
    try:
        if reasons := blockers(act, subject, actor, breaks_glass=bool(override)):
            raise Blocked(reasons)
        deployment = begin_deployment(actor, act, subject, state, override=override, parent=run)
    except Blocked as blocked:
        return _could_not(step, StepStatus.FAILED, blocked.blockers)
    step.move_to(
        StepStatus.DEPLOYING, deployment=deployment, started_at=timezone.now(), attempts=step.attempts + 1, sentence=""
    )
    return True


def _fall_back(step: RolloutPackage, state: TargetState, run: Run, actor: Actor, act: Act, override: str) -> bool:
    package = next(one for one in state.packages if one.pk == step.package_id)
    if state.is_replaced(package):
        sentence = "Something else took its place since; it was left alone."
        step.move_to(StepStatus.SKIPPED, sentence=sentence, finished_at=timezone.now())
        return False
    try:
        if reasons := blockers(act, fallback_target_of(package, state), actor, breaks_glass=bool(override)):
            raise Blocked(reasons)
        on_target = begin_fallback(actor, act, package, state, override=override, parent=run)
    except Blocked as blocked:
        return _could_not(step, StepStatus.STUCK, blocked.blockers)
    step.move_to(
        StepStatus.FALLING_BACK, fallback=on_target.fallback, started_at=timezone.now(), finished_at=None, sentence=""
    )
    return True


def _could_not(step: RolloutPackage, becomes: StepStatus, reasons: list[Blocker]) -> bool:
    step.move_to(becomes, sentence=joined(reason.sentence for reason in reasons), finished_at=timezone.now())
    return False


def _end(row: Rollout, steps: list[RolloutPackage]) -> None:
    is_back = row.direction == Direction.BACK
    skipped = [step.package.name for step in steps if step.status == StepStatus.SKIPPED]
    sentence = f"Left out: {', '.join(skipped)}." if skipped else ""
    status = RolloutStatus.FALLEN_BACK if is_back else RolloutStatus.SUCCEEDED
    end_rollout(row, status, sentence=sentence)
    after = {one.package.name: one.status for one in steps}
    record(who=SYSTEM.who, verb=f"rollout.{status}", on=on_rollout(row), comment=sentence, after=after)


def _ask_a_person(row: Rollout, steps: list[RolloutPackage]) -> None:
    bad = [one for one in steps if one.status in {StepStatus.FAILED, StepStatus.STUCK}]
    sentence = joined(together((one.package.name, one.sentence) for one in bad))
    row.move_to(RolloutStatus.NEEDS_DECISION, sentence=sentence)
    after = {one.package.name: one.status for one in steps}
    record(who=SYSTEM.who, verb="rollout.needs_decision", on=on_rollout(row), comment=sentence, after=after)


def run_ended(run: Run, *, is_cancelled: bool, sentence: str) -> None:
    """The run ended before the rollout did: it was cancelled, or Fairway failed."""
    found = Rollout.objects.filter(run=run).first()
    if found is None:
        return
    row = locked_rollout(found)
    if row.status in ROLLOUT_ENDED:
        return
    steps = _steps(row)
    synchronise(steps, target_state_of(row.release, row.environment))
    for step in steps:
        if step.status in IN_FLIGHT:
            becomes = StepStatus.STUCK if step.status == StepStatus.FALLING_BACK else StepStatus.FAILED
            step.move_to(becomes, sentence="It was cancelled with the rollout.", finished_at=timezone.now())
    status = RolloutStatus.CANCELLED if is_cancelled else RolloutStatus.FAILED
    end_rollout(row, status, sentence=sentence)
    after = {one.package.name: one.status for one in steps}
    record(who=SYSTEM.who, verb=f"rollout.{status}", on=on_rollout(row), comment=sentence, after=after)
