"""Triggers by the API: made, read, changed, paused, renewed, deleted; by whom, and what is refused."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import SYSTEM
from fairway.applications.commands import create_application
from fairway.applications.models import Application
from fairway.environments.models import Environment
from fairway.pipelines.models import Trigger
from tests.api.conftest import Api

HERE = "/applications/shop/environments/development/triggers"
MAIN = {"pattern": "main", "paths": ["shop/"]}


@pytest.fixture
def shop(places: dict[str, Environment]) -> Application:
    source = {"url": "https://git.example.com/team/shop.git", "ref": "main"}
    return create_application(actor=SYSTEM, name="Shop", source_kind="git", source=source)


def test_a_trigger_is_made_read_changed_and_deleted(viewer: Api, deployer: Api, shop: Application) -> None:
    made = deployer.post(HERE, MAIN)
    assert made.status_code == 201
    shown = made.json()
    secret = shown.pop("secret")
    assert secret.startswith("whsec_")
    assert {name: shown[name] for name in ("ref_kind", "pattern", "paths")} == {"ref_kind": "branch", **MAIN}
    assert (shown["saved_by"], shown["is_paused"], shown["lost_right"]) == ("deployer", False, "")
    assert shown["url"].endswith(f"/hooks/{Trigger.objects.get().public_id}")
    number = shown["id"]
    again = viewer.get(f"/triggers/{number}")
    assert again.json() == shown, "without the secret"
    assert secret not in again.content.decode()
    assert [one["id"] for one in viewer.get("/triggers?application=shop&environment=development").json()] == [number]
    assert viewer.get("/triggers?environment=production").json() == []
    changed = deployer.patch(f"/triggers/{number}", {"pattern": "v*", "ref_kind": "tag", "paths": []}).json()
    assert (changed["pattern"], changed["ref_kind"], changed["paths"]) == ("v*", "tag", [])
    assert deployer.patch(f"/triggers/{number}", {"is_paused": True}).json()["is_paused"] is True
    renewed = deployer.post(f"/triggers/{number}/secret")
    assert renewed.status_code == 201
    assert renewed.json()["secret"] != secret
    assert viewer.get(f"/triggers/{number}/deliveries").json() == []
    assert deployer.delete(f"/triggers/{number}").status_code == 204
    assert viewer.get(f"/triggers/{number}").status_code == 404


def test_who_may_not_deploy_only_reads(viewer: Api, deployer: Api, shop: Application) -> None:
    number = deployer.post(HERE, MAIN).json()["id"]
    for answer in (
        viewer.post(HERE, MAIN),
        viewer.patch(f"/triggers/{number}", {"is_paused": True}),
        viewer.post(f"/triggers/{number}/secret"),
        viewer.delete(f"/triggers/{number}"),
    ):
        assert answer.json()["blockers"][0]["code"] == "role"
    assert Trigger.objects.get().is_paused is False


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"pattern": ""}, "pattern", ""),
        ({"pattern": "refs/heads/main"}, "pattern", "give the name alone"),
        ({"pattern": "a b"}, "pattern", "is not the name"),
        ({"ref_kind": "note"}, "ref_kind", ""),
        ({"paths": ["/etc"]}, "paths", "is not a path"),
        ({"paths": ["x"] * 21}, "paths", ""),
        ({"branch": "main"}, "branch", ""),
    ],
)
def test_bad_input_names_its_field(
    deployer: Api, shop: Application, wrong: dict[str, object], field: str, words: str
) -> None:
    answer = deployer.post(HERE, {**MAIN, **wrong})
    assert answer.status_code == 422
    assert field in answer.json()["errors"][0]["field"]
    assert words in answer.json()["detail"]
    assert not Trigger.objects.exists()
