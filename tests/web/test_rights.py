"""“What they may do”: on a person's page, and on one's own."""

from __future__ import annotations

import re
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fairway.accounts.commands import set_roles
from fairway.accounts.models import RoleGrant, User
from fairway.accounts.rules import Actor, Role
from fairway.applications.models import Application
from fairway.environments.models import Environment
from tests.conftest import make_environment, make_person
from tests.web.conftest import Browser


def section(browser: Client, url: str) -> str:
    """The text of the section, with the marks of each cell."""
    page = browser.get(url).content.decode().partition('id="rights"')[2].partition("</section>")[0]
    assert page
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def row(text: str, label: str) -> str:
    return text.partition(label)[2][:600]


def test_a_persons_page_says_what_follows_from_each_role(
    admin: Actor, browse: Browser, hello: Application, staging: Environment, production: Environment
) -> None:
    grace = User.objects.create_user(username="grace")
    narrowed = (Role.DEPLOYER, staging.pk, hello.pk)
    set_roles(actor=admin, user=grace, grants=[(Role.VIEWER, None, None), narrowed])
    text = section(browse(admin), "/settings/people/grace")
    assert "What they may do" in text
    deploying = row(text, "Deploy, promote")
    assert f"Deployer for Hello in Staging, given by {admin.name} on " in deploying
    assert "This needs the role Admin or Deployer here." in deploying
    assert "some applications" in deploying
    assert "not allowed" in deploying
    assert f"Viewer everywhere, given by {admin.name} on " in row(text, "See what is there")


def test_an_account_that_is_deactivated_may_do_nothing(admin: Actor, browse: Browser, staging: Environment) -> None:
    ada = make_person("grace", Role.ADMIN)
    User.objects.filter(pk=ada.id).update(is_active=False)
    text = section(browse(admin), "/settings/people/grace")
    assert "nothing is allowed until somebody activates it" in text
    assert not re.search(r"(?<!not )\ballowed\b(?! until)", text)


def test_a_new_person_has_no_such_section(admin: Actor, browse: Browser) -> None:
    assert 'id="rights"' not in browse(admin).get("/settings/people/new").content.decode()


def test_ones_own_profile_names_nobody_else(admin: Actor, viewer: Actor, browse: Browser, staging: Environment) -> None:
    set_roles(actor=admin, user=User.objects.get(pk=viewer.id), grants=[(Role.VIEWER, None, None)])
    text = section(browse(viewer), "/settings/profile")
    assert "Viewer everywhere, since " in text
    assert admin.name not in text


def test_ones_own_profile_names_no_environment_that_one_does_not_see(
    browse: Browser, staging: Environment, production: Environment
) -> None:
    browser = browse(make_person("lou", Role.DEPLOYER, environment=staging))
    text = section(browser, "/settings/profile")
    assert "Staging" in text
    assert "roduction" not in text


def test_the_role_one_acts_as_counts(browse: Browser, deployer: Actor, staging: Environment) -> None:
    browser = browse(deployer)
    assert "Deployer everywhere" in row(section(browser, "/settings/profile"), "Deploy, promote")
    browser.post("/acting-as", {"role": "viewer"})
    text = section(browser, "/settings/profile")
    assert "You act as Viewer" in text
    assert row(text, "Deploy, promote").startswith(" Staging This needs the role")


def test_the_section_takes_a_fixed_number_of_queries(
    admin: Actor, browse: Browser, hello: Application, staging: Environment, django_assert_num_queries: Any
) -> None:
    grace, browser = User.objects.create_user(username="grace"), browse(admin)
    RoleGrant.objects.create(user=grace, role=Role.DEPLOYER, environment=staging, application=hello)
    browser.get("/settings/people/grace")
    with CaptureQueriesContext(connection) as few:
        browser.get("/settings/people/grace")
    for number in range(5):
        place = make_environment(f"place-{number}", position=9 + number)
        RoleGrant.objects.create(user=grace, role=Role.VIEWER, environment=place)
    with django_assert_num_queries(len(few)):
        browser.get("/settings/people/grace")
