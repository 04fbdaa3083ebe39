"""Service accounts by the API."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from fairway.environments.models import Environment
from tests.api.conftest import Api

LATER = (timezone.now() + timedelta(days=30)).isoformat()


def test_it_is_created_listed_beside_people_and_deactivated(admin: Api, staging: Environment) -> None:
    body = {"username": "robot", "purpose": "nightly", "grants": [{"role": "deployer", "environment": "staging"}]}
    made = admin.post("/service-accounts", body)
    assert made.status_code == 201, made.content
    assert made.json()["grants"] == [{"role": "deployer", "environment": "staging", "application": ""}]
    listed = {one["username"]: one["is_service"] for one in admin.get("/people").json()}
    assert listed == {"admin": False, "robot": True}
    token = admin.post("/service-accounts/robot/tokens", {"name": "night", "expires_at": LATER, "role": "viewer"}).json()
    robot = Api(token["token"])
    assert robot.get("/me").json()["username"] == "robot"
    assert [one["name"] for one in admin.get("/service-accounts").json()[0]["tokens"]] == ["night"]
    assert token["token"] not in admin.get("/service-accounts/robot").content.decode()
    assert admin.put("/people/robot/access", {"is_active": False}).status_code == 200
    assert robot.get("/me").status_code == 401
    assert admin.get("/service-accounts/robot").json()["tokens"] == []


def test_a_token_is_revoked(admin: Api) -> None:
    admin.post("/service-accounts", {"username": "robot", "grants": [{"role": "viewer"}]})
    made = admin.post("/service-accounts/robot/tokens", {"name": "night", "expires_at": LATER}).json()
    assert admin.delete(f"/service-accounts/robot/tokens/{made['id']}").status_code == 204
    assert Api(made["token"]).get("/me").status_code == 401


def test_bad_input_says_what_is_wrong(admin: Api) -> None:
    admin.post("/service-accounts", {"username": "robot", "grants": [{"role": "viewer"}]})
    tokens = "/service-accounts/robot/tokens"
    for path, body, field in (
        ("/service-accounts", {"username": "robot"}, "username"),
        ("/service-accounts", {"username": "other", "grants": [{"role": "boss"}]}, "role"),
        ("/service-accounts", {"username": "other", "grants": [{"role": "viewer", "environment": "moon"}]}, "environment"),
        (tokens, {"name": "night"}, "expires_at"),
        (tokens, {"name": "night", "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        (tokens, {"name": "night", "expires_at": LATER, "role": "admin"}, "role"),
        (tokens, {"name": "night", "expires_at": LATER, "environment": "moon"}, "environment"),
    ):
        refused = admin.post(path, body)
        assert (refused.status_code, field in refused.content.decode()) == (422, True), (path, body, refused.content)
    assert [one["username"] for one in admin.get("/service-accounts").json()] == ["robot"]
    assert admin.get("/service-accounts/admin").status_code == 404
    assert admin.post("/people/robot/invitation").status_code == 422
