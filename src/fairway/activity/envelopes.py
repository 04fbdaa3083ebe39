"""Signed statements: in-toto statements in DSSE envelopes, signed with the key of signed heads. Pure.

DSSE signs the type together with the payload, after a prefix of its own. So the key can serve for heads, too: no signature
of one kind is valid for the other (https://github.com/secure-systems-lab/dsse).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fairway.activity.heads import public_key
from fairway.activity.rules import canonical

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


@dataclass(frozen=True)
class Statement:
    """A claim about artifacts: `subject` are in-toto resource descriptors, `kind` is the URI of the predicate's type."""

    kind: str
    subject: tuple[Mapping[str, Any], ...]
    predicate: Mapping[str, Any]

    def payload(self) -> bytes:
        """The bytes that are signed: canonical JSON."""
        return canonical(
            {
                "_type": STATEMENT_TYPE,
                "subject": [dict(each) for each in self.subject],
                "predicateType": self.kind,
                "predicate": dict(self.predicate),
            }
        )

    @property
    def checksum(self) -> str:
        """The SHA-256 of the payload, by which another statement names this one."""
        return hashlib.sha256(self.payload()).hexdigest()

    def signed(self, private: bytes) -> str:
        """The envelope as one line of JSON, without the newline. `private` is an Ed25519 key of 32 bytes."""
        payload = self.payload()
        signature = Ed25519PrivateKey.from_private_bytes(private).sign(signed_bytes(PAYLOAD_TYPE, payload))
        envelope = {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [{"keyid": public_key(private), "sig": base64.b64encode(signature).decode()}],
        }
        return json.dumps(envelope, separators=(",", ":"))


def signed_bytes(payload_type: str, payload: bytes) -> bytes:
    """What DSSE signs (its “pre-authentication encoding”)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
