"""Triggers by the API: made, read, changed, paused, renewed, deleted; by whom, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fairway.accounts.rules import SYSTEM
from fairway.applications.commands import create_application
from fairway.applications.models import Application
from fairway.environments.models import Environment
from fairway.pipelines.commands.forges import connect_forge
from fairway.pipelines.models import Trigger
from tests.api.conftest import Api
from tests.services.forge import TOKEN, FakeForge, fake_forge

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


@pytest.fixture
def forge(settings: Any) -> Iterator[FakeForge]:
    settings.SOURCE_ADDRESSES = "any"
    with fake_forge() as found:
        found.project = "team/shop"
        yield found


def test_its_webhook_is_installed_looked_at_renewed_and_removed(
    viewer: Api, deployer: Api, shop: Application, forge: FakeForge
) -> None:
    number = deployer.post(HERE, MAIN).json()["id"]
    refused = deployer.post(f"/triggers/{number}/webhook")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "application")
    assert viewer.get(f"/triggers/{number}/webhook").json() == {"is_installed": False, "tells": False, "sent": []}
    connect_forge(actor=SYSTEM, application=shop, token=TOKEN, kind="github", api_url=forge.address)
    assert viewer.post(f"/triggers/{number}/webhook").status_code == 403
    assert deployer.post(f"/triggers/{number}/webhook").json()["has_webhook"] is True
    assert viewer.get(f"/triggers/{number}/webhook").json()["sent"]
    assert viewer.post(f"/triggers/{number}/webhook/sent/9").status_code == 403
    found = deployer.get(f"/triggers/{number}/webhook").json()
    assert (found["tells"], [one["status"] for one in found["sent"]]) == (True, [502, 202])
    assert deployer.post(f"/triggers/{number}/webhook/sent/9").status_code == 204
    assert forge.redelivered == ["9"]
    renewed = deployer.post(f"/triggers/{number}/secret").json()
    assert renewed["webhook_trouble"] == ""
    assert [one["config"]["secret"] for one in forge.hooks.values()] == [renewed["secret"]]
    changed = deployer.patch(f"/triggers/{number}", {"ref_kind": "request", "paths": []}).json()
    assert changed["webhook_trouble"] == ""
    assert deployer.delete(f"/triggers/{number}/webhook").json()["has_webhook"] is False
    assert forge.hooks == {}


def test_what_the_forge_refuses_is_said(deployer: Api, shop: Application, forge: FakeForge) -> None:
    number = deployer.post(HERE, MAIN).json()["id"]
    connect_forge(actor=SYSTEM, application=shop, token=TOKEN, kind="github", api_url=forge.address)
    forge.rights -= {"hooks"}
    refused = deployer.post(f"/triggers/{number}/webhook")
    assert refused.status_code == 409
    assert "admin:repo_hook" in refused.json()["detail"]


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
