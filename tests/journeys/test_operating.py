"""Looking after what runs: stop, start, scale, restart, domains, who may open it, delete by name; also by keyboard alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.folders import page_only, tides
from tests.journeys.steps import card, made, more, says
from tests.services.browser import Joins, Person
from tests.services.installation import Installation, wait_for

pytestmark = pytest.mark.browser


def _state(admin: Person, word: str) -> None:
    """The card says so by itself."""
    expect(card(admin.page, "development").locator("header .status")).to_have_text(word)


def test_stop_start_scale_and_restart(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    made(fairway, "tender", tides(tmp_path / "tender", "1.0"))
    page = admin.go("/applications/tender/")
    _state(admin, "Healthy")
    card(page, "development").get_by_label(re.compile("^More actions")).click()
    admin.picture("operate-1-menu")
    page.keyboard.press("Escape")

    more(page, "development", "Stop")
    _state(admin, "Stopped")
    wait_for(lambda: fairway.visit("tender.development.localhost").status == 503, "its address says that it is stopped")
    stopped = fairway.visit("tender.development.localhost").text
    assert "Tides" not in stopped
    more(page, "development", "Start")
    _state(admin, "Healthy")
    wait_for(lambda: "Tides 1.0" in fairway.visit("tender.development.localhost").text, "it serves again")

    here = card(page, "development")
    here.get_by_label(re.compile("^More actions")).click()
    here.get_by_label("Replicas").fill("2")
    here.get_by_role("button", name="Scale").click()
    expect(card(page, "development")).to_contain_text("2 of 2 healthy")
    page.get_by_text("2 instances").click()
    admin.picture("operate-2-scaled")
    more(page, "development", "Restart")
    says(page, "Live")


def test_a_domain_and_who_may_open_it(admin: Person, joins: Joins, fairway: Installation, tmp_path: Path) -> None:
    made(fairway, "regatta", page_only(tmp_path / "regatta", "1.0"))
    admin.may_be_refused = True
    page = admin.go("/applications/regatta/settings")
    field = page.locator("#domain-development")
    field.fill("not a host!")
    field.press("Enter")
    expect(page.locator("#domain-error-development")).to_be_visible()
    admin.picture("operate-3-bad-domain")
    page.locator("#domain-development").fill("regatta.example.localhost")
    page.locator("#domain-development").press("Enter")
    expect(page.locator(".hosts").first).to_contain_text("regatta.example.localhost")
    wait_for(lambda: "Page 1.0" in fairway.visit("regatta.example.localhost").text, "the domain serves")

    page.locator(".address").first.get_by_role("button", name="Signed-in people").click()
    expect(page.locator(".address").first.get_by_role("button", name="Signed-in people")).to_have_attribute(
        "aria-pressed", "true"
    )
    wait_for(lambda: fairway.visit("regatta.development.localhost").status in {302, 401, 403}, "strangers stay out")
    stranger = joins(may_be_refused=True)
    stranger.go(f"http://regatta.development.localhost:{fairway.proxy_port}/")
    expect(stranger.page.get_by_role("heading", name="Page 1.0")).to_have_count(0)
    stranger.picture("operate-4-stranger")
    page.goto(f"http://regatta.development.localhost:{fairway.proxy_port}/")
    expect(page.get_by_role("heading", name="Page 1.0")).to_be_visible()


def test_deleting_asks_for_the_name(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    made(fairway, "driftwood", page_only(tmp_path / "driftwood", "1.0"))
    page = admin.go("/applications/driftwood/settings")
    admin.button("Delete the application").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    go = dialog.get_by_role("button", name="Delete the application")
    expect(go).to_be_disabled()
    dialog.get_by_role("textbox").fill("drift")
    expect(go).to_be_disabled()
    admin.picture("operate-5-delete")
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()

    admin.button("Delete the application").click()
    dialog.get_by_role("textbox").fill("driftwood")
    go.click()
    expect(page).to_have_url(re.compile("/applications/$"))
    wait_for(lambda: "Page 1.0" not in fairway.visit("driftwood.development.localhost").text, "its address is free")
    page.reload()
    expect(page.locator("#application-list")).not_to_contain_text("driftwood")


def test_the_palette_reaches_an_application_and_a_theme(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    made(fairway, "compass", page_only(tmp_path / "compass", "1.0"))
    page = admin.go("/")
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name=re.compile("^Search applications"))
    expect(box).to_be_focused()
    admin.picture("palette-1-open")
    box.fill("comp conf")
    expect(page.get_by_role("option").first).to_contain_text("compass: Configuration")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/applications/compass/configuration"))
    page.keyboard.press("Control+k")
    box.fill("dark")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_from_sign_in_to_live_by_keyboard_alone(joins: Joins, fairway: Installation, tmp_path: Path) -> None:
    fairway.create("oar", fairway.upload(page_only(tmp_path / "oar", "1.0")))
    person = joins()
    page, keys = person.go("/accounts/login/"), person.page.keyboard
    expect(page.get_by_label("User name or e-mail")).to_be_focused()
    keys.type(fairway.sign_in["username"])
    keys.press("Tab")
    keys.type(fairway.sign_in["password"])
    keys.press("Enter")
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    keys.press("Control+k")
    expect(page.get_by_role("combobox", name=re.compile("^Search applications"))).to_be_focused()
    keys.type("oar")
    expect(page.get_by_role("option").first).to_contain_text("oar")
    keys.press("Enter")
    expect(page).to_have_url(re.compile("/applications/oar/"))
    deploy = card(page, "development").get_by_role("button", name="Deploy", exact=True)
    for _ in range(40):
        keys.press("Tab")
        if deploy.evaluate("button => button === document.activeElement"):
            break
    expect(deploy).to_be_focused()
    keys.press("Enter")
    says(page, "Live")
