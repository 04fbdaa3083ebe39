"""Bringing a release out of whatever state it is in, as people would who mean well: by what its pages offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fairway.accounts.rules import Actor, Blocked, Role
from fairway.environments.commands import unlock_environment
from fairway.environments.models import Environment
from fairway.releases import queries
from fairway.releases.commands.approvals import approve, seal
from fairway.releases.commands.rollouts import decide, roll_out
from fairway.releases.commands.schedule import cancel_schedule
from fairway.releases.models import Release, Rollout
from fairway.releases.rules import ROLLOUT_ACTIVE, ReleaseStatus, RolloutStatus
from fairway.web.presenters.release_plan import approvals_shown, sealing_shown
from fairway.web.presenters.rollouts import progress_shown
from tests.releases.desk import ReleaseDesk

LONGEST = 20  # acts of people; a release with two targets needs half as many


def bring_out(desk: ReleaseDesk, release: Release, releases: Iterable[Release]) -> None:
    """Ends with every package served on the last target. AssertionError: nothing was offered that leads there."""
    tried = []
    for _ in range(LONGEST):
        desk.work()
        fresh = Release.objects.get(pk=release.pk)
        for place in Environment.objects.exclude(locked_at=None).filter(deleted_at=None):
            unlock_environment(actor=desk.manager, environment=place)
        done = next(_next_acts(desk, fresh, list(releases)), "")
        tried.append(done)
        if done == "released":
            return
        assert done, f"{fresh} is {queries.status_of(fresh)}, and nothing leads on; so far: {tried}"
    raise AssertionError(f"{release} is {queries.status_of(release)} after all that: {tried}")


def _crew(desk: ReleaseDesk) -> list[Actor]:
    return [desk.deployer, desk.manager, desk.person("ann", Role.RELEASE_MANAGER), desk.admin]


def _next_acts(desk: ReleaseDesk, release: Release, releases: list[Release]) -> Iterator[str]:
    """Does one thing, and says what. The first that is offered is done."""
    targets = queries.targets_of(release)
    if not targets:
        yield "released"  # nowhere to go
        return
    for other in releases:
        for rollout in Rollout.objects.filter(release=other, status__in=sorted(ROLLOUT_ACTIVE)):
            yield from _decided(desk, rollout, is_own=other.pk == release.pk)
    if queries.status_of(release) == ReleaseStatus.RELEASED:
        yield "released"
    shown = sealing_shown(desk.manager, release)["sealing"]
    if shown["seal"] and not shown["seal"].blockers:
        seal(actor=desk.manager, release=release)
        yield "sealed"
    yield from _approved(desk, release)
    last = targets[-1]
    for actor in _crew(desk):
        ready = next((one for one in queries.readiness(release, actor) if one.environment == last), None)
        if ready is not None and ready.is_ready:
            roll_out(actor=actor, release=release, environment=last)
            yield "rolled out"


def _decided(desk: ReleaseDesk, rollout: Rollout, *, is_own: bool) -> Iterator[str]:
    if rollout.status in {RolloutStatus.SCHEDULED, RolloutStatus.HELD}:
        cancel_schedule(actor=desk.manager, rollout=rollout)
        yield "cancelled the schedule"
    if rollout.status != RolloutStatus.NEEDS_DECISION:
        return
    choices = _choices(desk, rollout)
    assert choices, "the page offers no choice to anybody"
    wanted = next((one for one in (["retry", "stop"] if is_own else ["stop"]) if one in choices), None)
    if wanted == "stop" and is_own:
        yield from _approved(desk, rollout.release)
    if wanted:
        decide(actor=choices[wanted], rollout=rollout, choice=wanted)
        yield wanted


def _choices(desk: ReleaseDesk, rollout: Rollout) -> dict[str, Actor]:
    """What the page offers, and to whom."""
    found: dict[str, Actor] = {}
    for actor in _crew(desk):
        decision: dict[str, Any] = progress_shown(actor, rollout)["decision"]
        for one in decision["choices"]:
            if not decision["blockers"] and not one["blockers"]:
                found.setdefault(one["key"], actor)
    return found


def _approved(desk: ReleaseDesk, release: Release) -> Iterator[str]:
    for actor in reversed(_crew(desk)):
        for one in approvals_shown(actor, release)["approvals"]:
            if one["state"] == "waiting" and one["decide"] and not one["decide"]["blockers"]:
                where = Environment.objects.get(slug=one["target"]["slug"])
                try:
                    approve(actor=actor, release=release, environment=where, fingerprint=release.fingerprint)
                except Blocked:
                    continue
                yield f"approved by {actor.name}"
