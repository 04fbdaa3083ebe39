"""The pages of alerts: what is wrong, who takes care of it, and an environment's thresholds and silences."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from fairway.accounts.rules import Role
from fairway.monitoring.alert_rules import RULES
from fairway.monitoring.models import Alert, AlertSettings, Silence
from fairway.web.alert_forms import RulesForm
from tests.conftest import make_artifact, make_person
from tests.web.conftest import live

PAGE = "/environments/staging/alerts"


@pytest.fixture
def alert(hello, staging) -> Alert:
    live(hello, staging, make_artifact(hello))
    now = timezone.now()
    return Alert.objects.create(
        kind="errors", subject_kind="placement", subject_id="1", label="Hello · Staging", severity="critical",
        application=hello, environment=staging, since=now - timedelta(minutes=9), checked_at=now, started_at=now,
        sentence="38.5 percent of 1240 requests in 5 min were answered with a server error.", is_told=True,
    )  # fmt: skip


def read(browser, path):
    answer = browser.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_what_is_wrong_is_on_every_page_where_somebody_would_look(viewer, browse, alert):
    browser = browse(viewer)
    for path in ("/", "/alerts/", "/applications/hello/", "/applications/hello/metrics?environment=staging",
                 f"/alerts/{alert.pk}/"):  # fmt: skip
        assert "Many errors" in read(browser, path)
        assert "38.5 percent of 1240 requests" in read(browser, path)
    assert "/applications/hello/metrics?environment=staging" in read(browser, f"/alerts/{alert.pk}/")
    Alert.objects.update(ended_at=timezone.now())
    for path in ("/", "/applications/hello/", "/alerts/?state=open"):
        assert "38.5 percent" not in read(browser, path)
    assert "Over" in read(browser, "/alerts/")


def test_in_french_it_is_said_in_french(viewer, browse, alert):
    browser = browse(viewer)
    browser.cookies["fairway_language"] = "fr"
    shown = read(browser, "/alerts/")
    assert "Beaucoup d’erreurs" in shown
    assert "38,5 pour cent des 1240 requêtes en 5 min ont reçu une erreur du serveur." in shown


def test_who_sees_another_environment_sees_nothing_of_it(browse, production, alert):
    browser = browse(make_person("stan", Role.VIEWER, environment=production))
    for path in ("/", "/alerts/"):
        assert "38.5 percent" not in read(browser, path)
    assert browser.get(f"/alerts/{alert.pk}/").status_code == 404
    assert browser.get(PAGE).status_code == 404


def test_what_is_silenced_is_not_on_the_home_page_but_in_the_list(viewer, browse, staging, alert):
    Alert.objects.update(is_told=False)
    later = timezone.now() + timedelta(hours=1)
    Silence.objects.create(environment=staging, until=later, reason="Repairs", created_by="ada")
    assert "38.5 percent" not in read(browse(viewer), "/")
    assert "silenced" in read(browse(viewer), "/alerts/")


def test_somebody_takes_care_of_it(deployer, viewer, browse, alert):
    path = f"/alerts/{alert.pk}/acknowledgement"
    assert browse(viewer).post(path).status_code == 403
    browser = browse(deployer)
    assert browser.post(path)["Location"] == f"/alerts/{alert.pk}/"
    alert.refresh_from_db()
    assert alert.acknowledged_by == "dora"
    assert "dora takes care of it." in read(browser, "/")
    assert path not in read(browser, "/alerts/")


def fields(**changes):
    """What the form sends, as it is drawn, with changes."""
    form = RulesForm(rules=RULES)
    return {name: field.initial for name, field in form.fields.items()} | changes


def test_thresholds_are_set_and_refused_beside_their_field(admin, viewer, browse, staging):
    browser = browse(admin)
    assert browser.post(f"{PAGE}/rules", fields(errors_threshold="2.5"))["Location"] == PAGE
    assert AlertSettings.objects.get().rules == {"errors": {"threshold": 2.5}}
    without = fields()
    del without["memory_is_on"]
    browser.post(f"{PAGE}/rules", without)
    assert AlertSettings.objects.get().rules == {"memory": {"is_on": False}}
    refused = browser.post(f"{PAGE}/rules", fields(errors_threshold="0"))
    assert refused.status_code == 422
    assert "Must be a number from 0.1 to 100." in refused.content.decode()
    assert AlertSettings.objects.get().rules == {"memory": {"is_on": False}}
    assert browse(viewer).post(f"{PAGE}/rules", fields()).status_code == 403
    assert "errors_threshold" not in read(browse(viewer), PAGE)


def test_a_stale_form_changes_nothing(admin, browse, staging):
    browser = browse(admin)
    browser.post(f"{PAGE}/rules", fields(errors_threshold="2.5"))
    refused = browser.post(f"{PAGE}/rules", {**fields(), "as_of": "0"})
    assert refused.status_code == 422
    assert "after you opened it" in refused.content.decode()


def test_alerts_are_silenced_and_heard_again(deployer, viewer, browse, alert):
    browser, until = browse(deployer), timezone.localtime() + timedelta(hours=2)
    sent = {"until": f"{until:%Y-%m-%dT%H:%M}", "reason": "The host is moved", "application": "", "kind": ""}
    assert browser.post("/environments/staging/silences", sent)["Location"] == PAGE
    row = Silence.objects.get()
    assert "The host is moved" in read(browse(viewer), PAGE)
    for wrong in ({"until": "soon"}, {"until": "2020-01-01T00:00"}, {"reason": ""}, {"application": "nothing"}):
        assert browser.post("/environments/staging/silences", sent | wrong).status_code == 422
    assert browse(viewer).post(f"/silences/{row.pk}/end").status_code == 403
    browser.post(f"/silences/{row.pk}/end")
    assert "The host is moved" not in read(browser, PAGE)
