"""Copies of Redis databases: files in the server's own format (RDB), how many keys they hold, and pouring them back."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from fairway.drivers.resources.contract import Content
from fairway.drivers.resources.redis_wire import Answered, Wire
from fairway.drivers.runtimes.contract import Progress
from fairway.shared.failures import NeedsPerson, Refused
from fairway.shared.translation import translate

LASTING, PASSING = "keys", "keys with an expiry"
LOOK_EVERY = 0.1  # seconds
AT_ONCE = 100  # keys that are poured together
NEARLY_NOTHING = 1_000_000  # bytes that are left on a full disk, at most


def info(wire: Wire, *sections: str) -> dict[str, str]:
    """What the server says about itself."""
    text = wire.ask("INFO", *sections).decode(errors="replace")
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def is_loaded(wire: Wire) -> bool:
    """Whether the server has read its file."""
    try:
        wire.ask("PING")
    except Answered as error:
        if str(error).startswith("LOADING"):
            return False
        raise
    return True


def save(wire: Wire, place: Path, progress: Progress) -> None:
    """Have the server save everything, as it is at one moment, into the file that it was told, which is `place`. Raises
    `Refused` or `NeedsPerson`; then there is no file."""
    while True:
        _await_no_child(wire, progress)
        place.unlink(missing_ok=True)  # of a save that nobody waited for
        try:
            wire.ask("BGSAVE")
        except Answered as error:
            if "in progress" not in str(error):
                raise
        else:
            break
    _await_no_child(wire, progress)
    if info(wire, "persistence")["rdb_last_bgsave_status"] == "ok" and place.exists():
        return
    place.unlink(missing_ok=True)
    for draft in place.parent.glob("temp-*.rdb"):
        draft.unlink(missing_ok=True)
    sentence = translate("The server could not write the dump.")
    if shutil.disk_usage(place.parent).free < NEARLY_NOTHING:
        raise NeedsPerson(translate("{sentence} The disk is full: free some space, then try again.", sentence=sentence))
    raise Refused(sentence)


def _await_no_child(wire: Wire, progress: Progress) -> None:
    """Wait until the server writes nothing in the background."""
    while True:
        progress.check()
        found = info(wire, "persistence")
        if found["rdb_bgsave_in_progress"] == "0" and found["aof_rewrite_in_progress"] == "0":
            return
        time.sleep(LOOK_EVERY)


def keep_only(wire: Wire, number: int) -> None:
    """Make this database number 0, and remove everything else."""
    if number:
        wire.ask("SWAPDB", 0, number)
    for name in info(wire, "keyspace"):
        if name.startswith("db") and name != "db0":
            wire.ask("SELECT", name.removeprefix("db"))
            wire.ask("FLUSHDB")
    wire.ask("SELECT", 0)
    wire.ask("FUNCTION", "FLUSH")


def content(wire: Wire, number: int = 0) -> Content:
    """The keys of a database, those that expire apart."""
    found = re.findall(r"(keys|expires)=(\d+)", info(wire, "keyspace").get(f"db{number}", ""))
    counts = {name: int(count) for name, count in found}
    passing = counts.get("expires", 0)
    lasting = {LASTING: counts.get("keys", 0) - passing}
    return Content({**lasting, PASSING: passing} if passing else lasting)


def pour(source: Wire, target: Wire, progress: Progress) -> None:
    """Copy every key of the one's database into the other's, with the time at which it expires."""
    cursor: bytes = b"0"
    while True:
        progress.check()
        cursor, keys = source.ask("SCAN", cursor, "COUNT", AT_ONCE)
        answers = source.ask_all([word for key in keys for word in (("DUMP", key), ("PEXPIRETIME", key))])
        found = zip(keys, answers[::2], answers[1::2], strict=True)
        target.ask_all(
            ("RESTORE", key, max(0, until), value, "ABSTTL", "REPLACE") for key, value, until in found if value is not None
        )
        if cursor == b"0":
            return
