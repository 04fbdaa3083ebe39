"""Stages by the API: made, read, changed, paused, deleted; by whom, and what is refused."""

from __future__ import annotations

import pytest

from fairway.accounts.models import RoleGrant
from fairway.accounts.rules import SYSTEM, Role
from fairway.applications.commands import create_application
from fairway.applications.models import Application
from fairway.environments.models import Environment
from fairway.pipelines.models import Stage
from tests.api.conftest import Api, person_with, token_of

HERE = "/applications/shop/environments/staging/stages"
GIVEN = {"from_environment": "development", "after_minutes": 30}


@pytest.fixture
def shop(places: dict[str, Environment]) -> Application:
    return create_application(actor=SYSTEM, name="Shop", source_kind="image", source={"image": "registry.test/shop:1"})


def test_a_stage_is_made_read_changed_and_deleted(viewer: Api, deployer: Api, shop: Application) -> None:
    made = deployer.post(HERE, GIVEN)
    assert made.status_code == 201
    shown = made.json()
    number = shown["id"]
    assert (shown["from_environment"]["slug"], shown["environment"]["slug"]) == ("development", "staging")
    assert (shown["after_minutes"], shown["state"], shown["saved_by"]) == (30, "nothing", "deployer")
    assert viewer.get(f"/stages/{number}").json() == shown
    assert [one["id"] for one in viewer.get("/stages?application=shop").json()] == [number]
    assert viewer.get("/stages?application=other").json() == []
    changed = deployer.patch(f"/stages/{number}", {"after_minutes": 0, "from_environment": "production"}).json()
    assert (changed["after_minutes"], changed["from_environment"]["slug"]) == (0, "production")
    paused = deployer.patch(f"/stages/{number}", {"is_paused": True}).json()
    assert (paused["is_paused"], paused["state"]) == (True, "paused")
    assert viewer.get(f"/stages/{number}/promotions").json() == []
    assert deployer.delete(f"/stages/{number}").status_code == 204
    assert viewer.get(f"/stages/{number}").status_code == 404


def test_who_may_not_promote_only_reads(viewer: Api, deployer: Api, shop: Application) -> None:
    number = deployer.post(HERE, GIVEN).json()["id"]
    for answer in (
        viewer.post(HERE, GIVEN),
        viewer.patch(f"/stages/{number}", {"is_paused": True}),
        viewer.delete(f"/stages/{number}"),
    ):
        assert answer.json()["blockers"][0]["code"] == "role"
    assert Stage.objects.get().is_paused is False


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"from_environment": "staging"}, "origin", "is the environment itself"),
        ({"from_environment": "nowhere"}, "from_environment", "no environment that you may see"),
        ({"from_environment": "development", "after_minutes": -1}, "after_minutes", ""),
        ({"from_environment": "development", "after_minutes": 10**9}, "after_minutes", ""),
        ({}, "from_environment", ""),
    ],
)
def test_bad_input_names_its_field(deployer: Api, shop: Application, given: dict, field: str, words: str) -> None:
    answer = deployer.post(HERE, given)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert words in answer.content.decode()
    assert not Stage.objects.exists()


def test_the_other_environment_is_not_named_to_whoever_may_not_see_it(
    deployer: Api, shop: Application, places: dict[str, Environment]
) -> None:
    number = deployer.post(HERE, GIVEN).json()["id"]
    pia = person_with(Role.DEPLOYER, "pia")
    RoleGrant.objects.filter(user=pia).update(environment=places["staging"])
    only_here = Api(token_of(pia))
    shown = only_here.get(f"/stages/{number}")
    assert shown.json()["from_environment"] is None
    assert "evelopment" not in shown.content.decode()
    assert only_here.patch(f"/stages/{number}", {"is_paused": True}).status_code == 200
    refused = only_here.patch(f"/stages/{number}", {"from_environment": "development"})
    assert refused.status_code == 422
