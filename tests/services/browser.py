"""A real Chromium, the system's own, driven by Playwright; people in it who notice what a page should not do."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect, sync_playwright

from tests.services.docker import await_true, start, stop
from tests.services.sharing import Facts, shared
from tests.services.unmoved import without_netlink

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--js-flags=--no-opt,--no-maglev",  # no page lives long enough to earn back what optimising its scripts costs
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PICTURES = Path(__file__).parents[2] / "artifacts" / "journeys"
KEEPS_PICTURES = os.environ.get("FAIRWAY_PICTURES") == "1"
WIDTHS = {"phone": (375, 812), "desk": (1440, 900)}
THEMES = ("light", "dark")
PATIENCE = 300_000  # milliseconds; only what does not come is waited for so long
WHAT_LOOKS_CHANGE = ["color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block"]
RULES_OF_LOOKS = {  # of axe; none of them reads style sheets, which it would otherwise fetch and parse first
    "runOnly": {"type": "rule", "values": WHAT_LOOKS_CHANGE},
    "resultTypes": ["violations"],
    "preload": False,
}
_SESSIONS: dict[tuple[str, str], list[Any]] = {}  # cookies, by installation and user name
REFUSAL = re.compile(r"status of 4(0[01349]|10|22)\b")  # Chromium's note on an answer that is a refusal


def find_chromium() -> str | None:
    """The shell for tests computes a fifth less than the whole browser without a window; it is the same engine."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


def chromium_or_skip() -> str:
    """The program, or a skip."""
    found = find_chromium()
    if found is None:
        pytest.skip("Chromium is not installed; on Debian: apt-get install chromium-headless-shell")
    return found


def keep_picture(page: Page, name: str, *, whole: bool = False) -> None:
    """A picture of the page in ``artifacts/journeys``, where ``FAIRWAY_PICTURES=1`` asks for it: all take a minute."""
    if KEEPS_PICTURES:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=whole)


@contextmanager
def chromium_for_all() -> Iterator[Facts]:
    """The browser that a test run shares, from start to end. Windows of different tests share nothing."""
    program = chromium_or_skip()
    with TemporaryDirectory(prefix="fairway-chromium-") as place:
        folder, log = Path(place), Path(place) / "log"
        unmoved = without_netlink(program, folder / "chromium")
        wanted = {"executablePath": str(unmoved), "args": ARGUMENTS, "headless": True}
        (folder / "wanted.json").write_text(json.dumps(wanted))
        argv = [*compute_driver_executable(), "launch-server", "--browser", "chromium"]  # as `playwright launch-server` does
        process = start([*argv, "--config", str(folder / "wanted.json")], log, dict(os.environ))
        try:
            await_true(lambda: "ws://" in log.read_text() and log.read_text().endswith("\n"), process, log)
            yield {"address": log.read_text().split()[0]}
        finally:
            stop(process)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The run's browser for the `with` block. Playwright keeps an event loop that long: nothing else of the suite may."""
    expect.set_options(timeout=PATIENCE)
    address = shared("chromium")["address"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.connect(address)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Person:
    """Somebody at a browser of their own. What went wrong in the page is collected in `complaints`."""

    browser: Browser
    address: str  # of the installation, without a slash at its end
    language: str = "en"
    complaints: list[str] = field(default_factory=list)
    may_be_refused: bool = False  # a refusal is a part of this journey
    context: BrowserContext = field(init=False)
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        self.context = self.browser.new_context(
            viewport={"width": 1440, "height": 900},
            locale=self.language,
            color_scheme="light",
            reduced_motion="reduce",
            ignore_https_errors=self.address.startswith("https://"),  # the proxy's own authority is known to no browser
        )
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.listen(self.page)

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("requestfailed", self._failed)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        source = message.location.get("url", "")
        if (self.may_be_refused and REFUSAL.search(message.text)) or self._is_elsewhere(source):
            return
        self.complaints.append(f"{self.page.url}: {message.type}: {message.text} ({source})")

    def _is_elsewhere(self, url: str) -> bool:
        """What an application's own page complains about is its own affair."""
        return bool(url) and not url.startswith(self.address)

    def _failed(self, request: Request) -> None:
        """Streams and pages that are left are cut; anything else that fails is a complaint."""
        failure = request.failure or ""
        if "ERR_ABORTED" not in failure:
            self.complaints.append(f"{self.page.url}: {request.url}: {request.failure}")

    # --- what they do

    def go(self, path: str) -> Page:
        self.page.goto(path if path.startswith("http") else f"{self.address}{path}")
        return self.page

    def sign_in(self, username: str, password: str) -> Page:
        """With the session of whoever signed in there under this name before: checking a password is slow on purpose. Who
        has none yet, or whose session has ended, types name and password."""
        if cookies := _SESSIONS.get((self.address, username)):
            self.context.add_cookies(cookies)
            self.go("/")
            if self.page.get_by_role("navigation", name="Main").is_visible():
                return self.page
        self.go("/accounts/login/")
        self.page.get_by_label("User name or e-mail").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("navigation", name="Main")).to_be_visible()
        _SESSIONS[self.address, username] = [one for one in self.context.cookies(self.address) if one["httpOnly"]]
        return self.page

    def button(self, name: str | re.Pattern[str], inside: Locator | None = None) -> Locator:
        return (inside or self.page).get_by_role("button", name=name, exact=isinstance(name, str))

    def speak(self, language: str) -> None:
        """Choose a language as the menu does: a cookie."""
        self.context.add_cookies([{"name": "fairway_language", "value": language, "url": self.address}])

    def picture(self, name: str) -> None:
        """Keep what is on the screen now, in light and dark, at both widths; see `keep_picture`."""
        if not KEEPS_PICTURES:
            return
        for width, (across, down) in WIDTHS.items():
            self.page.set_viewport_size({"width": across, "height": down})
            for theme in THEMES:
                self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                keep_picture(self.page, f"{name}-{width}-{theme}")
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size({"width": 1440, "height": 900})

    def last_seen(self, number: int) -> None:
        """What was on the screen at the end: for whoever looks into a failure."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        if not self.page.is_closed():
            self.page.screenshot(path=PICTURES / f"last-seen-{number}.png")

    def leave(self) -> None:
        self.context.close()


Joins = Callable[..., Person]


def joining(browser: Browser, address: str) -> Iterator[Joins]:
    """Makes people; at the end each leaves and nobody may have a complaint."""
    people: list[Person] = []

    def join(**more: Any) -> Person:
        people.append(Person(browser, address, **more))
        return people[-1]

    try:
        yield join
    finally:
        has_failed = hasattr(sys, "last_value")  # pytest leaves there what a test was ended by
        if has_failed:
            _SESSIONS.clear()  # nobody knows what it left in them, such as a role to act in
        for number, one in enumerate(people, start=1):
            if has_failed or one.complaints:
                one.last_seen(number)
            one.leave()
    complaints = [complaint for one in people for complaint in one.complaints]
    assert not complaints, "\n".join(complaints)
