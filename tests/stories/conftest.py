"""One whole Fairway for all stories; each test has applications of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.stories.desk")

from tests.services.installation import Installation, installed  # noqa: E402
from tests.stories.desk import Desk  # noqa: E402

SETTINGS = {
    "FAIRWAY_LEASE_SECONDS": "2",
    "FAIRWAY_HEALTH_SECONDS": "5",
    "FAIRWAY_WATCH_SECONDS": "10",
    "FAIRWAY_WATCH_EVERY_SECONDS": "1",
}


@pytest.fixture(scope="session")
def fairway(tmp_path_factory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("stories") / ".local" / "fairway", **SETTINGS) as one:
        yield one


@pytest.fixture
def desk(fairway, tmp_path) -> Desk:
    return Desk(fairway, tmp_path)
