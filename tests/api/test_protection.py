"""Protection and approvals over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from fairway.applications.models import Application
from fairway.deployments.models import Deployment
from fairway.environments.models import Environment
from tests.api.conftest import Api, artifact_of, live_in

THERE = {"application": "hello", "environment": "production"}


@pytest.fixture
def asked(admin: Api, deployer: Api, hello: Application) -> dict[str, Any]:
    """A deployment that waits for approval."""
    assert admin.patch("/environments/production", {"approvals_needed": 1}).status_code == 200
    made = deployer.post("/deployments", {**THERE, "artifact": artifact_of(hello).number})
    assert made.status_code == 201, made.content
    body: dict[str, Any] = made.json()
    return body


def say(api: Api, one: dict[str, Any], decision: str = "approve", **more: str) -> Any:
    body = {"decision": decision, "fingerprint": one["approvals"]["fingerprint"], **more}
    return api.post(f"/deployments/{one['id']}/approvals", body)


def test_rules_are_set_and_read_in_sentences(admin: Api, deployer: Api, hello: Application) -> None:
    rules = {
        "approvals_needed": 2, "approval_roles": ["release_manager"], "approval_days": 3, "deploy_people": ["deployer"],
        "only_releases": True, "proven_in": "staging", "proven_hours": 12,
        "when_worse": "roll_back",
    }  # fmt: skip
    body = admin.patch("/environments/production", rules).json()
    assert {name: body[name] for name in rules} == rules
    assert "Only a version that was healthy in Staging for 12 hours without a break comes here." in body["protection"]
    assert deployer.patch("/environments/production", {"only_releases": False}).status_code == 403
    wrong = admin.patch("/environments/production", {"approval_people": ["nobody"]})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "approval_people")
    assert admin.patch("/environments/production", {"when_worse": "explode"}).status_code == 422
    assert "A new version that answers worse than the one before is rolled back." in body["protection"]
    listed = {one["slug"]: one["protection"] for one in deployer.get("/environments").json()}
    assert listed["production"] == body["protection"]
    assert listed["staging"] == []


def test_asking_waits_and_says_for_whom(asked: dict[str, Any], deployer: Api, as_role: Any) -> None:
    found = asked["approvals"]
    assert (asked["awaits_approval"], found["needed"], found["given"]) == (True, 1, 0)
    assert found["who"] == "a Release Manager or an Admin"
    rows = deployer.get("/deployments?status=awaiting_approval").json()["items"]
    assert [one["id"] for one in rows] == [asked["id"]]
    before = deployer.get("/applications/hello/environments/production/blockers?act=deploy").json()
    assert before["may"]
    assert before["approval"].startswith("Production requires 1 approval from a Release Manager or an Admin.")


def test_yes_and_no(asked: dict[str, Any], deployer: Api, admin: Api) -> None:
    refused = say(deployer, asked)
    assert (refused.status_code, refused.json()["blockers"][0]["code"]) == (409, "not_an_approver")
    assert say(admin, asked, comment="Fine").status_code == 201
    body = deployer.get(f"/deployments/{asked['id']}").json()
    assert (body["awaits_approval"], body["approvals"]["given"]) == (False, 1)
    assert body["approvals"]["answers"][0]["comment"] == "Fine"
    again = say(admin, asked)
    assert (again.status_code, again.json()["blockers"][0]["code"]) == (409, "not_waiting")


def test_a_no_needs_a_comment_and_ends_it(asked: dict[str, Any], admin: Api) -> None:
    refused = say(admin, asked, "reject")
    assert (refused.status_code, refused.json()["field"]) == (422, "comment")
    body = say(admin, asked, "reject", comment="Not today").json()
    assert body["status"] in {"cancelling", "cancelled"}, "at once where this process knows how"
    assert body["awaits_approval"] is False
    assert body["approvals"]["answers"][0]["comment"] == "Not today"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"decision": "perhaps", "fingerprint": ""}, "decision"),
        ({"decision": "approve"}, "fingerprint"),
        ({"decision": "approve", "fingerprint": "0" * 64}, "fingerprint"),
        ({"decision": "approve", "fingerprint": "", "colour": "red"}, "colour"),
    ],
)
def test_bad_answers_name_their_field(asked: dict[str, Any], admin: Api, body: dict[str, str], field: str) -> None:
    refused = admin.post(f"/deployments/{asked['id']}/approvals", body)
    assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert Deployment.objects.get(pk=asked["id"]).awaits_approval


def test_only_what_is_seen_can_be_answered(asked: dict[str, Any], as_role: Any) -> None:
    assert Api().post(f"/deployments/{asked['id']}/approvals", {}).status_code == 401


def test_single_promotions_are_refused_where_only_releases_come(admin: Api, deployer: Api, hello: Application) -> None:
    live_in(hello, Environment.objects.get(slug="staging"), artifact_of(hello))
    admin.patch("/environments/production", {"only_releases": True})
    refused = deployer.post("/promotions", {**THERE, "from_environment": "staging"})
    assert refused.status_code == 409
    (blocker,) = refused.json()["blockers"]
    assert blocker["code"] == "only_releases"
    assert "Add Hello to a release" in blocker["sentence"]
