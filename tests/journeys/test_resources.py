"""A database by one click: created, tried, bound, backed up, and deleted once nothing uses it any more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.folders import tides
from tests.journeys.steps import ENDS, made
from tests.services.browser import Person
from tests.services.installation import Installation
from tests.services.server_programs import bring_programs

pytestmark = pytest.mark.browser


def _confirm(admin: Person, page: Page, button: str, word: str) -> None:
    admin.button(button).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill(word)
    dialog.get_by_role("button", name=re.compile(button)).click()


def test_a_database_without_a_terminal(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    bring_programs(fairway.data)
    made(fairway, "slipway", tides(tmp_path / "slipway", "1.0"))
    page = admin.go("/resources/")
    expect(page.get_by_role("heading", name="No resources")).to_be_visible()
    page.get_by_role("link", name="New resource").first.click()
    page.get_by_label("Environment", exact=True).select_option("development")
    page.get_by_label("Name", exact=True).fill("Main DB")
    admin.may_be_refused = True  # the form is answered with 422
    admin.button("Create the resource").click()
    expect(page.get_by_text(re.compile("Must start with a letter"))).to_be_visible()
    page.get_by_label("Name", exact=True).fill("main-db")
    admin.button("Create the resource").click()
    expect(page.locator("#resource-state .status").first).to_have_text("Healthy", timeout=ENDS)  # nobody reloads
    admin.picture("resources-1-created")

    admin.button("Try it").click()
    expect(page.get_by_text(re.compile("main-db answers: version 18"))).to_be_visible()

    page.get_by_label("Application", exact=True).select_option("slipway")
    admin.button("Bind").click()
    expect(page.locator("#resource-bindings .status").first).to_have_text("Bound", timeout=ENDS)
    expect(page.locator("#resource-bindings")).to_contain_text("DATABASE_URL")
    page.locator("#resource-bindings").get_by_role("link", name="Slipway").click()
    expect(page.locator("[data-row]").filter(has=page.locator("input[value=DATABASE_HOST]"))).to_be_visible()
    assert "postgresql://" not in page.content()

    page = admin.go("/resources/development/main-db")
    admin.button("Back up now").click()
    expect(page.locator("#resource-backups .status").first).to_have_text("Verified", timeout=ENDS)
    admin.picture("resources-2-backed-up")

    _confirm(admin, page, "Delete", "main-db")
    expect(page.get_by_text(re.compile("lipway is bound to it"))).to_be_visible()
    _confirm(admin, page, "Unbind", "slipway")
    expect(page.get_by_role("heading", name="No application is bound")).to_be_visible(timeout=ENDS)
    _confirm(admin, page, "Delete", "main-db")
    admin.go("/resources/")
    expect(page.get_by_role("heading", name="No resources")).to_be_visible(timeout=ENDS)
    assert admin.complaints == []
