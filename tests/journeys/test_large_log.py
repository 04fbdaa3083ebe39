"""A log of a hundred thousand lines stays smooth; colours are colours; the search finds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.folders import tides
from tests.journeys.steps import made
from tests.services.browser import Person
from tests.services.installation import Installation
from tests.workflows import tinyapp

pytestmark = pytest.mark.browser
LINES = 100_000
MOST_NODES = 400  # list items in the page at once, whatever the log's length


def _rows(page: Page) -> int:
    return page.locator(".log-lines > li").count()


def test_a_hundred_thousand_lines(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    folder = tinyapp.make(tmp_path / "chronicle", "1.0", build_lines=LINES)
    fairway.create("chronicle", fairway.upload(folder), spec=tinyapp.SPEC)
    number = fairway.deploy("chronicle", "development")
    fairway.live(number)

    page = admin.go(f"/deployments/{number}")
    expect(page.locator("[data-log-count]")).to_contain_text(re.compile(r"100[,\s. ]\d{3}"))
    assert _rows(page) < MOST_NODES
    view = page.locator("[data-log-view]")
    view.evaluate("view => { view.scrollTop = 0 }")
    expect(page.locator(".log-lines")).to_contain_text("build line 0")
    view.evaluate("view => { view.scrollTop = view.scrollHeight / 2 }")
    expect(page.locator(".log-lines")).to_contain_text(re.compile(r"build line (49|50)\d{3}"))
    assert _rows(page) < MOST_NODES
    view.evaluate("view => { view.scrollTop = view.scrollHeight }")
    expect(page.locator(".log-lines")).to_contain_text("serves 1.0")
    assert _rows(page) < MOST_NODES

    page.get_by_label("Search the log").fill("build line 77777")
    expect(page.locator("[data-log-matches]")).to_have_text("1 of 1")
    expect(page.locator(".log-line.is-match mark")).to_have_text("build line 77777")
    admin.picture("log-search")
    page.get_by_label("Search the log").fill("line 4242")
    expect(page.locator("[data-log-matches]")).to_have_text("1 of 11")
    page.get_by_label("Search the log").press("Enter")
    expect(page.locator("[data-log-matches]")).to_have_text("2 of 11")
    admin.button("Only matching lines").click()
    expect(page.locator(".log-line")).to_have_count(11)
    assert _frames(page) > 5, "the page stood still"


def _frames(page: Page) -> int:
    """How many frames the page draws while it is scrolled from end to end in forty steps."""
    return int(
        page.evaluate(
            """async () => {
                document.querySelector('[data-log-only]').click();
                const view = document.querySelector('[data-log-view]');
                let frames = 0;
                for (let step = 0; step < 40; step += 1) {
                    view.scrollTop = (view.scrollHeight / 40) * step;
                    await new Promise((resolve) => requestAnimationFrame(resolve));
                    frames += 1;
                }
                return frames;
            }"""
        )
    )


def test_colours_are_shown_and_new_lines_arrive_by_themselves(admin: Person, fairway: Installation, tmp_path: Path) -> None:
    made(fairway, "signal", tides(tmp_path / "signal", "1.0"))
    page = admin.go("/applications/signal/logs?environment=development")
    line = page.locator(".log-line").filter(has_text="is ready")
    expect(line).to_be_visible()
    assert "\x1b" not in page.locator(".log-lines").inner_text()
    colours = line.locator("span[class^=ansi], span[class*=' ansi'], .log-text span").evaluate_all(
        "spans => [...new Set(spans.map((span) => getComputedStyle(span).color))]"
    )
    assert len(colours) >= 3, colours
    admin.picture("log-colours")
    before = page.locator(".log-line").count()
    fairway.visit("signal.development.localhost", "/say")
    expect(page.locator(".log-line")).to_have_count(before + 1)
