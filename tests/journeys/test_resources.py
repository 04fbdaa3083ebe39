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

    page.get_by_role("link", name="Change the schedule").click()
    page.get_by_label("When", exact=True).fill("* * * * *")
    admin.button("Save").click()
    expect(page.get_by_text(re.compile("omes too often"))).to_be_visible()
    page.get_by_label("When", exact=True).fill("30 2 * * MON-FRI")
    expect(page.get_by_text("From Monday to Friday at 02:30")).to_be_visible()  # as it is typed
    page.get_by_label("Days", exact=True).fill("14")
    admin.picture("resources-3-schedule")
    admin.button("Save").click()
    expect(page.locator("#resource-backups")).to_contain_text("keeps 14 days, 4 weeks, 3 months")

    page.get_by_role("link", name="Clone its data").click()
    page.get_by_label("Into", exact=True).select_option(label="A new resource in Development")
    page.get_by_label("Name", exact=True).fill("copy")
    admin.button("Clone the data").click()
    expect(page.locator("#resource-state .status").first).to_have_text("Healthy", timeout=ENDS)
    _confirm(admin, page, "Delete", "copy")

    page = admin.go("/resources/development/main-db")
    _confirm(admin, page, "Delete", "main-db")
    expect(page.get_by_text(re.compile("lipway is bound to it"))).to_be_visible()
    _confirm(admin, page, "Unbind", "slipway")
    expect(page.get_by_role("heading", name="No application is bound")).to_be_visible(timeout=ENDS)
    _confirm(admin, page, "Delete", "main-db")
    expect(page.get_by_text("A last backup of main-db is being taken. Then it is deleted.")).to_be_visible()
    admin.go("/resources/")
    expect(page.get_by_role("heading", name="No resources")).to_be_visible(timeout=ENDS)
    expect(page.get_by_text("Backups of deleted resources")).to_be_visible(timeout=ENDS)
    expect(page.get_by_role("link", name="Restore elsewhere").first).to_be_visible()
    assert admin.complaints == []


@pytest.mark.parametrize(("kind", "label", "version"), [("redis", "Redis", "9.1"), ("mariadb", "MariaDB", "10.11")])
def test_another_engine_is_chosen_by_what_it_is_for(
    admin: Person, fairway: Installation, kind: str, label: str, version: str
) -> None:
    bring_programs(fairway.data, kind)
    page = admin.go("/resources/new")
    expect(page.get_by_role("radio", name=re.compile("PostgreSQL"))).to_be_checked()
    page.get_by_role("radio", name=re.compile(label)).check()
    page.get_by_label("Environment", exact=True).select_option("development")
    page.get_by_label("Name", exact=True).fill(f"my-{kind}")
    admin.picture(f"resources-{kind}-1-chosen")
    admin.button("Create the resource").click()
    expect(page.locator("#resource-state .status").first).to_have_text("Healthy", timeout=ENDS)
    admin.button("Try it").click()
    expect(page.get_by_text(re.compile(rf"my-{kind} answers: version {re.escape(version)}"))).to_be_visible()
    admin.picture(f"resources-{kind}-2-answers")
    _confirm(admin, page, "Delete", f"my-{kind}")
    expect(page.get_by_text(f"A last backup of my-{kind} is being taken. Then it is deleted.")).to_be_visible()
    assert admin.complaints == []
