"""A signed head: how far the chain had come at a moment, in a form that the database cannot take back. Pure.

Whoever may write to the database can cut the end off the chain and move its head back, and the chain still fits. It does not
fit a head that was signed before and is kept elsewhere.
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

_CONTEXT = b"fairway head 1\n"  # a signature made for this says nothing about anything else
LONGEST_LINE = 4096  # characters
MOST_KEPT_HEADS = 50_000  # in one file that somebody kept


@dataclass(frozen=True)
class Head:
    """The chain's newest event at `at` (ISO 8601), its hash, how many events there were, and who says so.

    `number` counts the heads of one installation. `acknowledges` is the number of the event by which an administrator said
    that older heads are not to be compared any more; 0 for all others. `key` is the public key.
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
        """The same, signed with these 32 bytes (Ed25519)."""
        signer = Ed25519PrivateKey.from_private_bytes(private)
        unsigned = replace(self, key=public_key(private), signature="")
        return replace(unsigned, signature=_text(signer.sign(_CONTEXT + unsigned._said())))

    def is_authentic(self) -> bool:
        """Whether `signature` was made over it with `key`. Whose key that is, is another question."""
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
    """Raises `Invalid` for what is no head; whether it is signed well is not looked at."""
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
    if not all(type(one) is int and 0 <= one < 2**63 for one in numbers) or not all(isinstance(one, str) for one in texts):
        raise Invalid("head", "is no signed head; give a line that “fairway audit head” printed.")
    return head


def parse_heads(lines: Iterable[str]) -> list[Head]:
    """Those of a file, in its order. Raises `Invalid` with the line that is none, and for too many."""
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


class Misfit(StrEnum):
    """Why the chain is not the one that a head was signed for."""

    FORGED = "forged"  # the head itself was changed, or signed with another key
    END = "end"  # it had come further
    EXCHANGED = "exchanged"  # it is another one


@dataclass(frozen=True)
class Found:
    """The first head that the chain does not fit."""

    head: Head
    misfit: Misfit
    newest: int

    @property
    def at(self) -> int:
        """The first event that is doubtful."""
        return self.newest + 1 if self.misfit == Misfit.END else self.head.event

    @property
    def sentence(self) -> str:
        head = self.head
        if self.misfit == Misfit.FORGED:
            return f"The signed head {head.number} was changed after it was signed, or signed with another key."
        if self.misfit == Misfit.END:
            reached = f"a head signed at {head.at} says that the chain had reached number {head.event}"
            return f"Events after number {self.newest} are missing: {reached}."
        return f"Event {head.event} is not the one for which a head was signed at {head.at}: events were exchanged."


def first_misfit(heads: Iterable[Head], hashes: Mapping[int, str], newest: int, *, key: str = "") -> Found | None:
    """Compare `heads` with the chain: `hashes` are those of the events that the heads name (as far as there are such),
    `newest` is its last event. Heads must be signed, with `key` where one is given."""
    for head in heads:
        if not head.is_authentic() or (key and head.key != key):
            return Found(head, Misfit.FORGED, newest)
        if head.event > newest:
            return Found(head, Misfit.END, newest)
        if head.event and hashes.get(head.event) != head.hash:
            return Found(head, Misfit.EXCHANGED, newest)
    return None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
