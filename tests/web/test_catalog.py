"""The catalogue's pages: finding an entry, reading what it is, installing it."""

from __future__ import annotations

import pytest
from django.test import Client

from fairway.accounts.rules import Role
from fairway.applications.models import Application, Configuration
from fairway.applications.secrets import open_secrets
from fairway.catalog import commands
from fairway.catalog.shelf import entries
from fairway.deployments.models import Deployment, Placement
from fairway.environments.commands import lock_environment
from fairway.environments.models import Environment
from fairway.web.views import catalog
from tests.catalog.test_rules import entry as notes
from tests.conftest import make_environment, make_person
from tests.web.conftest import Browser

DATASETTE = "/catalog/datasette"


@pytest.fixture
def place(db: None) -> Environment:
    return make_environment("staging", runtime="process")


@pytest.fixture
def deployer(place: Environment, browse: Browser) -> Client:
    return browse(make_person("dora", Role.DEPLOYER))


def wanted(**more: str) -> dict[str, str]:
    given = {"name": "Team data", "environment": "staging", "access": "signed_in", "answer-SITE_TITLE": "Sales"}
    return {**given, **more}


def test_entries_are_found_by_what_they_are_for(deployer: Client) -> None:
    everything = deployer.get("/catalog/").content.decode()
    assert all(entry.title in everything for entry in entries())
    found = deployer.get("/catalog/?q=CSV+tables").content.decode()
    assert ("Datasette" in found, "marimo" in found) == (True, False)
    assert "Nothing found" in deployer.get("/catalog/?q=solitaire").content.decode()
    only = deployer.get(
        "/catalog/?q=datasette", headers={"HX-Request": "true", "HX-Target": "catalog-cards"}
    ).content.decode()
    assert ("<html" in only, "Datasette" in only) == (False, True)


def test_they_are_found_in_french_without_accents(deployer: Client) -> None:
    found = deployer.get("/catalog/?q=donnees+code", headers={"Accept-Language": "fr"}).content.decode()
    assert ("JupyterLab" in found, "Datasette" in found) == (True, False)


def test_installing_leads_to_the_deployment(deployer: Client) -> None:
    answer = deployer.post(DATASETTE, wanted())
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/deployments/{Deployment.objects.get().pk}")
    assert Placement.objects.get().access == "signed_in"
    page = deployer.get("/applications/team-data/").content.decode()
    assert "From the catalogue" in page
    assert DATASETTE in page
    assert "Team data" in deployer.get(DATASETTE).content.decode()


def test_the_password_is_in_the_answer_and_nowhere_else(deployer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "get_entry", lambda _name: notes())
    monkeypatch.setattr(commands, "packed", lambda _entry: b"a tar")
    given = {"name": "Notes", "environment": "staging", "access": "public", "answer-TITLE": "N", "answer-OWNER": "a@b.cd"}
    answer = deployer.post("/catalog/notes", given)
    password = open_secrets(Configuration.objects.get())["ADMIN_PASSWORD"]
    assert (answer.status_code, password in answer.content.decode()) == (201, True)
    assert "no-store" in answer.headers["Cache-Control"]
    for page in (
        f"/deployments/{Deployment.objects.get().pk}",
        "/applications/notes/configuration",
        "/events/",
        "/catalog/notes",
    ):
        assert password not in deployer.get(page).content.decode()
    assert deployer.get("/applications/notes/").status_code == 200, "an entry that is gone breaks no page"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": ""}, "This field is required"),
        ({"environment": ""}, "This field is required"),
        ({"access": "everybody"}, "not one of the available choices"),
        ({"answer-SITE_TITLE": "x" * 201}, "at most 200"),
        ({"name": "Taken"}, "exists already"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(deployer: Client, more: dict[str, str], words: str) -> None:
    assert deployer.post(DATASETTE, wanted(name="Taken")).status_code == 302
    answer = deployer.post(DATASETTE, wanted(**more))
    assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert Application.objects.count() == 1


def test_a_locked_environment_is_not_offered_and_refuses_all_the_same(deployer: Client, place: Environment) -> None:
    lock_environment(actor=make_person("ada", Role.ADMIN), environment=place, reason="audit")
    page = deployer.get(DATASETTE).content.decode()
    assert "audit" in page
    assert 'class="button primary" disabled' in page
    answer = deployer.post(DATASETTE, wanted())
    assert (answer.status_code, Application.objects.count()) == (409, 0)


def test_a_viewer_reads_and_installs_nothing(place: Environment, browse: Browser) -> None:
    viewer = browse(make_person("vera", Role.VIEWER))
    page = viewer.get(DATASETTE).content.decode()
    assert ("Datasette" in page, "Install it" in page) == (True, False)
    assert viewer.post(DATASETTE, wanted()).status_code in (403, 409)
    assert not Application.objects.exists()


def test_what_is_not_there(deployer: Client, client: Client) -> None:
    assert deployer.get("/catalog/solitaire").status_code == 404
    assert deployer.get("/catalog/solitaire/icon.svg").status_code == 404
    assert deployer.post(DATASETTE, wanted(environment="nowhere")).status_code == 404
    assert client.get("/catalog/").status_code == 302


def test_an_icon_can_run_nothing(deployer: Client) -> None:
    answer = deployer.get("/catalog/datasette/icon.svg")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
