"""Repositories to choose from by the API."""

from __future__ import annotations

import pytest

from tests.api.conftest import Api
from tests.pipelines.conftest import forge
from tests.pipelines.test_repositories import repository, store
from tests.services.forge import FakeForge

__all__ = ["forge"]  # fixture


def test_the_api_lists_them(forge: FakeForge, deployer: Api, viewer: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    store(forge, monkeypatch)
    forge.repositories = [repository("acme/shop")]
    found = deployer.get("/credentials/bot/repositories?search=SHOP").json()
    assert (found["is_all"], [one["path"] for one in found["repositories"]]) == (True, ["acme/shop"])
    assert deployer.get("/credentials/none/repositories").status_code == 404
    assert viewer.get("/credentials/bot/repositories").status_code == 403
