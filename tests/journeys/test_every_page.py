"""Every page: axe finds nothing serious in light and dark, nothing scrolls sideways on a phone, French is French."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polib
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.folders import BROKEN, page_only, tides
from tests.journeys.steps import made
from tests.services.browser import KEEPS_PICTURES, RULES_OF_LOOKS, THEMES, WIDTHS, Person, joining, keep_picture
from tests.services.installation import Installation

pytestmark = pytest.mark.browser
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
EVERY_RULE = {"resultTypes": ["violations"], "preload": False}  # none that reads style sheets
SERIOUS = {"serious", "critical"}
PO = Path(__file__).parents[2] / "src" / "fairway" / "locale" / "fr" / "LC_MESSAGES" / "django.po"
# Names of things and people (the demo has a “manager”), words that are the same in French, or that no page of ours writes.
SAME = {
    "manager",
    "Fairway",
    "English",
    "API",
    "Configuration",
    "Version",
    "Image",
    "Port",
    "Source",
    "Application",
    "Applications",
}

INSIDE = {
    "home": "/",
    "applications": "/applications/",
    "applications-none": "/applications/?q=nothing+is+called+this",
    "new-upload": "/applications/new",
    "new-git": "/applications/new?source=git",
    "new-image": "/applications/new?source=image",
    "application": "/applications/harbour/",
    "application-deployments": "/applications/harbour/deployments",
    "application-configuration": "/applications/harbour/configuration?environment=development",
    "application-difference": "/applications/harbour/configuration?environment=development&from=1&to=2",
    "application-logs": "/applications/harbour/logs?environment=development",
    "application-logs-none": "/applications/harbour/logs?environment=production",
    "application-metrics": "/applications/harbour/metrics?environment=development",
    "application-metrics-none": "/applications/harbour/metrics?environment=production",
    "application-settings": "/applications/harbour/settings",
    "deploy": "/applications/harbour/in/development/deploy",
    "deployment-live": "/deployments/{live}",
    "deployment-failed": "/deployments/{failed}",
    "deployments": "/deployments/",
    "insights": "/insights/?environment=",
    "insights-behind": "/insights/deployments?figure=ended&environment=",
    "insights-none": "/insights/?environment=&since=2020-01-01&until=2020-01-31",
    "deployments-none": "/deployments/?outcome=cancelled&application=harbour",
    "environments": "/environments/",
    "environment": "/environments/development/",
    "environment-new": "/environments/new",
    "environment-edit": "/environments/staging/edit",
    "environment-protection": "/environments/staging/protection",
    "alerts": "/alerts/",
    "environment-alerts": "/environments/staging/alerts",
    "freezes": "/freezes/",
    "freeze-new": "/freezes/new",
    "events": "/events/",
    "profile": "/settings/profile",
    "tokens": "/settings/tokens",
    "credentials": "/settings/credentials",
    "security": "/settings/security",
    "storage": "/settings/storage",
    "people": "/settings/people",
    "person-new": "/settings/people/new",
    "person": "/settings/people/admin",
    "password": "/accounts/password/change/",
    "not-found": "/applications/there-is-none/",
}
OUTSIDE = {"sign-in": "/accounts/login/", "forgotten": "/accounts/password/reset/", "dead-link": "/first-run/none"}


@pytest.fixture(scope="module")
def numbers(fairway: Installation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """An installation with something of everything; the deployments that ended well and badly."""
    place = tmp_path_factory.mktemp("harbour")
    live = made(fairway, "harbour", tides(place / "harbour", "2026.11.20-rc.1+a-rather-long-build-name"))
    where = "/applications/harbour/environments/development/configuration"
    fairway.call("PUT", where, {"variables": {"GREETING": "Good evening"}, "secrets": {"TOKEN": "17"}, "comment": "First"})
    fairway.call("PUT", where, {"variables": {"GREETING": "Good morning"}, "secrets": {"TOKEN": "18"}, "comment": "Second"})
    made(fairway, "a-lighthouse-with-quite-a-long-name", page_only(place / "long", "1.0"), "staging")
    fairway.call("PATCH", "/applications/harbour", {"source": fairway.upload(tides(place / "b", "3", server=BROKEN))})
    failed = fairway.deploy("harbour", "development", reason="Wider basin, as the harbour master asked for in October")
    assert fairway.ended(failed)["status"] == "failed"
    return {"live": live, "failed": failed}


@pytest.fixture(scope="module")
def insider(browser: Browser, fairway: Installation) -> Iterator[Person]:
    people = joining(browser, f"http://localhost:{fairway.port}")
    one = next(people)(may_be_refused=True)
    one.context.add_init_script(path=AXE)  # each page has it from the start; it is sent to the browser once
    one.sign_in(fairway.sign_in["username"], fairway.sign_in["password"])
    yield one
    next(people, None)


@pytest.fixture(scope="module")
def outsider(browser: Browser, fairway: Installation) -> Iterator[Person]:
    people = joining(browser, f"http://localhost:{fairway.port}")
    one = next(people)(may_be_refused=True)
    one.context.add_init_script(path=AXE)
    yield one
    next(people, None)


@pytest.fixture(params=[*INSIDE, *OUTSIDE])
def visited(
    request: pytest.FixtureRequest, insider: Person, outsider: Person, numbers: dict[str, int]
) -> tuple[str, Person, str]:
    """A page's name, the person who looks at it, and its address."""
    name = request.param
    return (name, insider, INSIDE[name].format(**numbers)) if name in INSIDE else (name, outsider, OUTSIDE[name])


def test_page(visited: tuple[str, Person, str]) -> None:
    """It is read in French, which is longer; the other journeys read English."""
    name, person, address = visited
    person.speak("fr")
    person.page.set_viewport_size({"width": WIDTHS["phone"][0], "height": WIDTHS["phone"][1]})
    page = person.go(address)
    expect(page.locator("main")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    problems = [f"English: {text}" for text in english_on(page)] + _looked_at(page, f"page-{name}-fr")
    person.speak("en")
    if KEEPS_PICTURES:
        _looked_at(person.go(address), f"page-{name}-en")
    assert not problems, "\n".join(problems)


def _looked_at(page: Page, name: str) -> list[str]:
    """Both widths, both themes; each can be kept as a picture."""
    found = []
    for width, (across, down) in WIDTHS.items():
        page.set_viewport_size({"width": across, "height": down})
        if wide := _sideways(page):
            found.append(f"{width}: scrolls sideways: {wide}")
        for theme in THEMES:
            looks_at = width == ("desk" if theme == "dark" else "phone")
            if not (looks_at or KEEPS_PICTURES):
                continue
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            keep_picture(page, f"{name}-{width}-{theme}", whole=True)
            if looks_at:
                rules = RULES_OF_LOOKS if theme == "dark" else EVERY_RULE  # no other rule asks what a theme changes
                found += [f"{width} {theme}: {problem}" for problem in violations(page, rules)]
    page.emulate_media(color_scheme="light")
    return found


def violations(page: Page, rules: dict[str, Any] = EVERY_RULE) -> list[str]:
    """What axe calls serious or critical, in a line each."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("async (rules) => (await axe.run(document, rules)).violations", {**rules, "iframes": False})
    return [
        f"{one['id']} ({one['impact']}): {', '.join(' '.join(node['target']) for node in one['nodes'][:4])}"
        for one in found
        if one["impact"] in SERIOUS
    ]


def _sideways(page: Page) -> str:
    """What is wider than the window, when something is."""
    return str(
        page.evaluate(
            """() => {
                const across = document.documentElement.clientWidth;
                if (document.documentElement.scrollWidth <= across) return '';
                const wide = [...document.querySelectorAll('body *')].filter((node) => {
                    const box = node.getBoundingClientRect();
                    return box.width && box.right > across + 1 && getComputedStyle(node).position !== 'fixed';
                });
                return wide.slice(0, 5).map((node) => `${node.tagName}.${node.className}`).join(', ') || 'the document';
            }"""
        )
    )


def english_on(page: Page) -> list[str]:
    """Pieces of text on the page that are English sentences of ours, which have a French one."""
    texts = page.evaluate(
        """() => {
            const found = new Set();
            const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (walker.nextNode()) {
                const parent = walker.currentNode.parentElement;
                if (parent.closest('script, style, template, code, pre, .log-lines, .changes, [lang=en]')) continue;
                found.add(walker.currentNode.textContent.replace(/\\s+/g, ' ').trim());
            }
            for (const node of document.querySelectorAll('[aria-label], [title], [placeholder]'))
                for (const name of ['aria-label', 'title', 'placeholder']) found.add((node.getAttribute(name) ?? '').trim());
            return [...found];
        }"""
    )
    return sorted(set(texts) & english_sentences())


@functools.cache
def english_sentences() -> set[str]:
    """Everything of ours that reads differently in French."""
    catalogue = polib.pofile(str(PO))
    pairs = {(" ".join(entry.msgid.split()), " ".join(entry.msgstr.split())) for entry in catalogue if not entry.obsolete}
    return {english for english, french in pairs if english != french and english not in SAME and "%" not in english}


def test_what_opens_over_a_page(insider: Person, numbers: dict[str, int]) -> None:
    problems: list[str] = []
    page = insider.go("/applications/harbour/")
    page.get_by_label(re.compile("^More actions in Development")).click()
    problems += _opened(page, "menu")
    page.locator(".bar-user > summary").click()
    problems += _opened(page, "own-menu")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option").first).to_be_visible()
    problems += _opened(page, "palette")
    insider.go("/applications/harbour/settings")
    insider.button("Delete the application").click()
    problems += _opened(page, "confirmation")
    assert not problems, "\n".join(problems)


def _opened(page: Page, name: str) -> list[str]:
    found = []
    for width, (across, down) in WIDTHS.items():
        page.set_viewport_size({"width": across, "height": down})
        for theme in THEMES if KEEPS_PICTURES else ():
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            keep_picture(page, f"over-{name}-{width}-{theme}")
        page.emulate_media(color_scheme="dark")
        found += [f"{name} {width}: {problem}" for problem in violations(page)]
        if wide := _sideways(page):
            found.append(f"{name} {width}: scrolls sideways: {wide}")
    page.emulate_media(color_scheme="light")
    return found
