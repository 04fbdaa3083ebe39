"""Alerts over the API: what is wrong, who takes care of it, thresholds and silences."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from fairway.accounts.rules import SYSTEM
from fairway.insights.metrics import metrics_text
from fairway.monitoring.models import Alert
from tests.api.conftest import Api

RULES = "/environments/development/alerts"
SILENCES = "/environments/development/silences"


@pytest.fixture
def alert(placed) -> Alert:
    now = timezone.now()
    return Alert.objects.create(
        kind="errors", subject_kind="placement", subject_id=str(placed.pk), label="Hello · Development", severity="warning",
        application=placed.application, environment=placed.environment, sentence="Many.", since=now - timedelta(minutes=9),
        checked_at=now, started_at=now - timedelta(minutes=8), facts={"requests": 40}, is_told=True,
    )  # fmt: skip


def soon(**more: float) -> str:
    return (timezone.now() + timedelta(**(more or {"hours": 1}))).isoformat()


def test_what_is_wrong_is_listed_until_it_is_over(viewer: Api, alert: Alert) -> None:
    (shown,) = viewer.get("/alerts").json()["items"]
    assert (shown["kind"], shown["application"], shown["environment"]) == ("errors", "hello", "development")
    assert 539 <= shown["seconds"] <= 600
    assert viewer.get("/alerts?kind=memory").json()["items"] == []
    assert viewer.get("/alerts?environment=production").json()["items"] == []
    Alert.objects.update(ended_at=timezone.now())
    assert viewer.get("/alerts").json()["items"] == []
    assert (
        len(viewer.get("/alerts?state=ended").json()["items"]) == len(viewer.get("/alerts?state=all").json()["items"]) == 1
    )
    assert viewer.get("/alerts?state=odd").status_code == 422


def test_prometheus_sees_it_while_it_lasts(alert: Alert) -> None:
    assert b'fairway_alert_firing{application="hello",environment="development",kind="errors",' in metrics_text(SYSTEM)
    Alert.objects.update(ended_at=timezone.now())
    assert b"fairway_alert_firing{" not in metrics_text(SYSTEM)


def test_the_first_who_acknowledges_is_named_and_a_viewer_may_not(deployer: Api, viewer: Api, alert: Alert) -> None:
    path = f"/alerts/{alert.pk}/acknowledgement"
    assert viewer.post(path).status_code == 403
    assert deployer.post(path).json()["acknowledged_by"] == "deployer"
    Alert.objects.update(ended_at=timezone.now())
    refused = deployer.post(path)
    assert refused.status_code == 422
    assert "nothing to acknowledge" in refused.json()["detail"]


@pytest.mark.usefixtures("places")
def test_thresholds_are_changed_whole_and_refused_by_name(admin: Api, deployer: Api) -> None:
    assert admin.get(RULES).json()["rules"]["errors"] == {"is_on": True, "threshold": 5.0, "minutes": 5}
    changed = admin.put(RULES, {"rules": {"errors": {"threshold": 2}, "memory": {"is_on": False}}}).json()["rules"]
    assert (changed["errors"]["threshold"], changed["memory"]["is_on"]) == (2.0, False)
    assert admin.put(RULES, {"rules": {}}).json()["rules"]["errors"]["threshold"] == 5.0
    for given, word in (({"errors": {"threshold": 0}}, "errors_threshold"), ({"disk": {}}, "rules")):
        refused = admin.put(RULES, {"rules": given})
        assert refused.status_code == 422
        assert word in refused.content.decode()
    assert admin.put(RULES, {"rules": {"errors": {"treshold": 1}}}).status_code == 422
    assert deployer.put(RULES, {"rules": {}}).status_code == 403


def test_a_silence_is_listed_until_somebody_ends_it(deployer: Api, viewer: Api, alert: Alert) -> None:
    made = deployer.post(SILENCES, {"until": soon(), "reason": "Repairs", "application": "hello", "kind": "errors"})
    assert made.status_code == 201
    number = made.json()["id"]
    assert viewer.get(RULES).json()["silences"] == [made.json()]
    assert viewer.get(f"/alerts/{alert.pk}").json()["is_silenced"]
    assert viewer.delete(f"/silences/{number}").status_code == 403
    assert deployer.delete(f"/silences/{number}").status_code == 204
    assert deployer.delete(f"/silences/{number}").status_code == 404
    assert viewer.get(RULES).json()["silences"] == []


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"until": soon(hours=-1)}, "until"),
        ({"until": soon(days=40)}, "until"),
        ({"until": "tomorrow"}, "until"),
        ({"reason": ""}, "reason"),
        ({"kind": "disk"}, "kind"),
        ({"application": "nothing"}, "application"),
    ],
    ids=["past", "far", "no-time", "no-reason", "kind", "application"],
)
def test_a_silence_that_makes_no_sense_is_refused_by_name(deployer: Api, placed: object, given: dict, word: str) -> None:
    refused = deployer.post(SILENCES, {"until": soon(), "reason": "Repairs", **given})
    assert refused.status_code == 422
    assert word in refused.content.decode()
