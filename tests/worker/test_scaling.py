"""An application falls asleep once nobody visits it, with the rights of a Deployer, and never while it is needed."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from fairway.accounts.rules import Act, Blocked, may
from fairway.activity.models import Event
from fairway.deployments.commands.placements import scale
from fairway.deployments.commands.sleeping import put_to_sleep, set_sleep, wake, wake_for_visitor
from fairway.deployments.models import JobRun, Placement, ScheduledJob
from fairway.deployments.rules import Health, Status, Wanted
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.engine.commands import enqueue
from fairway.engine.models import Run
from fairway.environments.commands import lock_environment
from fairway.environments.freeze_commands import create_freeze
from fairway.monitoring.idling import idle_placements
from fairway.monitoring.models import TrafficSample, UsageSample
from fairway.monitoring.rules import COARSE, FINE, MIDDLE, start_of
from fairway.monitoring.scaling import measured
from fairway.monitoring.scaling_commands import policy_of, set_scaling
from fairway.monitoring.scaling_rules import Measure
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


# --- replicas


@pytest.fixture
def busy(live: Placement, admin) -> Placement:
    """A healthy placement with two replicas that use 90 % of what they may, and a policy with a target of 45 %."""
    set_scaling(actor=admin, placement=live, given={"minimum": 1, "maximum": 3, "cpu": 45.0})
    Placement.objects.filter(pk=live.pk).update(health=Health.HEALTHY)
    used(live, cores=0.9)
    live.refresh_from_db()
    return live


def used(placement: Placement, cores: float) -> None:
    UsageSample.objects.all().delete()
    for number in range(1, 7):
        UsageSample.objects.create(
            placement=placement,
            service="web",
            resolution=FINE,
            at=start_of(time.time(), FINE) - number * FINE,
            seconds=FINE,
            instances=2,
            cpu_seconds=2 * cores * FINE,
            memory_bytes=1,
            memory_peak_bytes=1,
        )


def replicas(placement: Placement) -> int:
    return Placement.objects.get(pk=placement.pk).replicas


def test_load_brings_more_up_to_the_maximum_and_the_event_has_the_numbers(busy):
    Scaler().look(time.time())
    assert replicas(busy) == 3
    event = Event.objects.get(verb="placement.scale_requested")
    assert (event.actor_name, event.comment) == ("Autoscaler", "CPU is at 90 %, its target is 45 %.")
    assert event.after["because"] == {"measure": "cpu", "value": 90.0, "target": 45.0, "from": 2, "to": 3}
    assert event.before == {"replicas": 2}
    Run.objects.all().delete()
    used(busy, cores=0.99)
    Scaler().look(time.time())
    assert replicas(busy) == 3, "never above the maximum"


def test_calm_takes_replicas_away_only_after_five_minutes(busy):
    one, began = Scaler(), time.time()
    for seconds in (0, 150, 285):
        used(busy, cores=0.02)
        UsageSample.objects.update(at=F("at") + seconds)
        one.look(began + seconds)
        assert replicas(busy) == 2, seconds
    used(busy, cores=0.02)
    UsageSample.objects.update(at=F("at") + 315)
    one.look(began + 315)
    assert replicas(busy) == 1


def test_without_samples_nothing_is_taken_away(busy):
    UsageSample.objects.all().delete()
    one, began = Scaler(), time.time()
    for seconds in (0, 400, 800):
        one.look(began + seconds)
    assert replicas(busy) == 2


def frozen(one, admin):
    wall = "%Y-%m-%dT%H:%M"
    now = datetime.now(UTC)
    create_freeze(
        actor=admin,
        name="Quiet",
        reason="No changes",
        starts=(now - timedelta(hours=1)).strftime(wall),
        ends=(now + timedelta(hours=1)).strftime(wall),
        zone="UTC",
    )


def locked_by_somebody(one, admin):
    lock_environment(actor=admin, environment=one.environment, reason="Maintenance")


def busy_with_something(one, admin):
    enqueue(kind="adjust", key=one.key, payload={"placement": one.pk})


def asleep(one, admin):
    put_to_sleep(actor=admin, placement=one)
    Run.objects.all().delete()


def stopped(one, admin):
    Placement.objects.filter(pk=one.pk).update(wanted=Wanted.STOPPED)


def no_policy_any_more(one, admin):
    set_scaling(actor=admin, placement=one, given=None)


@pytest.mark.parametrize("so", [frozen, locked_by_somebody, busy_with_something, asleep, stopped, no_policy_any_more])
def test_nothing_is_scaled_when_it_may_not(busy, admin, so):
    so(busy, admin)
    Scaler().look(time.time())
    assert replicas(busy) == 2


def test_a_person_may_scale_in_a_freeze(busy, admin):
    frozen(busy, admin)
    scale(actor=admin, placement=busy, replicas=1)
    assert replicas(busy) == 1


def test_requests_and_response_times_count(busy, admin):
    set_scaling(actor=admin, placement=busy, given={"minimum": 1, "maximum": 8, "requests": 5.0, "latency_ms": 900.0})
    at = start_of(time.time(), FINE) - 3 * FINE
    TrafficSample.objects.create(
        placement=busy, deployment=busy.current_id, resolution=FINE, at=at, requests=1200, durations={"10": 1200}
    )
    assert measured(busy, time.time())[Measure.REQUESTS] == 1200 / 60 / 2
    assert 5 < (measured(busy, time.time())[Measure.LATENCY] or 0) < 20
    Scaler().look(time.time())
    assert replicas(busy) == 4
    assert Event.objects.get(verb="placement.scale_requested").comment == (
        "Each replica gets 10 requests a second, its target is 5."
    )


DAY = {"start": "@daily", "end": "@hourly", "zone": "UTC", "minimum": 1}
WRONG = [
    ({"minimum": 0, "maximum": 3, "cpu": 70}, "minimum"),
    ({"minimum": 4, "maximum": 3, "cpu": 70}, "maximum"),
    ({"minimum": 1, "maximum": 9, "cpu": 70}, "maximum"),
    ({"minimum": 1, "maximum": 3, "cpu": 101}, "cpu"),
    ({"minimum": 1, "maximum": 3, "requests": 0}, "requests"),
    ({"minimum": 1, "maximum": 3, "latency_ms": float("nan")}, "latency_ms"),
    ({"minimum": 1, "maximum": 3}, "cpu"),
    ({"minimum": 1, "maximum": 3, "hours": DAY | {"start": "x"}}, "hours_start"),
    ({"minimum": 1, "maximum": 3, "hours": DAY | {"end": "y"}}, "hours_end"),
    ({"minimum": 1, "maximum": 3, "hours": DAY | {"zone": "Z"}}, "hours_zone"),
    (
        {"minimum": 1, "maximum": 3, "hours": DAY | {"minimum": 4}},
        "hours_minimum",
    ),
]


@pytest.mark.parametrize(("given", "field"), WRONG)
def test_what_is_wrong_with_a_policy_is_said_of_its_field(busy, admin, given, field):
    with pytest.raises(Invalid) as refused:
        set_scaling(actor=admin, placement=busy, given=given)
    assert refused.value.field == field
    assert policy_of(busy).cpu == 45.0


def test_who_may_not_scale_changes_no_policy(busy, viewer):
    with pytest.raises(Blocked):
        set_scaling(actor=viewer, placement=busy, given=None)
    with pytest.raises(Blocked):
        set_sleep(actor=viewer, placement=busy, after=5)
    assert policy_of(busy) is not None
