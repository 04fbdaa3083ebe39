"""How an application does: it works hard, and its page shows what that took, when it went live, and by whose request."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.folders import SERVER, tides
from tests.journeys.steps import ENDS, made
from tests.services.browser import Person
from tests.services.installation import Installation

pytestmark = pytest.mark.browser
HARD = "import threading\nthreading.Thread(target=lambda: [sum(range(9999)) for _ in iter(int, 1)], daemon=True).start()\n"


def test_an_application_that_works_hard_is_seen(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    folder = tides(tmp_path / "treadmill", "1.0", server=HARD + SERVER)
    number = made(fairway, "treadmill", folder)
    page = admin.go("/applications/treadmill/metrics?environment=development")
    expect(page.get_by_text("Nothing has been measured yet")).to_be_visible()
    cpu = page.locator("[data-chart=cpu]")
    expect(cpu.locator(".uplot canvas")).to_be_visible(timeout=ENDS)  # a worker has read it twice, and nobody reloads
    admin.go("/applications/treadmill/")
    page.get_by_role("link", name="Metrics").click()
    page.get_by_role("link", name="Development").click()
    expect(cpu.locator(".uplot canvas")).to_be_visible()
    expect(cpu.locator(".chart-legend")).to_contain_text(re.compile(r"CPU 0\.\d+ cores|CPU 1(\.\d+)? cores"))
    expect(page.locator("[data-figure=web]")).to_contain_text(re.compile(r"[\d.]+ MB of 512 MB"))
    admin.picture("metrics-1-works-hard")
    happened = page.locator("[data-happened]")
    expect(happened).to_contain_text(f"Deployment #{number}: version")
    expect(happened).to_contain_text("went live, requested by")

    chart = cpu.get_by_role("slider")
    chart.focus()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
        if "went live" in (chart.get_attribute("aria-valuetext") or ""):
            break
    expect(cpu.locator("[data-chart-note]")).to_contain_text(f"Deployment #{number}")
    cpu.get_by_text("As a table").click()
    rows = cpu.locator("tbody tr")
    before = rows.count()
    expect(cpu.locator("tbody")).to_contain_text(f"Deployment #{number}")
    expect(rows).not_to_have_count(before, timeout=ENDS)  # the newest values come by themselves
    assert admin.complaints == []
