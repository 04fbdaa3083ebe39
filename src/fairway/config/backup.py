"""``fairway backup``: a consistent archive of everything that must not be lost, made while Fairway keeps working."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairway.config import archive, programs

FILES = ("docker-id",)
FOLDERS = ("uploads", "bundles", "pythons", "demo", "backups")
SECRET_FOLDERS = ("keys", "caddy/caddy")  # the keys of secrets, sessions and certificates
SECRET_FILES = frozenset({"demo/sign-in.json", "demo/sign-in.draft"})  # credentials outside those folders
VOLUMES = ("process/volumes", "process/homes")


def main(arguments: list[str] | None = None) -> int:
    """Write the backup; returns exit code 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="fairway backup")
    parser.add_argument("file", type=Path)
    parser.add_argument("--without-keys", action="store_true")
    parser.add_argument("--without-volumes", action="store_true")
    wanted = parser.parse_args(arguments)
    data = Path(os.environ["FAIRWAY_DATA"])
    _open_for_reading()
    try:
        back_up(wanted.file, data, has_keys=not wanted.without_keys, has_volumes=not wanted.without_volumes)
    except (OSError, Refusal) as reason:
        sys.stderr.write(f"Nothing was saved: {reason}\n")
        return 1
    return 0


class Refusal(Exception):
    """The backup is impossible; the message says why, and what to do."""


def _open_for_reading() -> None:
    """Set up Django with a connection for a consistent snapshot that blocks nobody (`tables.snapshot`)."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "fairway.config.settings"
    from django.conf import settings

    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["OPTIONS"]["transaction_mode"] = "DEFERRED"
    else:
        import psycopg

        database["OPTIONS"]["isolation_level"] = psycopg.IsolationLevel.REPEATABLE_READ
    import django

    django.setup()


def back_up(file: Path, data: Path, *, has_keys: bool, has_volumes: bool) -> None:
    """Write the backup. Files that the rows refer to are protected from garbage collection meanwhile. Raises `Refusal` or
    OSError."""
    from fairway.config import tables
    from fairway.drivers.runtimes.process.places import Places

    _refuse_other_versions()
    with (
        archive.written(file) as writer,
        tempfile.TemporaryDirectory(dir=file.absolute().parent, prefix=".fairway-rows-") as rows,
        Places(data).locked("bundles", lambda: None, shared=True),
    ):
        _copy_heads(data, Path(rows))
        (Path(rows) / "tables").mkdir()
        with tables.snapshot():
            counts, nodes = tables.save(Path(rows) / "tables"), tables.applied()
        for name in ("tables", "heads"):
            writer.folder(Path(rows) / name, name)
        for name in FILES:
            if (data / name).exists():
                writer.file(data / name, name)
        for name in (*FOLDERS, *(SECRET_FOLDERS if has_keys else ()), *(VOLUMES if has_volumes else ())):
            writer.folder(data / name, name, without=frozenset() if has_keys else SECRET_FILES)
        writer.manifest(_facts(counts, nodes) | {"has_keys": has_keys, "has_volumes": has_volumes})


def _copy_heads(data: Path, to: Path) -> None:
    """Copy the signed heads before the rows are read, because a later head would refer to events that are not in the
    backup."""
    if (data / "heads").is_dir():
        shutil.copytree(data / "heads", to / "heads")


def _refuse_other_versions() -> None:
    from fairway.config import tables, upgrading
    from fairway.shared.failures import NeedsPerson

    try:
        upgrading.refuse_newer(name for app, name in tables.applied() if app == "fairway")
    except NeedsPerson as newer:
        raise Refusal(newer.sentence) from None
    if tables.pending():
        raise Refusal("this database is older than this program. Save it with the version it belongs to, or start this one.")


def _facts(counts: dict[str, int], nodes: list[tuple[str, str]]) -> dict[str, Any]:
    from django.conf import settings
    from django.db import connection

    from fairway import __version__
    from fairway.environments.installation import keys_fingerprint

    return {
        "fairway": __version__,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "database": connection.vendor,
        "keys": keys_fingerprint(settings.SECRET_KEY, settings.FIELD_KEYS),
        "migrations": nodes,
        "tables": counts,
    }


if __name__ == "__main__":
    programs.run(main)
