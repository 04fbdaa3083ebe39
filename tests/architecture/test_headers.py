"""What every answer of every route says to browsers and caches, whoever asks and whatever the answer is."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import reload
from typing import Any

import pytest
from django.test import Client

from fairway.accounts.models import User
from fairway.accounts.rules import Role
from fairway.accounts.tokens import create_token
from fairway.web.middleware import HSTS
from tests.architecture.test_permissions import address, every_door
from tests.conftest import make_artifact, make_environment, make_person
from tests.web.conftest import PASSWORD, live


@pytest.fixture
def browsers(hello: Any) -> dict[str, Client]:
    """A stranger, an administrator, and their token."""
    live(hello, make_environment("staging"), make_artifact(hello))
    ada = make_person("admin", Role.ADMIN)
    signed_in = Client(raise_request_exception=False)
    signed_in.force_login(User.objects.get(pk=ada.id))
    bearer = {"authorization": f"Bearer {create_token(actor=ada, name='headers')[1]}"}
    return {
        "stranger": Client(raise_request_exception=False),
        "administrator": signed_in,
        "token": Client(raise_request_exception=False, headers=bearer),
    }


def answers(browsers: dict[str, Client], *methods: str) -> Iterator[tuple[str, Any]]:
    """Every route's, signing out last of all."""
    places = sorted({place for place, _ in every_door()}, key=lambda place: "logout" in place)
    for place in [*places, "no/such/page", "api/v1/no-such-thing"]:
        for who, browser in browsers.items():
            for method in methods:
                answer = browser.generic(method, address(place), b"{}", content_type="application/json")
                yield f"{method} {place} for {who}: {answer.status_code}", answer


def test_every_answer_has_all_safe_headers(browsers: dict[str, Client]) -> None:
    for what, answer in answers(browsers, "GET", "POST"):
        kept = {part.strip() for part in answer.headers.get("Cache-Control", "").split(",")}
        assert "private" in kept, what
        assert kept & {"no-store", "no-cache"}, what
        if " api/" in what or "attachment" in answer.headers.get("Content-Disposition", ""):
            assert "no-store" in kept, what
        assert answer.headers["X-Content-Type-Options"] == "nosniff", what
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], what
        assert answer.headers["Referrer-Policy"] == "same-origin", what
        assert "Strict-Transport-Security" not in answer.headers, f"{what}: not where there is no HTTPS"


def test_where_there_is_https_every_answer_asks_for_it(browsers: dict[str, Client], settings: Any) -> None:
    settings.IS_HTTPS = True
    for what, answer in answers(browsers, "GET"):
        assert answer.headers["Strict-Transport-Security"] == HSTS, what


def test_where_there_is_https_cookies_belong_to_this_host_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from fairway.config import settings as ours

    monkeypatch.setenv("FAIRWAY_PUBLIC_URL", "https://fairway.example.com")
    try:
        reload(ours)
        found = (ours.SESSION_COOKIE_NAME, ours.CSRF_COOKIE_NAME, ours.SESSION_COOKIE_SECURE, ours.CSRF_COOKIE_SECURE)
    finally:
        monkeypatch.undo()
        reload(ours)
    assert found == ("__Host-fairway_session", "__Host-fairway_csrf", True, True)


def test_every_cookie_we_set_there_is_secure(browsers: dict[str, Client], settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = settings.LANGUAGE_COOKIE_SECURE = settings.IS_HTTPS = True
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "__Host-fairway_session", "__Host-fairway_csrf"
    visitor = Client(raise_request_exception=False)
    visitor.get("/accounts/login/")
    visitor.post("/accounts/login/", {"login": "admin", "password": PASSWORD})
    visitor.post("/language", {"language": "fr", "next": "/"})
    assert {"__Host-fairway_session", "__Host-fairway_csrf"} <= set(visitor.cookies)
    for name, cookie in visitor.cookies.items():
        assert cookie["secure"] or not cookie.value, name
        assert not cookie["domain"], name
        assert cookie["path"] == "/", name
