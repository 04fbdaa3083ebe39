"""A passkey as a program: it makes and signs what a browser's does, and can be told to do it wrong."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData

PRESENT, VERIFIED, HAS_KEY = 0x01, 0x04, 0x40


@dataclass
class Device:
    """One passkey. `count` is how often it signed; a copy of it (`dataclasses.replace`) counts by itself."""

    origin: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    identifier: bytes = field(default_factory=lambda: os.urandom(32))
    handle: str = ""
    count: int = 0
    flags: int = PRESENT | VERIFIED

    def made(self, options: dict[str, Any]) -> str:
        """What a browser answers that was asked to make it."""
        asked = options["publicKey"]
        self.handle = asked["user"]["id"]
        held = AttestedCredentialData.create(
            Aaguid.NONE, self.identifier, ES256.from_cryptography_key(self.key.public_key())
        )
        about = AuthenticatorData.create(_hashed(asked["rp"]["id"]), self.flags | HAS_KEY, self.count, held)
        kept = AttestationObject.create("none", about, {})
        said = self._said("webauthn.create", asked["challenge"])
        return self._answer({"clientDataJSON": websafe_encode(said), "attestationObject": websafe_encode(bytes(kept))})

    def signed(self, options: dict[str, Any]) -> str:
        """What a browser answers that was asked to sign with it."""
        asked = options["publicKey"]
        self.count += 1
        about = AuthenticatorData.create(_hashed(asked["rpId"]), self.flags, self.count)
        said = self._said("webauthn.get", asked["challenge"])
        signature = self.key.sign(bytes(about) + hashlib.sha256(said).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            {
                "clientDataJSON": websafe_encode(said),
                "authenticatorData": websafe_encode(bytes(about)),
                "signature": websafe_encode(signature),
                "userHandle": self.handle,
            }
        )

    def _said(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _answer(self, response: dict[str, str]) -> str:
        identifier = websafe_encode(self.identifier)
        return json.dumps({"id": identifier, "rawId": identifier, "type": "public-key", "response": response})


def _hashed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
