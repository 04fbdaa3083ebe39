"""Verifies ID tokens (OpenID Connect Core 1.0, 3.1.3.7): signature, issuer, audience, times and nonce.

The provider's own key decides which algorithms may be used with it, never the token: a token without signature, or one that
is signed with the provider's public key as if that were a shared secret, is refused.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import jwt
from jwt.exceptions import InvalidSubjectError

from fairway.drivers.identity.trouble import Trouble, Untrusted

# Asymmetric ones only, by type of key (RFC 7518, RFC 8037).
ALGORITHMS: Mapping[str, frozenset[str]] = {
    "RSA": frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    "EC": frozenset({"ES256", "ES384", "ES512"}),
    "OKP": frozenset({"EdDSA"}),
}
ALL = frozenset().union(*ALGORITHMS.values())
LEEWAY = 60  # seconds by which clocks may differ
LEAST_RSA_BITS = 2048
LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, 2: at most 255 ASCII characters
MOST_KEYS = 50


def verified(token: str, *, keys: object, issuer: str, client_id: str, nonce: str) -> dict[str, Any]:
    """The claims of an ID token that this issuer made for this client and this sign-in. Raises `Untrusted`."""
    claims = signed_claims(token, keys=keys, issuer=issuer, audience=client_id)
    audience = claims["aud"]
    party = claims.get("azp")
    if (isinstance(audience, list) and len(audience) > 1 and party is None) or party not in (None, client_id):
        raise Untrusted(Trouble.WRONG_AUDIENCE)
    given = claims.get("nonce")
    if not nonce or not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise Untrusted(Trouble.WRONG_NONCE)
    return claims


def signed_claims(token: str, *, keys: object, issuer: str, audience: str) -> dict[str, Any]:
    """The claims of a token that this issuer signed for this audience, and that is valid now. Raises `Untrusted`."""
    header = _header(token)
    claims = _decoded(token, _key_for(header, _usable(keys)), issuer, audience)
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject or not subject.isascii() or len(subject) > LONGEST_SUBJECT:
        raise Untrusted(Trouble.WRONG_SUBJECT)
    return claims


def usable_count(keys: object) -> int:
    """How many keys of this key set can verify a signature."""
    return len(_usable(keys))


def _header(token: str) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise Untrusted(Trouble.MALFORMED) from None
    if header.get("alg") not in ALL or "crit" in header:
        raise Untrusted(Trouble.ALGORITHM, algorithm=str(header.get("alg"))[:20])
    return header


def _usable(keys: object) -> list[dict[str, Any]]:
    found = keys.get("keys") if isinstance(keys, dict) else None
    if not isinstance(found, list):
        return []
    return [
        key
        for key in found[:MOST_KEYS]
        if isinstance(key, dict) and key.get("kty") in ALGORITHMS and key.get("use", "sig") == "sig"
    ]


def _key_for(header: Mapping[str, Any], keys: list[dict[str, Any]]) -> jwt.PyJWK:
    """The one key that may have signed this: by its id, its type, and its own algorithm where it names one."""
    algorithm = str(header["alg"])
    fitting = [key for key in keys if algorithm in ALGORITHMS[key["kty"]] and key.get("alg", algorithm) == algorithm]
    if "kid" in header:
        fitting = [key for key in fitting if key.get("kid") == header["kid"]]
    if len(fitting) != 1:
        raise Untrusted(Trouble.UNKNOWN_KEY)
    try:
        key = jwt.PyJWK(fitting[0], algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise Untrusted(Trouble.UNKNOWN_KEY) from None
    if fitting[0]["kty"] == "RSA" and key.key.key_size < LEAST_RSA_BITS:
        raise Untrusted(Trouble.WEAK_KEY)
    return key


def _decoded(token: str, key: jwt.PyJWK, issuer: str, client_id: str) -> dict[str, Any]:
    needed = ["iss", "sub", "aud", "exp", "iat"]
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=client_id,
            issuer=issuer,
            leeway=LEEWAY,
            options={"require": needed},
        )
    except jwt.InvalidIssuerError:
        raise Untrusted(Trouble.WRONG_ISSUER) from None
    except jwt.InvalidAudienceError:
        raise Untrusted(Trouble.WRONG_AUDIENCE) from None
    except jwt.ExpiredSignatureError:
        raise Untrusted(Trouble.EXPIRED) from None
    except jwt.ImmatureSignatureError:
        raise Untrusted(Trouble.FUTURE) from None
    except InvalidSubjectError:
        raise Untrusted(Trouble.WRONG_SUBJECT) from None
    except jwt.InvalidSignatureError:
        raise Untrusted(Trouble.SIGNATURE) from None
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
        raise Untrusted(Trouble.MALFORMED) from None
