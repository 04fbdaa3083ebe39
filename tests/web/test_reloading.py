"""Whatever answers a form can be loaded again: the page says where that leads, and it is never the form's own answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, reverse

from fairway.accounts.rules import Actor
from fairway.web.urls import urlpatterns
from tests.web.conftest import Browser

FROM = "/environments/?from=here"
WORDS = {  # for every part of an address; nothing of it is there, so that each form is refused
    "slug": "nothing", "environment": "nowhere", "number": 999999, "package": 999999, "rollout": 999999,
    "notice": 999999, "needed": 999999, "sent": 999999,
    "username": "nobody", "entry": "nothing", "name": "nothing", "secret": "none", "uidb36": "1", "key": "none",
}  # fmt: skip
ANSWERS_NO_PAGE = {
    "access-check",
    "tls-ask",
    "access-enter",
    "access-hand-over",
    "live",
    "palette",
    "health",
    "freeze-preview",
    "schedule-preview",
    "catalog-icon",
}


def addresses() -> Iterator[tuple[str, str]]:
    for pattern in urlpatterns:
        if not isinstance(pattern, URLPattern) or not pattern.name or pattern.name in ANSWERS_NO_PAGE:
            continue
        named = {name: WORDS[name] for name in pattern.pattern.regex.groupindex}
        try:
            yield pattern.name, reverse(pattern.name, kwargs=named)
        except NoReverseMatch:
            raise AssertionError(f"{pattern.name}: {named} is no example of its address") from None


ALL = dict(addresses())


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_refused_form_leaves_a_page_that_can_be_loaded_again(admin: Actor, browse: Browser, name: str) -> None:
    browser = browse(admin)
    answer = browser.post(ALL[name], {"sent": "1"}, headers={"referer": f"http://testserver{FROM}"})
    if answer.status_code == 405 or answer.status_code // 100 == 3 or "html" not in answer.get("Content-Type", ""):
        return  # no form leads there, it leads on, or it answers a script
    assert f'data-reload="{FROM}"' in answer.content.decode(), answer.status_code


def test_there_are_many_and_most_are_pages() -> None:
    assert len(ALL) > 100


def test_other_peoples_addresses_are_no_place_to_come_back_to(admin: Actor, browse: Browser) -> None:
    for other in ("https://evil.test/", "//evil.test", "javascript:alert(1)", ""):
        answer = browse(admin).post("/environments/new", {"sent": "1"}, headers={"referer": other})
        assert answer.status_code == 422
        assert 'data-reload="/environments/new"' in answer.content.decode()


def test_a_page_that_was_asked_for_says_nothing(admin: Actor, browse: Browser) -> None:
    assert "data-reload" not in browse(admin).get("/environments/new").content.decode()


@pytest.mark.django_db
def test_before_anybody_is_signed_in() -> None:
    answer = Client().post("/accounts/login/", {"login": "nobody", "password": "wrong"})
    assert 'data-reload="/accounts/login/"' in answer.content.decode()
