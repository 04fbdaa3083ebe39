"""SIGKILL at every step boundary and inside every step, on both databases: one version is live, once, and nobody noticed.

Four deployments of a web process and a worker run side by side, each held at one kind of moment of every step. Whenever all
of them are held, the worker of Fairway that holds most of them is killed. A boundary has two sides: the ``end`` of a step,
done and not recorded, and the ``begin`` of the next, recorded in the transaction that ended the one before.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from statistics import median

import pytest

from tests.services.waiting import PATIENCE
from tests.workflows import tinyapp
from tests.workflows.desk import Desk
from tests.workflows.held import LEASE, Workers, holding, most_held, rows

STEPS = ("prepare", "distribute", "start", "check", "switch", "retire")
SWEEPS = {
    "begin": [*(f"begin:{step}" for step in STEPS), "finish:retire"],
    "amid": [f"amid:{step}" for step in STEPS],
    "end": [f"end:{step}" for step in STEPS],
    "broken": ["begin:clean-up", "amid:clean-up", "end:clean-up", "finish:clean-up"],  # ends in a clean-up instead
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def place(request, tmp_path):
    """An installation with one worker on SQLite, with two on PostgreSQL."""
    if request.param == "postgresql":
        spread = request.getfixturevalue("spread")
        spread.workers.start()
        yield spread.desk, spread.moments, spread.workers
    else:
        with holding(tmp_path) as (fairway, moments):
            yield Desk(fairway, tmp_path), moments, Workers(fairway)


def test_the_worker_is_killed_at_every_moment_of_every_step(place):
    desk, moments, workers = place
    before = _all_there_is(desk)
    slugs = {desk.new(kind, spec={"services": tinyapp.SERVICES}): kind for kind in SWEEPS}
    first = {slug: desk.fairway.deploy(slug) for slug in slugs}
    for number in first.values():
        desk.fairway.live(number)
    with ExitStack() as visits:
        visitors = [visits.enter_context(desk.visitors(slug, 0.2)) for slug in slugs]
        for slug, kind in slugs.items():
            moments.arm(slug, *SWEEPS[kind])
        second = {slug: desk.ship(slug, "2", crashes=kind == "broken") for slug, kind in slugs.items()}
        killed = _kill_everywhere(moments, workers, {slug: list(SWEEPS[kind]) for slug, kind in slugs.items()})
        for number in second.values():
            desk.fairway.ended(number)
    assert [one.failed for one in visitors] == [[]] * len(slugs)
    for slug, kind in slugs.items():
        is_broken = kind == "broken"
        _is_whole(desk, slug, first[slug], second[slug], is_broken=is_broken)
        _was_cut_where_it_was_killed(desk, second[slug], SWEEPS[kind])
    _was_resumed_in_time(desk, killed, second)
    hosts = {f"{slug}.staging.localhost" for slug in slugs}
    assert _all_there_is(desk) == before | hosts | {f"fairway-{slug}.staging" for slug in slugs}
    desk.is_whole()


def _kill_everywhere(moments, workers, left):
    """Kill until every deployment has lost its worker at each of its moments; returns (slug, moment, when, pid)."""
    killed = []
    while left := {slug: todo for slug, todo in left.items() if todo}:
        holders = {slug: moments.await_holder(slug, todo[0]) for slug, todo in left.items()}
        victim = most_held(holders.values())
        when = time.time()
        workers.kill(victim)
        for slug in [slug for slug, holder in holders.items() if holder == victim]:
            moment = left[slug].pop(0)
            killed.append((slug, moment, when, victim))
            moments.let_go(slug, moment)
    return killed


def _is_whole(desk, slug, first, second, *, is_broken):
    """Neither lost nor doubled: one deployment of the two is live, with one set of instances, and was told of once."""
    if is_broken:
        assert desk.fairway.deployment(second)["status"] == "failed", desk.fairway.log_of(second)
        desk.serves(slug, first, "1", services=("worker",))
    else:
        assert desk.fairway.deployment(second)["status"] == "live", desk.fairway.log_of(second)
        desk.serves(slug, second, "2", services=("worker",))
    assert [one["id"] for one in desk.history(slug)] == [second, first]
    assert len(desk.events("deployment.failed" if is_broken else "deployment.succeeded", subject_id=second)) == 1
    switches = [one["after"]["deployment"] for one in desk.events("placement.switched", application=slug)]
    assert switches == ([first] if is_broken else [second, first])


def _was_cut_where_it_was_killed(desk, number, moments):
    """Every kill inside a step lost an attempt of that step, and what was through was not done again. Fences only grow.

    A machine that has other things to do may lose a lease more than we killed workers.
    """
    attempts = rows(desk.fairway, _ATTEMPTS, number)
    cut = {step for step, status, *_ in attempts if status == "lost"}
    assert cut >= {step for kind, step in (one.split(":") for one in moments) if kind != "finish"}
    through = [step for step, status, *_ in attempts if status == "succeeded"]
    assert len(through) == len(set(through)), "a step that is through is not done again"
    fences = [fence for *_, fence in attempts]
    assert fences == sorted(fences)
    ((fence,),) = rows(desk.fairway, _FENCE, number)
    was_over = moments[-1] in {"finish:retire", "finish:clean-up"}
    assert fence >= 1 + len(moments) - was_over


_ATTEMPTS = """SELECT step, status, started_at, owner, fence FROM fairway_runstep
WHERE run_id = (SELECT run_id FROM fairway_deployment WHERE id = ?) ORDER BY id"""
_FENCE = "SELECT fence FROM fairway_run WHERE id = (SELECT run_id FROM fairway_deployment WHERE id = ?)"


def _was_resumed_in_time(desk, killed, numbers):
    """Within the lease + 2 s of the death, or of the birth of the worker that goes on, whichever came later.

    The database's clock and ours are one here. A machine that does three things at once may be late now and then: most
    are in time, and none is left alone.
    """
    born = {name: _at(when) for name, when in rows(desk.fairway, "SELECT name, started_at FROM fairway_worker")}
    delays = []
    for slug, moment, when, victim in killed:
        attempts = rows(desk.fairway, _ATTEMPTS, numbers[slug])
        later = [(_at(begun), owner) for _, _, begun, owner, _ in attempts if _at(begun) > when]
        if not later:
            was_taken_over = not attempts[-1][3].endswith(
                f":{victim}"
            )  # a machine that is too busy cost it the lease before
            assert was_taken_over or moment in {"finish:retire", "finish:clean-up"}, f"{slug} was not resumed after {moment}"
            continue
        begun, owner = later[0]
        assert not owner.endswith(f":{victim}"), "the dead do nothing"
        delays.append(begun - max(when + LEASE, born.get(owner, 0)))  # some die before they have signed in
    assert median(delays) <= 2, delays
    assert max(delays) <= PATIENCE, delays


def _at(when):
    moment = datetime.fromisoformat(when) if isinstance(when, str) else when
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _all_there_is(desk):
    """Routes, placements that have instances, and build folders."""
    kinds = [place for place in desk.routes.iterdir() if place.is_dir() and place.name != "generations"]
    routed = {one.name for kind in kinds for one in _listed(kind)}
    placed = {one.name.rpartition("-d")[0] for one in _listed(desk.fairway.data / "process" / "instances")}
    return routed | placed | {one.name for one in _listed(desk.fairway.data / "work")}


def _listed(folder):
    return [one for one in folder.iterdir() if not one.name.startswith(".")] if folder.is_dir() else []
