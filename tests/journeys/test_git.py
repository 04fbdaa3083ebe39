"""From a Git repository's branch to staging, on to production, and into the history; somebody else watches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.folders import branched, committed, page_only
from tests.journeys.steps import card, made, says
from tests.services.browser import Joins, Person
from tests.services.installation import Installation

pytestmark = pytest.mark.browser


def test_a_branch_goes_to_staging_and_the_same_bytes_to_production(
    admin: Person, joins: Joins, fairway: Installation, tmp_path: Path
) -> None:
    made(fairway, "buoy", page_only(tmp_path / "buoy", "1.0"))
    watcher = joins()
    watcher.sign_in(fairway.sign_in["username"], fairway.sign_in["password"])
    expect(watcher.page.locator(".live-state")).to_have_attribute("data-state", "on")
    watcher.page.evaluate("window.neverReloaded = true")

    folder = page_only(tmp_path / "pilot-guide", "1.0")
    address = committed(folder, "Chart the harbour")
    branched(folder, "spring")
    page_only(folder, "1.1")
    committed(folder, "Chart the spring tides")

    page = admin.go("/applications/new?source=git")
    page.get_by_role("textbox", name="Repository").fill(address)
    page.get_by_label(re.compile("^Branch, tag or commit")).fill("spring")
    admin.button("Detect what it is").click()
    expect(page.get_by_role("heading", name="What was found")).to_be_visible()
    expect(page.get_by_text("Chart the spring tides")).to_be_visible()
    expect(page.get_by_text("Grace Hopper")).to_be_visible()
    admin.picture("git-1-detected")
    page.get_by_role("radio", name=re.compile("Staging")).check()
    expect(page.locator("[data-address]")).to_contain_text("pilot-guide.staging.localhost")
    admin.button("Deploy").click()
    says(page, "Live")
    assert "Page 1.1" in fairway.visit("pilot-guide.staging.localhost").text
    expect(watcher.page.locator("#home-matrix")).to_contain_text("Pilot guide")

    admin.button("Promote to Production").click()
    says(page, "Live")
    expect(page.locator(".log-lines")).not_to_contain_text("uv venv")
    assert "Page 1.1" in fairway.visit("pilot-guide.production.localhost").text
    staging, production = (fairway.placement("pilot-guide", one)["current"] for one in ("staging", "production"))
    assert fairway.deployment(staging)["digest"] == fairway.deployment(production)["digest"] != ""
    admin.picture("git-2-promoted")

    row = watcher.page.locator("#home-matrix tr").filter(has_text="Pilot guide")
    expect(row.locator("a.version")).to_have_count(2)
    expect(watcher.page.locator("#home-running")).to_contain_text("Nothing is being deployed.")
    assert watcher.page.evaluate("window.neverReloaded"), "the page was loaded again"
    watcher.picture("git-3-watched-home")


def test_the_history_is_kept_and_filtered(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    first = made(fairway, "ledger", page_only(tmp_path / "ledger", "1.0"))
    page = admin.go("/deployments/")
    expect(page.get_by_role("link", name=re.compile(f"#{first}\\b")).first).to_be_visible()
    page.locator(".filters").get_by_label("Application").select_option("ledger")
    expect(page).to_have_url(re.compile("application=ledger"))
    expect(page.locator("tbody tr")).to_have_count(1)
    admin.picture("history")
    page.locator(".filters").get_by_label("Outcome").select_option("failed")
    expect(page.get_by_role("heading", name="No deployment matches")).to_be_visible()
    admin.picture("history-none")
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Clear").click()
    expect(page).to_have_url(re.compile(r"/deployments/$"))


def test_a_version_can_be_chosen_again(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    made(fairway, "chart", page_only(tmp_path / "chart", "1.0"))
    fairway.call("PATCH", "/applications/chart", {"source": fairway.upload(page_only(tmp_path / "chart", "2.0"))})
    fairway.live(fairway.deploy("chart", "development"))
    page = admin.go("/applications/chart/")
    card(page, "development").get_by_role("link", name="New version").click()
    page.get_by_role("radio", name=re.compile(r"^1\.0")).check()
    admin.picture("choose-version")
    admin.button("Deploy").click()
    says(page, "Live")
    assert "Page 1.0" in fairway.visit("chart.development.localhost").text
