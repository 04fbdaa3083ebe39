"""Statuses at the forge by the API: connected, read, changed, tried, sent again, disconnected; by whom, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from fairway.accounts.rules import SYSTEM
from fairway.applications.commands import create_application
from fairway.applications.models import Application
from fairway.environments.models import Environment
from tests.api.conftest import Api
from tests.pipelines.conftest import forge, workflows
from tests.pipelines.test_reports import asked_for, work
from tests.services.forge import TOKEN, FakeForge, Trick

__all__ = ["forge", "workflows"]  # fixtures
HERE = "/applications/shop/forge"


@pytest.fixture
def shop(places: dict[str, Environment]) -> Application:
    source = {"url": "https://github.com/codertocat/hello-world.git", "ref": "main"}
    return create_application(actor=SYSTEM, name="Shop", source_kind="git", source=source)


def test_a_forge_is_connected_changed_tried_and_disconnected(
    viewer: Api, deployer: Api, shop: Application, forge: FakeForge
) -> None:
    assert deployer.get(HERE).status_code == 404
    made = deployer.post(HERE, {"token": TOKEN, "api_url": forge.address})
    assert made.status_code == 201
    shown = made.json()
    assert (shown["kind"], shown["project"], shown["stopped"]) == ("github", "codertocat/hello-world", "")
    assert TOKEN not in made.content.decode()
    assert viewer.get(HERE).json() == shown
    assert viewer.get("/forges").json() == [shown]
    assert deployer.post(HERE, {"token": TOKEN}).status_code == 422, "it is connected"
    assert deployer.post(f"{HERE}/trial").status_code == 200
    forge.token = "revoked"
    refused = deployer.post(f"{HERE}/trial")
    assert (refused.status_code, "(401)" in refused.json()["detail"]) == (409, True)
    assert deployer.patch(HERE, {"is_paused": True}).json()["is_paused"] is True
    assert deployer.patch(HERE, {"api_url": "https://elsewhere.test"}).status_code == 422
    assert viewer.delete(HERE).status_code == 403
    assert deployer.delete(HERE).status_code == 204
    assert deployer.get(HERE).status_code == 404


def test_what_was_sent_is_listed_and_sent_again(
    deployer: Api, viewer: Api, shop: Application, places: dict[str, Environment], forge: FakeForge
) -> None:
    deployer.post(HERE, {"token": TOKEN, "api_url": forge.address})
    forge.will(Trick(422, '{"message": "No commit found for SHA"}', method="POST"))
    deployment = asked_for(shop, places["development"])
    work()
    [one] = viewer.get(f"{HERE}/reports").json()
    assert (one["deployment"], one["progress"], one["state"]) == (deployment.pk, "queued", "given_up")
    assert "No commit found" in one["sentence"]
    assert deployer.get(HERE).json()["given_up"] == 1
    assert viewer.post(f"{HERE}/reports/{one['id']}/again").status_code == 403
    assert deployer.post(f"{HERE}/reports/{one['id']}/again").status_code == 202
    work()
    assert viewer.get(f"{HERE}/reports").json()[0]["state"] == "sent"


@pytest.mark.parametrize(
    ("given", "field"),
    [({"token": ""}, "token"), ({"token": TOKEN, "kind": "svn"}, "kind"), ({"token": TOKEN, "api_url": "x"}, "api_url")],
)
def test_bad_input_names_its_field(deployer: Api, shop: Application, given: dict[str, Any], field: str) -> None:
    refused = deployer.post(HERE, given)
    assert refused.status_code == 422
    assert field in refused.content.decode()
