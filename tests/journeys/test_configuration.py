"""Variables, a secret that is never shown again, what changed, and a deployment that carries it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.folders import tides
from tests.journeys.steps import made, says
from tests.services.browser import Person
from tests.services.installation import Installation

pytestmark = pytest.mark.browser
SECRET = "nobody-may-read-this-17"


def _add(admin: Person, name: str, value: str, *, is_secret: bool = False) -> None:
    admin.button("Add a variable").click()
    row = admin.page.locator("[data-row]").last
    row.get_by_label("Name").fill(name)
    if is_secret:
        row.get_by_role("checkbox").check()
    row.get_by_label(re.compile("value", re.I)).fill(value)


def _save(admin: Person, why: str, version: int) -> Page:
    admin.page.get_by_label("Reason (kept with the version)").fill(why)
    admin.button("Save a new version").click()
    expect(admin.page.get_by_role("heading", name=f"Version {version}", exact=True)).to_be_visible()
    return admin.page


def test_a_secret_is_kept_and_the_deployment_carries_both(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    made(fairway, "lantern", tides(tmp_path / "lantern", "1.0"))
    page = admin.go("/applications/lantern/configuration?environment=development")
    _add(admin, "GREETING", "Good evening")
    _add(admin, "TOKEN", SECRET, is_secret=True)
    _save(admin, "First light", 1)
    assert SECRET not in page.content()
    expect(page.get_by_placeholder(re.compile("unchanged"))).to_be_visible()
    admin.picture("configuration-1-saved")

    page.locator("[data-row]").first.get_by_label(re.compile("^Value")).fill("Good morning")
    _save(admin, "Sunrise", 2)
    page.get_by_role("link", name="what changed").first.click()
    expect(page.locator(".diff")).to_contain_text("Good evening")
    expect(page.locator(".diff ins")).to_contain_text("Good morning")
    expect(page.locator(".diff")).not_to_contain_text("TOKEN")
    admin.picture("configuration-2-diff")

    page.get_by_role("link", name="Back to editing").click()
    admin.button(re.compile("^Deploy")).click()
    says(page, "Live")
    expect(page.locator("#deployment-facts")).to_contain_text("version 2")
    assert "Good morning" in fairway.visit("lantern.development.localhost").text
    assert len(SECRET) == int(fairway.visit("lantern.development.localhost").text.partition("letters=")[2].partition(">")[0])
    for path in ("/applications/lantern/logs?environment=development", "/events/"):
        admin.go(path)
        assert SECRET not in page.content()


def test_a_bad_name_is_refused_beside_its_field(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    fairway.create("wick", fairway.upload(tides(tmp_path / "wick", "1.0")))
    admin.may_be_refused = True
    page = admin.go("/applications/wick/configuration?environment=staging")
    _add(admin, "not a name", "x")
    admin.button("Save a new version").click()
    expect(page.locator(".variable .error")).to_be_visible()
    expect(page.locator("[data-row] input").first).to_have_value("not a name")
    admin.picture("configuration-3-refused")


def test_a_key_of_several_lines_arrives_whole_and_what_nobody_touched_stays(
    admin: Person, fairway: Installation, tmp_path: Path
) -> None:
    made(fairway, "keyed", tides(tmp_path / "keyed", "1.0"))
    where = "/applications/keyed/environments/development/configuration"
    kept = {"WINDOWS": "first\r\nsecond\r\n", "BEGINS": "\n\ttwo lines later", "OLD_MAC": "a\rb"}
    fairway.call("PUT", where, {"variables": kept, "comment": "As other systems write them"})
    key = "-----BEGIN KEY-----\nMIIB\n  indented\n-----END KEY-----\n"
    admin.go("/applications/keyed/configuration?environment=development")
    _add(admin, "TOKEN", key, is_secret=True)
    page = _save(admin, "With a key", 2)
    assert fairway.call("GET", where)["variables"] == kept
    assert "MIIB" not in page.content()
    fairway.live(fairway.deploy("keyed", "development"))
    assert f"letters={len(key)}>" in fairway.visit("keyed.development.localhost").text
