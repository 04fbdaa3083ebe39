"""One whole Fairway for all workflows; each test has applications of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.installation import Installation, installed
from tests.services.postgres import PostgresServer, binaries_or_skip
from tests.workflows.desk import Desk
from tests.workflows.held import Spread, Workers, holding

UPLOAD_MB = 32
SETTINGS = {
    "FAIRWAY_LEASE_SECONDS": "2",
    "FAIRWAY_HEALTH_SECONDS": "20",
    "FAIRWAY_WATCH_SECONDS": "10",
    "FAIRWAY_WATCH_EVERY_SECONDS": "1",
    "FAIRWAY_UPLOAD_MB": str(UPLOAD_MB),
}


@pytest.fixture(scope="package")
def fairway(tmp_path_factory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("workflows") / ".local" / "fairway", **SETTINGS) as one:
        yield one


@pytest.fixture
def desk(fairway, tmp_path) -> Iterator[Desk]:
    one = Desk(fairway, tmp_path)
    yield one
    one.tidy()


@pytest.fixture(scope="package")
def on_postgres(tmp_path_factory) -> Iterator[Spread]:
    """An installation on a PostgreSQL server of its own, whose workers can be held and joined by others."""
    folder = tmp_path_factory.mktemp("spread")
    with PostgresServer(binaries_or_skip()) as server:
        url = server.create_database("spread")
        with holding(folder, FAIRWAY_DATABASE_URL=url) as (fairway, moments):
            yield Spread(Desk(fairway, folder), moments, Workers(fairway), server)


@pytest.fixture
def spread(on_postgres, tmp_path) -> Iterator[Spread]:
    """The same with one worker and a folder of the test's own."""
    desk = Desk(on_postgres.desk.fairway, tmp_path)
    try:
        yield Spread(desk, on_postgres.moments, on_postgres.workers, on_postgres.server)
    finally:
        on_postgres.workers.end_all()
        desk.tidy()
