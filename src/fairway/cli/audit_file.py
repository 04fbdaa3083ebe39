"""Verifies exported events without Fairway: ``python audit_file.py EVENTS [HEADS]``; see docs/guides/audit.md."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

NOT_HASHED = {"id", "previous_hash", "hash"}


@dataclass
class Found:
    """The result. `gaps` counts gaps in a filtered export, `broken_at` is the first event that was changed or is missing,
    `heads` counts the given signed heads whose events are in the file."""

    checked: int = 0
    gaps: int = 0
    first_is_genesis: bool = False
    broken_at: int | None = None
    sentence: str = ""
    heads: int = 0


def verify_lines(lines: Iterable[str], heads: Sequence[dict[str, Any]] = ()) -> Found:
    """Verify events: each hash must be the SHA-256 of the previous hash, a newline, and the content as canonical JSON.

    `heads` say which hash an event had, and how far the chain had come, when they were signed.
    """
    found, previous, last = Found(), "", 0
    signed = {head["event"]: head for head in heads}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
            content = {name: value for name, value in event.items() if name not in NOT_HASHED}
            content["at"] = content["at"].replace("Z", "+00:00")
            canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            is_good = hashlib.sha256(f"{event['previous_hash']}\n{canonical}".encode()).hexdigest() == event["hash"]
            head = signed.get(event["id"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
            return _broken(found, number, f"Line {number} is not an event: {problem}.")
        if not is_good:
            return _broken(found, event["id"], f"Event {event['id']} was changed after it was written.")
        if head is not None and head["hash"] != event["hash"]:
            words = f"Event {event['id']} is not the one for which a head was signed at {head['at']}: events were exchanged."
            return _broken(found, event["id"], words)
        if not found.checked:
            found.first_is_genesis = event["previous_hash"] == "0" * 64
        elif event["previous_hash"] != previous:
            found.gaps += 1
        if head is not None:
            found.heads += 1
            del signed[event["id"]]
        previous, last, found.checked = event["hash"], event["id"], found.checked + 1
    for number, head in sorted(signed.items(), reverse=True):
        if number > last:
            words = f"Events after number {last} are missing: by {head['at']} the chain had reached number {number}."
            return _broken(found, last + 1, words)
        if not found.gaps and found.first_is_genesis:
            words = f"Event {number}, for which a head was signed at {head['at']}, is missing, and no gap is left."
            return _broken(found, number, words)
    found.sentence = _sentence(found) + (
        f" {found.heads} of {len(heads)} signed heads belong to events in it, and match." if heads else ""
    )
    return found


def _broken(found: Found, at: int, sentence: str) -> Found:
    found.broken_at, found.sentence = at, sentence
    return found


def _sentence(found: Found) -> str:
    if not found.checked:
        return "There is no event in it."
    start = "from the first one on" if found.first_is_genesis else "not from the first one on"
    if not found.gaps:
        return f"{found.checked} events, unchanged and without gaps, {start}."
    return f"{found.checked} events, each unchanged, with {found.gaps} gaps: the export was filtered, or events are missing."


if __name__ == "__main__":
    kept = []
    if len(sys.argv) > 2:
        with open(sys.argv[2], encoding="utf-8") as file:
            kept = [json.loads(line) for line in file if line.strip()]
    with open(sys.argv[1], encoding="utf-8") as file:
        result = verify_lines(file, kept)
    print(result.sentence)
    sys.exit(result.broken_at is not None)
