"""The very first person: a printed link, an account of one's own, an empty home that says what to do."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.folders import page_only
from tests.services.browser import Joins, joining
from tests.services.installation import Installation

pytestmark = pytest.mark.browser
PASSWORD = "lighthouse keeper 42"


@pytest.fixture(scope="module")
def fresh(browser: Browser) -> Iterator[Installation]:
    """``fairway up`` and nothing else: nobody has an account."""
    with tempfile.TemporaryDirectory(prefix="fairway-j-") as folder:
        one = Installation(Path(folder) / "data", options=())
        try:
            yield one.start()
        finally:
            one.stop()


@pytest.fixture
def strangers(browser: Browser, fresh: Installation) -> Iterator[Joins]:
    yield from joining(browser, f"http://localhost:{fresh.port}")


def _printed_link(fresh: Installation) -> str:
    """What `fairway status` says; a log is no place for it."""
    assert "/first-run/" not in fresh.log.read_text()
    facts = json.loads((fresh.data / "run" / "fairway.json").read_text())
    return str(facts["first_link"])


def _fill(page: Page, values: dict[str, str]) -> None:
    for label, value in values.items():
        page.get_by_label(label, exact=True).fill(value)


def test_the_first_administrator_makes_an_account_and_the_link_dies(fresh: Installation, strangers: Joins) -> None:
    person, link = strangers(may_be_refused=True), _printed_link(fresh)
    page = person.go(link)
    expect(page.get_by_role("heading", name="Welcome to Fairway")).to_be_visible()
    person.picture("first-run-1-link")

    _fill(page, {"User name": "ada", "Your name": "Ada Lovelace", "Password": "short", "The same password again": "shorter"})
    person.button("Create the administrator").click()
    expect(page.locator(".error").first).to_be_visible()
    expect(page.get_by_label("User name", exact=True)).to_have_value("ada")
    person.picture("first-run-2-refused")

    _fill(page, {"Password": PASSWORD, "The same password again": PASSWORD})
    person.button("Create the administrator").click()
    expect(page.get_by_role("heading", name="Put something live")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("A folder on your computer"))).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("A Git repository"))).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("An image in a registry"))).to_be_visible()
    person.picture("first-run-3-empty-home")

    late = strangers(may_be_refused=True)
    late.go(link)
    expect(late.page.get_by_role("heading", name="This link no longer works")).to_be_visible()
    assert late.page.get_by_role("textbox").count() == 0
    late.picture("first-run-4-dead-link")


def test_signing_out_and_in_again_and_a_wrong_password(strangers: Joins) -> None:
    person = strangers(may_be_refused=True)
    page = person.go("/")
    expect(page).to_have_url(re.compile(r"/accounts/login/"))
    _fill(page, {"User name or e-mail": "ada", "Password": "not the one"})
    person.button("Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile("not correct|incorrect", re.I))
    person.picture("sign-in-wrong-password")

    _fill(page, {"User name or e-mail": "ada", "Password": PASSWORD})
    person.button("Sign in").click()
    expect(page.get_by_role("heading", name="Put something live")).to_be_visible()
    page.locator(".bar-user > summary").click()
    expect(page.get_by_text("Ada Lovelace", exact=True)).to_be_visible()
    person.picture("own-menu")
    person.button("Sign out").click()
    person.go("/applications/")
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next="))


def test_the_first_application_appears_by_itself(fresh: Installation, strangers: Joins, tmp_path: Path) -> None:
    person = strangers()
    page = person.sign_in("ada", PASSWORD)
    expect(page.locator(".live-state")).to_have_attribute("data-state", "on")
    page.evaluate("window.neverReloaded = true")
    with person.context.expect_page() as opened:
        page.evaluate("window.open('/applications/new')")
    other = opened.value
    other.locator("[data-upload-folder]").set_input_files(str(page_only(tmp_path / "jetty", "1.0")))
    other.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.locator("#home-matrix")).to_contain_text("Jetty")
    expect(page.locator("#home-matrix a.version")).to_have_text("1.0")
    assert page.evaluate("window.neverReloaded"), "the page was loaded again"
