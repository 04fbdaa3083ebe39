"""A data scientist opens the catalogue and has tables online that a colleague can read, without a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.steps import says
from tests.journeys.test_every_page import english_on, violations
from tests.services.browser import Joins
from tests.services.installation import Installation

pytestmark = pytest.mark.browser
WORDS = {
    "en": {"catalogue": "Catalogue", "find": "Find an entry", "name": "Name", "install": "Install", "live": "Live"},
    "fr": {
        "catalogue": "Catalogue",
        "find": "Trouver une entrée",
        "name": "Nom",
        "install": "Installer",
        "live": "En ligne",
    },
}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_from_the_catalogue_to_a_colleague_who_reads(
    joins: Joins, fairway: Installation, tmp_path: Path, language: str
) -> None:
    words, slug = WORDS[language], f"boats-{language}"
    people = fairway.sign_in["people"]
    scientist = joins()
    scientist.sign_in("deployer", people["deployer"])  # type: ignore[index]
    scientist.speak(language)
    page = scientist.go("/applications/")
    page.get_by_role("link", name=words["catalogue"]).click()
    page.get_by_label(words["find"]).fill("csv")
    expect(page.locator(".shelf-card")).to_have_count(1)
    scientist.picture(f"catalogue-{language}-1")
    assert not violations(page)
    page.get_by_role("link", name="Datasette").click()
    page.get_by_label(words["name"], exact=True).fill(slug)
    page.get_by_role("radio", name=re.compile("^Development")).check(force=True)
    if language == "fr":
        assert not [text for text in english_on(page) if text != "Our data"]
    assert not violations(page)
    scientist.picture(f"catalogue-{language}-2")
    scientist.button(words["install"]).click()
    says(page, words["live"])

    address = f"http://{slug}.development.localhost:{fairway.proxy_port}"
    scientist.go(f"{address}/-/upload-csvs")  # they are signed in to Fairway, and so they are here
    expect(page.get_by_text("deployer").first).to_be_visible()
    table = tmp_path / "boats.csv"
    table.write_text("name,length\nGull,7\nTern,9\n")
    page.locator("input[type=file]").set_input_files(str(table))
    page.locator("form input[type=submit], form button[type=submit]").first.click()
    expect(page.get_by_role("heading", name=re.compile("boats"))).to_be_visible()

    colleague = joins()
    colleague.go(f"{address}/tables/boats")
    expect(colleague.page).to_have_url(re.compile("/accounts/login/"))  # nobody reads without signing in
    colleague.page.locator("input[name=login]").fill("viewer")
    colleague.page.locator("input[name=password]").fill(people["viewer"])  # type: ignore[index]
    colleague.page.keyboard.press("Enter")
    expect(colleague.page).to_have_url(f"{address}/tables/boats")
    expect(colleague.page.get_by_role("cell", name="Gull")).to_be_visible()
