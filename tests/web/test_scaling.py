"""The page that says how much of an application runs: sleep, automatic replicas, limits."""

from __future__ import annotations

import pytest

from fairway.deployments.commands.sleeping import put_to_sleep
from fairway.deployments.models import Placement
from fairway.deployments.rules import Health
from fairway.monitoring.scaling_commands import policy_of
from tests.web.conftest import live

HERE = "/applications/hello/in/staging"
PAGE = f"{HERE}/scaling"


@pytest.fixture
def placed(hello, staging) -> Placement:
    live(hello, staging)
    Placement.objects.update(health=Health.HEALTHY)
    return Placement.objects.get(application=hello, environment=staging)


def test_it_is_put_to_sleep_and_woken(admin, browse, placed):
    browser = browse(admin)
    overview = browser.get("/applications/hello/").content.decode()
    assert "Put to sleep now" in overview
    assert PAGE in overview
    assert browser.post(f"{HERE}/sleep").status_code == 302
    assert Placement.objects.get().is_asleep
    Placement.objects.update(health=Health.SLEEPING, wake_seconds=2.5, observed=[])
    asleep = browser.get("/applications/hello/").content.decode()
    assert "Sleeping" in asleep
    assert "Waking took 2.5" in asleep
    assert browser.post(f"{HERE}/sleep").status_code == 409
    assert browser.post(f"{HERE}/wake").status_code == 302
    assert not Placement.objects.get().is_asleep


def test_when_it_sleeps_is_saved_and_wrong_minutes_are_said(admin, browse, placed):
    browser = browse(admin)
    assert browser.post(PAGE, {"section": "sleep", "after": "30", "keeps_workers": "on"}).status_code == 302
    found = Placement.objects.get()
    assert (found.sleeps_after, found.keeps_workers) == (30, True)
    for wrong in ("0", "x", "999999"):
        answer = browser.post(PAGE, {"section": "sleep", "after": wrong})
        assert (answer.status_code, 'class="error"' in answer.content.decode()) == (422, True)
    assert Placement.objects.get().sleeps_after == 30
    browser.post(PAGE, {"section": "sleep", "after": ""})
    assert Placement.objects.get().sleeps_after is None


GIVEN = {"section": "replicas", "is_automatic": "on", "minimum": "2", "maximum": "4", "cpu": "70"}
HOURS = {"hours_start": "0 8 * * *", "hours_end": "0 18 * * *", "hours_zone": "Europe/Paris", "hours_minimum": "3"}


def test_automatic_replicas_are_saved_shown_and_ended(admin, browse, placed):
    browser = browse(admin)
    assert browser.post(PAGE, GIVEN | HOURS).status_code == 302
    policy = policy_of(placed)
    assert (policy.minimum, policy.maximum, policy.cpu, policy.hours.minimum) == (2, 4, 70.0, 3)
    shown = browser.get(PAGE).content.decode()
    assert 'value="Europe/Paris"' in shown
    assert browser.post(PAGE, {"section": "replicas"}).status_code == 302
    assert policy_of(placed) is None


@pytest.mark.parametrize(
    "wrong",
    [{"minimum": "5"}, {"maximum": ""}, {"cpu": ""}, {"cpu": "200"}, {"hours_start": "x"}, HOURS | {"hours_zone": "Moon"}],
)
def test_a_wrong_policy_is_said_and_nothing_is_saved(admin, browse, placed, wrong):
    answer = browse(admin).post(PAGE, GIVEN | wrong)
    assert (answer.status_code, 'class="error"' in answer.content.decode()) == (422, True)
    assert policy_of(placed) is None


def test_limits_of_a_service_wait_for_a_restart(admin, browse, placed):
    browser = browse(admin)
    sent = {"section": "limits", "service": "web", "memory_mb": "256", "cpus": "0.5", "pids": ""}
    assert browser.post(PAGE, sent).status_code == 302
    assert Placement.objects.get().limits == {"web": {"memory_mb": 256, "cpus": 0.5}}
    assert "A restart applies them." in browser.get(PAGE).content.decode()
    for wrong in ({"memory_mb": "1"}, {"cpus": "no"}, {"service": "other"}):
        assert browser.post(PAGE, sent | wrong).status_code == 422
    assert Placement.objects.get().limits == {"web": {"memory_mb": 256, "cpus": 0.5}}


def test_who_only_looks_sees_it_and_changes_nothing(admin, viewer, browse, placed):
    browser = browse(viewer)
    assert "Save" not in browser.get(PAGE).content.decode().split("</h1>")[1]
    for sent in (GIVEN, {"section": "sleep", "after": "5"}, {"section": "limits", "service": "web", "pids": "99"}):
        assert browser.post(PAGE, sent).status_code == 403
    assert browser.post(f"{HERE}/sleep").status_code in {403, 409}
    assert not Placement.objects.get().is_asleep
    put_to_sleep(actor=admin, placement=placed)
    assert browser.post(f"{HERE}/wake").status_code in {403, 409}
    assert Placement.objects.get().is_asleep
