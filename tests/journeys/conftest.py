"""One browser and one installation for all journeys; applications are told apart by their names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.services.browser import Joins, Person, chromium, joining
from tests.services.installation import Installation, installed

pytestmark = pytest.mark.browser


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="package")
def fairway(browser: Browser) -> Iterator[Installation]:
    """Running as `fairway up --demo` makes it. Its folder is short: a socket's path has little room."""
    with tempfile.TemporaryDirectory(prefix="fairway-j-") as folder, installed(Path(folder) / "data") as one:
        yield one


@pytest.fixture
def joins(browser: Browser, fairway: Installation) -> Iterator[Joins]:
    yield from joining(browser, f"http://localhost:{fairway.port}")


@pytest.fixture
def admin(joins: Joins, fairway: Installation) -> Person:
    """The demo's administrator, signed in."""
    one = joins()
    one.sign_in(fairway.sign_in["username"], fairway.sign_in["password"])
    return one
