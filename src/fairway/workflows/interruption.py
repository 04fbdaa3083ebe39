"""The interruption between two versions that have a volume in common: announcing it, beginning it, measuring it."""

from __future__ import annotations

from dataclasses import astuple
from datetime import datetime

from fairway.deployments.commands import progress
from fairway.deployments.queries import absence, restarting_services
from fairway.engine import clock
from fairway.workflows.judging import old_answers_of
from fairway.workflows.step_context import StepContext


def stop_volume_holders(step: StepContext) -> None:
    """Stop every instance that has a volume of the new ones. The time from which visitors see the starting page, and how the
    old version answered, are kept in the run's state, so that a crash does not lose them."""
    holders = step.recreate.holders(step.specs())
    if any(holder.address for holder in holders):
        names = ", ".join(sorted({f"#{holder.deployment[1:]}" for holder in holders if holder.address}))
        step.log.say(f"{names} stops first: what it stores has one writer. Visitors see the starting page meanwhile.")
        if "away_since" not in step.context.state:
            answers = {path: astuple(found) for path, found in old_answers_of(step).items()}
            step.context.checkpoint(away_since=clock.now().isoformat(), old_answers=answers)
    if holders:
        step.recreate.stop(holders, step.deployment.label)


def announce_interruption(step: StepContext) -> None:
    """Write into the log how long visitors will see the starting page, while whoever reads it can still cancel."""
    away = absence(step.placement, step.artifact)
    if away is not None:
        about = f"for about {away.seconds:.0f} s" if away.seconds else "until the new version is ready"
        step.log.say(f"It stores data in the volume {', '.join(away.volumes)}, so it will be away {about}.")
    if names := restarting_services(step.placement, step.artifact):
        step.log.say(f"What {', '.join(names)} runs changes, so it stops and starts again before the new version starts.")


def record_interruption(step: StepContext, seconds: float | None) -> None:
    """Record for how many seconds visitors were interrupted, so that the next deployment can announce it, and log it."""
    if seconds is not None:
        progress.was_away(deployment=step.deployment, seconds=seconds)
        step.log.say(f"Visitors saw the starting page for {seconds:.1f} s.")


def interruption_seconds(step: StepContext) -> float | None:
    """For how many seconds visitors have seen the starting page by now; None if they never did."""
    since = step.context.state.get("away_since")
    return (clock.now() - datetime.fromisoformat(since)).total_seconds() if since else None
