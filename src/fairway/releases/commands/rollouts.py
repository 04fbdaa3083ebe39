"""All of a release at once: roll out, decide, stop, fall back. The workflow of kind ``rollout`` does the work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, Blocked, Blocker, may
from fairway.activity.commands import record
from fairway.deployments.commands.gate_waiting import wake_waiting
from fairway.deployments.gate import blockers
from fairway.engine.commands import enqueue, request_cancel, signal
from fairway.engine.models import Run
from fairway.environments.models import Environment
from fairway.releases.commands.guards import locked
from fairway.releases.commands.targets import asked_by, locked_environment
from fairway.releases.gate_rules import name_of, reasons_together, release_blockers
from fairway.releases.graph import levels
from fairway.releases.models import Package, PackageOnTarget, Release, Rollout, RolloutClaim, RolloutPackage
from fairway.releases.plan import RolloutStep, StepStatus, after_choice
from fairway.releases.queries import requester_of
from fairway.releases.rules import (
    MOST_PARALLEL,
    ROLLOUT_ENDED,
    ROLLOUT_NOT_BEGUN,
    USUAL_PARALLEL,
    Choice,
    Direction,
    RolloutStatus,
)
from fairway.releases.subjects import on_rollout, rollout_facts
from fairway.releases.target_state import TargetState, goes_down, needs_in, packages_of, subject_of, target_state_of
from fairway.shared.names import Invalid, parse_text

STORY = "rollout"
DECISION = "decision"


@transaction.atomic
def roll_out(
    *,
    actor: Actor,
    release: Release,
    environment: Environment,
    parallel: int = USUAL_PARALLEL,
    reason: str = "",
    break_glass: str = "",
    redeploy: bool = False,
) -> Rollout:
    """Deploy every package of a release on a target, level by level. Raises `Blocked` with everything in the way.

    What serves there already, byte for byte and with the same settings, stays as it is unless `redeploy`. `parallel` is how
    many packages are worked on at a time, 1–16.
    """
    row = locked(release)
    place = locked_environment(environment)
    override = parse_text(break_glass, field="break_glass", longest=500)
    state = target_state_of(row, place)
    if reasons := release_blockers(Act.ROLL_OUT, state, actor, breaks_glass=bool(override)):
        raise Blocked(reasons)
    rollout = new_rollout(
        actor,
        Act.ROLL_OUT,
        state,
        RolloutStatus.RUNNING,
        parallel=parallel,
        reason=reason,
        override=override,
        redeploys=redeploy,
    )
    claim(rollout, state.packages)
    if override:
        record(who=actor.who, verb="gate.glass_broken", on=on_rollout(rollout), comment=override)
    record(
        who=actor.who, verb="rollout.requested", on=on_rollout(rollout), comment=rollout.reason, after=rollout_facts(rollout)
    )
    return rollout


@transaction.atomic
def fall_back_release(
    *,
    actor: Actor,
    release: Release,
    environment: Environment,
    parallel: int = USUAL_PARALLEL,
    reason: str = "",
    break_glass: str = "",
) -> Rollout:
    """Take every package of a release that is Deployed on a target back to exactly what served before, in reverse order.

    Raises `Blocked` when nothing of it is Deployed there, or for what else is in the way (a freeze is not; a lock is).
    """
    row = locked(release)
    place = locked_environment(environment)
    override = parse_text(break_glass, field="break_glass", longest=500)
    state = target_state_of(row, place)
    if reasons := release_blockers(Act.FALL_BACK_RELEASE, state, actor, breaks_glass=bool(override)):
        raise Blocked(reasons)
    rollout = new_rollout(
        actor, Act.FALL_BACK_RELEASE, state, RolloutStatus.FALLING_BACK,
        direction=Direction.BACK, parallel=parallel, reason=reason, override=override,
    )  # fmt: skip
    deployed = [one for one in state.packages if state.is_deployed(one) and not state.was_there(one)]
    claim(rollout, deployed)
    make_steps(rollout, deployed, state, dict.fromkeys([one.pk for one in deployed], StepStatus.DEPLOYED), is_ours=True)
    if override:
        record(who=actor.who, verb="gate.glass_broken", on=on_rollout(rollout), comment=override)
    record(
        who=actor.who,
        verb="rollout.fallback_requested",
        on=on_rollout(rollout),
        comment=rollout.reason,
        after={**rollout_facts(rollout), "packages": [one.name for one in deployed]},
    )
    return rollout


@dataclass(frozen=True)
class Consequence:
    """What a choice would do with one package. Of one that falls back: `before` is the version that serves again, and
    `goes_down` that nothing does."""

    package: Package
    now: StepStatus
    then: StepStatus
    before: str = ""
    goes_down: bool = False


def preview(*, rollout: Rollout, choice: str) -> list[Consequence]:
    """What will happen if a person chooses so, package by package; nothing is changed. Raises `Invalid`."""
    steps = list(rollout.steps.select_related("package"))
    then = _after(_parse_choice(choice, rollout), rollout, steps)
    chosen = [one for one in steps if one.package_id in then]
    there = PackageOnTarget.objects.filter(environment=rollout.environment, package__in=[one.package_id for one in chosen])
    found = {one.package_id: one for one in there.select_related("before__artifact")}
    return [_consequence(one, then[one.package_id], found.get(one.package_id)) for one in chosen]


def _consequence(step: RolloutPackage, then: StepStatus, on_target: PackageOnTarget | None) -> Consequence:
    now = StepStatus(step.status)
    if then is not StepStatus.FALLEN_BACK:
        return Consequence(step.package, now, then)
    before = on_target.before.version if on_target and on_target.before else ""
    return Consequence(step.package, now, then, before, goes_down(on_target))


@transaction.atomic
def decide(*, actor: Actor, rollout: Rollout, choice: str, reason: str = "") -> Rollout:
    """Say how a rollout that needs a decision goes on: retry, skip, fall_back_all or stop.

    What a retry starts is still asked for by whoever asked for the rollout. Raises `Blocked` for what would stop it at once.
    Raises `Blocked` when it does not wait for one (any more), `Invalid` for a choice that it does not have.
    """
    list(Run.objects.select_for_update(no_key=True).filter(pk__in=[rollout.run_id]))
    row = locked_rollout(rollout)
    wanted = _parse_choice(choice, row)
    act = Act.FALL_BACK_RELEASE if wanted is Choice.FALL_BACK_ALL or row.direction == Direction.BACK else Act.ROLL_OUT
    require_for_all(actor, act, row.release, row.environment)
    if row.status != RolloutStatus.NEEDS_DECISION:
        sentence = _("This rollout is not waiting for a decision; somebody has already decided, or it continues on its own.")
        raise Blocked([Blocker(code="not_waiting", sentence=sentence)])
    steps = list(row.steps.select_related("package"))
    then = _after(wanted, row, steps)
    if wanted is Choice.RETRY and (reasons := retry_blockers(row, actor)):
        raise Blocked(reasons)
    if wanted is not Choice.FALL_BACK_ALL:
        _apply(steps, then)
    _go_on(row, wanted, actor)
    why = parse_text(reason, field="reason", longest=500)
    after = {
        "choice": wanted,
        "packages": {one.package.name: then[one.package_id] for one in steps if one.package_id in then},
    }
    record(who=actor.who, verb="rollout.decided", on=on_rollout(row), comment=why, after=after)
    if row.run_id is not None:
        asks = _on_behalf_of(row, actor) if act == Act.ROLL_OUT else (actor, act)
        signal(run_id=row.run_id, name=DECISION, data={"choice": wanted, "asked": asked_by(*asks)})
    return row


@transaction.atomic
def cancel_rollout(*, actor: Actor, rollout: Rollout, reason: str = "") -> Rollout:
    """End it now: what is not begun never is; deployments in flight are cancelled, each back on its previous version.

    A planned rollout is taken off the calendar. Raises `Blocked` when it has ended.
    """
    list(Run.objects.select_for_update(no_key=True).filter(pk__in=[rollout.run_id]))
    row = locked_rollout(rollout)
    act = Act.SCHEDULE_RELEASE if row.status in ROLLOUT_NOT_BEGUN else Act.ROLL_OUT
    require_for_all(actor, act, row.release, row.environment)
    if row.status in ROLLOUT_ENDED:
        raise Blocked([Blocker(code="ended", sentence=_("This rollout has already ended."))])
    why = parse_text(reason, field="reason", longest=500)
    sentence = f"Cancelled by {actor.name}: {why}" if why else f"Cancelled by {actor.name}."
    if row.status in ROLLOUT_NOT_BEGUN:
        row.move_to(RolloutStatus.CANCELLED, sentence=sentence, finished_at=timezone.now())
    if row.run_id is not None:
        request_cancel(run_id=row.run_id, reason=sentence)
    record(who=actor.who, verb="rollout.cancel_requested", on=on_rollout(row), comment=why, before=rollout_facts(row))
    row.refresh_from_db()
    return row


def locked_rollout(rollout: Rollout) -> Rollout:
    chosen = Rollout.objects.select_for_update(of=("self",), no_key=True).select_related("release", "environment")
    return chosen.get(pk=rollout.pk)


def require_for_all(actor: Actor, act: Act, release: Release, environment: Environment) -> None:
    """Raises `Blocked` unless the actor may do it with every package: a grant may be narrowed to applications."""
    slugs = [one.application.slug for one in packages_of(release)] or [""]
    for slug in slugs:
        require(actor, act, application=slug, environment=environment.slug)


def new_rollout(
    actor: Actor,
    act: Act,
    state: TargetState,
    status: RolloutStatus,
    *,
    parallel: int,
    reason: str,
    override: str = "",
    direction: Direction = Direction.FORWARD,
    run_at: datetime | None = None,
    **planned: Any,
) -> Rollout:
    """The row and its run, inside the caller's transaction."""
    rollout = Rollout.objects.create(
        release=state.release,
        environment=state.environment,
        status=status,
        direction=direction,
        parallel=_parse_parallel(parallel),
        reason=parse_text(reason, field="reason", longest=500),
        asked_as=act,
        requested_by_id=actor.id,
        requested_by=actor.name,
        acting_role=actor.acting_as or "",
        requested_with_id=actor.standing.token,
        door=actor.door,
        planned_at=run_at,
        **planned,
    )
    rollout.run = enqueue_run(rollout, asked_by(actor, act), override, run_at)
    rollout.save(update_fields=["run"])
    return rollout


def claim(rollout: Rollout, packages: Iterable[Package]) -> None:
    """From now until it ends, these applications are changed on its target by nothing else of any release.

    With the target locked and the gate asked; the table's constraint refuses what slips through all the same.
    """
    RolloutClaim.objects.bulk_create(
        RolloutClaim(rollout=rollout, environment=rollout.environment, application=one.application) for one in packages
    )


def end_rollout(rollout: Rollout, status: RolloutStatus, **values: Any) -> None:
    """It has ended: what it claimed is free, and single deployments that waited for that ask the gate again."""
    rollout.move_to(status, finished_at=timezone.now(), **values)
    transaction.on_commit(wake_waiting, robust=True)  # not now: that would lock runs after rows


def enqueue_run(rollout: Rollout, asked: dict[str, Any], override: str, run_at: datetime | None) -> Run:
    return enqueue(
        kind=STORY,
        key=rollout.key,
        payload={"rollout": rollout.pk, "asked": asked, "glass": override},
        run_at=run_at,
        lane=rollout.environment.lane,
    )


def make_steps(
    rollout: Rollout, packages: Iterable[Package], state: TargetState, steps: dict[int, StepStatus], *, is_ours: bool
) -> None:
    """One row per package, with its level in the whole release."""
    level = levels(state.needs)
    RolloutPackage.objects.bulk_create(
        RolloutPackage(rollout=rollout, package=one, level=level[one.pk], status=steps[one.pk], is_ours=is_ours)
        for one in packages
    )


def steps_of(steps: Iterable[RolloutPackage]) -> list[RolloutStep]:
    """The rows as the plan knows them."""
    return [RolloutStep(one.package_id, one.level, StepStatus(one.status), one.is_ours) for one in steps]


def _after(choice: Choice, rollout: Rollout, steps: list[RolloutPackage]) -> dict[int, StepStatus]:
    needs = needs_in([one.package for one in steps])
    there = PackageOnTarget.objects.filter(environment=rollout.environment, package__in=[one.package_id for one in steps])
    here = there.exclude(distributed_at=None).values_list("package_id", flat=True)
    outdated = _outdated(rollout) if choice is Choice.RETRY else []
    return after_choice(choice, steps_of(steps), needs, distributed=here, outdated=outdated)


def _outdated(rollout: Rollout) -> list[int]:
    """What runs with other settings than the release is sealed with: they were renewed after it was deployed."""
    state = target_state_of(rollout.release, rollout.environment)
    if not state.is_sealed or rollout.direction == Direction.BACK:
        return []
    return [one.pk for one in state.packages if state.is_deployed(one) and not state.is_there(one)]


def retry_blockers(rollout: Rollout, actor: Actor) -> list[Blocker]:
    """What would keep a rollout that waits for a decision from trying again what failed; each reason once."""
    steps = list(rollout.steps.select_related("package"))
    then = _after(Choice.RETRY, rollout, steps)
    if rollout.direction == Direction.BACK:
        return []
    state = replace(target_state_of(rollout.release, rollout.environment), active_rollout=None)
    asker_now, act = _on_behalf_of(rollout, actor)
    overrides = bool(rollout.run and rollout.run.payload.get("glass"))
    subjects = [subject_of(one, state) for one in state.packages if one.pk in then]
    return reasons_together((name_of(one), blockers(act, one, asker_now, breaks_glass=overrides)) for one in subjects)


def _on_behalf_of(rollout: Rollout, decider: Actor) -> tuple[Actor, Act]:
    """Who asks for what a retry starts: whoever asked for the rollout, as long as they may. Who decides how it goes on asks
    for nothing, so that an approval they gave goes on counting."""
    requester, act = requester_of(rollout), Act(rollout.asked_as)
    where = {"environment": rollout.environment.slug}
    if all(may(requester, act, application=one.application.slug, **where) for one in packages_of(rollout.release)):
        return requester, act
    return decider, Act.ROLL_OUT


def _apply(steps: list[RolloutPackage], then: dict[int, StepStatus]) -> None:
    for one in steps:
        if one.package_id in then and one.status != then[one.package_id]:
            one.move_to(then[one.package_id], sentence="", finished_at=None)


def _go_on(row: Rollout, choice: Choice, actor: Actor) -> None:
    if choice is Choice.STOP:
        sentence = f"Stopped by {actor.name}."
        end_rollout(row, RolloutStatus.FAILED, sentence=sentence, decided_by=actor.name)
    elif choice is Choice.FALL_BACK_ALL:
        row.move_to(RolloutStatus.FALLING_BACK, direction=Direction.BACK.value, decided_by=actor.name, sentence="")
    else:
        status = RolloutStatus.FALLING_BACK if row.direction == Direction.BACK else RolloutStatus.RUNNING
        row.move_to(status, decided_by=actor.name, sentence="")


def _parse_choice(choice: str, rollout: Rollout) -> Choice:
    fitting = [one for one in Choice if one is not Choice.FALL_BACK_ALL or rollout.direction == Direction.FORWARD]
    if choice not in fitting:
        raise Invalid("choice", "use one of {names}.", names=", ".join(fitting))
    return Choice(choice)


def _parse_parallel(parallel: int) -> int:
    if isinstance(parallel, bool) or not 1 <= int(parallel) <= MOST_PARALLEL:
        raise Invalid("parallel", "must be a number from 1 to {most}.", most=MOST_PARALLEL)
    return int(parallel)
