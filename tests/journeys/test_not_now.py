"""What may not happen now says why: cancelled, locked, or not one's role."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.folders import held, page_only
from tests.journeys.steps import card, invited, made, says, upload
from tests.services.browser import Joins, Person
from tests.services.installation import Installation, wait_for

pytestmark = pytest.mark.browser


def test_a_running_deployment_is_cancelled_and_leaves_nothing(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    page = admin.go("/applications/new")
    upload(page, held(tmp_path / "fog", "1.0"))
    admin.button("Deploy").click()
    expect(page.locator(".step[data-step=check]")).to_have_attribute("data-state", "running")
    admin.picture("cancel-1-running")
    admin.button("Cancel").click()
    says(page, "Cancelled")
    expect(page.locator(".step[data-step=check]")).to_contain_text("Cancelled by admin.")
    admin.picture("cancel-2-cancelled")
    wait_for(lambda: not fairway.instances("fog", "development"), "nothing of it is left")
    assert fairway.visit("fog.development.localhost").status != 200


def test_a_locked_environment_explains_its_grey_button(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    made(fairway, "anchor", page_only(tmp_path / "anchor", "1.0"))
    page = admin.go("/environments/production/")
    page.get_by_text("Lock this environment").click()
    page.get_by_label("Why").fill("Harbour festival")
    admin.button("Lock").click()
    try:
        expect(page.get_by_text("Harbour festival")).to_be_visible()
        admin.picture("lock-1-environment")
        page = admin.go("/applications/anchor/")
        here = card(page, "production")
        expect(here.locator(".status", has_text="Locked")).to_be_visible()
        here.locator(".act-why > summary").first.click()
        reason = here.locator(".act-why[open] .blockers")
        expect(reason).to_contain_text("Harbour festival")
        expect(reason).to_contain_text("unlocking")
        expect(here.locator("form.act")).to_have_count(0)
        admin.picture("lock-2-why-not")
        admin.go("/applications/anchor/in/production/deploy")
        admin.picture("lock-3-break-glass")
    finally:
        page = admin.go("/environments/production/")
        admin.button("Unlock").click()
    expect(page.get_by_text("Lock this environment")).to_be_visible()
    page = admin.go("/applications/anchor/")
    expect(card(page, "production").locator(".act-why")).to_have_count(0)


def test_a_viewer_sees_everything_and_can_press_nothing(
    admin: Person, joins: Joins, fairway: Installation, tmp_path: Path
) -> None:
    number = made(fairway, "gull", page_only(tmp_path / "gull", "1.0"))
    viewer = invited(admin, joins, "vera", "Viewer")
    page = viewer.page
    for path in (
        "/",
        "/applications/",
        "/applications/gull/",
        f"/deployments/{number}",
        "/environments/staging/",
    ):
        viewer.go(path)
        expect(page.locator("main")).to_be_visible()
        assert page.locator("main form[method=post] button:not([disabled])").count() == 0, path
        assert page.locator("main a.button.primary").count() == 0, path
    viewer.go("/applications/gull/")
    why = card(page, "development").locator(".act-why").first
    why.locator("summary").click()
    expect(why.locator(".blockers")).to_contain_text("Deployer")
    viewer.picture("viewer-application")
    for path in ("/applications/gull/configuration", "/applications/gull/settings"):
        viewer.go(path)
        assert page.locator("main form[method=post] button:not([disabled])").count() == 0, path


def test_an_administrator_acting_as_a_viewer_is_one(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    made(fairway, "petrel", page_only(tmp_path / "petrel", "1.0"))
    page = admin.go("/applications/petrel/")
    expect(card(page, "staging").get_by_role("button", name="Deploy", exact=True)).to_be_visible()
    page.locator("summary.acting").click()
    page.locator(".float-item[name=role][value=viewer]").click()
    expect(page.locator("summary.acting")).to_contain_text("Viewer")
    expect(page).to_have_url(re.compile("/applications/petrel/$"))
    expect(card(page, "staging").locator("form.act")).to_have_count(0)
    admin.picture("acting-as-viewer")
    page.locator("summary.acting").click()
    page.locator(".float-item").filter(has_text="All my roles").click()
    expect(card(page, "staging").get_by_role("button", name="Deploy", exact=True)).to_be_visible()
