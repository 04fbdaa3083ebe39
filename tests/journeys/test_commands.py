"""A command without a terminal: it is typed, its page says what it prints while it runs, it is cancelled, it stays in the
history."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.folders import tides
from tests.journeys.steps import ENDS, made
from tests.services.browser import Person
from tests.services.installation import Installation

pytestmark = pytest.mark.browser
TALKS = "import time; print('the first word', flush=True); time.sleep(3600)"


def test_a_command_is_run_followed_and_cancelled(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    folder = tides(tmp_path / "almanac", "1.0")
    (folder / "talks.py").write_text(TALKS)
    made(fairway, "almanac", folder)
    page = admin.go("/applications/almanac/")
    page.get_by_role("link", name="Commands", exact=True).click()
    expect(page.get_by_text("No command was run in Development")).to_be_visible()
    admin.may_be_refused = True  # the form is answered with 422
    page.get_by_label("Command", exact=True).fill("cat VERSION | wc -l")
    admin.button("Run").click()
    expect(page.get_by_text(re.compile("Uses “.”"))).to_be_visible()
    expect(page.get_by_label("Command", exact=True)).to_have_value("cat VERSION | wc -l")
    admin.picture("commands-1-refused")

    page.get_by_label("Command", exact=True).fill("cat VERSION")
    admin.button("Run").click()
    expect(page.locator("#command-head .status").first).to_have_text("Done", timeout=ENDS)  # nobody reloads
    expect(page.locator(".log-lines")).to_contain_text("1.0")
    expect(page.locator("#command-facts")).to_contain_text("Exit code")
    admin.picture("commands-2-done")

    page.get_by_role("link", name=re.compile("Run it again")).click()
    expect(page.get_by_label("Command", exact=True)).to_have_value("cat VERSION")
    page.get_by_label("Command", exact=True).fill("python talks.py")
    admin.button("Run").click()
    expect(page.locator(".log-lines")).to_contain_text("the first word", timeout=ENDS)  # while it runs
    expect(page.locator("#command-head .status").first).to_have_text("Running")
    admin.picture("commands-3-running")
    admin.button("Cancel").click()
    expect(page.locator("#command-head .status").first).to_have_text("Cancelled", timeout=ENDS)
    page.get_by_label("You are here").get_by_role("link", name="Commands").click()
    history = page.locator("#command-history")
    expect(history.get_by_role("link", name="python talks.py")).to_be_visible()
    expect(history).to_contain_text("cat VERSION")
    admin.picture("commands-4-history")
    assert admin.complaints == []
