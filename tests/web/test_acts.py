"""What people press: one command, one event, and a refusal that explains itself where it was pressed."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Role
from fairway.activity.models import Event
from fairway.applications.commands import mark_bad
from fairway.deployments.commands.placements import hold
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Status
from fairway.environments.commands import lock_environment
from tests.conftest import make_artifact, make_person
from tests.web.conftest import finish, live

IN_STAGING = "/applications/hello/in/staging"


def test_a_version_may_be_deployed_as_a_canary_where_one_serves(deployer, browse, hello, staging):
    browser = browse(deployer)
    assert 'name="strategy"' not in browser.get(f"{IN_STAGING}/deploy").content.decode(), "nothing serves there yet"
    live(hello, staging)
    assert '<option value="all" selected>' in browser.get(f"{IN_STAGING}/deploy").content.decode()
    wrong = browser.post(f"{IN_STAGING}/deploy", {"strategy": "explode"})
    assert wrong.status_code == 422
    browser.post(f"{IN_STAGING}/deploy", {"strategy": "canary"})
    assert Deployment.objects.latest("pk").is_canary


def test_deploy_makes_a_queued_row_and_leads_to_its_page(deployer, browse, hello, staging):
    answer = browse(deployer).post(f"{IN_STAGING}/deploy", {"reason": "First try"})
    made = Deployment.objects.get()
    assert answer["Location"] == f"/deployments/{made.pk}"
    assert (made.status, made.reason, made.requested_by, made.door) == ("queued", "First try", "dora", "web")
    assert Event.objects.filter(verb="deployment.requested").count() == 1


def test_a_lock_refuses_with_its_reason_and_changes_nothing(deployer, manager, browse, hello, staging):
    lock_environment(actor=manager, environment=staging, reason="Stocktaking")
    answer = browse(deployer).post(f"{IN_STAGING}/deploy")
    assert answer.status_code == 409
    assert "Staging is locked by max: Stocktaking" in answer.content.decode()
    assert not Deployment.objects.exists()


def test_the_same_reasons_grey_the_button_before_it_is_pressed(deployer, manager, browse, hello, staging):
    lock_environment(actor=manager, environment=staging, reason="Stocktaking")
    page = browse(deployer).get("/applications/hello/").content.decode()
    assert 'aria-disabled="true"' in page
    assert 'data-code="locked"' in page
    assert f'action="{IN_STAGING}/deploy"' not in page


def test_promote_takes_the_same_artifact_on_without_building(deployer, browse, hello, staging, production):
    first = live(hello, staging)
    answer = browse(deployer).post("/applications/hello/in/production/promote", {"from": "staging"})
    made = Deployment.objects.latest("pk")
    assert answer["Location"] == f"/deployments/{made.pk}"
    assert (made.kind, made.environment, made.artifact) == ("promote", production, first.artifact)
    page = browse(deployer).get(f"/deployments/{made.pk}").content.decode()
    assert f"from Staging #{first.pk}" in page


def test_promoting_what_is_not_there_says_so(deployer, browse, hello, staging, production):
    answer = browse(deployer).post("/applications/hello/in/production/promote", {"from": "staging"})
    assert answer.status_code == 409
    assert "Nothing runs in Staging" in answer.content.decode()


def test_roll_back_makes_a_new_deployment_of_the_earlier_artifact(deployer, browse, hello, staging):
    first, second = live(hello, staging), live(hello, staging)
    page = browse(deployer).get("/applications/hello/").content.decode()
    assert f'<input type="hidden" name="to" value="{first.pk}">' in page
    answer = browse(deployer).post(f"{IN_STAGING}/roll-back", {"to": str(first.pk)})
    made = Deployment.objects.latest("pk")
    assert answer["Location"] == f"/deployments/{made.pk}"
    assert (made.kind, made.artifact, made.returns_to) == ("rollback", first.artifact, first)
    assert made.pk > second.pk


def test_a_version_marked_bad_is_no_way_back(deployer, browse, hello, staging):
    first = live(hello, staging)
    live(hello, staging)
    mark_bad(actor=deployer, artifact=first.artifact, reason="Eats data")
    answer = browse(deployer).post(f"{IN_STAGING}/roll-back", {"to": str(first.pk)})
    assert answer.status_code == 409
    assert "Eats data" in answer.content.decode()


@pytest.mark.parametrize(
    ("act", "verb", "data"),
    [
        ("stop", "placement.stop_requested", {}),
        ("scale", "placement.scale_requested", {"replicas": "3"}),
        ("remove", "placement.remove_requested", {"confirm": "hello.staging"}),
    ],
)
def test_acts_on_what_runs_write_one_event_and_come_back(deployer, browse, hello, staging, act, verb, data):
    live(hello, staging)
    before = Event.objects.count()
    answer = browse(deployer).post(f"{IN_STAGING}/{act}", data)
    assert answer["Location"] == "/applications/hello/"
    assert Event.objects.count() == before + 1
    assert Event.objects.latest("pk").verb == verb


def test_what_was_stopped_can_be_started(deployer, browse, hello, staging):
    live(hello, staging)
    browser = browse(deployer)
    browser.post(f"{IN_STAGING}/stop")
    assert browser.post(f"{IN_STAGING}/restart").status_code == 409
    browser.post(f"{IN_STAGING}/start")
    assert Placement.objects.get().wanted == "running"


def test_restart_is_a_deployment_of_what_runs(deployer, browse, hello, staging):
    first = live(hello, staging)
    browse(deployer).post(f"{IN_STAGING}/restart")
    made = Deployment.objects.latest("pk")
    assert (made.kind, made.artifact) == ("restart", first.artifact)


@pytest.mark.parametrize("replicas", ["0", "9", "many", "", "٣"])
def test_a_number_of_replicas_that_cannot_be_is_refused_by_name(deployer, browse, hello, staging, replicas):
    live(hello, staging)
    answer = browse(deployer).post(f"{IN_STAGING}/scale", {"replicas": replicas})
    assert answer.status_code == 422
    assert "replicas:" in answer.content.decode()
    assert Placement.objects.get().replicas == 1


def test_each_service_is_shown_and_scaled(deployer, browse, hello, staging):
    live(hello, staging, make_artifact(hello, services={"worker": {"command": ["python", "worker.py"]}}))
    browser = browse(deployer)
    page = browser.get("/applications/hello/").content.decode()
    assert 'name="service" value="worker"' in page
    assert "python worker.py" in page
    browser.post(f"{IN_STAGING}/scale", {"service": "worker", "replicas": "0"})
    assert Placement.objects.get().counts == {"web": 1, "worker": 0}
    refused = browser.post(f"{IN_STAGING}/scale", {"service": "beat", "replicas": "1"})
    assert refused.status_code == 422
    assert "none of its services" in refused.content.decode()


def test_removing_asks_for_the_name_also_when_the_page_was_skipped(deployer, browse, hello, staging):
    live(hello, staging)
    answer = browse(deployer).post(f"{IN_STAGING}/remove", {"confirm": "hello"})
    assert answer.status_code == 422
    assert Placement.objects.get().wanted == "running"


def test_acts_on_nothing_explain_that_nothing_is_there(deployer, browse, hello, staging):
    answer = browse(deployer).post(f"{IN_STAGING}/stop")
    assert answer.status_code == 409
    assert "Nothing is deployed here yet." in answer.content.decode()


def test_releasing_a_hold(deployer, browse, hello, staging):
    live(hello, staging)
    hold(actor=deployer, placement=Placement.objects.get(), reason="It crashed")
    assert "is on hold" in browse(deployer).get("/").content.decode()
    page = browse(deployer).get("/applications/hello/").content.decode()
    assert "automatic deployments do not replace this version. It crashed" in " ".join(page.split())
    assert page.count(f"{IN_STAGING}/release-hold") == 1
    browse(deployer).post(f"{IN_STAGING}/release-hold")
    assert Placement.objects.get().held_at is None
    assert "is on hold" not in browse(deployer).get("/").content.decode()


def test_cancel_asks_once_and_an_ended_deployment_says_so(deployer, browse, hello, staging):
    browser = browse(deployer)
    browser.post(f"{IN_STAGING}/deploy")
    one = Deployment.objects.get()
    assert "Cancel" in browser.get(f"/deployments/{one.pk}").content.decode()
    assert browser.post(f"/deployments/{one.pk}/cancellation").status_code == 302
    one.refresh_from_db()
    assert one.status in {Status.CANCELLING, Status.CANCELLED}
    done = live(hello, staging)
    answer = browser.post(f"/deployments/{done.pk}/cancellation")
    assert answer.status_code == 409
    assert "has already ended" in answer.content.decode()


def test_deploying_again_uses_the_same_artifact(deployer, browse, hello, staging):
    first = live(hello, staging, make_artifact(hello, "1.0"))
    live(hello, staging, make_artifact(hello, "2.0"))
    browse(deployer).post(f"/deployments/{first.pk}/again")
    assert Deployment.objects.latest("pk").artifact == first.artifact


def test_a_failed_deployment_shows_its_sentence_and_what_served_on(deployer, browse, hello, staging):
    live(hello, staging, make_artifact(hello, "1.0"))
    browser = browse(deployer)
    browser.post(f"{IN_STAGING}/deploy")
    finish(Deployment.objects.latest("pk"), Status.FAILED, "The port 8080 never answered.")
    page = browser.get(f"/deployments/{Deployment.objects.latest('pk').pk}").content.decode()
    assert "The port 8080 never answered." in page
    assert "1.0 kept serving the whole time" in page
    home = browser.get("/").content.decode()
    assert "Hello → Staging failed" in home


ACTS = ["deploy", "promote", "roll-back", "restart", "stop", "start", "scale", "remove", "domains", "access", "release-hold"]


@pytest.mark.parametrize("act", ACTS)
def test_viewers_change_nothing(viewer, browse, hello, staging, act):
    live(hello, staging)
    events, deployments = list(Event.objects.values_list("pk", flat=True)), Deployment.objects.count()
    data = {"from": "staging", "replicas": "2", "confirm": "hello.staging", "host": "a.example.com", "access": "signed_in"}
    assert browse(viewer).post(f"{IN_STAGING}/{act}", data).status_code == 403
    assert [event.verb for event in Event.objects.exclude(pk__in=events)] == ["person.refused"]
    assert Deployment.objects.count() == deployments
    assert Placement.objects.get().access == "public"


@pytest.mark.parametrize("act", ACTS[1:])  # the address of deploying also shows what could be deployed
def test_acts_are_asked_for_by_posting(deployer, browse, hello, staging, act):
    assert browse(deployer).get(f"{IN_STAGING}/{act}").status_code == 405


def test_a_grant_for_staging_does_not_reach_production(browse, hello, staging, production):
    local = make_person("lou", Role.DEPLOYER, environment=staging)
    assert browse(local).post("/applications/hello/in/production/deploy").status_code == 404
    assert browse(local).post(f"{IN_STAGING}/deploy").status_code == 302
