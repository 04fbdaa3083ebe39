"""Profile, tokens, credentials, people."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from fairway.accounts.models import ApiToken, RoleGrant, User
from fairway.accounts.rules import Role
from fairway.activity.models import Event
from fairway.applications.models import Credential
from fairway.applications.queries import scope_of
from fairway.applications.secrets import open_credential
from tests.conftest import make_person


def test_the_profile_is_saved_with_its_display(viewer, browse):
    browser = browse(viewer)
    data = {"name": "Vera Viewer", "email": "vera@example.com", "language": "fr", "theme": "dark"}
    answer = browser.post("/settings/profile", data)
    assert answer.status_code == 302
    user = User.objects.get()
    assert (user.shown_name, user.email, user.language, user.theme) == ("Vera Viewer", "vera@example.com", "fr", "dark")
    assert browser.cookies["fairway_theme"].value == "dark"
    assert 'data-theme="dark"' in browser.get("/").content.decode()
    assert Event.objects.get().verb == "person.edited"


def test_a_token_is_shown_once_works_and_is_revoked(deployer, browse):
    browser = browse(deployer)
    answer = browser.post("/settings/tokens", {"name": "ci-main", "role": "viewer", "expires": "30"})
    assert answer.status_code == 201
    secret = answer.content.decode().partition("<code>fwy_")[2].partition("</code>")[0]
    token = ApiToken.objects.get()
    assert token.role == "viewer"
    assert token.expires_at is not None
    bearer = {"authorization": f"Bearer fwy_{secret}"}
    assert Client().get("/api/v1/me", headers=bearer).status_code == 200
    assert secret not in browser.get("/settings/tokens").content.decode()
    assert secret not in json.dumps(list(Event.objects.values()), default=str)
    browser.post(f"/settings/tokens/{token.pk}/revocation")
    assert Client().get("/api/v1/me", headers=bearer).status_code == 401


def test_nobody_revokes_anothers_token(deployer, viewer, browse):
    browse(deployer).post("/settings/tokens", {"name": "ci-main", "role": "", "expires": ""})
    browse(viewer).post(f"/settings/tokens/{ApiToken.objects.get().pk}/revocation")
    assert ApiToken.objects.get().revoked_at is None


REGISTRY = {"kind": "registry", "name": "main", "host": "registry.test:5000", "username": "ada", "password": "hush-hush"}


def test_a_registrys_password_is_stored_and_never_shown(deployer, browse):
    browser = browse(deployer)
    assert browser.post("/settings/credentials", REGISTRY).status_code == 302
    stored = Credential.objects.get()
    assert open_credential(stored) == "hush-hush"
    page = browser.get("/settings/credentials").content.decode()
    assert "registry.test:5000" in page
    assert "hush-hush" not in page
    assert browser.post("/settings/credentials/main/deletion", {}).status_code == 302
    assert Credential.objects.exists()
    browser.post("/settings/credentials/main/deletion", {"confirm": "main"})
    assert not Credential.objects.exists()


def test_a_token_for_git_is_stored_and_never_shown(deployer, browse):
    data = {"kind": "https", "name": "forge", "host": "git.test", "username": "", "password": "t0ken-t0ken"}
    browser = browse(deployer)
    assert browser.post("/settings/credentials", {**data, "password": ""}).status_code == 422
    assert browser.post("/settings/credentials", data).status_code == 302
    assert open_credential(Credential.objects.get(kind="https")) == "t0ken-t0ken"
    page = browser.get("/settings/credentials").content.decode()
    assert "Git over HTTPS" in page
    assert "t0ken-t0ken" not in page + json.dumps(list(Event.objects.values()), default=str)


def test_an_empty_deploy_key_is_made_here_and_only_its_public_half_is_shown(deployer, browse):
    data = {"kind": "deploy_key", "name": "shop", "host": "git.test", "private_key": "", "known_hosts": ""}
    browser = browse(deployer)
    assert browser.post("/settings/credentials", data).status_code == 302
    stored = Credential.objects.get()
    assert stored.public_key.startswith("ssh-ed25519 ")
    assert open_credential(stored).startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    page = browser.get("/settings/credentials").content.decode()
    assert stored.public_key in page
    assert "PRIVATE" not in page


def test_a_credential_is_for_the_places_of_its_rows_and_for_none_when_all_rows_are_taken_away(admin, browse, hello, staging):
    rows = {"places": "", "application": ["hello", ""], "environment": ["", "staging"]}
    assert browse(admin).post("/settings/credentials", {**REGISTRY, **rows}).status_code == 302
    assert scope_of(Credential.objects.get()).pairs == {("hello", ""), ("", "staging")}
    empty = browse(admin).post("/settings/credentials", {**REGISTRY, "name": "other", "places": ""})
    assert (empty.status_code, "choose at least one" in empty.content.decode()) == (422, True)
    uneven = browse(admin).post("/settings/credentials", {**REGISTRY, **rows, "environment": ["staging"]})
    assert (uneven.status_code, "every row" in uneven.content.decode()) == (422, True)
    assert Credential.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({**REGISTRY, "host": "not a host"}, "not a host name"),
        ({**REGISTRY, "password": ""}, "required"),
        ({"kind": "deploy_key", "name": "k", "host": "git.test", "private_key": "garbage"}, "not a private key"),
        ({"kind": "nonsense"}, ""),
    ],
)
def test_a_bad_credential_is_told_and_not_stored(deployer, browse, data, sentence):
    answer = browse(deployer).post("/settings/credentials", data)
    assert answer.status_code in {200, 422}
    assert sentence in answer.content.decode()
    assert not Credential.objects.exists()


GRANTS = {"rows": "2", "role-0": "deployer", "environment-0": "staging", "application-0": "", "role-1": "viewer"}


def test_inviting_somebody_with_their_roles_shows_a_link_once(admin, browse, staging):
    data = {"username": "grace", "name": "Grace Hopper", "email": "", **GRANTS}
    answer = browse(admin).post("/settings/people/new", data)
    assert answer.status_code == 201
    secret = answer.content.decode().partition("/invitation/")[2].partition("<")[0]
    assert Client().get(f"/invitation/{secret}").status_code == 200
    grants = RoleGrant.objects.filter(user__username="grace").values_list("role", "environment__slug")
    assert sorted(grants) == [("deployer", "staging"), ("viewer", None)]
    assert secret not in browse(admin).get("/settings/people/grace").content.decode()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"username": "ada"}, "is taken"),
        ({"role-0": "emperor"}, "is not a role"),
        ({"environment-0": "nowhere"}, "does not exist"),
        ({"email": "nonsense"}, "valid email"),
    ],
)
def test_a_bad_invitation_makes_nobody(admin, browse, staging, change, sentence):
    data = {"username": "grace", "name": "", "email": "", **GRANTS, **change}
    answer = browse(admin).post("/settings/people/new", data)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert User.objects.count() == 1


def test_the_last_administrator_stays_one(admin, browse):
    browser = browse(admin)
    data = {"name": "", "email": "", "rows": "1", "role-0": "viewer"}
    answer = browser.post("/settings/people/ada", data)
    assert answer.status_code == 409
    assert "At least one person must remain Admin" in answer.content.decode()
    assert browser.post("/settings/people/ada/activation", {"active": "", "confirm": "ada"}).status_code == 409
    assert RoleGrant.objects.get().role == Role.ADMIN
    assert User.objects.get().is_active


def test_deactivating_somebody_ends_their_session(admin, browse):
    vera = make_person("vera", Role.VIEWER)
    theirs = browse(vera)
    assert theirs.get("/").status_code == 200
    assert browse(admin).post("/settings/people/vera/activation", {"active": ""}).status_code == 422
    browse(admin).post("/settings/people/vera/activation", {"active": "", "confirm": "vera"})
    assert theirs.get("/").status_code == 302


def test_a_new_link_kills_the_older_one(admin, browse):
    make_person("vera", Role.VIEWER)
    browser = browse(admin)
    first, second = (
        browser.post("/settings/people/vera/link").content.decode().partition("/invitation/")[2].partition("<")[0]
        for _ in range(2)
    )
    assert Client().get(f"/invitation/{first}").status_code == 410
    assert Client().get(f"/invitation/{second}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/settings/people", "/settings/people/new", "/settings/people/ada", "/settings/people/ada/link"]
)
def test_only_administrators_manage_people(manager, deployer, viewer, browse, path):
    make_person("ada", Role.ADMIN)
    for person in (manager, deployer, viewer):
        answer = browse(person).post(path, {"username": "eve", "rows": "1", "role-0": "admin"})
        assert answer.status_code in {403, 405}
        assert browse(person).get(path).status_code in {403, 405}
    assert not User.objects.filter(username="eve").exists()
