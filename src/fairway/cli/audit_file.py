"""Verifies exported events and evidence without Fairway; see docs/guides/audit.md and docs/guides/evidence.md.

``python audit_file.py EVENTS [HEADS]`` verifies events, ``python audit_file.py evidence FILE [--events EVENTS] [--key KEY]``
verifies evidence. It needs nothing but Python's standard library.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NOT_HASHED = {"id", "previous_hash", "hash"}
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
TYPES = "https://fairway.invalid/evidence"
ABOUT = {
    f"{TYPES}/deployment/v1": "deployment",
    f"{TYPES}/release/v1": "release",
    "https://slsa.dev/provenance/v1": "provenance",
}
LARGEST_LINE = 64 * 1024 * 1024  # characters


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


@dataclass
class Proof:
    """The result for evidence. `problem` says what is wrong, "" if nothing is. `key` is the public key that signed it;
    `compared` counts the events that were found in the given export."""

    key: str = ""
    statements: int = 0
    subjects: list[str] = field(default_factory=list)  # “deployment 12”, “release 3”, …
    events: int = 0
    compared: int = 0
    problem: str = ""
    sentence: str = ""


class Tampered(Exception):
    """Something in the evidence is not as it was signed; the message says what and where."""


def verify_evidence(lines: Iterable[str], *, events: Iterable[str] | None = None, key: str = "") -> Proof:
    """Verify a file of evidence: the signature of every statement, that none is missing, and the signed head above their
    events. `key` is the public key that it must be signed with, `events` an export with which its events are compared."""
    proof = Proof()
    try:
        found = [_statement(number, line, proof, key) for number, line in enumerate(lines, 1) if line.strip()]
        if not found:
            raise Tampered("There is no statement in it.")
        _refuse_removed(found)
        proof.statements, proof.subjects = len(found), [each.about for each in found if each.kind != "provenance"]
        for each in found:
            proof.events += _refuse_uncovered(each, proof.key)
        if events is not None:
            proof.compared = _compare(found, events)
    except Tampered as problem:
        return _failed(proof, str(problem))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as problem:
        return _failed(
            proof, f"It is signed with key {proof.key}, but not written by Fairway: {type(problem).__name__} {problem}."
        )
    proof.sentence = _said(proof, is_compared=events is not None, is_known=bool(key))
    return proof


def _failed(proof: Proof, problem: str) -> Proof:
    proof.problem = proof.sentence = problem
    return proof


def _said(proof: Proof, *, is_compared: bool, is_known: bool) -> str:
    subjects = proof.subjects
    what = ", ".join(subjects) if len(subjects) < 4 else f"{subjects[-1]} and {len(subjects) - 1} more"
    compared = (
        f"{proof.compared} events are in the export, unchanged"
        if is_compared
        else f"the {proof.events} events that it names were not compared, because no export was given"
    )
    known = (
        ""
        if is_known
        else " Whether that key is the installation's, this file cannot say: compare it with a key that you kept."
    )
    return f"{proof.statements} statements about {what}, complete, and signed with key {proof.key}; {compared}.{known}"


@dataclass(frozen=True)
class _Statement:
    line: int
    checksum: str
    kind: str
    content: Mapping[str, Any]

    @property
    def predicate(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.content["predicate"]
        return found

    @property
    def about(self) -> str:
        if self.kind == "provenance":
            return f"the provenance of {self.content['subject'][0]['name']}"
        return f"{self.kind} {self.predicate[self.kind]['number']}"


def _statement(number: int, line: str, proof: Proof, key: str) -> _Statement:
    """Read a line and verify its signature. The first line sets the key that all others must have, unless `key` is given."""
    try:
        if len(line) > LARGEST_LINE:
            raise ValueError("it is too long")
        envelope = json.loads(line)
        kind, payload = envelope["payloadType"], base64.b64decode(envelope["payload"], validate=True)
        (signature,) = envelope["signatures"]
        signed_by, sig = signature["keyid"], base64.b64decode(signature["sig"], validate=True)
        public = base64.urlsafe_b64decode(signed_by + "=" * (-len(signed_by) % 4))
        said = b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise Tampered(f"Line {number} is not a signed statement: {problem}.") from None
    proof.key = proof.key or key or signed_by
    if signed_by != proof.key:
        raise Tampered(f"Line {number} is signed with another key: {signed_by}, not {proof.key}.")
    if not is_signed(public, said, sig):
        raise Tampered(f"Line {number} was changed after it was signed, or its signature is of another key.")
    try:
        content = json.loads(payload)
        if kind != PAYLOAD_TYPE or content["_type"] != STATEMENT_TYPE:
            raise ValueError("it is no in-toto statement")
        if not content["subject"] or not all(each["digest"] for each in content["subject"]):
            raise ValueError("it names no bytes")
        read = _Statement(number, hashlib.sha256(payload).hexdigest(), ABOUT[content["predicateType"]], content)
        assert read.about
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as problem:
        raise Tampered(f"Line {number} is signed, but is not evidence of Fairway: {problem}.") from None
    return read


def _refuse_removed(found: Sequence[_Statement]) -> None:
    """Every statement that another one names must be there, and all but one must be named by another."""
    there = {each.checksum: each for each in found}
    if len(there) < len(found):
        raise Tampered("A statement is in the file twice.")
    named = {checksum: each for each in found for checksum in each.predicate.get("statements", ())}
    for checksum, by in named.items():
        if checksum not in there:
            raise Tampered(f"A statement was removed: line {by.line}, about {by.about}, names one with SHA-256 {checksum}.")
    roots = [each for each in found if each.checksum not in named]
    if len(roots) != 1 or roots[0].kind == "provenance":
        names = ", ".join(f"line {each.line} ({each.about})" for each in roots)
        raise Tampered(f"A statement was removed: nothing in the file names {names}, as the removed one did.")


def _refuse_uncovered(one: _Statement, key: str) -> int:
    """Verify the signed head of a statement, and that its events are not newer. Returns how many events it names."""
    listed, head = one.predicate.get("events", ()), one.predicate.get("head")
    if head is None:
        return len(listed)
    said = {name: value for name, value in head.items() if name != "signature"}
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    public, signature = (
        base64.urlsafe_b64decode(head[name] + "=" * (-len(head[name]) % 4)) for name in ("key", "signature")
    )
    if head["key"] != key or not is_signed(public, b"fairway head 1\n" + canonical, signature):
        raise Tampered(f"The signed head in line {one.line}, about {one.about}, is not authentic.")
    if any(event["number"] > head["event"] for event in listed):
        raise Tampered(f"The signed head in line {one.line}, about {one.about}, does not cover all of its events.")
    return len(listed)


def _compare(found: Sequence[_Statement], lines: Iterable[str]) -> int:
    """Verify the export, and that it has every event that the statements name, with the same hash."""
    wanted = {event["number"]: (event["hash"], each) for each in found for event in each.predicate.get("events", ())}
    heads = {head["event"]: head for each in found if (head := each.predicate.get("head"))}
    hashes: dict[int, str] = {}

    def seen() -> Iterator[str]:
        for line in lines:
            yield line
            if line.strip():  # `verify_lines` has read it by now, so it is an event
                event = json.loads(line)
                if event["id"] in wanted or event["id"] in heads:
                    hashes[event["id"]] = event["hash"]

    export = verify_lines(seen())
    if export.broken_at is not None:
        raise Tampered(f"The export cannot be trusted: {export.sentence}")
    for number, (known, each) in sorted(wanted.items()):
        if number not in hashes:
            raise Tampered(f"Event {number}, which line {each.line} names for {each.about}, is not in the export.")
        if hashes[number] != known:
            raise Tampered(f"Event {number} in the export is not the one that line {each.line} names for {each.about}.")
    for number, head in heads.items():
        if hashes.get(number, head["hash"]) != head["hash"]:
            raise Tampered(f"Event {number} in the export is not the one for which the head of {head['at']} was signed.")
        if number not in hashes and export.first_is_genesis and not export.gaps:
            raise Tampered(f"Event {number}, for which the head of {head['at']} was signed, is missing in the export.")
    return len(wanted)


# --- Ed25519 (RFC 8032), verification only: Python's standard library has none. Points are (X, Y, Z, T) with T = X·Y/Z.

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_Point = tuple[int, int, int, int]


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is an Ed25519 signature of the message with this public key."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, first = _point(public), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or first is None or scalar >= _ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _ORDER
    left, right = _times(scalar, _BASE), _plus(first, _times(challenge, key))
    return all((left[i] * right[2] - right[i] * left[2]) % _P == 0 for i in (0, 1))


def _point(encoded: bytes) -> _Point | None:
    """The point of these 32 bytes; None if there is none."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


def _plus(one: _Point, other: _Point) -> _Point:
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % _P, (one[1] + one[0]) * (other[1] + other[0]) % _P
    c, d = 2 * one[3] * other[3] * _D % _P, 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: _Point) -> _Point:
    total: _Point = (0, 1, 1, 0)
    while scalar:
        total = _plus(total, point) if scalar & 1 else total
        point, scalar = _plus(point, point), scalar >> 1
    return total


_BASE: _Point = _point((4 * pow(5, -1, _P) % _P).to_bytes(32, "little")) or (0, 1, 1, 0)


def _verify_evidence_file(words: Sequence[str]) -> int:
    import argparse

    parser = argparse.ArgumentParser(prog="audit_file.py evidence", description="Verify a file of evidence.")
    parser.add_argument("file", help="what “fairway evidence” wrote")
    parser.add_argument("--events", help="exported events (JSON lines) to compare with")
    parser.add_argument("--key", default="", help="the public key that it must be signed with")
    given = parser.parse_args(words)
    with open(given.file, encoding="utf-8") as file:
        if given.events:
            with open(given.events, encoding="utf-8") as events:
                proof = verify_evidence(file, events=events, key=given.key)
        else:
            proof = verify_evidence(file, key=given.key)
    print(proof.sentence)
    return int(bool(proof.problem))


if __name__ == "__main__":
    if sys.argv[1:2] == ["evidence"]:
        sys.exit(_verify_evidence_file(sys.argv[2:]))
    kept = []
    if len(sys.argv) > 2:
        with open(sys.argv[2], encoding="utf-8") as file:
            kept = [json.loads(line) for line in file if line.strip()]
    with open(sys.argv[1], encoding="utf-8") as file:
        result = verify_lines(file, kept)
    print(result.sentence)
    sys.exit(result.broken_at is not None)
