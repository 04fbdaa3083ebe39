"""Every page in a real browser: axe, both themes, both widths; the content policy is kept; and the keyboard's place is
never lost, whatever dialog, live part or form it was in.

A page is loaded once and looked at in two ways: as it came, dark and on a phone; then light and wide. It is French, because
French is longer and both its visible words and its labels are translated; `test_gallery.py` reads the English.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.services.browser import RULES_OF_LOOKS, chromium
from tests.web.gallery.pages import PAGES
from tests.web.gallery.pages import Page as Sample
from tests.web.test_gallery import gallery

__all__ = ["gallery"]  # the fixture

pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[1] / "journeys/vendor/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EVERY_RULE = {"runOnly": TAGS, "resultTypes": ["violations"], "preload": False}  # none that reads style sheets
WIDE_PLACES = ".log-view, .tabs, .bar-nav, .segments, .side, [hidden], .sr"  # these scroll by themselves
STICKING_OUT = """const stickingOut = (scrolls) => {
  const width = document.documentElement.clientWidth;
  const inside = '.card, .notice';
  const end = (one) => one.getBoundingClientRect().right;
  const leaves = (one) => end(one) > end(one.parentElement.closest(inside));
  const apart = [...document.querySelectorAll('.notice > :is(.icon, .status):first-child')]
    .filter((one) => one.nextElementSibling && one.getBoundingClientRect().height)
    .filter((one) => one.nextElementSibling.getBoundingClientRect().top >= one.getBoundingClientRect().bottom)
    .slice(0, 2).map((one) => `${one.parentElement.outerHTML.slice(0, 150)} has its sign on a line of its own, which`);
  const beyond = [...document.querySelectorAll('.card .tag, .card .button, .notice .button')]
    .filter((one) => !one.closest(scrolls) && !one.closest('thead') && leaves(one))
    .slice(0, 2).map((one) => `${one.outerHTML.slice(0, 150)} leaves its frame and`);
  if (document.documentElement.scrollWidth <= width) return [...apart, ...beyond];
  const wide = [...document.querySelectorAll('body *')]
    .filter((one) => one.getBoundingClientRect().right > width + 1 && !one.closest(scrolls)).slice(0, 2)
    .map((one) => one.outerHTML.slice(0, 150));
  return [...apart, ...wide];
};"""
LOOK = """async ([theme, rules, scrolls]) => {STICKING_OUT
  document.documentElement.dataset.theme = theme;
  const closed = [...document.querySelectorAll('details:not(.menu, [open])')];
  for (const one of closed) one.open = true;
  const { violations } = await axe.run(document, rules);
  const found = violations.map((one) => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`);
  found.push(...stickingOut(scrolls).map((one) => `${one} sticks out`));
  for (const cell of document.querySelectorAll("main td.num")) {
    const says = cell.textContent.trim();
    const hidden = cell.parentElement.checkVisibility() && !cell.checkVisibility();
    if (hidden && /\\d/.test(says)) found.push(`“${says.slice(0, 60)}” is not shown`);
  }
  for (const one of closed) one.open = false;
  return found;
}""".replace("STICKING_OUT", STICKING_OUT)
SHARED = """
const lost = () => !document.activeElement || document.activeElement === document.body;
const named = (one) => `${one.localName} “${(one.getAttribute("aria-label") ?? one.textContent ?? "").trim().slice(0, 60)}”`;
const summary = (one) => one.closest("details:not([open])")?.querySelector(":scope > summary");
const shown = (one) => one.checkVisibility({ visibilityProperty: true });
const to = (one) => `${named(one)} → ${named(document.activeElement)}`;
const close = () => document.querySelectorAll("details.menu[open]").forEach((one) => one.removeAttribute("open"));
"""
DIALOGS = """async () => {SHARED
  const wrong = [], dialog = document.querySelector("[data-confirm-dialog]");
  let tried = 0;
  for (const form of document.querySelectorAll("form[data-confirm]")) {
    const button = form.querySelector("button:not([type=button])");
    form.closest("details")?.setAttribute("open", "");
    button.focus();
    form.requestSubmit(button);
    if (!dialog.open) { wrong.push(`${named(button)} asks nothing`); continue; }
    tried += 1;
    dialog.querySelector("[data-confirm-cancel]").click();
    await new Promise((go) => setTimeout(go));
    if (![button, summary(button)].includes(document.activeElement)) wrong.push(to(button));
    close();
  }
  return { tried, wrong };
}""".replace("SHARED", SHARED)
LIVE = """async () => {SHARED
  const { swap } = await import("/static/js/live.js");
  const wrong = [];
  let tried = 0;
  const places = [...document.querySelectorAll("[data-live]")].map((one) => one.id).filter(Boolean);
  for (const id of places) {
    const place = () => document.getElementById(id);
    const pressable = () => [...place().querySelectorAll("a[href], button, summary")].filter(shown);
    for (let at = 0; at < Math.min(12, pressable().length); at += 1) {
      const one = pressable()[at], before = named(one), html = place().outerHTML;
      one.focus();
      swap(place(), html);
      if (named(document.activeElement) !== before) wrong.push(to(one));
      document.activeElement.setAttribute("data-goes", "");
      const without = document.createElement("template");
      without.innerHTML = place().outerHTML;
      (without.content.querySelector("[data-goes]") ?? without).remove();
      swap(place(), without.innerHTML);
      if (lost() || document.activeElement.id === "main") wrong.push(`without ${to(one)}`);
      swap(place(), html);
      tried += 1;
    }
  }
  return { tried, wrong };
}""".replace("SHARED", SHARED)
FORMS = """async () => {SHARED
  const { clueOf, restore } = await import("/static/js/focus.js");
  const wrong = [];
  let tried = 0;
  for (const button of document.querySelectorAll("main form[method=post] button:not([type=button])")) {
    if (!shown(button) && !summary(button)) continue;
    const there = shown(button) ? button : summary(button);
    if (!shown(there) || button.disabled) continue;
    tried += 1;
    restore(clueOf(button));
    const now = document.activeElement;
    const same = now.localName === "summary" ? [...now.closest("details").querySelectorAll("button")] : [now];
    if (lost() || !same.some((one) => [named(button), named(there)].includes(named(one)))) wrong.push(to(button));
    document.activeElement.blur();
  }
  return { tried, wrong };
}""".replace("SHARED", SHARED)


@dataclass
class Shown:
    """A page that was just loaded, and what the browser had to say of it."""

    page: Page
    found: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def leafing(browser: Browser) -> Iterator[Page]:
    """One window for all pages: they share what it loaded. Each has axe from the start, sent to the browser once."""
    context = browser.new_context(reduced_motion="reduce")
    context.add_init_script(path=AXE)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module", params=PAGES, ids=lambda one: one.name)
def shown(request: pytest.FixtureRequest, leafing: Page, gallery: str) -> Iterator[Shown]:
    """Each page in turn, for all tests that look at it: pytest runs them one after the other."""
    sample: Sample = request.param
    one = Shown(leafing, [])

    def heard(message: ConsoleMessage) -> None:
        one.found.extend([message.text] if "Content Security Policy" in message.text else [])

    leafing.on("console", heard)
    leafing.set_viewport_size({"width": 375, "height": 812})
    leafing.goto(f"{gallery}{sample.address}?theme=dark&lang=fr")
    yield one
    leafing.remove_listener("console", heard)


def test_axe_finds_nothing_nothing_sticks_out_and_the_content_policy_is_kept(shown: Shown) -> None:
    found = list(shown.found)
    found += looked_at(shown.page, "dark", 375, RULES_OF_LOOKS)
    found += looked_at(shown.page, "light", 1440, EVERY_RULE)
    assert found == []


def looked_at(page: Page, theme: str, width: int, rules: dict[str, Any]) -> list[str]:
    page.set_viewport_size({"width": width, "height": 900})
    return [f"{theme}, {width} px: {one}" for one in page.evaluate(LOOK, [theme, rules, WIDE_PLACES])]


@pytest.fixture(scope="module")
def counted() -> dict[str, int]:
    """How much was tried on how many pages: nothing tried would be nothing proved."""
    return dict.fromkeys(("pages", "dialogs", "live", "forms"), 0)


def test_dialogs_live_parts_and_forms_give_the_focus_back(shown: Shown, counted: dict[str, int]) -> None:
    page = shown.page
    page.set_viewport_size({"width": 1440, "height": 900})
    page.wait_for_selector("html[data-ready]")
    for name, script in (("dialogs", DIALOGS), ("forms", FORMS), ("live", LIVE)):
        found = page.evaluate(script)
        counted[name] += found["tried"]
        assert found["wrong"] == [], name
    counted["pages"] += 1
    if counted["pages"] == len(PAGES):
        assert min(counted.values()) >= 20, counted
