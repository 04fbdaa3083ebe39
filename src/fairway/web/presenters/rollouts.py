"""Contexts of rollouts: a release's list, one rollout live, its decision and the consequences of each choice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fairway.accounts.rules import Act, Actor, Blocker, may, role_blocker
from fairway.environments.models import Environment
from fairway.insights import desk
from fairway.releases import queries
from fairway.releases.commands.rollouts import Consequence, preview, retry_blockers
from fairway.releases.gate_rules import release_blockers
from fairway.releases.models import Release, Rollout, RolloutPackage
from fairway.releases.plan import StepStatus
from fairway.releases.rules import ROLLOUT_ENDED, ROLLOUT_NOT_BEGUN, Choice, Direction, RolloutStatus
from fairway.releases.target_state import needs_in, target_state_of
from fairway.web.errors import shown
from fairway.web.failure_words import in_words
from fairway.web.presenters.acts import Button
from fairway.web.presenters.release_graph import Node, graph_shown
from fairway.web.presenters.releases import head_shown
from fairway.web.words import ROLE_LABELS, STEP_LABELS

DONE = frozenset({StepStatus.DEPLOYED, StepStatus.SKIPPED, StepStatus.FALLEN_BACK})


def rollouts_shown(actor: Actor, release: Release) -> dict[str, Any]:
    """The context of ``releases/rollouts.html``."""
    found = queries.rollouts_visible_to(actor).filter(release=release).order_by("-pk")
    return {**head_shown(actor, release), "rollouts": [_line(one) for one in found]}


def _line(rollout: Rollout) -> dict[str, Any]:
    steps = list(rollout.steps.all())
    return {**_facts(rollout, steps), "id": rollout.pk}


def _facts(rollout: Rollout, steps: Sequence[RolloutPackage]) -> dict[str, Any]:
    seconds = None
    if rollout.started_at and rollout.finished_at:
        seconds = (rollout.finished_at - rollout.started_at).total_seconds()
    is_back = rollout.asked_as == Act.FALL_BACK_RELEASE
    relevant = [step for step in steps if not is_back or step.is_ours]
    return {
        "id": rollout.pk,
        "kind": "fall_back" if is_back else "roll_out",
        "status": rollout.status,
        "target": {"slug": rollout.environment.slug, "name": rollout.environment.name},
        "actor": {"name": rollout.requested_by},
        "acting_role": ROLE_LABELS.get(rollout.acting_role, rollout.acting_role),
        "reason": in_words(rollout.reason),
        "at": rollout.created_at,
        "planned_at": rollout.planned_at,
        "started_at": rollout.started_at,
        "ended_at": rollout.finished_at,
        "seconds": seconds,
        "sentence": in_words(rollout.sentence) if rollout.status != RolloutStatus.HELD else "",
        "wait_reason": in_words(rollout.sentence) if rollout.status == RolloutStatus.HELD else "",
        "start_by": rollout.start_by,
        "parallel": rollout.parallel,
        "done": sum(one.status in DONE for one in relevant),
        "total": len(relevant),
    }


def rollout_shown(actor: Actor, rollout: Rollout) -> dict[str, Any]:
    """The context of ``releases/rollout.html``."""
    here = reverse("release-rollouts", args=[rollout.release_id])
    return {**progress_shown(actor, rollout), **head_shown(actor, rollout.release), "here": here}


def progress_shown(actor: Actor, rollout: Rollout) -> dict[str, Any]:
    """The live fragment."""
    steps = list(desk.steps_of(rollout))
    return {
        "release": rollout.release,
        "rollout": _facts(rollout, steps),
        "levels": _levels(steps, rollout) if steps else _levels_ahead(rollout),
        "graph": _graph(rollout, steps),
        "decision": _decision(actor, rollout, steps),
        "rollout_acts": _acts(actor, rollout),
    }


def _levels(steps: Sequence[RolloutPackage], rollout: Rollout) -> list[dict[str, Any]]:
    before = desk.versions_before(rollout)
    grouped: dict[int, list[RolloutPackage]] = defaultdict(list)
    for one in steps:
        grouped[one.level].append(one)
    return [{"number": level + 1, "packages": [_step(one, before) for one in grouped[level]]} for level in sorted(grouped)]


def _levels_ahead(rollout: Rollout) -> list[dict[str, Any]]:
    """The planned levels of a rollout that has not begun."""
    if rollout.status not in ROLLOUT_NOT_BEGUN:
        return []
    state = target_state_of(rollout.release, rollout.environment)
    numbers = {package.name: package.pk for package in state.packages}
    return [
        {"number": level.number, "packages": [_part_ahead(one, numbers[one.name]) for one in level.packages]}
        for level in desk.steps_ahead(state, is_back=False)
    ]


def _part_ahead(one: desk.PlannedStep, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": one.name,
        "status": StepStatus.PENDING,
        "sentence": "",
        "version": one.after,
        "before": one.before or pgettext("what ran before", "nothing"),
        "deployment": None,
        "seconds": None,
    }


def _step(step: RolloutPackage, before: Mapping[str, str]) -> dict[str, Any]:
    deployment = step.fallback or step.deployment
    seconds = None
    if step.started_at and step.finished_at:
        seconds = (step.finished_at - step.started_at).total_seconds()
    return {
        "id": step.package_id,
        "name": step.package.name,
        "status": step.status,
        "sentence": in_words(step.sentence),
        "version": step.package.version,
        "before": _before(step, before) or pgettext("what ran before", "nothing"),
        "deployment": {"id": deployment.pk, "step": _deployment_step(deployment)} if deployment else None,
        "seconds": seconds,
    }


def _before(step: RolloutPackage, before: Mapping[str, str]) -> str:
    """The version that ran before, and that runs again after a fallback."""
    return step.fallback.version if step.fallback else before.get(step.package.application.slug, "")


def _deployment_step(deployment: Any) -> str:
    return str(STEP_LABELS.get(deployment.step, "")) if deployment.is_active else ""


def _graph(rollout: Rollout, steps: Sequence[RolloutPackage]) -> dict[str, Any]:
    packages = [step.package for step in steps]
    names, needs = {package.pk: package.name for package in packages}, needs_in(packages)
    nodes = [
        Node(
            one.package.name,
            one.status,
            note=one.package.version,
            sentence=in_words(one.sentence),
            url=f"#in-{one.package_id}",
        )
        for one in steps
    ]
    return graph_shown(nodes, {names[one]: [names[other] for other in some] for one, some in needs.items()})


def _acts(actor: Actor, rollout: Rollout) -> list[Button]:
    if rollout.status in ROLLOUT_ENDED:
        return []
    where = {"environment": rollout.environment.slug}
    number = [rollout.release_id, rollout.pk]
    if rollout.status in ROLLOUT_NOT_BEGUN:
        act, label, url = Act.SCHEDULE_RELEASE, _("Cancel the schedule"), reverse("rollout-unscheduling", args=number)
    else:
        act, label, url = Act.ROLL_OUT, _("Cancel"), reverse("rollout-cancellation", args=number)
    return [Button(label, url, "x", "danger")] if may(actor, act, **where) else []


def _decision(actor: Actor, rollout: Rollout, steps: Sequence[RolloutPackage]) -> dict[str, Any] | None:
    if rollout.status != RolloutStatus.NEEDS_DECISION:
        return None
    failed = [step.package.name for step in steps if step.status in {StepStatus.FAILED, StepStatus.STUCK}]
    choices = [Choice.RETRY, Choice.SKIP, Choice.FALL_BACK_ALL, Choice.STOP]
    if rollout.direction == Direction.BACK or not preview(rollout=rollout, choice=Choice.FALL_BACK_ALL):
        choices.remove(Choice.FALL_BACK_ALL)
    is_theirs = may(actor, Act.ROLL_OUT, environment=rollout.environment.slug)
    blocked = [] if is_theirs else shown([role_blocker(Act.ROLL_OUT)])
    return {
        "failed": failed,
        "blockers": blocked,
        "choices": [_choice(actor, rollout, choice, failed) for choice in choices],
    }


def _choice(actor: Actor, rollout: Rollout, choice: Choice, failed: Sequence[str]) -> dict[str, Any]:
    then = preview(rollout=rollout, choice=choice)
    label, icon, kind = {
        Choice.RETRY: (_("Try again"), "restart", "primary"),
        Choice.SKIP: (_("Continue without it"), "chevron-right", ""),
        Choice.FALL_BACK_ALL: (_("Fall back all"), "rollback", "danger"),
        Choice.STOP: (_("Leave it as it is"), "stop", ""),
    }[choice]
    act = Act.FALL_BACK_RELEASE if choice is Choice.FALL_BACK_ALL else Act.ROLL_OUT
    falls_back = choice is Choice.FALL_BACK_ALL
    plan = [_planned(one) for one in then] if falls_back or choice is Choice.SKIP else []
    confirm = _typed_for(rollout, then) if falls_back else ""
    consequence = _consequence(choice, then, failed)
    return {
        "key": choice.value,
        "label": label,
        "icon": icon,
        "kind": kind,
        "url": reverse("rollout-decision", args=[rollout.release_id, rollout.pk]),
        "consequence": consequence,
        "asks": " ".join([consequence, *(f"{one}." for one in plan)]) if confirm else "",
        "plan": plan,
        "confirm": confirm,
        "blockers": shown(_why_not(actor, act, rollout, choice)),
    }


def _why_not(actor: Actor, act: Act, rollout: Rollout, choice: Choice) -> list[Blocker]:
    if not may(actor, act, environment=rollout.environment.slug):
        return [role_blocker(act)]
    return retry_blockers(rollout, actor) if choice is Choice.RETRY else []


def _consequence(choice: Choice, then: Sequence[Consequence], failed: Sequence[str]) -> str:
    names = ", ".join(failed)
    if choice is Choice.RETRY:
        return _("%(names)s is deployed again; if it goes live, the rest follows.") % {"names": names}
    if choice is Choice.SKIP:
        left_out = ", ".join(one.package.name for one in then)
        return _("What failed and everything that depends on it is left out: %(names)s.") % {"names": left_out}
    if choice is Choice.FALL_BACK_ALL:
        sentence = ngettext(
            "%(count)d package goes back to exactly what ran before.",
            "%(count)d packages go back to exactly what ran before, in reverse order.",
            len(then),
        )
        return sentence % {"count": len(then)}
    return _("The rollout ends here. What is live stays live; nothing else is started.")


def _planned(one: Consequence) -> str:
    words = {"package": one.package.name, "now": one.package.version, "before": one.before}
    if one.then is StepStatus.SKIPPED:
        return _("%(package)s is left out") % words
    if not one.before:
        return _("%(package)s is removed, because nothing ran before") % words
    if one.goes_down:
        return _("%(package)s goes back from %(now)s to %(before)s, and is stopped as it was") % words
    return _("%(package)s goes back from %(now)s to %(before)s") % words


def confirms_falling_back(rollout: Rollout) -> str:
    """What is typed to confirm that everything falls back: the target, where something is taken down; else ""."""
    return _typed_for(rollout, preview(rollout=rollout, choice=Choice.FALL_BACK_ALL))


def _typed_for(rollout: Rollout, then: Sequence[Consequence]) -> str:
    return rollout.environment.slug if any(one.goes_down for one in then) else ""


def rolling_out_shown(actor: Actor, release: Release, environment: Environment, *, is_back: bool) -> dict[str, Any]:
    """The context of the page before a rollout: what will happen, and the blockers."""
    state = target_state_of(release, environment)
    act = Act.FALL_BACK_RELEASE if is_back else Act.ROLL_OUT
    steps = desk.steps_ahead(state, is_back=is_back)
    found = release_blockers(act, state, actor)
    passes = may(actor, Act.BREAK_GLASS, environment=environment.slug) and bool(found)
    return {
        **head_shown(actor, release),
        "target": {"slug": environment.slug, "name": environment.name},
        "is_back": is_back,
        "blockers": shown(found),
        "can_begin": not found or (passes and not release_blockers(act, state, actor, breaks_glass=True)),
        "steps": [_ahead_shown(one, is_back=is_back) for one in steps],
        "goes_down": [one.name for level in steps for one in level.packages if one.goes_down],
    }


def _ahead_shown(level: desk.Level, *, is_back: bool) -> dict[str, Any]:
    nothing = pgettext("what ran before", "nothing")
    return {
        "number": level.number,
        "packages": [
            {
                "name": package.name,
                "from": package.before or nothing,
                "to": package.after or nothing,
                "note": _note(package, is_back=is_back),
                "away": {"volumes": ", ".join(package.away.volumes), "seconds": package.away.seconds}
                if package.away
                else None,
            }
            for package in level.packages
        ],
    }


def _note(one: desk.PlannedStep, *, is_back: bool) -> str:
    if is_back:
        if not one.after:
            return _("removed")
        return pgettext("what ran before", "stopped") if one.goes_down else ""
    if one.is_same:
        return _("deployed already")
    return "" if one.is_distributed else _("distributed first")
