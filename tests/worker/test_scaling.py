"""An application falls asleep once nobody visits it, with the rights of a Deployer, and never while it is needed."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from fairway.accounts.rules import Act, Blocked, may
from fairway.activity.models import Event
from fairway.deployments.commands.sleeping import put_to_sleep, set_sleep, wake, wake_for_visitor
from fairway.deployments.models import JobRun, Placement, ScheduledJob
from fairway.deployments.rules import Health, Status, Wanted
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.engine.commands import enqueue
from fairway.engine.models import Run
from fairway.monitoring.idling import idle_placements
from fairway.monitoring.models import TrafficSample
from fairway.monitoring.rules import COARSE, FINE, MIDDLE, start_of
from fairway.shared.names import Invalid
from fairway.worker import scaling
from fairway.worker.reconciler import differences
from fairway.worker.scaling import Scaler, autoscaler
from fairway.workflows.outside import proxy

AFTER = 30  # minutes


@pytest.fixture
def idle(live: Placement, admin, monkeypatch) -> Placement:
    """A placement that nobody has visited for an hour, and that may fall asleep after half of it."""
    set_sleep(actor=admin, placement=live, after=AFTER)
    live.current.switched_at = timezone.now() - timedelta(hours=1)
    live.current.save()
    address = "127.0.0.1:4000"
    Placement.objects.filter(pk=live.pk).update(health=Health.HEALTHY, observed=[{"name": "a", "address": address}])
    monkeypatch.setattr(type(proxy()), "in_flight", lambda self: {})
    live.refresh_from_db()
    return live


def look() -> bool:
    """One look of a worker that has looked for an hour; whether something is to fall asleep."""
    one = Scaler()
    one._began = time.time() - 3600
    one.look(time.time())
    return Run.objects.filter(kind="adjust", finished_at=None).exists()


def visited(placement: Placement, minutes_ago: float, resolution: int = FINE, **more: int) -> None:
    at = start_of(time.time() - 60 * minutes_ago, resolution)
    values = {"requests": 3, "deployment": placement.current_id} | more
    TrafficSample.objects.create(placement=placement, resolution=resolution, at=at, **values)


def test_it_falls_asleep_and_the_event_says_who_did_it(idle):
    visited(idle, AFTER + 2)
    assert look()
    idle.refresh_from_db()
    assert idle.is_asleep
    assert idle.wanted == Wanted.RUNNING
    event = Event.objects.get(verb="placement.sleep_requested")
    assert (event.actor_name, event.door) == ("Autoscaler", "worker")
    assert Run.objects.get(kind="adjust").payload["unless_visited"] is True


def a_visit(one):
    visited(one, AFTER - 2)


def an_older_visit_of_a_long_policy(one):
    one.sleeps_after = 60 * 24 * 3
    one.current.switched_at = timezone.now() - timedelta(days=9)
    one.current.save()
    one.save()
    visited(one, 60 * 24 * 2.5, COARSE)


def no_policy(one):
    one.sleeps_after = None
    one.save()


def a_new_version(one):
    one.current.switched_at = timezone.now() - timedelta(minutes=AFTER - 1)
    one.current.save()


def woken_lately(one):
    one.woken_at = timezone.now() - timedelta(minutes=AFTER - 1)
    one.save()


def ill(one):
    one.health = Health.DEGRADED
    one.save()


def a_deployment(one):
    type(one.current).objects.create(
        application=one.application, environment=one.environment, kind="deploy", requested_by="test", door="web"
    )


def a_command(one):
    JobRun.objects.create(
        application=one.application,
        environment=one.environment,
        deployment=one.current,
        command=["x"],
        requested_by="test",
        door="web",
    )


def a_job_soon(one):
    ScheduledJob.objects.create(
        application=one.application,
        environment=one.environment,
        name="nightly",
        command=["x"],
        schedule="* * * * *",
        zone="UTC",
        next_at=timezone.now() + timedelta(minutes=AFTER - 1),
        saved_by="test",
    )


@pytest.mark.parametrize(
    "needed",
    [
        a_visit,
        an_older_visit_of_a_long_policy,
        no_policy,
        a_new_version,
        woken_lately,
        ill,
        a_deployment,
        a_command,
        a_job_soon,
    ],
)
def test_what_is_needed_stays_awake(idle, needed):
    needed(idle)
    assert not look()
    assert not Placement.objects.get(pk=idle.pk).is_asleep


def test_an_adjustment_at_work_is_left_alone(idle):
    enqueue(kind="adjust", key=idle.key, payload={"placement": idle.pk})
    look()
    assert not Placement.objects.get(pk=idle.pk).is_asleep


def test_pages_of_fairway_and_empty_intervals_are_no_visits(idle):
    visited(idle, 5, deployment=0)
    visited(idle, 6, MIDDLE, requests=0)
    assert look()


def test_a_websocket_that_stays_open_is_a_visit(idle, monkeypatch):
    monkeypatch.setattr(type(proxy()), "in_flight", lambda self: {"127.0.0.1:4000": 1})
    assert not look()


def test_a_worker_that_has_just_begun_knows_too_little(idle):
    assert idle_placements(now=time.time(), awake_since=time.time() - 60, in_flight={}) == []


def test_the_autoscaler_has_rights_there_and_nowhere_else(idle):
    actor = autoscaler(idle)
    here = {"application": idle.application.slug, "environment": idle.environment.slug}
    assert may(actor, Act.STOP, **here)
    assert may(actor, Act.SCALE, **here)
    assert not may(actor, Act.STOP, **{**here, "environment": "production"})
    assert not may(actor, Act.STOP, **{**here, "application": "other"})
    assert scaling.EVERY == 15.0


def test_a_visitor_wakes_it_once(idle, admin):
    put_to_sleep(actor=admin, placement=idle)
    assert wake_for_visitor(placement=idle) is True
    assert wake_for_visitor(placement=idle) is False
    assert Run.objects.filter(lane="waking").count() == 1
    with pytest.raises(Blocked, match="already running"):
        wake(actor=admin, placement=idle)
    assert Event.objects.filter(verb="placement.wake_requested").count() == 1


def test_it_is_not_put_to_sleep_twice_nor_while_somebody_deploys(idle, admin):
    put_to_sleep(actor=admin, placement=idle)
    with pytest.raises(Blocked, match="asleep already"):
        put_to_sleep(actor=admin, placement=idle)
    wake_for_visitor(placement=idle)
    a_deployment(idle)
    with pytest.raises(Blocked, match="running or queued"):
        put_to_sleep(actor=admin, placement=idle)
    idle.application.deployments.filter(status=Status.QUEUED).update(approve_by=timezone.now())
    put_to_sleep(actor=admin, placement=idle)


@pytest.mark.parametrize("after", [0, -1, 10081, True])
def test_a_policy_has_minutes(idle, admin, after):
    with pytest.raises(Invalid, match="minutes"):
        set_sleep(actor=admin, placement=idle, after=after)
    assert Placement.objects.get(pk=idle.pk).sleeps_after == AFTER


def test_what_differs_from_sleep_is_said(idle, fake):
    idle.asleep_since = timezone.now()
    idle.save()
    found = differences(idle, list(fake.instances(idle.name)))
    assert [sentence for sentence in found if "should sleep" in sentence]
    assert "do not wake it" in found[-1]
    for instance in fake.instances(idle.name):
        fake.ensure_stopped(instance.name, grace=0)
    proxy().ensure_route(Route(idle.host, RouteKind.SLEEPING, (), idle.current.label))
    assert differences(idle, list(fake.instances(idle.name))) == []
    idle.access = "signed_in"
    assert differences(idle, list(fake.instances(idle.name))) == [f"Requests for {idle.host} do not wake it."]
