"""Environments, applications, people, credentials, configurations and inspections over HTTP."""

from __future__ import annotations

import pytest
from django.test import Client

from fairway.accounts.models import User
from fairway.activity.models import Event
from fairway.applications.models import Application, Credential
from fairway.deployments.models import Placement
from fairway.environments.models import Environment
from tests.api.conftest import Api, token_of

HERE = "/applications/hello/environments/development/configuration"


def test_an_environment_lives_its_life(admin: Api, db: None) -> None:
    made = admin.post("/environments", {"name": "QA", "host": "qa.localhost", "options": {"memory_mb": 256}})
    assert made.status_code == 201, made.content
    assert (made.json()["slug"], made.json()["status"], made.json()["position"]) == ("qa", "available", 10)
    assert admin.patch("/environments/qa", {"name": "Quality"}).json()["name"] == "Quality"
    locked = admin.post("/environments/qa/lock", {"reason": "audit", "until": "2999-01-01T00:00:00Z"}).json()
    assert (locked["status"], locked["lock"]["reason"], locked["lock"]["owner"]) == ("locked", "audit", "admin")
    assert admin.delete("/environments/qa/lock").json()["status"] == "available"
    assert admin.delete("/environments/qa").status_code == 204
    assert admin.get("/environments/qa").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "QA"}, "host"),
        ({"name": "", "host": "qa.localhost"}, "name"),
        ({"name": "QA", "host": "http://x"}, "host"),
        ({"name": "QA", "host": "qa.localhost", "runtime": "magic"}, "runtime"),
        ({"name": "QA", "host": "qa.localhost", "position": -1}, "position"),
        ({"name": "QA", "host": "qa.localhost", "options": {"memory_mb": "lots"}}, "options.memory_mb"),
        ({"name": "QA", "host": "qa.localhost", "colour": "red"}, "colour"),
    ],
)
def test_a_bad_environment_names_its_field(admin: Api, body: dict[str, object], field: str) -> None:
    refused = admin.post("/environments", body)
    assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert not Environment.objects.exists()


def test_an_environment_in_use_stays(admin: Api, placed: Placement) -> None:
    refused = admin.delete("/environments/development")
    assert (refused.status_code, refused.json()["blockers"][0]["code"]) == (409, "in_use")


def test_an_application_lives_its_life(deployer: Api, places: dict[str, Environment]) -> None:
    source = {"kind": "git", "url": "https://example.com/shop.git", "ref": "main"}
    made = deployer.post("/applications", {"name": "Shop", "source": source, "spec": {"port": 9000}})
    assert made.status_code == 201, made.content
    assert (made.json()["slug"], made.json()["spec"]) == ("shop", {"port": 9000})
    assert deployer.post("/applications", {"name": "Shop", "source": source}).json()["field"] == "slug"
    changed = deployer.patch("/applications/shop", {"description": "Sells things", "spec": {}}).json()
    assert (changed["description"], changed["spec"], changed["source"]["ref"]) == ("Sells things", None, "main")
    assert deployer.delete("/applications/shop").json()["field"] == "confirmed"
    assert deployer.delete("/applications/shop?confirmed=shop").status_code == 204
    assert deployer.get("/applications/shop").status_code == 404


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({"kind": "magic"}, "source.kind"),
        ({"kind": "image", "image": "UPPER CASE"}, "image"),
        ({"kind": "git", "url": "ftp://x"}, "url"),
        ({"kind": "git", "url": "https://user:pass@example.com/x.git"}, "url"),
        ({"kind": "git", "url": "https://example.com/x.git", "ref": "--upload-pack=x"}, "ref"),
        ({"kind": "archive", "upload": "a" * 64}, "upload"),
        ({"kind": "image", "image": "example.com/a", "credential": "nobody"}, "credential"),
    ],
)
def test_a_bad_source_names_its_field(deployer: Api, source: dict[str, str], field: str) -> None:
    for path in ("/applications", "/inspections"):
        body = {"source": source} | ({"name": "x"} if path == "/applications" else {})
        refused = deployer.post(path, body)
        assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert not Application.objects.exists()


def test_an_application_shows_what_runs_of_it(viewer: Api, placed: Placement) -> None:
    shown = viewer.get("/applications/hello").json()["placements"]
    assert [(one["environment"]["slug"], one["version"], one["health"]) for one in shown] == [
        ("development", "1.0", "healthy")
    ]
    assert viewer.get("/applications").json()[0]["placements"] == shown


def test_an_inspection_is_its_owners_alone(deployer: Api, admin: Api) -> None:
    source = {"kind": "git", "url": "https://example.com/shop.git"}
    made = deployer.post("/inspections", {"source": source}).json()
    assert made["status"] == "queued"
    assert deployer.get(f"/inspections/{made['id']}").json() == made
    assert admin.get(f"/inspections/{made['id']}").status_code == 404


def test_configuration_is_versioned_and_secrets_never_come_out(deployer: Api, hello: Application) -> None:
    assert deployer.get(HERE).json()["version"] == 0
    first = deployer.put(HERE, {"variables": {"A": "1", "N": 5}, "secrets": {"KEY": "hunter22"}, "based_on": 0})
    assert first.status_code == 200, first.content
    assert (first.json()["variables"], first.json()["secrets"]) == ({"A": "1", "N": "5"}, ["KEY"])
    second = deployer.put(HERE, {"variables": {"A": "2"}, "removed_secrets": ["KEY"], "based_on": 1}).json()
    assert (second["version"], second["secrets"]) == (2, [])
    stale = deployer.put(HERE, {"variables": {}, "based_on": 1})
    assert (stale.status_code, stale.json()["field"]) == (422, "based_on")
    changes = deployer.get(f"{HERE}/versions/2/changes").json()
    assert [(one["name"], one["kind"], one["before"], one["after"]) for one in changes] == [
        ("A", "changed", "1", "2"),
        ("KEY", "removed", "", ""),
        ("N", "removed", "5", ""),
    ]
    again = deployer.post(f"{HERE}/versions/1/restoration").json()
    assert (again["version"], again["secrets"]) == (3, ["KEY"])
    versions = deployer.get(f"{HERE}/versions?limit=2").json()
    assert ([one["version"] for one in versions["items"]], versions["next"]) == ([3, 2], 2)
    everything = [deployer.get(path).content for path in (HERE, f"{HERE}/versions", f"{HERE}/versions/1", "/events")]
    assert not any(b"hunter22" in content for content in everything)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"variables": {"1A": "x"}}, "variables"),
        ({"variables": {"PORT": "80"}}, "variables"),
        ({"variables": {"A": ["x"]}}, "variables.A.str"),
        ({"secrets": {"A": "nul \x00"}}, "secrets.A"),
        ({"variables": {"A": "x"}, "secrets": {"A": "y"}}, "variables"),
    ],
)
def test_a_bad_configuration_names_its_field(deployer: Api, hello: Application, body: object, field: str) -> None:
    refused = deployer.put(HERE, body)
    assert (refused.status_code, refused.json()["field"]) == (422, field)


def test_a_credential_goes_in_and_never_comes_out(deployer: Api, viewer: Api, db: None) -> None:
    body = {"kind": "registry", "host": "registry.example.com", "username": "ci", "secret": "hunter22"}
    stored = deployer.put("/credentials/company", body)
    assert (stored.status_code, stored.json()["name"]) == (200, "company")
    assert b"hunter22" not in stored.content + deployer.get("/credentials").content + viewer.get("/events").content
    assert "hunter22" not in Credential.objects.get().sealed_secret
    assert viewer.get("/credentials").status_code == 403
    bad = deployer.put("/credentials/key", {"kind": "deploy_key", "host": "github.com", "secret": "no key"})
    assert (bad.status_code, bad.json()["field"]) == (422, "secret")
    assert deployer.delete("/credentials/company").status_code == 204
    assert deployer.delete("/credentials/company").status_code == 404


def test_people_are_invited_given_roles_and_kept_out(admin: Api, hello: Application) -> None:
    made = admin.post("/people", {"username": "grace", "email": "grace@example.com", "roles": ["viewer"]})
    assert made.status_code == 201, made.content
    assert len(made.json()["invitation"]["secret"]) > 30
    grants = [{"role": "deployer", "environment": "staging"}, {"role": "deployer", "application": "hello"}]
    assert len(admin.put("/people/grace/roles", {"grants": grants}).json()["grants"]) == 2
    unknown = admin.put("/people/grace/roles", {"grants": [{"role": "viewer", "environment": "mars"}]})
    assert (unknown.status_code, unknown.json()["field"]) == (422, "grants.0.environment")
    assert admin.put("/people/grace/roles", {"grants": [{"role": "king"}]}).json()["field"] == "role"
    assert admin.put("/people/grace/access", {"is_active": False}).json()["is_active"] is False
    assert admin.post("/people/grace/invitation").status_code == 201
    assert {one["username"] for one in admin.get("/people").json()} >= {"grace", "admin"}
    assert User.objects.get(username="grace").role_grants.count() == 2


def test_the_last_administrator_stays(admin: Api) -> None:
    signed_in = Client()
    signed_in.force_login(User.objects.get(username="admin"))
    for api, code in ((Api(client=signed_in), "last_administrator"), (admin, "token")):
        refused = api.put("/people/admin/roles", {"grants": [{"role": "viewer"}]})
        assert (refused.status_code, refused.json()["blockers"][0]["code"]) == (409, code)
    assert admin.get("/me").json()["roles"] == ["admin"]
    assert not Event.objects.filter(verb="person.roles_set").exists()


def test_narrowed_people_see_only_their_part(admin: Api, placed: Placement, places: dict[str, Environment]) -> None:
    admin.post("/people", {"username": "kim"})
    admin.put("/people/kim/roles", {"grants": [{"role": "deployer", "environment": "staging"}]})
    kim = Api(token_of(User.objects.get(username="kim")))
    assert [one["slug"] for one in kim.get("/environments").json()] == ["staging"]
    assert kim.get("/environments/development").status_code == 404
    assert kim.get(f"/deployments/{placed.current_id}").status_code == 404
    assert kim.get("/placements").json() == []
    assert {one["environment"] for one in kim.get("/events").json()["items"]} <= {"staging", ""}
    refused = kim.post("/deployments", {"application": "hello", "environment": "development"})
    assert refused.status_code == 404
