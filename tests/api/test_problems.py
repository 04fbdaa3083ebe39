"""Every refusal has one form, and none of them is a traceback."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from fairway.accounts.models import ApiToken
from fairway.accounts.rules import Role
from fairway.activity.models import Event
from fairway.api import me
from fairway.applications.models import Application
from fairway.environments.models import Environment
from tests.api.conftest import Api, person_with, token_of


def is_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["status"], bool(body["title"]), bool(body["detail"])) == (status, True, True)
    assert body["type"].startswith("urn:fairway:problem:")
    return body


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["", "fwy_short", "fwy_" + "x" * 43, "é", "Bearer"])
def test_without_a_valid_token_nobody_is_there(token: str) -> None:
    response = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    is_problem(response, 401)
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.django_db
def test_a_wrong_token_is_nobody_even_beside_a_session() -> None:
    client = Client()
    client.force_login(person_with(Role.ADMIN))
    assert client.get("/api/v1/me").status_code == 200
    is_problem(client.get("/api/v1/me", headers={"Authorization": "Bearer fwy_no"}), 401)


def test_revoked_expired_and_inactive_tokens_are_nobody(admin: Api) -> None:
    number = admin.get("/tokens").json()[0]["id"]
    assert admin.delete(f"/tokens/{number}").status_code == 204
    is_problem(admin.get("/me"), 401)
    user = person_with(Role.VIEWER)
    other = Api(token_of(user))
    assert other.get("/me").json()["roles"] == ["viewer"]
    user.is_active = False
    user.save()
    is_problem(other.get("/me"), 401)


def test_a_role_that_may_not_is_refused_before_its_input_is_read(viewer: Api) -> None:
    body = is_problem(viewer("post", "/environments", "this is not JSON"), 403)
    assert body["blockers"][0]["code"] == "role"
    assert "Admin" in body["detail"]


def test_addresses_and_methods_that_do_not_exist(admin: Api) -> None:
    is_problem(admin.get("/nothing/here"), 404)
    is_problem(admin.post("/nothing/here"), 404)
    refused = admin.patch("/me", {})
    is_problem(refused, 405)
    assert refused["Allow"] == "GET"
    is_problem(admin.get("/deployments/abc"), 422)
    is_problem(admin.get(f"/deployments/{2**70}"), 422)


@pytest.mark.parametrize("body", ["{", "[1]", '"text"', "null", '{"name": "\\ud800", "source": {"kind": "image"}}', "",
                                  "[" * 900_000, '{"a":' * 300_000, "[" * 50_000 + "]" * 50_000, "1" * 100_000,
                                  '{"name": ' + "9" * 90_000 + "}"])  # fmt: skip
def test_bodies_that_are_not_what_they_should_be(admin: Api, body: str) -> None:
    assert admin("post", "/applications", body).status_code in {400, 422}
    assert not Application.objects.exists()


def test_a_body_that_is_too_large_is_refused(admin: Api) -> None:
    is_problem(admin.post("/applications", {"name": "x" * 3_000_000}), 413)


def test_our_own_defect_is_told_without_its_traceback(admin: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: object) -> object:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(me, "actor_of", broken)
    response = admin.get("/me")
    is_problem(response, 500)
    assert b"secret detail" not in response.content


@pytest.mark.django_db
def test_a_session_needs_its_csrf_header_to_change_anything() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person_with(Role.ADMIN))
    body = {"name": "QA", "host": "qa.localhost"}
    is_problem(client.post("/api/v1/environments", body, content_type="application/json"), 403)
    is_problem(client.post("/api/v1/uploads", {"file": "x"}), 403)
    assert not Environment.objects.exists()
    client.cookies["fairway_csrf"] = "a" * 32
    made = client.post("/api/v1/environments", body, content_type="application/json", headers={"X-CSRFToken": "a" * 32})
    assert made.status_code == 201, made.content
    assert Event.objects.get(verb="environment.created").door == "web"


@pytest.mark.django_db
def test_a_sessions_acting_role_narrows_it() -> None:
    client = Client()
    client.force_login(person_with(Role.ADMIN))
    session = client.session
    session["acting_as"] = "viewer"
    session.save()
    me_now = client.get("/api/v1/me").json()
    assert (me_now["acting_as"], "environment.create" in me_now["may"]) == ("viewer", False)
    is_problem(client.post("/api/v1/environments", {"name": "QA", "host": "qa.localhost"}, "application/json"), 403)


def test_a_tokens_role_narrows_it_and_what_it_makes(admin: Api, db: None) -> None:
    narrow = Api(admin.post("/tokens", {"name": "ci", "role": "deployer"}).json()["token"])
    is_problem(narrow.post("/environments", {"name": "QA", "host": "qa.localhost"}), 403)
    assert is_problem(narrow.post("/tokens", {"name": "wide", "role": "admin"}), 422)["field"] == "role"
    assert narrow.post("/tokens", {"name": "same"}).json()["role"] == "deployer"
    assert narrow.post("/tokens", {"name": "less", "role": "viewer"}).json()["role"] == "viewer"


def test_a_token_is_shown_once_and_its_use_is_noted(viewer: Api) -> None:
    made = viewer.post("/tokens", {"name": "ci"}).json()
    assert made["token"].startswith("fwy_")
    assert "token" not in viewer.get("/tokens").json()[0]
    assert Api(made["token"]).get("/me").status_code == 200
    assert ApiToken.objects.get(name="ci").last_used_at is not None
    assert made["token"] not in json.dumps(list(Event.objects.values("after", "before", "subject_label")))
    refused = viewer.post("/tokens", {"name": "old", "expires_at": "2020-01-01T00:00:00Z"})
    assert is_problem(refused, 422)["field"] == "expires_at"


@pytest.mark.django_db
def test_health_is_open_and_says_how_many_work() -> None:
    body = Client().get("/api/v1/health").json()
    assert (body["status"], body["workers"]) == ("ok", 0)
