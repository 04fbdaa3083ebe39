"""The release desk on PostgreSQL: its rollouts as they are, and eight people at the same things at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.postgres import postgres_server  # noqa: F401

ROOT = Path(__file__).parents[2]
FILES = ("test_targets.py", "test_concurrent.py", "test_two_releases.py")

pytestmark = pytest.mark.postgres


def test_the_release_desk_keeps_its_promises_on_postgresql(postgres_server):  # noqa: F811
    url = postgres_server.create_database("desk")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/releases/{name}" for name in FILES)]
    environment = {**os.environ, "FAIRWAY_TEST_DATABASE_URL": url, "FAIRWAY_TEST_TEMPLATE": postgres_server.tables()}
    environment.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "skipped" not in done.stdout.splitlines()[-1]
