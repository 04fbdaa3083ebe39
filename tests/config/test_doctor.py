"""The examination: it says what is there and what is missing, and never breaks by itself."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from fairway.accounts.rules import SYSTEM
from fairway.activity.head_file import HeadFile
from fairway.applications.commands import create_application
from fairway.config import doctor
from fairway.engine import clock
from fairway.resources import commands, progress
from fairway.resources.models import BackupSchedule, Binding, Resource
from fairway.resources.schedules import save_schedule
from tests.conftest import make_environment
from tests.engine.conftest import connected_to
from tests.resources.test_commands import bind
from tests.services.postgres import postgres_server  # noqa: F401
from tests.services.sharing import shared


def examined() -> dict[str, dict[str, str]]:
    return {finding["what"]: finding for finding in doctor.findings()}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "data"
    monkeypatch.setenv("FAIRWAY_DATA", str(place))
    monkeypatch.delenv("FAIRWAY_DATABASE_URL", raising=False)
    return place


def test_a_machine_before_the_first_start_has_no_problem(data: Path) -> None:
    found = examined()
    assert not [finding for finding in found.values() if finding["state"] == "bad"]
    assert "fairway up makes it" in found["Data directory"]["sentence"]
    assert {"Python", "Free disk", "Database", "Caddy", "uv", "Git", "Node and npm", "Docker", "Names"} <= found.keys()
    assert Path(found["Caddy"]["sentence"]).is_file()
    assert Path(found["uv"]["sentence"]).is_file()


def test_a_data_directory_others_can_read_is_a_problem_with_its_remedy(data: Path) -> None:
    data.mkdir(mode=0o755)
    finding = examined()["Data directory"]
    assert finding["state"] == "bad"
    assert f"chmod 700 {data}" in finding["sentence"]


def test_a_sound_database_is_told_from_a_broken_one(data: Path) -> None:
    data.mkdir(mode=0o700)
    place = data / "fairway.sqlite3"
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("CREATE TABLE one (n INTEGER)")
        connection.commit()
    assert examined()["Database"]["state"] == "good"
    place.write_bytes(b"this is no database" * 100)
    assert examined()["Database"]["state"] == "bad"


def test_a_place_that_takes_no_signed_heads_is_a_problem(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "heads").mkdir(parents=True)
    HeadFile(data / "heads").note_external_copy(4, "it answered 503", "2026-01-01T00:00:00+00:00")
    assert "Signed heads" not in examined()
    monkeypatch.setenv("FAIRWAY_HEADS_TO", "https://heads.example.com")
    assert examined()["Signed heads"] == {"what": "Signed heads", "state": "bad", "sentence": "it answered 503"}


def test_a_missing_program_is_a_note_that_says_what_to_install(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = examined()
    assert found["Git"] == {"what": "Git", "state": "note", "sentence": "Git repositories cannot be deployed; install git."}
    assert "fetch it from the package indexes" in found["Node and npm"]["sentence"]


def test_a_look_that_breaks_is_a_finding_itself(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> Any:
        raise OSError("the disk is on fire")

    monkeypatch.setattr(doctor.shutil, "disk_usage", breaks)
    finding = next(one for one in doctor.findings() if "on fire" in one["sentence"])
    assert finding["state"] == "bad"


def test_findings_are_json(data: Path) -> None:
    assert json.loads(json.dumps(list(doctor.findings())))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def kept(
    request: pytest.FixtureRequest, data: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[Resource]:
    """A resource with a bound application, in the database that the examination reads."""
    data.mkdir(mode=0o700)
    url = f"sqlite://{data / 'fairway.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").create_with_tables("doctor")
        monkeypatch.setenv("FAIRWAY_DATABASE_URL", url)
    else:
        copy(shared("tables")["file"], data / "fairway.sqlite3")
    with django_db_blocker.unblock(), connected_to(url):
        place = make_environment("staging", runtime="process")
        main = commands.create_resource(actor=SYSTEM, environment=place, kind="postgres", name="main")
        source = {"image": "registry.test/hello:1"}
        hello = create_application(actor=SYSTEM, name="Hello", source_kind="image", source=source)
        bind(SYSTEM, main, hello)
        yield main


def test_late_failed_and_missing_backups_are_problems(kept: Resource) -> None:
    def of_backups() -> tuple[str, str]:
        found = examined()["Backups: Hello in main (Staging)"]
        return found["state"], found["sentence"]

    assert of_backups()[0] == "good"
    assert examined()["Database"]["state"] == "good"
    long_ago = clock.now() - timedelta(days=3)
    Binding.objects.update(created_at=long_ago)
    BackupSchedule.objects.update(since=long_ago)
    state, sentence = of_backups()
    assert (state, "late: none has been verified since" in sentence) == ("bad", True)
    (made,) = commands.request_backup(actor=SYSTEM, resource=kept)
    progress.backup_failed(backup=made, sentence="The disk is full.")
    assert of_backups() == ("bad", "the newest one failed; its page says why.")
    (made,) = commands.request_backup(actor=SYSTEM, resource=kept)
    progress.backup_verified(backup=made, content=progress.Content({}))
    assert of_backups()[0] == "good"
    save_schedule(actor=SYSTEM, resource=kept, is_on=False)
    state, sentence = of_backups()
    assert (state, "none are taken automatically" in sentence) == ("note", True)
