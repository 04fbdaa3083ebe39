"""One's sessions by the API."""

from __future__ import annotations

from django.test import Client

from fairway.accounts.models import SignedIn
from tests.api.conftest import Api


def test_sessions_are_listed_and_ended(deployer: Api, viewer: Api) -> None:
    browser = Client(headers={"user-agent": "curl/8.5"})
    browser.post("/accounts/login/", {"login": "deployer", "password": "correct horse battery"})
    (one,) = deployer.get("/me/sessions").json()
    assert (one["client"], one["method"], one["is_this"]) == ("curl/8.5", "password", False)
    assert "session_key" not in one
    assert viewer.get("/me/sessions").json() == []
    assert viewer.delete(f"/me/sessions/{one['id']}").status_code == 404
    assert browser.get("/settings/profile").status_code == 200
    assert deployer.delete(f"/me/sessions/{one['id']}").status_code == 204
    assert browser.get("/settings/profile").status_code == 302
    assert deployer.delete(f"/me/sessions/{one['id']}").status_code == 404
    browser.post("/accounts/login/", {"login": "deployer", "password": "correct horse battery"})
    assert deployer.delete("/me/sessions").status_code == 204
    assert not SignedIn.objects.exists()
