"""The page on which a repository is chosen for a new application."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client

from fairway.accounts.rules import Role
from fairway.applications.models import Inspection
from tests.conftest import make_person
from tests.pipelines.conftest import forge
from tests.pipelines.test_repositories import repository, store
from tests.services.forge import FakeForge
from tests.web.conftest import Browser

pytestmark = pytest.mark.django_db
__all__ = ["forge"]  # fixture


def test_a_person_chooses_one_and_it_is_looked_at(
    forge: FakeForge, browse: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(forge, monkeypatch)
    forge.repositories = [repository("acme/shop"), repository("acme/<script>")]
    dora: Client = browse(make_person("dora", Role.DEPLOYER))
    assert "/applications/new/repositories/bot" in dora.get("/applications/new?source=git").content.decode()
    shown = unescape(dora.get("/applications/new/repositories/bot?search=shop").content.decode())
    assert ("acme/shop" in shown, "acme/<script>" in shown) == (True, False)
    assert "<script>" not in dora.get("/applications/new/repositories/bot").content.decode().partition("<main")[2]
    chosen = {"source": "git", "url": "https://git.example.com/acme/shop.git", "ref": "main"}
    assert dora.post("/applications/new", chosen).status_code == 302
    assert Inspection.objects.get().source["url"] == chosen["url"]
    forge.rights.clear()
    assert "Give it the right to read them" in unescape(dora.get("/applications/new/repositories/bot").content.decode())
    assert dora.get("/applications/new/repositories/other").status_code == 404
