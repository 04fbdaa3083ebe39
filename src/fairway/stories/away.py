"""Being away between the old version and the new one: said beforehand, begun, and how long it was in the end."""

from __future__ import annotations

from dataclasses import astuple
from datetime import datetime

from fairway.deployments.commands import progress
from fairway.deployments.queries import absence
from fairway.engine import clock
from fairway.stories.judging import old_answers_of
from fairway.stories.scene import Scene


def make_way(scene: Scene) -> None:
    """Stop what has a volume of the new instances; from when on visitors were away is remembered over any crash."""
    holders = scene.way.holders(scene.specs())
    if any(one.address for one in holders):
        names = ", ".join(sorted({f"#{one.deployment[1:]}" for one in holders if one.address}))
        scene.log.say(f"{names} stops first: what it stores has one writer. Visitors see the starting page meanwhile.")
        if "away_since" not in scene.context.state:
            answers = {path: astuple(found) for path, found in old_answers_of(scene).items()}
            scene.context.checkpoint(away_since=clock.now().isoformat(), old_answers=answers)
    if holders:
        scene.way.make(holders, scene.deployment.label)


def tell_if_it_will_be_away(scene: Scene) -> None:
    """Said before it happens; whoever watches may still cancel."""
    away = absence(scene.placement, scene.artifact)
    if away is not None:
        about = f"for about {away.seconds:.0f} s" if away.seconds else "until the new version is ready"
        scene.log.say(f"It stores data in the volume {', '.join(away.volumes)}, so it will be away {about}.")


def tell_how_long_it_was_away(scene: Scene, seconds: float | None) -> None:
    """Written down, so that the next deployment can say it beforehand."""
    if seconds is not None:
        progress.was_away(deployment=scene.deployment, seconds=seconds)
        scene.log.say(f"Visitors saw the starting page for {seconds:.1f} s.")


def away_seconds(scene: Scene) -> float | None:
    """How long visitors have been turned away by now; None where they never were."""
    since = scene.context.state.get("away_since")
    return (clock.now() - datetime.fromisoformat(since)).total_seconds() if since else None
