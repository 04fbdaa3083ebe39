"""The reconciler says what differs, asks for one repair, and leaves alone what somebody is working on."""

from __future__ import annotations

import pytest

from fairway.activity.models import Event
from fairway.deployments.models import Placement
from fairway.deployments.rules import Wanted
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.drivers.runtimes.contract import NullProgress
from fairway.engine.commands import enqueue
from fairway.engine.models import Run
from fairway.worker import reconciler
from fairway.worker.reconciler import Reconciler, differences
from fairway.workflows.outside import proxy
from fairway.workflows.specs import instance_spec

NAME = "fairway-hello.staging-d{number}-{replica}"


def _look(placement):
    Reconciler().look()
    placement.refresh_from_db()
    return placement


def _repairs():
    return Run.objects.filter(kind="adjust", finished_at=None).count()


def test_nothing_differs(live):
    _look(live)
    assert (live.health, live.drift, _repairs()) == ("healthy", [], 0)
    assert [one["replica"] for one in live.observed] == [0, 1]


def _died(live, fake):
    fake.crash(NAME.format(number=live.current_id, replica=1), for_good=True)
    return f"{NAME.format(number=live.current_id, replica=1)} has died."


def _gone(live, fake):
    fake.ensure_removed(NAME.format(number=live.current_id, replica=0))
    return "Instance 0 is not running."


def _stranger(live, fake):
    live.replicas = 1
    live.save()
    return f"{NAME.format(number=live.current_id, replica=1)} should not be here."


def _unrouted(live, fake):
    proxy().ensure_no_route(live.host)
    return f"{live.host} is not routed."


def _misrouted(live, fake):
    proxy().ensure_route(Route(live.host, RouteKind.OPEN, ("127.0.0.1:9",), "d1"))
    return f"{live.host} is routed to other addresses."


def _not_sticky(live, fake):
    artifact = live.current.artifact
    artifact.spec = {"kind": "python", "framework": "Streamlit"}
    artifact.save()
    return f"Visitors of {live.host} do not stay with one instance."


def _unstopped(live, fake):
    live.wanted = Wanted.STOPPED
    live.save()
    return f"{NAME.format(number=live.current_id, replica=0)} runs although it should be stopped."


@pytest.mark.parametrize("disturb", [_died, _gone, _stranger, _unrouted, _misrouted, _not_sticky, _unstopped])
def test_what_differs_is_said_and_repaired_once(live, fake, disturb):
    sentence = disturb(live, fake)
    looking = Reconciler()
    looking.look()
    looking.look()
    live.refresh_from_db()
    assert sentence in live.drift
    assert _repairs() == 1


def test_an_application_that_restarts_by_itself_is_no_drift(live, fake):
    with fake.world.open() as world:
        world["instances"][NAME.format(number=live.current_id, replica=1)]["state"] = "restarting"
    _look(live)
    assert (live.health, live.drift, _repairs()) == ("degraded", [], 0)


def test_what_somebody_works_on_is_left_alone(live, fake):
    _gone(live, fake)
    enqueue(kind="deploy", key=live.key, payload={})
    _look(live)
    assert (live.health, live.drift, _repairs()) == ("unknown", [], 0)


def test_what_finished_while_it_looked_is_no_drift(live, fake, monkeypatch):
    """The instances are listed first; a deployment may end between that and the comparison."""
    real = type(fake).instances
    stale = [one for one in real(fake) if one.replica == 0]
    answers = [stale]
    monkeypatch.setattr(type(fake), "instances", lambda self, name=None: answers.pop() if answers else real(self, name))
    _look(live)
    assert (live.drift, _repairs()) == ([], 0)


def test_repairs_come_less_and_less_often_while_they_do_not_help(live, fake, monkeypatch):
    _gone(live, fake)
    now = [0.0]
    monkeypatch.setattr(reconciler.time, "monotonic", lambda: now[0])
    looking, asked_at = Reconciler(), []
    for second in range(120):
        now[0] = float(second)
        looking.look()
        if _repairs():
            asked_at.append(second)
            Run.objects.all().delete()
    assert asked_at == [0, 15, 45, 105]


def test_instances_that_nobody_owns_are_removed(live, fake, deployed):
    other = deployed()
    other.application.slug = "forgotten"  # a name that no row knows
    fake.ensure_started(instance_spec(other, 0), NullProgress())
    _look(live)
    assert {one.placement for one in fake.instances()} == {live.name}
    assert _repairs() == 0


def test_a_removal_that_broke_is_asked_for_again(live):
    Placement.objects.filter(pk=live.pk).update(wanted=Wanted.REMOVED)
    _look(live)
    assert _repairs() == 1


def test_one_environment_that_breaks_stops_no_other(live, fake, production, monkeypatch):
    calls = []

    def look_at(self, environment, **more):
        calls.append(environment.slug)
        raise RuntimeError("its host burns")

    monkeypatch.setattr(Reconciler, "_look_at", look_at)
    Reconciler().look()
    assert sorted(calls) == ["production", "staging"]


def test_something_running_where_nothing_was_ever_live(live, fake):
    live.current = None
    live.save()
    assert differences(live, fake.instances()) == ["Something runs here that nobody asked for."]
    _look(live)
    assert _repairs() == 1


def test_running_out_of_memory_is_said_and_told_once_for_each_time(live, fake):
    name = NAME.format(number=live.current_id, replica=0)
    _look(live)
    fake.crash(name, 137, of_memory=True)
    assert [one["out_of_memory"] for one in _look(live).observed] == [True, False]
    _look(live)
    assert [event.after for event in Event.objects.filter(verb="placement.out_of_memory")] == [{"instance": name}]
    fake.crash(name, 137, of_memory=True, for_good=True)
    assert f"{name} has died out of memory." in _look(live).drift
    assert Event.objects.filter(verb="placement.out_of_memory").count() == 2
    fake.crash(NAME.format(number=live.current_id, replica=1), 137)
    _look(live)
    assert Event.objects.filter(verb="placement.out_of_memory").count() == 2
