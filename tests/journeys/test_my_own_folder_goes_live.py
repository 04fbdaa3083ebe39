"""The main journey: deploy your own folder, break it, put it right, roll it back; all in a browser."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.folders import BROKEN, tides
from tests.services.browser import Person
from tests.services.installation import Installation

pytestmark = pytest.mark.browser


def _status(page: Page, word: str) -> None:
    """The deployment says so by itself: nobody reloads."""
    expect(page.locator("#deployment-head .status").first).to_have_text(word)


def _upload(page: Page, folder: Path) -> None:
    page.locator("[data-upload-folder]").set_input_files(str(folder))


def _served(fairway: Installation) -> str:
    return fairway.visit("tides.development.localhost").text


def test_a_folder_goes_live_is_broken_is_put_right_and_is_rolled_back(
    admin: Person, fairway: Installation, tmp_path: Path
) -> None:
    page = admin.go("/")
    admin.picture("folder-01-home")
    page.get_by_role("link", name="New application").first.click()
    admin.picture("folder-02-new")

    # Version 1: what was detected, and why, before anything runs.
    _upload(page, tides(tmp_path / "tides", "1.0"))
    expect(page.get_by_role("heading", name="What was found")).to_be_visible()
    found = page.locator(".findings")
    expect(found).to_contain_text("Procfile")
    expect(page.get_by_label("Start command")).to_have_value("python server.py")
    expect(page.get_by_label("Name", exact=True).first).to_have_value("Tides")
    admin.picture("folder-03-detected")

    page.get_by_label(re.compile("^Health check")).fill("/health")
    admin.button("Add a variable").click()
    row = page.locator("[data-row]").last
    row.get_by_label("Name").fill("GREETING")
    row.get_by_label("Value").fill("High water at noon")
    expect(page.locator("[data-address]")).to_contain_text("tides.development.localhost")
    admin.button("Deploy").click()

    expect(page).to_have_url(re.compile(r"/deployments/\d+$"))
    expect(page.locator(".step")).to_have_count(6)
    admin.picture("folder-04-on-its-way")
    _status(page, "Live")
    expect(page.locator("#deployment-outcome")).to_contain_text("requests failed")
    expect(page.locator(".log-lines")).to_contain_text("serves 1.0")
    first_page = page.url
    admin.picture("folder-05-live")

    with admin.context.expect_page() as opened:
        page.get_by_role("link", name="Open", exact=True).click()
    expect(opened.value.get_by_role("heading", name="Tides 1.0")).to_be_visible()
    expect(opened.value.locator("#greeting")).to_have_text("High water at noon")
    opened.value.close()

    # A broken version fails, says why, and takes nothing away.
    page.get_by_role("link", name="Tides").first.click()
    admin.picture("folder-06-application")
    page.locator("#placement-development").get_by_role("link", name="New version").click()
    admin.picture("folder-07-new-version")
    _upload(page, tides(tmp_path / "broken" / "tides", "1.1", server=BROKEN))
    expect(page.get_by_text("The folder you have just uploaded")).to_be_visible()
    page.get_by_label(re.compile("^Why")).fill("New tables")
    admin.picture("folder-08-uploaded")
    admin.button("Deploy").click()
    _status(page, "Failed")
    outcome = page.locator("#deployment-outcome")
    expect(outcome).to_contain_text("No module named 'no_such_harbour'")
    expect(outcome).to_contain_text("kept serving")
    assert "Tides 1.0" in _served(fairway)
    admin.picture("folder-09-failed")

    # The good second version, with a changed configuration.
    page.get_by_role("link", name="Tides").first.click()
    page.get_by_role("link", name="Configuration").first.click()
    page.locator("[data-row]").first.get_by_label(re.compile("^Value")).fill("Low water at six")
    admin.button("Save a new version").click()
    expect(page.get_by_role("heading", name="Version 2")).to_be_visible()
    page.get_by_role("link", name="Overview").click()
    page.locator("#placement-development").get_by_role("link", name="New version").click()
    _upload(page, tides(tmp_path / "good" / "tides", "2.0"))
    expect(page.get_by_text("The folder you have just uploaded")).to_be_visible()
    admin.button("Deploy").click()
    _status(page, "Live")
    assert "Tides 2.0" in _served(fairway)
    assert "Low water at six" in _served(fairway)
    admin.picture("folder-10-live-again")

    # Back to version 1, with the configuration it had.
    admin.button("Roll back to 1.0").click()
    expect(page).not_to_have_url(first_page)
    _status(page, "Live")
    assert "Tides 1.0" in _served(fairway)
    assert "High water at noon" in _served(fairway)
    admin.picture("folder-11-rolled-back")

    admin.go("/")
    expect(page.locator("#home-matrix")).to_contain_text("1.0")
    admin.picture("folder-12-home")


def _drop(page: Page, place: Path) -> None:
    """Drag a real file or folder from the computer onto the field, as the browser itself is told of it."""
    box = page.locator("[data-drop]").bounding_box()
    assert box is not None
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(place)], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
    session.detach()


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_folder_or_an_archive_is_dropped_onto_the_page(admin: Person, tmp_path: Path, form: str) -> None:
    folder = tides(tmp_path / "harbour", "2.0")
    place = folder if form == "folder" else Path(shutil.make_archive(str(folder), "zip", folder))
    page = admin.go("/applications/new")
    _drop(page, place)
    expect(page.get_by_role("heading", name="What was found")).to_be_visible()
    expect(page.locator(".findings")).to_contain_text("Procfile")
    expect(page.get_by_label("Name", exact=True).first).to_have_value("Harbour")
