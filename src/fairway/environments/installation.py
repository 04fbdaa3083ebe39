"""Ensures that an installation runs on one machine, with one data directory (docs/decisions, "One home").

Routes, bundles, uploads, process applications and their proxy are in one data directory, and are reached through loopback,
Unix sockets and /proc. So every process of Fairway uses that directory, and all workers run on one machine at a time. The
database stores which machine; a process on another one is refused with a sentence that says why.
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

SILENT_LEASES = 3  # a worker without a heartbeat for this many leases counts as dead
CHECK_EVERY = 5.0  # seconds between two checks whether this machine is still the one


@dataclass(frozen=True)
class Location:
    """Where a process runs. `machine` is equal for processes that share loopback and /proc, until the next reboot."""

    identity: str
    keys: str
    machine: str
    host: str


def current_location() -> Location:
    """The location of this process."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    spaces = ":".join(os.readlink(f"/proc/self/ns/{name}") for name in ("pid", "net"))
    return Location(
        settings.DATA.identity(),
        keys_fingerprint(settings.SECRET_KEY, settings.FIELD_KEYS),
        f"{boot}:{spaces}",
        socket.gethostname(),
    )


def keys_fingerprint(secret_key: str, field_keys: list[str]) -> str:
    """A hash that tells installations' keys apart without revealing them. It uses the oldest field key, which a rotation
    keeps."""
    return hashlib.sha256(f"fairway keys\0{secret_key}\0{field_keys[-1]}".encode()).hexdigest()[:16]


def ensure_may_run_here(*, has_workers: bool, moves_here: bool = False) -> None:
    """Ensure that this process may run here, and record its location in the database.

    The first process decides where the installation is. Workers move it to their machine if no worker is alive on the
    other one (a rebooted machine counts as another one). `moves_here`: an operator confirms that data directory and keys
    are right. Raises `NeedsPerson`, which says why the process must not run here.
    """
    newest = _newest_sign()
    while True:
        try:
            return _record_location(current_location(), has_workers=has_workers, moves_here=moves_here)
        except Retry as elsewhere:
            if _newest_sign() != newest:  # a worker on the other machine is alive
                raise NeedsPerson(elsewhere.sentence) from None
            time.sleep(0.5)


def watch(stop: threading.Event) -> None:
    """Set `stop` when the installation has moved to another machine, because this one was taken for dead."""
    machine = current_location().machine
    while not stop.wait(CHECK_EVERY):
        close_old_connections()
        moved = Installation.objects.exclude(machine=machine).first()
        if moved is not None:
            log.error("Workers run on %s now; those of this machine stop.", moved.host)
            stop.set()


@transaction.atomic
def _record_location(location: Location, *, has_workers: bool, moves_here: bool) -> None:
    Installation.objects.get_or_create(pk=1, defaults=_facts(location, has_workers))
    installation = Installation.objects.select_for_update(no_key=True).get(pk=1)
    if not moves_here:
        _refuse_other(installation, location)
    if _is_elsewhere(installation, location, has_workers) and has_living_workers():
        raise Retry(
            f"The workers of this installation run on {installation.host}, and all of them must run on one machine: there "
            "are its applications and its proxy. Stop them there first, or add workers there: fairway up --workers N."
        )
    changes = _facts(location, has_workers)
    if {name: getattr(installation, name) for name in changes} != changes and (has_workers or moves_here):
        _move(installation, changes)


def _facts(location: Location, has_workers: bool) -> dict[str, str]:
    machine = {"machine": location.machine} if has_workers else {}
    return {"identity": location.identity, "keys": location.keys, "host": location.host, **machine}


def _move(installation: Installation, changes: dict[str, str]) -> None:
    before = {"host": installation.host, "identity": installation.identity}
    Installation.objects.filter(pk=installation.pk).update(**changes, since=timezone.now())
    after = {name: changes[name] for name in before}
    if before != after:
        on = On("installation", installation.pk, "Fairway")
        record(who=SYSTEM.who, verb="installation.moved", on=on, before=before, after=after)


def _refuse_other(installation: Installation, location: Location) -> None:
    if installation.identity != location.identity:
        raise NeedsPerson(
            f"This data directory ({location.identity}) is not the one this database belongs to ({installation.identity} on "
            f"{installation.host}). Use that one, shared or moved here. If it is lost for good: fairway up --move-here."
        )
    if installation.keys != location.keys:
        raise NeedsPerson(
            "The keys in this data directory are not those that the secrets in this database are sealed with. Put back "
            "the folder keys/ of this installation. If it is lost for good, fairway up --move-here goes on without them."
        )


def _is_elsewhere(installation: Installation, location: Location, has_workers: bool) -> bool:
    """Whether this process must not run here. Web processes may run on other machines, except with SQLite, whose locks work
    under one kernel only."""
    if not installation.machine or installation.machine == location.machine:
        return False
    other_kernel = installation.machine.partition(":")[0] != location.machine.partition(":")[0]
    return has_workers or (connection.vendor == "sqlite" and other_kernel)


def has_living_workers() -> bool:
    limit = timedelta(seconds=SILENT_LEASES * settings.LEASE_SECONDS)
    return Worker.objects.filter(seen_at__gt=clock.now() - limit).exists()


def _newest_sign() -> datetime | None:
    return Worker.objects.order_by("-seen_at").values_list("seen_at", flat=True).first()
