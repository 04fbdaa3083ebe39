"""Signed heads: proofs of how far the event chain had come at a time, stored outside the database. Pure.

Somebody who can write to the database can delete the newest events and move the chain's head back, and the chain is still
consistent. But it no longer matches a head that was signed before and is stored elsewhere.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fairway.activity.rules import canonical
from fairway.shared.names import Invalid

_CONTEXT = b"fairway head 1\n"  # domain separation: the signature is valid for nothing else
LONGEST_LINE = 4096  # characters
MOST_KEPT_HEADS = 50_000  # in one file given for comparison


@dataclass(frozen=True)
class Head:
    """The chain's newest event at time `at` (ISO 8601), its hash, the number of events, and a signature.

    `number` counts the heads of one installation. `acknowledges` is the number of the event with which an administrator
    acknowledged a break, so that older heads no longer count; 0 for all others. `key` is the public key.
    """

    number: int
    event: int
    hash: str
    count: int
    at: str
    acknowledges: int = 0
    key: str = ""
    signature: str = ""

    def signed(self, private: bytes) -> Head:
        """A copy, signed with this Ed25519 private key of 32 bytes."""
        signer = Ed25519PrivateKey.from_private_bytes(private)
        unsigned = replace(self, key=public_key(private), signature="")
        return replace(unsigned, signature=_text(signer.sign(_CONTEXT + unsigned._said())))

    def is_authentic(self) -> bool:
        """Whether `signature` was made with `key`. It does not check whose key that is."""
        try:
            Ed25519PublicKey.from_public_bytes(_bytes(self.key)).verify(_bytes(self.signature), _CONTEXT + self._said())
        except (InvalidSignature, ValueError):
            return False
        return True

    def line(self) -> str:
        """One line of JSON, without the newline."""
        return canonical(asdict(self)).decode()

    def _said(self) -> bytes:
        return canonical({name: value for name, value in asdict(self).items() if name != "signature"})


def public_key(private: bytes) -> str:
    return _text(Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw())


def parse_head(line: str) -> Head:
    """Parse a line. Raises `Invalid` if it is not a head; the signature is not verified."""
    try:
        if len(line) > LONGEST_LINE:
            raise ValueError
        found = json.loads(line)
        head = Head(**{name: found[name] for name in ("number", "event", "hash", "count", "at", "key", "signature")},
                    acknowledges=found.get("acknowledges", 0))  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Invalid("head", "is no signed head; give a line that “fairway audit head” printed.") from None
    numbers = (head.number, head.event, head.count, head.acknowledges)
    texts = (head.hash, head.at, head.key, head.signature)
    if not all(type(number) is int and 0 <= number < 2**63 for number in numbers) or not all(
        isinstance(text, str) for text in texts
    ):
        raise Invalid("head", "is no signed head; give a line that “fairway audit head” printed.")
    return head


def parse_heads(lines: Iterable[str]) -> list[Head]:
    """The heads of a file, in order. Raises `Invalid` for a malformed line, which it names, and for too many lines."""
    heads: list[Head] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(heads) >= MOST_KEPT_HEADS:
            raise Invalid("heads", "are more than {most}; keep the newest ones only.", most=MOST_KEPT_HEADS)
        try:
            heads.append(parse_head(line))
        except Invalid as problem:
            raise Invalid(f"line {number}", problem.sentence) from None
    return heads


class Mismatch(StrEnum):
    """Why a signed head does not match the chain."""

    FORGED = "forged"  # the head was changed, or signed with another key
    END = "end"  # the head's event is missing: the chain was longer
    EXCHANGED = "exchanged"  # the head's event has another hash


@dataclass(frozen=True)
class HeadMismatch:
    """The first head that does not match the chain, and how."""

    head: Head
    kind: Mismatch
    newest: int

    @property
    def at(self) -> int:
        """The number of the first event that is not trustworthy."""
        return self.newest + 1 if self.kind == Mismatch.END else self.head.event

    @property
    def sentence(self) -> str:
        head = self.head
        if self.kind == Mismatch.FORGED:
            return f"The signed head {head.number} was changed after it was signed, or signed with another key."
        if self.kind == Mismatch.END:
            reached = f"a head signed at {head.at} says that the chain had reached number {head.event}"
            return f"Events after number {self.newest} are missing: {reached}."
        return f"Event {head.event} is not the one for which a head was signed at {head.at}: events were exchanged."


def first_mismatch(heads: Iterable[Head], hashes: Mapping[int, str], newest: int, *, key: str = "") -> HeadMismatch | None:
    """Compare `heads` with the chain; None if all match. `hashes` are the hashes of the events that the heads name (those
    that exist), `newest` is the chain's last event. Heads must be signed, with `key` if it is given."""
    for head in heads:
        if not head.is_authentic() or (key and head.key != key):
            return HeadMismatch(head, Mismatch.FORGED, newest)
        if head.event > newest:
            return HeadMismatch(head, Mismatch.END, newest)
        if head.event and hashes.get(head.event) != head.hash:
            return HeadMismatch(head, Mismatch.EXCHANGED, newest)
    return None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
