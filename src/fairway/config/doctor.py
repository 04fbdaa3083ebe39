"""Examines this machine and prints what Fairway can use, as JSON: ``[{"what", "state": good|note|bad, "sentence"}]``."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

Finding = dict[str, str]
APPLIED = "SELECT name FROM django_migrations WHERE app = 'fairway'"
IS_OURS = "SELECT 1 FROM sqlite_master WHERE name = 'django_migrations'"
LITTLE_DISK = 2 * 2**30  # free bytes; with less, builds and pulls soon fail


def findings() -> Iterator[Finding]:
    """The findings of all examinations; an error in one does not stop the others."""
    for look in (_python, _data, _disk, _database, _caddy, _uv, _git, _node, _ssh, _docker, _names):
        try:
            yield look()
        except Exception as error:  # that it failed is a finding, too
            yield _finding(look.__name__.strip("_").capitalize(), "bad", f"could not be looked at: {error}")
    yield from _walls()
    yield from _heads()
    yield from _backups()


def _finding(what: str, state: str, sentence: str) -> Finding:
    return {"what": what, "state": state, "sentence": sentence}


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return _finding("Python", "good" if sys.version_info >= (3, 11) else "bad", version)


def _data() -> Finding:
    folder = Path(os.environ["FAIRWAY_DATA"])
    if not folder.exists():
        return _finding("Data directory", "note", f"{folder} does not exist yet; fairway up makes it.")
    if folder.stat().st_mode & 0o077:
        return _finding("Data directory", "bad", f"{folder} can be read by others; run: chmod 700 {folder}")
    return _finding("Data directory", "good" if os.access(folder, os.W_OK) else "bad", str(folder))


def _disk() -> Finding:
    folder = Path(os.environ["FAIRWAY_DATA"])
    while not folder.exists():
        folder = folder.parent
    disk = shutil.disk_usage(folder)
    words = f"{disk.free / 2**30:.1f} of {disk.total / 2**30:.1f} GB free below {folder}"
    if disk.free < LITTLE_DISK:
        return _finding("Free disk", "bad", f"{words}: builds and deployments will soon fail; free some space.")
    return _finding("Free disk", "note" if disk.free < disk.total / 20 else "good", words)


def _database() -> Finding:
    path = Path(os.environ["FAIRWAY_DATA"]) / "fairway.sqlite3"
    if url := os.environ.get("FAIRWAY_DATABASE_URL"):
        return _postgresql(url)
    if not path.exists():
        return _finding("Database", "note", "SQLite, made at the first start.")
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        answer = connection.execute("PRAGMA quick_check").fetchone()[0]
        applied = connection.execute(APPLIED).fetchall() if connection.execute(IS_OURS).fetchone() else []
    finally:
        connection.close()
    return _judged("good" if answer == "ok" else "bad", f"SQLite at {path}: {answer}", applied)


def _postgresql(url: str) -> Finding:
    with _connected(url) as connection:
        ours = connection.execute("SELECT to_regclass('django_migrations')").fetchone()
        applied = connection.execute(APPLIED).fetchall() if ours and ours[0] else []
        version = connection.info.server_version // 10000
        name = connection.info.dbname
    return _judged("good", f"PostgreSQL {version}, “{name}”, answers.", applied)


def _connected(url: str) -> psycopg.Connection[Any]:
    import psycopg

    from fairway.config.databases import database_from_url

    wanted = database_from_url(url)
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    given = {word: wanted[name] for word, name in names.items() if wanted.get(name)}
    return psycopg.connect(**given, **{**wanted["OPTIONS"], "connect_timeout": 5})


def _judged(state: str, sentence: str, applied: list[tuple[str]]) -> Finding:
    """The finding about the database; it is bad if the database is newer than this program."""
    from fairway.config.upgrading import refuse_newer
    from fairway.shared.failures import NeedsPerson

    try:
        refuse_newer(name for (name,) in applied)
    except NeedsPerson as newer:
        return _finding("Database", "bad", newer.sentence)
    return _finding("Database", state, sentence)


def _caddy() -> Finding:
    from fairway.drivers.proxy.caddy import find_caddy

    return _finding("Caddy", "good", str(find_caddy()))


def _uv() -> Finding:
    import uv

    return _finding("uv", "good", str(uv.find_uv_bin()))


def _git() -> Finding:
    return _program("git", "Git repositories cannot be deployed; install git.")


def _node() -> Finding:
    finding = _program("npm", "Node.js is not here; builds that need it fetch it from the package indexes.")
    return {**finding, "what": "Node and npm"}


def _ssh() -> Finding:
    finding = _program("ssh", "Docker hosts over SSH cannot be reached from here; install openssh-client.")
    return {**finding, "what": "SSH"}


def _program(name: str, without: str) -> Finding:
    path = shutil.which(name)
    return _finding(name.capitalize(), "good" if path else "note", path or without)


def _docker() -> Finding:
    from fairway.drivers.runtimes.registry import availability, open_runtime

    answer = availability(open_runtime("docker", {}, Path(os.environ["FAIRWAY_DATA"])))
    return _finding("Docker", "good" if answer.is_available else "note", answer.sentence)


def _walls() -> Iterator[Finding]:
    """The walls around applications of the process runtime on this machine."""
    from fairway.drivers.wall.abilities import abilities
    from fairway.shared.failures import Retry

    try:
        layers = abilities().layers()
    except Retry as busy:
        yield _finding("Walls", "bad", busy.sentence)
        return
    for layer in layers:
        yield _finding(f"Wall: {layer.name}", "good" if layer.stands else "note", layer.sentence)


def _heads() -> Iterator[Finding]:
    """Whether the external copy of signed heads works, if one is configured and was tried."""
    from fairway.activity.head_file import HeadFile

    sent = HeadFile(Path(os.environ["FAIRWAY_DATA"]) / "heads").elsewhere()
    if sent and os.environ.get("FAIRWAY_HEADS_TO"):
        failure = str(sent.get("failure", ""))
        yield _finding("Signed heads", "bad" if failure else "good", failure or "The other place has the newest one.")


BACKED_UP = """
    SELECT resource.name, environment.name, application.name, schedule.schedule, schedule.zone, schedule.since,
           binding.created_at,
           (SELECT max(created_at) FROM fairway_backup AS good WHERE good.resource_id = resource.id
            AND good.database = binding.database AND good.state = 'verified'),
           (SELECT state FROM fairway_backup AS newest WHERE newest.resource_id = resource.id
            AND newest.database = binding.database AND newest.state IN ('verified', 'failed')
            ORDER BY newest.id DESC LIMIT 1)
      FROM fairway_binding AS binding
      JOIN fairway_resource AS resource ON resource.id = binding.resource_id
      JOIN fairway_environment AS environment ON environment.id = resource.environment_id
      JOIN fairway_application AS application ON application.id = binding.application_id
      LEFT JOIN fairway_backupschedule AS schedule ON schedule.resource_id = resource.id AND schedule.is_on
     WHERE binding.ended_at IS NULL AND binding.state = 'bound'
       AND resource.deleted_at IS NULL AND resource.wanted = 'running'
     ORDER BY environment.position, resource.name, application.name"""


def _backups() -> Iterator[Finding]:
    """Of each application bound to a resource: whether its backups are late, failed, or not scheduled at all."""
    try:
        rows = _rows(BACKED_UP)
    except Exception as error:
        yield _finding("Backups of resources", "bad", f"could not be looked at: {error}")
        return
    for resource, environment, application, schedule, zone, *times, newest in rows:
        state, sentence = _backup_state(schedule, zone, [_time(at) for at in times if at], failed=newest == "failed")
        yield _finding(f"Backups: {application} in {resource} ({environment})", state, sentence)


def _rows(question: str) -> list[tuple[Any, ...]]:
    """The answer of the database; empty if it is not there, or older than this program."""
    path = Path(os.environ["FAIRWAY_DATA"]) / "fairway.sqlite3"
    if url := os.environ.get("FAIRWAY_DATABASE_URL"):
        with _connected(url) as connection:
            there = connection.execute("SELECT to_regclass('fairway_backupschedule')").fetchone()
            return connection.execute(question.encode()).fetchall() if there and there[0] else []
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        there = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'fairway_backupschedule'").fetchone()
        return database.execute(question).fetchall() if there else []


def _backup_state(schedule: str | None, zone: str, times: list[datetime], *, failed: bool) -> tuple[str, str]:
    """The state and the sentence. `times` are when the schedule, the binding and the last good backup began."""
    from fairway.environments.cron import parse_cron
    from fairway.resources.schedule_rules import late_since

    if failed:
        return "bad", "the newest one failed; its page says why."
    if schedule is None:
        return "note", "none are taken automatically; set a schedule on the page of the resource."
    late = late_since(parse_cron(schedule), zone, since=max(times), now=datetime.now(UTC))
    if late is not None:
        return "bad", f"late: none has been verified since the one that was due at {late:%Y-%m-%d %H:%M} UTC."
    return "good", f"{schedule} {zone}, none is late."


def _time(at: datetime | str) -> datetime:
    found = datetime.fromisoformat(at) if isinstance(at, str) else at
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _names() -> Finding:
    try:
        socket.getaddrinfo("hello.staging.localhost", None)
    except OSError:
        sentence = "*.localhost does not resolve for programs here (browsers and curl resolve it themselves)."
        return _finding("Names", "note", sentence)
    return _finding("Names", "good", "*.localhost resolves to this machine.")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(list(findings())))
