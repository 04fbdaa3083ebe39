"""What people may do, and why, by the API."""

from __future__ import annotations

from typing import Any

import pytest

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.password_policy import set_password_policy
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Role
from fairway.accounts.tokens import create_token
from fairway.activity.rules import Door
from fairway.applications.models import Application
from fairway.environments.models import Environment
from tests.api.conftest import Api, person_with


@pytest.fixture
def grace(admin: Api, hello: Application, places: dict[str, Environment]) -> User:
    """A Deployer of hello in staging, who sees everything."""
    admin.post("/people", {"username": "grace", "roles": ["viewer"]})
    given = [{"role": "viewer"}, {"role": "deployer", "environment": "staging", "application": "hello"}]
    assert admin.put("/people/grace/roles", {"grants": given}).status_code == 200
    return User.objects.get(username="grace")


def right(body: dict[str, Any], act: str, environment: str = "") -> dict[str, Any]:
    return next(one for one in body["rights"] if (one["act"], one["environment"]) == (act, environment))


def test_rights_say_what_follows_from_each_role(admin: Api, grace: User) -> None:
    body = admin.get("/people/grace/rights").json()
    assert body["environments"] == ["development", "staging", "production"]
    deploy = right(body, "deployment.deploy", "staging")
    assert (deploy["extent"], deploy["applications"]) == ("some", ["hello"])
    assert deploy["grants"] == [{"role": "deployer", "environment": "staging", "application": "hello"}]
    nowhere = right(body, "deployment.deploy", "production")
    assert (nowhere["extent"], nowhere["reason"]) == ("none", "This needs the role Admin or Deployer here.")
    assert right(body, "view", "production")["extent"] == "all"
    assert right(body, "people.manage")["extent"] == "none"
    of_one = admin.get("/people/grace/rights?environment=staging&application=hello").json()
    assert of_one["environments"] == ["staging"]
    assert right(of_one, "deployment.deploy", "staging")["extent"] == "all"


def test_a_role_says_who_gave_it_and_when(admin: Api, grace: User) -> None:
    first = {one["role"]: one for one in admin.get("/people/grace/rights").json()["grants"]}
    assert {one["granted_by"] for one in first.values()} == {"admin"}
    assert first["viewer"]["event"] < first["deployer"]["event"]
    admin.put("/people/grace/roles", {"grants": [{"role": "viewer"}]})
    admin.put("/people/grace/roles", {"grants": [{"role": "viewer"}, {"role": "deployer", "environment": "staging"}]})
    later = {one["role"]: one for one in admin.get("/people/grace/rights").json()["grants"]}
    assert later["viewer"] == first["viewer"], "it was not taken away meanwhile"
    assert later["deployer"]["event"] > first["deployer"]["event"]
    RoleGrant.objects.create(user=grace, role=Role.ADMIN)  # without an event
    unknown = admin.get("/people/grace/rights").json()["grants"]
    assert [(one["granted_at"], one["event"]) for one in unknown if one["role"] == "admin"] == [(None, None)]


@pytest.mark.parametrize(
    ("query", "allowed", "sentence"),
    [
        ("act=deploy&environment=staging&application=hello", True, "Yes: Deployer for Hello in Staging, given by admin on "),
        ("act=deployment.deploy&environment=staging&application=hello", True, "Yes: Deployer"),
        ("act=deploy&environment=production", False, "No. This needs the role Admin or Deployer here."),
        ("act=deploy&environment=staging", False, "No, only in part: Deployer for Hello in Staging, given by admin on "),
        ("act=deploy&application=hello", False, "No, only in part: Deployer for Hello in Staging"),
        ("act=view", True, "Yes: Viewer everywhere, given by admin on "),
        ("act=manage-people", False, "No. This needs the role Admin here."),
        ("act=approve&environment=staging&application=hello", False, "No. An approval counts here from a Release Manager"),
    ],
)
def test_a_question_is_answered_with_its_reason(admin: Api, grace: User, query: str, allowed: bool, sentence: str) -> None:
    body = admin.get(f"/people/grace/may?{query}").json()
    assert (body["allowed"], body["sentence"][: len(sentence)]) == (allowed, sentence)


@pytest.mark.parametrize(
    ("query", "field", "why"),
    [
        ("act=fly", "act", "“fly” is not an act; use one of "),
        ("act=deploy&environment=mars", "environment", "There is no environment “mars”"),
        ("act=deploy&application=mars", "application", "There is no application “mars”"),
        ("act=manage-people&environment=staging", "environment", "is not asked for this act"),
        ("act=lock-environment&application=hello", "application", "is not asked for this act"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(admin: Api, grace: User, query: str, field: str, why: str) -> None:
    refused = admin.get(f"/people/grace/may?{query}")
    assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert why in refused.json()["detail"]


def test_an_environments_own_rules_count(admin: Api, grace: User, places: dict[str, Environment]) -> None:
    staging = places["staging"]
    Environment.objects.filter(pk=staging.pk).update(
        deploy_roles=["release_manager"], approval_people=["grace"], approvals_needed=1
    )
    body = admin.get("/people/grace/rights").json()
    deploy = right(body, "deployment.deploy", "staging")
    assert (deploy["extent"], deploy["reason"]) == ("none", "Only a Release Manager may deploy to Staging.")
    assert right(body, "deployment.roll_back", "staging")["extent"] == "some"
    approve = right(body, "deployment.approve", "staging")
    assert (approve["extent"], approve["rule"]) == ("all", "An approval counts here from grace.")
    assert right(body, "deployment.approve", "production")["extent"] == "none"
    Environment.objects.filter(pk=staging.pk).update(deploy_roles=[], deploy_people=["grace"])
    assert right(admin.get("/people/grace/rights").json(), "deployment.deploy", "staging")["applications"] == ["hello"]


def test_who_is_deactivated_may_do_nothing(admin: Api, grace: User) -> None:
    admin.put("/people/grace/access", {"is_active": False})
    body = admin.get("/people/grace/rights").json()
    assert not body["is_active"]
    assert {(one["extent"], one["reason"]) for one in body["rights"]} == {("none", "The account is deactivated.")}
    assert len(body["grants"]) == 2, "they are kept"
    answer = admin.get("/people/grace/may?act=view").json()
    assert (answer["allowed"], answer["sentence"]) == (False, "No. The account is deactivated.")


def test_who_lacks_a_second_step_is_told_of(admin: Api, grace: User) -> None:
    boss = actor_for(User.objects.get(username="admin"), door=Door.WEB)
    assert not admin.get("/people/grace/rights").json()["must_set_up_two_step"]
    set_password_policy(actor=boss, passwords="everybody", emergency=(), two_step_required=True)
    assert admin.get("/people/grace/rights").json()["must_set_up_two_step"]
    answer = admin.get("/people/grace/may?act=view").json()
    assert answer["allowed"]
    assert answer["sentence"].endswith("until they have set up two-step sign-in; their API tokens work.")


def test_ones_own_rights_are_those_of_the_token(deployer: Api, hello: Application) -> None:
    body = deployer.get("/me/rights").json()
    assert right(body, "deployment.deploy", "staging")["extent"] == "all"
    narrowed = deployer("get", "/me/rights", **{"X-Fairway-Acting-As": "viewer"}).json()
    assert narrowed["acting_as"] == "viewer"
    assert right(narrowed, "deployment.deploy", "staging")["extent"] == "none"
    assert right(narrowed, "view", "staging")["extent"] == "all"


def test_a_tokens_limits_narrow_ones_own_rights(hello: Application, places: dict[str, Environment]) -> None:
    owner = actor_for(person_with(Role.DEPLOYER, "dora"), door=Door.WEB)
    text = create_token(actor=owner, name="ci", application=hello, environment=places["staging"])[1]
    body = Api(text).get("/me/rights").json()
    assert body["environments"] == ["staging"]
    deploy = right(body, "deployment.deploy", "staging")
    assert (deploy["extent"], deploy["applications"]) == ("some", ["hello"])
    assert right(body, "application.create")["extent"] == "none"
    assert "production" not in str(body)


def test_only_who_manages_people_asks_about_others(deployer: Api, grace: User) -> None:
    for path in ("/people/grace/rights", "/people/grace/may?act=deploy"):
        assert deployer.get(path).status_code == 403


def test_rights_take_few_queries(admin: Api, grace: User, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(14):
        assert admin.get("/people/grace/rights").status_code == 200
