"""A database written by the first version, found by this one: everything is there, and everything can be done with it."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.services.installation import Installation, wait_for
from tests.services.postgres import postgres_server  # noqa: F401
from tests.upgrade.make_fixtures import FIXTURES, SECRET

FIRST = FIXTURES / "first"
LOOK = """
import django; django.setup()
from django.conf import settings; settings.ALLOWED_HOSTS = ["testserver"]
from django.test import Client
from fairway.accounts.models import User
from fairway.applications.models import Configuration
from fairway.applications.secrets import open_secrets
print(open_secrets(Configuration.objects.latest("pk"))["PASSWORD"])
client = Client(); client.force_login(User.objects.get(username="admin"))
for place in ("/", "/applications/site", "/applications/broken", "/deployments/", "/deployments/1", "/deployments/3",
              "/events/", "/environments/", "/environments/production/", "/settings/"):
    print(place, client.get(place, follow=True).status_code)
"""


@pytest.fixture
def unpacked(tmp_path: Path) -> Installation:
    """The data directory of the first version, on SQLite."""
    one = _data_of(tmp_path, "sqlite")
    database = one.data / "fairway.sqlite3"
    database.write_bytes(gzip.decompress((FIRST / "fairway.sqlite3.gz").read_bytes()))
    database.chmod(0o600)
    return one


def test_a_database_of_the_first_version_goes_on_being_used(unpacked: Installation) -> None:
    goes_on(unpacked)


@pytest.mark.postgres
def test_so_does_one_on_postgresql(postgres_server, tmp_path: Path) -> None:  # noqa: F811
    url = postgres_server.create_database("upgraded")
    dump = gzip.decompress((FIRST / "postgresql.sql.gz").read_bytes())
    load = [postgres_server.binaries / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", postgres_server.folder]
    subprocess.run(
        [*load, "-U", "fairway", "-d", urlsplit(url).path.removeprefix("/")], input=dump, check=True, capture_output=True
    )
    one = _data_of(tmp_path, "postgresql")
    one.environ["FAIRWAY_DATABASE_URL"] = url
    goes_on(one)


def goes_on(one: Installation) -> None:
    try:
        one.start()
        wait_for(lambda: "Version 2" in one.visit("site.staging.localhost").text, "what should run is started")
        assert one.call("GET", "/audit/verification")["is_intact"]
        statuses = {row["id"]: row["status"] for row in one.call("GET", "/deployments")["items"]}
        assert statuses == {1: "superseded", 2: "live", 3: "failed"}
        assert one.call("GET", "/environments/production")["status"] == "locked"
        assert "vera" in {person["username"] for person in one.call("GET", "/people")}
        said = look_inside(one)
        assert said[0] == SECRET
        assert not [line for line in said[1:] if not line.endswith(" 200")]
        back = one.call("POST", "/rollbacks", {"application": "site", "environment": "staging", "reason": "as before"})
        one.live(back["id"])
        assert "Version 1" in one.visit("site.staging.localhost").text
        assert one.call("GET", "/audit/verification")["is_intact"]
    finally:
        one.stop()


def look_inside(one: Installation) -> list[str]:
    """What the code sees in that database: the secret, and how the pages answer."""
    environment = {**os.environ, **one.environ, "FAIRWAY_DATA": str(one.data)}
    environment["DJANGO_SETTINGS_MODULE"] = "fairway.config.settings"
    done = subprocess.run([sys.executable, "-c", LOOK], env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _data_of(tmp_path: Path, name: str) -> Installation:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with tarfile.open(FIRST / f"{name}.tar.gz") as archive:
        archive.extractall(data, filter="tar")
    return Installation(data)


def test_a_database_that_a_newer_version_changed_is_refused_and_left_as_it_is(unpacked: Installation) -> None:
    database = unpacked.data / "fairway.sqlite3"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('fairway', '9999_later', '2030-01-01')"
        )
    command = [sys.executable, "-m", "fairway.config.up", "--data", str(unpacked.data), "--port", str(unpacked.port)]
    done = subprocess.run(
        [*command, "--proxy-port", str(unpacked.proxy_port)], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "written by a newer Fairway (it has 9999_later" in done.stderr
    with closing(sqlite3.connect(database)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert "fairway_home" not in tables  # nothing was migrated
    environment = {**os.environ, "FAIRWAY_DATA": str(unpacked.data)}
    environment.pop("FAIRWAY_DATABASE_URL", None)
    looked = subprocess.run(
        [sys.executable, "-m", "fairway.config.doctor"], env=environment, check=True, capture_output=True, text=True
    )
    (finding,) = [one for one in json.loads(looked.stdout) if one["what"] == "Database"]
    assert (finding["state"], "9999_later" in finding["sentence"]) == ("bad", True)
