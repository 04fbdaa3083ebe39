"""The same code on PostgreSQL: the rooms' own tests, and a whole installation that deploys, is killed and goes on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.installation import installed
from tests.services.postgres import postgres_server  # noqa: F401

ROOT = Path(__file__).parents[2]
ROOMS = [
    "activity", "accounts", "applications", "environments", "resources", "deployments", "pipelines", "notifications",
    "monitoring",
]  # fmt: skip
NEED_NONE = (  # pure, or on SQLite of its own
    *("--ignore-glob=*_rules.py", "--ignore=tests/notifications/test_running.py"),
    "--ignore=tests/notifications/test_alerted.py",
    *("--ignore=tests/monitoring/test_canaries.py", "--ignore=tests/monitoring/test_judging.py"),
)

pytestmark = pytest.mark.postgres


def test_the_rooms_keep_their_promises_on_postgresql(postgres_server):  # noqa: F811
    url = postgres_server.create_database("rooms")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{room}" for room in ROOMS)]
    command += NEED_NONE
    environment = {**os.environ, "FAIRWAY_TEST_DATABASE_URL": url, "FAIRWAY_TEST_TEMPLATE": postgres_server.tables()}
    environment.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:]


def test_an_installation_on_postgresql_deploys_survives_its_worker_and_keeps_its_chain(postgres_server, tmp_path):  # noqa: F811
    url = postgres_server.create_with_tables("whole")
    with installed(tmp_path / "data", FAIRWAY_DATABASE_URL=url) as fairway:
        fairway.create("site", fairway.upload(ROOT / "examples" / "static"))
        fairway.live(fairway.deploy("site"))
        number = fairway.call("POST", "/applications/site/environments/staging/placement/restart", {"reason": "again"})["id"]
        fairway.reached(number, "switch")
        fairway.kill_worker()
        fairway.live(number)
        assert fairway.visit("site.staging.localhost").status == 200
        assert len(fairway.instances("site")) == 1
        assert fairway.call("GET", "/audit/verification")["is_intact"]
        assert not (fairway.data / "fairway.sqlite3").exists()


def test_a_row_that_is_locked_may_be_referred_to_meanwhile():
    """PostgreSQL checks references when a transaction commits, and then holds the chain's head: whoever locks a row and
    waits for the head would wait for ever, had it taken the row's key as well (`no_key`)."""
    pattern = re.compile(
        r"(Environment|Application|User|Placement|Deployment|Resource|Binding|Backup)\.objects[^\n]*select_for_update\(([^)]*)\)?"
    )
    found = [
        f"{place.relative_to(ROOT)}: {match[0]}"
        for place in (ROOT / "src/fairway").rglob("*.py")
        for match in pattern.finditer(place.read_text())
        if "no_key=True" not in place.read_text()[match.start() : match.end() + 20]
    ]
    assert not found
