"""The keyboard's place is never lost, in a real browser. Dialogs, live parts and forms of every page are tried by
`test_pages_in_browser.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.services.browser import chromium
from tests.web.test_gallery import gallery

__all__ = ["gallery"]  # the fixture

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


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
    page.goto(f"{gallery}/environments/new")
    page.wait_for_selector("html[data-ready]")
    assert page.locator("main [aria-invalid=true]").count() > 1
    page.locator("main form[method=post] button:not([type=button])").last.focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("document.activeElement === document.querySelector('main [aria-invalid=true]')")


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
