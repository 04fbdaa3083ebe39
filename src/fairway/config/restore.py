"""``fairway restore``: creates an installation from a backup, which is verified before anything is changed."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairway.config import archive, programs
from fairway.config.runfile import CannotStart, nobody_runs


class Refusal(Exception):
    """The restore is impossible; the message says why, and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Restore a backup; returns exit code 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="fairway restore")
    parser.add_argument("file", type=Path)
    parser.add_argument("--keys", type=Path)
    parser.add_argument("--replace", action="store_true")
    wanted = parser.parse_args(arguments)
    try:
        for line in restore(wanted.file, Path(os.environ["FAIRWAY_DATA"]), keys=wanted.keys, replaces=wanted.replace):
            sys.stdout.write(f"{line}\n")
    except (Refusal, CannotStart, archive.BadArchive, OSError) as reason:
        sys.stderr.write(f"Nothing was restored: {reason}\n")
        return 1
    return 0


def restore(file: Path, data: Path, *, keys: Path | None, replaces: bool) -> list[str]:
    """Restore the backup in a folder beside `data`, which is renamed at the end. Returns sentences for the operator."""
    manifest = archive.read_manifest(file)
    if not manifest["has_keys"] and keys is None:
        raise Refusal("this backup was made without keys. Give the installation's folder of keys with --keys.")
    draft = data.with_name(f"{data.name}.restoring-{secrets.token_hex(4)}")
    data.parent.mkdir(parents=True, exist_ok=True)
    with nobody_runs(data):
        _refuse_in_use(data, replaces=replaces)
        try:
            archive.unpack(file, draft)
            if keys is not None:
                shutil.copytree(keys, draft / "keys", dirs_exist_ok=True)
            _carry_heads(data, draft)
            ended, reached = _restore_database(draft, manifest, replaces=replaces)
            for name in ("tables", archive.MANIFEST):
                _remove(draft / name)
            aside = _put_in_place(draft, data)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return _told(manifest, ended, aside, reached)


def _refuse_in_use(data: Path, *, replaces: bool) -> None:
    from fairway.config.up import proxy_serves

    if proxy_serves(data):
        raise Refusal("the proxy of this data directory serves. Stop it with its applications first: fairway down")
    if not replaces and not _is_bare(data):
        raise Refusal(f"{data} is not empty. Give another --data, or move what is there aside with --replace.")


def _carry_heads(data: Path, draft: Path) -> None:
    """Keep the signed heads of the replaced installation, which know how far its events had come. Heads of another
    installation are not kept."""
    key, heads = Path("keys") / "head.key", Path("heads")
    if not (data / heads).is_dir() or not (data / key).is_file():
        return
    if not (draft / key).is_file() or (draft / key).read_bytes() == (data / key).read_bytes():
        shutil.rmtree(draft / heads, ignore_errors=True)
        shutil.copytree(data / heads, draft / heads)
        (draft / "keys").mkdir(mode=0o700, exist_ok=True)
        shutil.copy2(data / key, draft / key)


def _is_bare(data: Path) -> bool:
    return {path.name for path in data.iterdir()} <= {"run"}


def _restore_database(draft: Path, manifest: dict[str, Any], *, replaces: bool) -> tuple[int, int]:
    """Load the rows into an empty database. Returns how many deployments were running when the backup was made, and the
    result of `_heads_reach_further`. Raises `Refusal`."""
    os.environ |= {"FAIRWAY_DATA": str(draft), "DJANGO_SETTINGS_MODULE": "fairway.config.settings"}
    import django
    from django.conf import settings

    django.setup()
    from django.db import connection

    from fairway.config import tables
    from fairway.environments.installation import keys_fingerprint

    if keys_fingerprint(settings.SECRET_KEY, settings.FIELD_KEYS) != manifest["keys"]:
        raise Refusal("these keys are not those that the secrets in this backup are sealed with.")
    nodes = [(app, name) for app, name in manifest["migrations"]]
    if newer := tables.unknown(nodes):
        raise Refusal(f"this backup is of a newer Fairway ({manifest['fairway']}, it has {newer[-1]}). Use that version.")
    if not tables.is_empty():
        _clear_database(replaces=replaces)
    tables.load(draft / "tables", nodes, manifest["tables"])
    ended = _begin_again(manifest)
    reached = _heads_reach_further()
    connection.close()
    return ended, reached


def _heads_reach_further() -> int:
    """The newest event in signed heads that this backup lacks; 0 if there is none."""
    from fairway.activity.checking import head_file
    from fairway.activity.queries import hashes_of

    last = head_file().last()
    return last.event if last and hashes_of([last.event]).get(last.event) != last.hash else 0


def _clear_database(*, replaces: bool) -> None:
    from fairway.config import tables
    from fairway.environments.installation import has_living_workers

    if not tables.pending() and has_living_workers():
        raise Refusal("workers of a Fairway work on this database right now. Stop them first.")
    if not replaces:
        raise Refusal("the database of FAIRWAY_DATABASE_URL is not empty. Use an empty one, or overwrite it with --replace.")
    tables.empty()


def _begin_again(manifest: dict[str, Any]) -> int:
    """Migrate the rows, verify the chain of events, end interrupted deployments, and record the restore. Returns how many
    deployments were ended. Raises `Refusal` if the chain is broken."""
    from django.core.management import call_command
    from django.db import transaction

    from fairway.accounts.rules import SYSTEM
    from fairway.activity.commands import record
    from fairway.activity.queries import verify
    from fairway.activity.rules import On

    call_command("migrate", verbosity=0, interactive=False)
    verification = verify()
    if not verification.is_intact:
        raise Refusal(f"its chain of events is broken: {verification.sentence}")
    with transaction.atomic():
        ended = _end_interrupted(manifest["created_at"])
        after = {"created_at": manifest["created_at"], "host": manifest["host"], "interrupted": ended}
        record(who=SYSTEM.who, verb="installation.restored", on=On("installation", 1, "Fairway"), after=after)
    return ended


def _end_interrupted(created_at: str) -> int:
    """End interrupted deployments without repeating them, because they may have finished since. The clean-up restores the
    old version."""
    from fairway.accounts.rules import SYSTEM
    from fairway.deployments.commands.requests import cancel
    from fairway.deployments.models import Deployment
    from fairway.deployments.rules import ACTIVE
    from fairway.workflows import register_all

    register_all()
    active = list(Deployment.objects.filter(status__in=ACTIVE).order_by("pk"))
    for deployment in active:
        cancel(
            actor=SYSTEM,
            deployment=deployment,
            reason=f"restored from the backup of {created_at}, taken in the middle of it.",
        )
    return len(active)


def _put_in_place(draft: Path, data: Path) -> Path | None:
    """Move the restored folder to its place; returns where the previous data directory was moved, if there was one."""
    aside = None
    if not _is_bare(data):
        aside = data.with_name(f"{data.name}.before-{datetime.now(UTC):%Y%m%d-%H%M%S}")
        data.rename(aside)
    else:
        shutil.rmtree(data)
    draft.rename(data)
    return aside


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _told(manifest: dict[str, Any], ended: int, aside: Path | None, reached: int) -> list[str]:
    events = manifest["tables"]["fairway.event"]
    lines = [f"Restored as it was on {manifest['created_at']} on {manifest['host']}: {events} events, unbroken."]
    if ended:
        lines.append(f"{ended} deployments were on their way then; they are ended as Cancelled. Deploy them again.")
    if not manifest["has_volumes"]:
        lines.append("The backup was made without volumes: what stored data there does not start until it is put back.")
    if reached:
        lines.append(
            f"The chain of events had reached number {reached}, says a signed head; what came after the backup is gone from "
            "it. Fairway says so until an administrator acknowledges it: fairway audit acknowledge --reason …"
        )
    if aside is not None:
        lines.append(f"The previous data was moved to {aside}.")
    return [*lines, "Make sure that the installation it was made from is no longer running, then run: fairway up"]


if __name__ == "__main__":
    programs.run(main, is_beginning=True)
