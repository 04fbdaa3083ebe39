"""The people of the release desk, what they release, and what they look for on its pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.journeys.folders import SERVER, committed, page_only, tides
from tests.journeys.steps import ENDS
from tests.journeys.test_every_page import english_on, violations
from tests.services.browser import Joins, Person
from tests.services.gate import Ship
from tests.services.installation import Installation, wait_for

PEOPLE = {"admin", "manager", "deployer", "viewer"}  # names are not translated


@dataclass
class Desk:
    """Whom one can send to work, all reading one language."""

    joins: Joins
    fairway: Installation
    language: str = "en"

    def comes(self, username: str, **more: Any) -> Person:
        """One of the demo's people, signed in."""
        person = self.joins(**more)
        people: Any = self.fairway.sign_in["people"]
        person.sign_in(username, people[username])
        person.speak(self.language)
        return person

    def seen(self, person: Person, name: str) -> None:
        """Keep pictures of the page; axe and, in French, English words on it are looked for, too."""
        person.picture(f"desk-{self.language}-{name}")
        problems = violations(person.page)
        if self.language == "fr":
            problems += [f"English: {text}" for text in english_on(person.page) if text not in PEOPLE]
        assert not problems, f"{name}: {problems}"


def target(fairway: Installation, slug: str, name: str) -> None:
    """An environment of this journey's own."""
    fairway.call("POST", "/environments", {"name": name, "slug": slug, "host": f"{slug}.localhost", "runtime": "process"})


def described(fairway: Installation, name: str, slug: str, packages: str) -> int:
    """A release made from its file, once everything in it is found; its number."""
    text = f"release: {name}\nversion: '1'\nmanager: manager\ntargets: [{slug}]\npackages:\n{packages}"
    number = int(fairway.call("POST", "/releases/file/application", {"text": text})["release"]["id"])
    wait_for(lambda: _all_found(fairway, number), "every package is found")
    return number


def _all_found(fairway: Installation, number: int) -> bool:
    return all(one["resolution"] == "resolved" for one in fairway.call("GET", f"/releases/{number}")["matrix"])


def page_source(folder: Path, version: str) -> str:
    """A Git address of a page that says its version."""
    return f"{committed(page_only(folder, version), version)}#main"


def moody_source(folder: Path, version: str, ship: Ship) -> str:
    """A Git address of a server that starts only while the ship is in: the test decides, while it is tried."""
    return f"{committed(tides(folder, version, server=ship.need + SERVER), version)}#main"


def row(page: Page, package: str) -> Locator:
    """The package's row, in the matrix or in a rollout's levels."""
    return page.locator("main tbody tr").filter(has=page.locator("strong", has_text=re.compile(f"^{re.escape(package)}$")))


def cell(page: Page, package: str, place: str) -> Locator:
    return row(page, package).locator(f'td[data-label="{place}"]')


def box(page: Page, package: str, word: str) -> Locator:
    """The package as it is drawn, in this state."""
    return page.get_by_role("link", name=re.compile(rf"^{re.escape(package)}\W+{word}"))


def turns(locator: Locator, word: str) -> None:
    """It says so by itself: nobody reloads."""
    expect(locator.locator(".status").last).to_have_text(word, timeout=ENDS)


def schedule(page: Page, place: str, at: datetime, press: str) -> None:
    """Fill in when it starts by itself."""
    form = page.locator("#schedule")
    form.locator("select").select_option(label=place)
    form.locator("[name=at]").fill(at.strftime("%Y-%m-%dT%H:%M"))
    form.get_by_role("button", name=press).click()


def stays(page: Page) -> None:
    """From here on the page must not be loaded again; `stayed` asks whether it was."""
    expect(page.locator(".live-state")).to_have_attribute("data-state", "on")
    page.evaluate("window.neverReloaded = true")


def stayed(page: Page) -> None:
    assert page.evaluate("window.neverReloaded"), "the page was loaded again"


def is_offered_nothing(page: Page) -> None:
    """Neither to press nor to go to."""
    offered = page.locator("main form[method=post] button:not([disabled]), main a.button.primary, main a.button.danger")
    assert offered.count() == 0, offered.all_inner_texts()
