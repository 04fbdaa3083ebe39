"""An authenticator app (RFC 6238): what somebody's phone shows for a secret, at a time."""

from __future__ import annotations

import base64
import hmac
import struct
from hashlib import sha1

HALF_MINUTE = 30


def code_for(secret: str, at: float) -> str:
    """The six digits of the half minute in which `at` lies."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(at) // HALF_MINUTE), sha1)
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"
