"""Where an installation is at home (docs/decisions, "One home").

Routes, sealed bundles, uploads, process applications and their proxy lie in one data directory, and are reached through
loopback, unix sockets and /proc. So whatever runs Fairway uses that directory, and all workers run on one machine at a time.
Which one that is stands in the database; a process that is elsewhere is refused, with the sentence that says why.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import close_old_connections, connection, transaction
from django.utils import timezone

from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.engine import clock
from fairway.engine.models import Worker
from fairway.environments.models import Installation
from fairway.shared.failures import NeedsPerson, Retry

log = logging.getLogger(__name__)

SILENT_LEASES = 3  # a worker that was not seen for so many leases is gone
LOOK_AGAIN = 5.0  # seconds between two looks at whether we are still at home


@dataclass(frozen=True)
class Here:
    """This process's place: `machine` is equal for processes that see the same loopback, /proc and boot."""

    identity: str
    keys: str
    machine: str
    host: str


def here() -> Here:
    """Of the process that asks."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    spaces = ":".join(os.readlink(f"/proc/self/ns/{name}") for name in ("pid", "net"))
    return Here(
        settings.DATA.identity(),
        keys_fingerprint(settings.SECRET_KEY, settings.FIELD_KEYS),
        f"{boot}:{spaces}",
        socket.gethostname(),
    )


def keys_fingerprint(secret_key: str, field_keys: list[str]) -> str:
    """Tells keys apart, and nothing about them: they are random and long. The oldest field key outlives a rotation."""
    return hashlib.sha256(f"fairway keys\0{secret_key}\0{field_keys[-1]}".encode()).hexdigest()[:16]


def settle(*, has_workers: bool, moves_here: bool = False) -> None:
    """Make sure that this process may run here, and that the database says so.

    The first one decides where the installation lives; workers take it along when nobody works on the other machine any
    more (a machine that was started again is another one). `moves_here`: an operator says that data directory and keys are
    the right ones.
    Raises `NeedsPerson`.
    """
    newest = _newest_sign()
    while True:
        try:
            return _settle(here(), has_workers=has_workers, moves_here=moves_here)
        except Retry as elsewhere:
            if _newest_sign() != newest:  # they are alive over there
                raise NeedsPerson(elsewhere.sentence) from None
            time.sleep(0.5)


def watch(stop: threading.Event) -> None:
    """Set `stop` when the installation is at home elsewhere by now: this machine was thought dead, and was not."""
    machine = here().machine
    while not stop.wait(LOOK_AGAIN):
        close_old_connections()
        moved = Installation.objects.exclude(machine=machine).first()
        if moved is not None:
            log.error("Workers run on %s now; those of this machine stop.", moved.host)
            stop.set()


@transaction.atomic
def _settle(place: Here, *, has_workers: bool, moves_here: bool) -> None:
    Installation.objects.get_or_create(pk=1, defaults=_facts(place, has_workers))
    installation = Installation.objects.select_for_update(no_key=True).get(pk=1)
    if not moves_here:
        _refuse_other(installation, place)
    if _is_elsewhere(installation, place, has_workers) and somebody_works():
        raise Retry(
            f"The workers of this installation run on {installation.host}, and all of them must run on one machine: there "
            "are its applications and its proxy. Stop them there first, or add workers there: fairway up --workers N."
        )
    changes = _facts(place, has_workers)
    if {name: getattr(installation, name) for name in changes} != changes and (has_workers or moves_here):
        _move(installation, changes)


def _facts(place: Here, has_workers: bool) -> dict[str, str]:
    machine = {"machine": place.machine} if has_workers else {}
    return {"identity": place.identity, "keys": place.keys, "host": place.host, **machine}


def _move(installation: Installation, changes: dict[str, str]) -> None:
    before = {"host": installation.host, "identity": installation.identity}
    Installation.objects.filter(pk=installation.pk).update(**changes, since=timezone.now())
    after = {name: changes[name] for name in before}
    if before != after:
        on = On("installation", installation.pk, "Fairway")
        record(who=SYSTEM.who, verb="installation.moved", on=on, before=before, after=after)


def _refuse_other(installation: Installation, place: Here) -> None:
    if installation.identity != place.identity:
        raise NeedsPerson(
            f"This data directory ({place.identity}) is not the one this database belongs to ({installation.identity} on "
            f"{installation.host}). Use that one, shared or moved here. If it is lost for good: fairway up --move-here."
        )
    if installation.keys != place.keys:
        raise NeedsPerson(
            "The keys in this data directory are not those that the secrets in this database are sealed with. Put back "
            "the folder keys/ of this installation. If it is lost for good, fairway up --move-here goes on without them."
        )


def _is_elsewhere(installation: Installation, place: Here, has_workers: bool) -> bool:
    """Web processes may be anywhere, except that SQLite's file is safe under one kernel only."""
    if not installation.machine or installation.machine == place.machine:
        return False
    other_kernel = installation.machine.partition(":")[0] != place.machine.partition(":")[0]
    return has_workers or (connection.vendor == "sqlite" and other_kernel)


def somebody_works() -> bool:
    limit = timedelta(seconds=SILENT_LEASES * settings.LEASE_SECONDS)
    return Worker.objects.filter(seen_at__gt=clock.now() - limit).exists()


def _newest_sign() -> datetime | None:
    return Worker.objects.order_by("-seen_at").values_list("seen_at", flat=True).first()
