"""What a browser says of itself, in two words."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

BROWSERS = (  # in this order: most of them claim to be those below, too
    ("Edge", r"\bEdgA?(iOS)?/"),
    ("Opera", r"\bOPR/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\b(Firefox|FxiOS)/"),
    ("Chrome", r"\b(Chrome|CriOS|HeadlessChrome)/"),
    ("Safari", r"\bSafari/"),
)
SYSTEMS = (
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Windows", r"\bWindows\b"),
    ("macOS", r"\bMac OS X\b|\bMacintosh\b"),
    ("Linux", r"\bLinux\b|\bX11\b"),
)


def browser_and_system(client: str) -> tuple[str, str]:
    """The browser and the system in a User-Agent header, e.g. (“Firefox”, “Linux”); "" for what is not known. It is what the
    browser claims, and proves nothing."""
    return _first(BROWSERS, client), _first(SYSTEMS, client)


def client_words(client: str) -> str:
    """The same for people, e.g. “Firefox on Linux”."""
    browser, system = browser_and_system(client)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or client[:40] or _("Unknown browser")


def _first(known: tuple[tuple[str, str], ...], client: str) -> str:
    return next((name for name, pattern in known if re.search(pattern, client)), "")
