"""Verify exported events without Fairway. It stands alone: ``python audit_file.py FILE``; docs/guides/audit.md."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass

NOT_HASHED = {"id", "previous_hash", "hash"}


@dataclass
class Found:
    """`gaps` counts places where events were left out (a filtered export), `broken_at` is the first that was changed."""

    checked: int = 0
    gaps: int = 0
    first_is_genesis: bool = False
    broken_at: int | None = None
    sentence: str = ""


def verify_lines(lines: Iterable[str]) -> Found:
    """Each event's hash is the SHA-256 of: the hash before it, a newline, and its content as canonical JSON."""
    found, previous = Found(), ""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
            content = {name: value for name, value in event.items() if name not in NOT_HASHED}
            content["at"] = content["at"].replace("Z", "+00:00")
            canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            is_good = hashlib.sha256(f"{event['previous_hash']}\n{canonical}".encode()).hexdigest() == event["hash"]
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            found.broken_at, found.sentence = number, f"Line {number} is no event: {problem}."
            return found
        if not is_good:
            found.broken_at, found.sentence = event["id"], f"Event {event['id']} was changed after it was written."
            return found
        if not found.checked:
            found.first_is_genesis = event["previous_hash"] == "0" * 64
        elif event["previous_hash"] != previous:
            found.gaps += 1
        previous, found.checked = event["hash"], found.checked + 1
    found.sentence = _sentence(found)
    return found


def _sentence(found: Found) -> str:
    if not found.checked:
        return "There is no event in it."
    start = "from the very first one on" if found.first_is_genesis else "not from the first one on"
    if not found.gaps:
        return f"{found.checked} events, unchanged and without a gap, {start}."
    return f"{found.checked} events, each unchanged, with {found.gaps} gaps: filtered, or events are missing there."


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        result = verify_lines(file)
    print(result.sentence)
    sys.exit(result.broken_at is not None)
