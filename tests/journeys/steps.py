"""What several journeys do on their way."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.services.browser import Joins, Person
from tests.services.installation import Installation

ENDS = 600_000  # milliseconds a deployment may take on a machine that has other things to do
PASSWORD = "lighthouse keeper 42"


def says(page: Page, word: str) -> None:
    """The deployment's page says so by itself: nobody reloads."""
    expect(page.locator("#deployment-head .status").first).to_have_text(word, timeout=ENDS)


def upload(page: Page, folder: Path) -> None:
    page.locator("[data-upload-folder]").set_input_files(str(folder))


def card(page: Page, environment: str) -> Locator:
    """The environment's card on an application's page."""
    return page.locator(f"#placement-{environment}")


def more(page: Page, environment: str, name: str) -> None:
    """Choose an act of the card's menu."""
    here = card(page, environment)
    here.get_by_label(re.compile("^More actions")).click()
    here.locator(".float-item").filter(has_text=re.compile(rf"^\s*{re.escape(name)}\s*$")).click()


def made(fairway: Installation, slug: str, folder: Path, environment: str = "development") -> int:
    """An application put live through the API: not what the journey is about. Returns the deployment's number."""
    fairway.create(slug, fairway.upload(folder))
    number = fairway.deploy(slug, environment)
    fairway.live(number)
    return number


def invited(admin: Person, joins: Joins, username: str, role: str) -> Person:
    """An administrator adds somebody; they come in by their link, in a browser of their own."""
    page = admin.go("/settings/people/new")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Name", exact=True).fill(username.capitalize())
    if not page.locator("select[name^=role-]").count():
        admin.button("Add a role").click()
    page.locator("select[name^=role-]").first.select_option(label=role)
    admin.button("Create and get the link").click()
    link = page.locator(".code-line code").inner_text()
    assert "/invitation/" in link
    admin.picture("invited")
    person = joins()
    person.go(link)
    person.page.get_by_label("Password", exact=True).fill(PASSWORD)
    person.page.get_by_label("The same password again").fill(PASSWORD)
    person.button("Set the password and sign in").click()
    expect(person.page.get_by_role("navigation", name="Main")).to_be_visible()
    return person
