"""What is wrong is written down once, with its start and its end, and everybody hears of it once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from shutil import copy

import pytest
from django.db import connections

from fairway.accounts.rules import SYSTEM, Blocked, NotVisible, Role
from fairway.activity.models import ChainCheck, Event
from fairway.applications.commands import create_application
from fairway.monitoring import alert_facts, alerting
from fairway.monitoring.alert_commands import acknowledge, end_silence, set_rules, silence
from fairway.monitoring.alert_queries import AlertFilter, alerts, get_alert, open_alerts, silences_visible_to
from fairway.monitoring.alert_rules import KEPT
from fairway.monitoring.alerting import forget_alerts, look
from fairway.monitoring.commands import roll_up
from fairway.monitoring.models import Alert, Silence
from fairway.monitoring.rules import FINE
from fairway.notifications.messages import happened_in
from fairway.notifications.rules import topic_of
from fairway.shared.names import Invalid
from tests.conftest import make_environment, make_person
from tests.engine.conftest import connected_to
from tests.monitoring.conftest import NOW, place, served, used
from tests.services.postgres import postgres_server  # noqa: F401
from tests.services.sharing import shared


def at(seconds):
    return datetime.fromtimestamp(NOW + seconds, UTC)


def watch(since, until, *, every=15):
    """Look at everything from `since` to `until` seconds after `NOW`."""
    for seconds in range(since, until + 1, every):
        look(now=at(seconds))


def answering(placement, since, until, *, errors):
    """Traffic of that time: ten requests every ten seconds."""
    for seconds in range(since, until, FINE):
        served(placement, NOW + seconds, requests=10, successes=10 - errors, client_errors=0, server_errors=errors,
               durations={10: 10})  # fmt: skip


def verbs():
    return list(Event.objects.filter(verb__startswith="alert.").order_by("pk").values_list("verb", flat=True))


def told():
    return [one.verb for one in Event.objects.order_by("pk") if one.verb.startswith("alert.") and topic_of(happened_in(one))]


@pytest.fixture(autouse=True)
def roomy(monkeypatch):
    """The disk of the machine that runs the tests may be full."""
    monkeypatch.setattr(alert_facts.shutil, "disk_usage", lambda _: type("Usage", (), {"total": 100, "free": 90}))


def test_many_errors_start_one_alert_that_ends_when_they_do(placed):
    answering(placed, 0, 600, errors=2)
    watch(0, 600)
    (alert,) = open_alerts(SYSTEM)
    assert (alert.kind, alert.severity, alert.label) == ("errors", "warning", "Hello · Staging")
    assert alert.started_at - alert.since == timedelta(seconds=60)
    assert alert.sentence == "20.0 percent of 320 requests in 5 min were answered with a server error."
    answering(placed, 600, 1200, errors=0)
    watch(615, 1200)
    assert open_alerts(SYSTEM) == []
    (ended,) = alerts(SYSTEM, AlertFilter(state="ended"))
    assert ended.pk == alert.pk
    assert at(800) < ended.ended_at < at(1000)
    assert verbs() == told() == ["alert.started", "alert.ended"]
    last = Event.objects.get(verb="alert.ended")
    assert (last.application, last.environment) == ("hello", "staging")
    assert last.after["seconds"] == (ended.ended_at - ended.since).total_seconds()


def test_a_few_requests_say_nothing(placed):
    served(placed, NOW, requests=19, server_errors=19)
    watch(0, 120)
    assert not Alert.objects.exists()


def test_slow_answers_memory_and_restarts_are_seen(placed):
    for seconds in range(0, 600, FINE):
        served(placed, NOW + seconds, requests=10, server_errors=0, durations={40: 10})
        used(placed, NOW + seconds, memory_bytes=95, limit_bytes=100, restarts=int(seconds < 30))
    roll_up(now=NOW + 600)
    watch(0, 600)
    found = {one.kind: one.sentence for one in open_alerts(SYSTEM)}
    assert set(found) == {"latency", "memory", "restarts"}
    assert found["memory"] == "The service “web” uses 95 percent of the memory that it may use."
    assert found["restarts"] == "It was restarted 3 times in 10 min."


def test_an_application_that_is_down_is_an_alert_until_it_is_back_or_stopped(placed):
    placed.health = "down"
    placed.save()
    watch(0, 60)
    (alert,) = open_alerts(SYSTEM, placed)
    assert (alert.kind, alert.severity) == ("down", "critical")
    placed.health = "unknown"
    placed.save()
    watch(75, 300)
    assert open_alerts(SYSTEM) == [alert], "whoever cannot see does not say that it is over"
    placed.wanted = "stopped"
    placed.save()
    watch(315, 390)
    assert open_alerts(SYSTEM) == []
    assert told() == [], "“What is down” tells it at once, and nobody hears of it twice"


def test_a_broken_chain_and_a_full_disk_are_alerts_of_the_installation(placed, monkeypatch, world_of_one):
    ChainCheck.objects.update_or_create(pk=1, defaults={"broken_at": 7})
    monkeypatch.setattr(alert_facts.shutil, "disk_usage", lambda _: type("Usage", (), {"total": 100, "free": 10}))
    watch(0, 60)
    monkeypatch.setattr(alert_facts.shutil, "disk_usage", lambda _: type("Usage", (), {"total": 100, "free": 4}))
    watch(75, 75)
    found = {one.kind: (one.severity, one.application, one.environment) for one in open_alerts(SYSTEM)}
    assert found == {"chain": ("critical", None, None), "disk": ("critical", None, None)}
    assert told() == ["alert.started", "alert.worsened"]
    assert open_alerts(world_of_one) == [], "who sees one environment learns nothing of the installation"


def test_what_cannot_be_read_changes_nothing_and_keeps_nothing_else_from_being_seen(placed, monkeypatch):
    answering(placed, 0, 600, errors=5)
    watch(0, 300)

    def fails(*_):
        raise OSError("broken")

    monkeypatch.setattr(alert_facts, "_errors", fails)
    placed.health = "down"
    placed.save()
    watch(315, 600)
    assert {one.kind for one in open_alerts(SYSTEM)} == {"errors", "down"}


def test_a_worker_that_follows_another_goes_on_where_that_one_ended(placed):
    answering(placed, 0, 300, errors=5)
    watch(0, 45)
    assert verbs() == []
    watch(60, 120)  # nothing is kept between two looks but what the database has
    watch(60, 120)  # and its clock is set back
    assert verbs() == ["alert.started"]


def test_an_environment_changes_its_rules_and_only_its_own(placed, hello, production):
    other = place(hello, production)
    for one in (placed, other):
        answering(one, 0, 300, errors=2)
    set_rules(actor=SYSTEM, environment=placed.environment, rules={"errors": {"threshold": 50}})
    watch(0, 300)
    assert [one.environment for one in open_alerts(SYSTEM)] == [production]
    set_rules(actor=SYSTEM, environment=production, rules={"errors": {"is_on": False}})
    watch(315, 390)
    assert open_alerts(SYSTEM) == []
    set_rules(actor=SYSTEM, environment=production, rules={"errors": {"is_on": False}})
    assert Event.objects.filter(verb="alert.rules_set").count() == 2, "the same again is no change"


def test_a_silence_keeps_channels_quiet_and_what_outlasts_it_is_told(placed):
    quiet(placed, until=at(400))
    answering(placed, 0, 900, errors=5)
    watch(0, 390)
    assert (verbs(), told()) == (["alert.started"], [])
    assert len(open_alerts(SYSTEM)) == 1, "pages show it all the same"
    watch(405, 450)
    assert told() == ["alert.goes_on"]
    look(now=at(465))
    assert told() == ["alert.goes_on"]


@pytest.mark.parametrize(
    ("about", "is_quiet"), [({"kind": "errors"}, True), ({"kind": "memory"}, False), ({"application": "hello"}, True)]
)
def test_a_silence_of_one_kind_or_application_is_about_nothing_else(placed, about, is_quiet):
    if "application" in about:
        about = {"application": placed.application}
    quiet(placed, until=at(900), **about)
    answering(placed, 0, 300, errors=5)
    watch(0, 300)
    assert told() == ([] if is_quiet else ["alert.started"])


def test_whoever_was_told_of_the_start_is_told_of_the_end_in_spite_of_a_silence(placed):
    answering(placed, 0, 300, errors=5)
    watch(0, 300)
    quiet(placed, until=at(9000))
    watch(315, 900)
    assert told() == ["alert.started", "alert.ended"]


def test_people_silence_with_an_end_and_a_reason(placed, deployer, viewer):
    now = datetime.now(UTC)
    row = silence(actor=deployer, environment=placed.environment, until=now + timedelta(hours=1), reason="Repairs")
    assert list(silences_visible_to(viewer)) == [row]
    for field, changes in {
        "until": {"until": now}, "reason": {"reason": " "}, "kind": {"kind": "disk"}, "application": {"application": "gone"},
    }.items():  # fmt: skip
        with pytest.raises(Invalid) as refused:
            silence(**{"actor": deployer, "environment": placed.environment, "until": now + timedelta(hours=1),
                       "reason": "Repairs"} | changes)  # fmt: skip
        assert refused.value.field == field
    with pytest.raises(Invalid):
        silence(actor=deployer, environment=placed.environment, until=now + timedelta(days=32), reason="Repairs")
    with pytest.raises(Blocked):
        silence(actor=viewer, environment=placed.environment, until=now + timedelta(hours=1), reason="Repairs")
    with pytest.raises(Blocked):
        end_silence(actor=viewer, silence=row)
    end_silence(actor=deployer, silence=row)
    assert not silences_visible_to(viewer).exists()
    assert list(Event.objects.filter(verb__startswith="silence.").values_list("verb", flat=True)) == [
        "silence.created",
        "silence.ended",
    ]


def test_an_alert_is_acknowledged_once_by_whoever_may(placed, deployer, viewer, manager):
    answering(placed, 0, 120, errors=5)
    watch(0, 90)
    (alert,) = open_alerts(viewer)
    with pytest.raises(Blocked):
        acknowledge(actor=viewer, alert=alert)
    acknowledge(actor=deployer, alert=alert)
    assert acknowledge(actor=manager, alert=alert).acknowledged_by == "dora"
    assert Event.objects.filter(verb="alert.acknowledged").count() == 1
    Alert.objects.update(ended_at=at(0))
    with pytest.raises(Invalid):
        acknowledge(actor=deployer, alert=alert)


def test_people_see_alerts_of_what_they_may_see_and_no_others(placed, hello, production, world_of_one):
    other = place(hello, production)
    for one in (placed, other):
        answering(one, 0, 120, errors=5)
    watch(0, 90)
    (mine,) = open_alerts(world_of_one)
    assert mine.environment == placed.environment
    (theirs,) = open_alerts(SYSTEM, other)
    with pytest.raises(NotVisible):
        get_alert(world_of_one, theirs.pk)
    quiet(other, until=at(10**9))
    assert not silences_visible_to(world_of_one).exists()


def test_nobody_sees_what_has_not_held_long_enough(placed):
    answering(placed, 0, 60, errors=5)
    watch(0, 45)
    assert Alert.objects.count() == 1
    assert not alerts(SYSTEM).exists()


def test_alerts_that_ended_long_ago_are_forgotten(placed):
    answering(placed, 0, 120, errors=5)
    watch(0, 600)
    assert forget_alerts(now=at(0) + KEPT) == 0
    assert forget_alerts(now=at(1200) + KEPT) == 1


def test_a_look_asks_the_database_the_same_however_many_applications_there_are(
    placed, hello, production, django_assert_max_num_queries
):
    for one in (placed, place(hello, production)):
        answering(one, 0, 300, errors=0)
    with django_assert_max_num_queries(14):
        look(now=at(300))


@pytest.fixture
def world_of_one(placed):
    return make_person("stan", Role.VIEWER, environment=placed.environment)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request, tmp_path, django_db_blocker):
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").create_with_tables("alerts")
    else:
        copy(shared("tables")["file"], tmp_path / "alerts.sqlite3")
        url = f"sqlite://{tmp_path / 'alerts.sqlite3'}"
    with django_db_blocker.unblock(), connected_to(url):
        yield url


def test_two_that_look_at_once_write_each_change_down_once(database):
    source = {"image": "registry.test/hello:1"}
    hello = create_application(actor=SYSTEM, name="Hello", source_kind="image", source=source)
    for number in range(3):
        one = place(hello, make_environment(f"place-{number}"))
        answering(one, 0, 300, errors=5)
        answering(one, 300, 900, errors=0)
    problems = []

    def look_along(barrier):
        try:
            for seconds in range(0, 901, 15):
                barrier.wait(timeout=60)
                alerting.look(now=at(seconds))
        except BaseException as problem:
            problems.append(problem)
            barrier.abort()
        finally:
            connections.close_all()

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=look_along, args=[barrier]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert sorted(verbs()) == ["alert.ended"] * 3 + ["alert.started"] * 3
    assert Alert.objects.count() == 3


def quiet(placed, *, until, **about):
    return Silence.objects.create(environment=placed.environment, until=until, reason="Repairs", created_by="ada", **about)
