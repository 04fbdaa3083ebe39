"""A nightly report: it is scheduled in words, a worker runs it by itself, its log is read, and a failure is seen at home."""

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
REPORT = "print('tides of tonight', flush=True)"
FAILS = "raise SystemExit(3)"


def test_a_nightly_report_runs_and_its_log_is_read(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    folder = tides(tmp_path / "nightlight", "1.0")
    (folder / "report.py").write_text(REPORT)
    (folder / "fails.py").write_text(FAILS)
    made(fairway, "nightlight", folder)
    page = admin.go("/applications/nightlight/commands")
    expect(page.get_by_text("Nothing is scheduled")).to_be_visible()
    page.get_by_role("link", name="Schedule a command").click()
    page.get_by_label("Name", exact=True).fill("Report")
    page.get_by_label("Command", exact=True).fill("python report.py")
    page.get_by_label("When", exact=True).fill("0 25 * * *")
    preview = page.locator("#schedule-preview")
    expect(preview).to_contain_text("The hour “25” must be from 0 to 23.")
    page.get_by_label("When", exact=True).fill("30 2 * * MON-FRI")
    expect(preview).to_contain_text("From Monday to Friday at 02:30")  # as one types
    expect(preview.locator("li")).to_have_count(5)
    admin.picture("schedules-1-form")
    page.get_by_label("When", exact=True).fill("* * * * *")  # nobody waits for the night here
    expect(preview).to_contain_text("Every minute")
    admin.button("Schedule it").click()

    listed = page.locator("#command-schedules")
    expect(listed).to_contain_text("Report")
    expect(listed).to_contain_text("Every minute")
    done = listed.get_by_role("link", name=re.compile("Done"))
    expect(done).to_be_visible(timeout=ENDS)  # a worker ran it, and nobody reloads
    admin.picture("schedules-2-ran")
    listed.get_by_role("button", name="Pause").click()
    expect(listed).to_contain_text("Paused")
    done.click()
    expect(page.locator(".log-lines")).to_contain_text("tides of tonight")
    expect(page.locator("#command-facts")).to_contain_text("Report")
    expect(page.locator("#command-facts")).to_contain_text("Due")
    admin.picture("schedules-3-log")

    page.locator("#command-facts").get_by_role("link", name="Report").click()
    listed.get_by_role("link", name="Edit").click()
    page.get_by_label("Command", exact=True).fill("python fails.py")
    admin.button("Save").click()
    listed.get_by_role("button", name="Resume").click()
    listed.get_by_role("button", name="Run now").click()
    expect(page.locator("#command-head .status").first).to_have_text("Failed", timeout=ENDS)
    admin.go("/")
    waiting = page.locator("#home-waiting")
    expect(waiting).to_contain_text("Report failed")
    expect(waiting).to_contain_text("in Development: It ended with code 3.")
    admin.picture("schedules-4-home")

    admin.go("/applications/nightlight/commands")
    listed.get_by_role("link", name="Edit").click()
    admin.button("Delete").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("Report")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing is scheduled")).to_be_visible()
    assert admin.complaints == []
