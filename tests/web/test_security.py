"""The page about security: who sees it, what stands first, and that its links lead somewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fairway.accounts.models import User
from fairway.accounts.rules import Actor, Role
from tests.conftest import make_person
from tests.web.conftest import Browser

pytestmark = pytest.mark.django_db
PAGE, OPERATION = "/settings/security", "/api/v1/security"


def test_only_administrators_of_everything_see_it(browse: Browser, admin: Actor, staging: Any) -> None:
    assert browse(admin).get(PAGE).status_code == 200
    assert PAGE in browse(admin).get("/settings/profile").content.decode()
    for other in (make_person("max", Role.RELEASE_MANAGER), make_person("eve", Role.ADMIN, environment=staging)):
        browser = browse(other)
        assert {browser.get(PAGE).status_code, browser.get(OPERATION).status_code} == {403}
        assert PAGE not in browser.get("/settings/profile").content.decode()


def test_what_is_weak_stands_first_with_a_link_that_leads_somewhere(browse: Browser, admin: Actor, production: Any) -> None:
    browser = browse(admin)
    page = browser.get(PAGE).content.decode()
    assert re.search(r"\d+ of \d+ checks are weak", page)
    assert page.index('id="check-two_step"') < page.index('id="check-session_hours"')
    assert page.index('id="check-approvals"') < page.index('id="check-file_sources"')
    main = page[page.index('id="check-') :]
    links = set(re.findall(r'<a class="nowrap" href="([^"]+)"', main))
    assert "/environments/production/protection" in links
    for link in links:
        assert browser.get(link).status_code == 200, link


def test_the_api_says_the_same_in_the_same_order(browse: Browser, admin: Actor, production: Any) -> None:
    browser = browse(admin)
    page, told = browser.get(PAGE).content.decode(), browser.get(OPERATION).json()
    assert [one["check"] for one in told["checks"]] == re.findall(r'id="check-(\w+)"', page)
    assert told["weak"] == sum(one["state"] == "weak" for one in told["checks"]) > 0
    spoken = re.sub(r"\s+", " ", page).replace("&#x27;", "'")
    for one in told["checks"]:
        assert one["sentence"] in spoken
        assert one["fix"] in spoken
        assert one["group_title"] in spoken


def test_it_speaks_french(browse: Browser, admin: Actor) -> None:
    User.objects.filter(pk=admin.id).update(language="fr")
    page = browse(admin).get(PAGE).content.decode()
    assert "Un mot de passe seul suffit à ada." in page
    assert "A password alone" not in page


def test_a_page_asks_as_many_queries_whoever_is_there(
    browse: Browser, admin: Actor, django_assert_max_num_queries: Any
) -> None:
    browser = browse(admin)
    browser.get(PAGE)
    for number in range(5):
        make_person(f"one-{number}", Role.ADMIN)
    with django_assert_max_num_queries(22):
        browser.get(PAGE)
