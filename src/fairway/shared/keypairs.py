"""Generates SSH key pairs on this machine, so that no private key is ever sent to it."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)


def new_key_pair(comment: str) -> tuple[str, str]:
    """Generate an Ed25519 pair in OpenSSH's formats: (private key, public key with comment)."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return private, _public(key, comment)


def public_half(private: str, comment: str) -> str:
    """The public key of a pasted private key; "" if that cannot be read (it has a passphrase or an unusual format)."""
    try:
        return _public(load_ssh_private_key(private.strip().encode() + b"\n", None), comment)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return ""


def _public(key: object, comment: str) -> str:
    public = key.public_key()  # type: ignore[attr-defined]
    return f"{public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()} {comment}"
