"""Verifies that a webhook comes from somebody who knows its secret. Pure.

Sources: docs.github.com “Validating webhook deliveries” (X-Hub-Signature-256), docs.gitlab.com “Webhooks” (X-Gitlab-Token,
and a signing token by Standard Webhooks), docs.gitea.com “Webhooks” (X-Gitea-Signature), standardwebhooks.com.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping

from fairway.drivers.forges.contract import NotAccepted

PREFIX = "whsec_"  # Standard Webhooks: what follows is the key in base64. For the others the whole text is the key.
KEY_BYTES = 24
TOLERANCE = 300.0  # seconds that a Standard Webhooks timestamp may be off
_HEX = ("x-gitea-signature", "x-forgejo-signature", "x-gogs-signature")
_MOST = 10  # signatures that one header may list; senders list two while they change keys


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def standard_signature(secret: str, number: str, at: str, body: bytes) -> str:
    """The header ``webhook-signature`` by Standard Webhooks, for a message's id and its Unix time in seconds."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, f"{number}.{at}.".encode() + body, hashlib.sha256).digest()).decode()


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> None:
    """Raises `NotAccepted` unless there is a signature and every one that is there is right.

    `headers` have names in lower case; `now` is a Unix time in seconds.
    """
    found = list(_checks(headers, body, secret, now))
    if not found:
        raise NotAccepted(
            "unsigned", "It has no signature. Enter the secret of this webhook where the repository's webhooks are set up."
        )
    if not all(found):
        raise NotAccepted(
            "signature",
            "Its signature is wrong: it was made with another secret, or the body was changed on its way. Enter the secret "
            "again, or renew it.",
        )


def _checks(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> Iterator[bool]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if "x-hub-signature-256" in headers:
        yield _same(headers["x-hub-signature-256"], f"sha256={digest}")
    for name in _HEX:
        if name in headers:
            yield _same(headers[name], digest)
    if "x-gitlab-token" in headers:
        yield _same(headers["x-gitlab-token"], secret)
    if "webhook-signature" in headers:
        yield _is_standard(headers, body, secret, now)


def _is_standard(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> bool:
    """Whether one of the signatures by Standard Webhooks is right. Raises `NotAccepted` if it is too old."""
    number, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not number or not at.isascii() or not at.isdigit() or len(at) > 12:
        return False
    wanted = standard_signature(secret, number, at, body).removeprefix("v1,")
    listed = headers["webhook-signature"].split(" ")[:_MOST]
    is_right = any(_same(one.removeprefix("v1,"), wanted) for one in listed if one.startswith("v1,"))
    if is_right and abs(now - int(at)) > TOLERANCE:
        raise NotAccepted("too_old", "Its timestamp is more than five minutes off; send it anew, or set the sender's clock.")
    return is_right


def _same(given: str, wanted: str) -> bool:
    """Whether two texts are equal, in a time that tells nothing about where they differ."""
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())
