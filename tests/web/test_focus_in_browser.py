"""The keyboard's place is never lost: every dialog, every live part and every form of every page, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.services.browser import chromium
from tests.web.gallery.pages import PAGES
from tests.web.gallery.pages import Page as Sample
from tests.web.test_gallery import gallery

__all__ = ["gallery"]  # the fixture

pytestmark = pytest.mark.browser
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def leafing(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def counted() -> dict[str, int]:
    """How much was tried on how many pages: nothing tried would be nothing proved."""
    return dict.fromkeys(("pages", "dialogs", "live", "forms"), 0)


@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)
def test_dialogs_live_parts_and_forms_give_the_focus_back(
    leafing: Page, gallery: str, one: Sample, counted: dict[str, int]
) -> None:
    leafing.goto(f"{gallery}{one.address}")
    leafing.wait_for_selector("html[data-ready]")
    for name, script in (("dialogs", DIALOGS), ("forms", FORMS), ("live", LIVE)):
        found = leafing.evaluate(script)
        counted[name] += found["tried"]
        assert found["wrong"] == [], name
    counted["pages"] += 1
    if counted["pages"] == len(PAGES):
        assert min(counted.values()) >= 20, counted


@pytest.fixture
def page(browser: Browser, gallery: str) -> Iterator[Page]:
    """A page whose forms are answered like the product answers them: with the same page again."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    made = context.new_page()

    def again(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(status=303, headers={"Location": route.request.headers["referer"]})
        else:
            route.continue_()

    made.route("**/*", again)
    yield made
    context.close()


def test_after_a_form_was_sent_the_focus_is_where_it_was(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/applications/storefront/")
    button = page.locator("#placement-development footer form.act button").first
    words = button.inner_text()
    button.focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("document.activeElement.innerText") == words


def test_from_a_menu_it_is_the_menu(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/applications/storefront/")
    menu = page.locator("#placement-development footer .menu.push summary")
    menu.focus()
    page.keyboard.press("Enter")
    item = page.locator("#placement-development footer .menu.push form:not([data-confirm]) button").first
    item.focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("html[data-ready]")
    expect(menu).to_be_focused()


def test_a_dialog_whose_page_was_drawn_anew_leads_back_to_the_new_button(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/applications/storefront/")
    page.locator("#placement-development footer .menu.push summary").click()
    page.get_by_role("button", name="Remove from here").click()
    page.evaluate("""() => {
      const one = document.querySelector("#placement-development");
      one.replaceWith(one.cloneNode(true));
      document.querySelectorAll("details.menu[open]").forEach((each) => each.removeAttribute("open"));
    }""")
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    expect(page.locator("#placement-development footer .menu.push summary")).to_be_focused()


def test_a_field_that_is_wrong_comes_first(page: Page, gallery: str) -> None:
    page.add_init_script("""document.addEventListener("readystatechange", () => {
      document.getElementById("id_host")?.setAttribute("aria-invalid", "true");
    })""")
    page.goto(f"{gallery}/environments/new")
    page.wait_for_selector("html[data-ready]")
    page.locator("main form[method=post] button:not([type=button])").last.focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#id_host")).to_be_focused()


def test_what_is_left_on_purpose_stays_left(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/applications/storefront/")
    page.wait_for_selector("html[data-ready]")
    page.locator("#placement-development footer form.act button").first.focus()
    page.mouse.click(5, 500)
    page.evaluate("document.querySelector('#placement-development').append(document.createElement('i'))")
    assert page.evaluate("document.activeElement.localName") in {"body", "main"}


def test_messages_leave_or_stay(page: Page, gallery: str) -> None:
    page.clock.install()
    page.goto(f"{gallery}/applications/storefront/")
    page.wait_for_selector("html[data-ready]")
    page.evaluate("""async () => {
      const { toast } = await import("/static/js/toasts.js");
      for (const level of ["info", "success", "warning", "error"]) toast(level, level);
      toast("error", "error");
    }""")
    expect(page.locator(".toast")).to_have_count(4)
    expect(page.locator(".toast[data-toast=error]")).to_have_attribute("role", "alert")
    page.get_by_role("button", name="Close this message").first.focus()
    page.clock.run_for(60_000)
    expect(page.locator(".toast p")).to_have_text(["info", "warning", "error"])
    page.locator("body").press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.clock.run_for(60_000)
    expect(page.locator(".toast p")).to_have_text(["warning", "error"])
    for _ in range(2):
        page.get_by_role("button", name="Close this message").first.press("Enter")
        assert not page.evaluate("document.activeElement === document.body")
    expect(page.locator(".toast")).to_have_count(0)
