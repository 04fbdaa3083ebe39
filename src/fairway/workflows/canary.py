"""A canary: the new version gets an eighth of the requests, then a quarter, then a half. The switch gives it all of them.

It keeps each share for `CANARY_SECONDS`. Meanwhile the run waits with its key and without a slot. What the proxy answered
for both versions is compared (`monitoring.judging`) when a share is over, and whenever there are new numbers (`wake_worse`).
If the new version is worse, the deployment fails, and its clean-up gives all requests back with one rename. Where too few
people come to tell, the shares grow all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from fairway.deployments.commands import progress
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.queries import absence, canaries
from fairway.deployments.rules import Wanted
from fairway.deployments.subjects import placement_of
from fairway.drivers.proxy.contract import Rest
from fairway.drivers.runtimes.contract import Instance, InstanceState
from fairway.engine import clock
from fairway.engine.commands import signal
from fairway.engine.workflow import Context, Wait
from fairway.environments.rules import Strategy, WhenWorse
from fairway.monitoring.judgements import canary_judgement
from fairway.monitoring.judging import Judgement, facts_of, sentence_of
from fairway.shared.failures import Refused
from fairway.workflows.readback import read_back
from fairway.workflows.step_context import StepContext, instances_of, live_route, step_context_of

SHARES = (1, 2, 4)  # eighths of the requests, one after the other; a route has eight slots
WORSE = "worse"  # the signal that wakes a run


def settle_strategy(step: StepContext) -> None:
    """If a canary is not possible here, let the version go live at once, and say why in the log."""
    if not step.deployment.is_canary:
        return
    if step.placement.current is None or step.placement.wanted != Wanted.RUNNING:
        why = "nothing serves here that it could be compared with"
    elif absence(step.placement, step.artifact) is not None:
        why = "two versions that store data never run at the same time"
    else:
        return
    progress.strategy_settled(deployment=step.deployment, strategy=Strategy.ALL)
    step.log.say(f"It gets all requests at once: {why}.")


def canary(context: Context) -> None:
    """Give the new version its share. Raises `Wait` until the share is over, and `Refused` if the version died or answers
    worse than the one before. Returns when the last share is over, or when the version before does not run any more."""
    with step_context_of(context) as step:
        instances = read_back(step)
        others = _serving(step)
        if not others:
            step.log.say("The version before does not run any more, so the new one gets all requests at once.")
            return
        kept, now = context.state.get("share"), clock.now()
        if kept is not None:
            _refuse_if_worse(step, kept)
        share = _next_share(kept, now)
        if share is None:
            return
        _serve(step, share["eighths"], instances, others)
        if share != kept:
            context.checkpoint(share=share)
            step.log.say(_words(share["eighths"]))
        raise Wait(until=_ends(share), reason=_words(share["eighths"]))


def wake_worse() -> None:
    """Wake the runs of canaries that answer worse than the version before, so that they end at once."""
    for deployment in canaries():
        run, placement = deployment.run, placement_of(deployment.application, deployment.environment)
        if run is None or placement is None or deployment.environment.when_worse == WhenWorse.IGNORE:
            continue
        share = run.state.get("share")
        if share is not None and _judgement(placement, deployment, share).is_worse:
            signal(run_id=run.pk, name=WORSE, data={})


def _next_share(kept: Mapping[str, Any] | None, now: datetime) -> dict[str, Any] | None:
    """The share that the version should have now; None after the last one."""
    if kept is None:
        return {"eighths": SHARES[0], "since": now.isoformat(), "began": now.isoformat()}
    if now < _ends(kept):
        return dict(kept)
    larger = [eighths for eighths in SHARES if eighths > kept["eighths"]]
    return {**kept, "eighths": larger[0], "since": now.isoformat()} if larger else None


def _ends(share: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(share["since"]) + timedelta(seconds=settings.CANARY_SECONDS)


def _words(eighths: int) -> str:
    return f"{eighths}/8 of the requests go to the new version."


def _serving(step: StepContext) -> list[Instance]:
    """The instances of the version before that answer visitors."""
    current = step.placement.current
    found = instances_of(step.runtime, current) if current else []
    return [one for one in found if one.is_main and one.address and one.state is InstanceState.RUNNING]


def _serve(step: StepContext, eighths: int, instances: list[Instance], others: list[Instance]) -> None:
    rest = Rest(others[0].deployment, tuple(one.address for one in others), 8 - eighths)
    for host in step.placement.hosts:
        step.serve(replace(live_route(step.placement, host, instances, step.deployment), rest=rest))


def _judgement(placement: Placement, deployment: Deployment, share: Mapping[str, Any]) -> Judgement:
    return canary_judgement(placement, deployment, began=datetime.fromisoformat(share["began"]))


def _refuse_if_worse(step: StepContext, share: Mapping[str, Any]) -> None:
    """Record how the version answers. Raises `Refused` if that is worse, unless the environment does not compare."""
    if step.deployment.environment.when_worse == WhenWorse.IGNORE:
        return
    judgement = _judgement(step.placement, step.deployment, share)
    facts = facts_of(judgement)
    progress.judged(deployment=step.deployment, judgement=facts, is_worse=judgement.is_worse, is_final=False)
    if judgement.is_worse:
        eighths, why = share["eighths"], sentence_of(judgement)
        raise Refused(f"With {eighths}/8 of the requests it answers worse than the version before. {why}")
