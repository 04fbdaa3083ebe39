"""A client of OpenID Connect providers: authorization code with PKCE (S256), state and nonce."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

from fairway.drivers.identity import id_tokens
from fairway.drivers.identity.asking import Line
from fairway.drivers.identity.contract import Client, Identity, Proof, error_code, text_of
from fairway.drivers.identity.trouble import Trouble, Untrusted

WELL_KNOWN = "/.well-known/openid-configuration"
LONGEST_GROUP = 300
MOST_GROUPS = 2000


@dataclass(frozen=True)
class Provider:
    """What a provider publishes about itself, checked."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    secret_methods: tuple[str, ...]
    names_itself: bool  # the answer to the browser says which provider it comes from (RFC 9207)


def way_there(client: Client, proof: Proof, line: Line) -> str:
    """Where the browser is sent to sign in. Raises `Untrusted`."""
    return authorization_url(discover(client.issuer, line), client, proof)


def vouched_for(client: Client, proof: Proof, brought: Mapping[str, str], line: Line) -> Identity:
    """Whom the provider vouches for. An answer of another provider is not taken for this one's (RFC 9207). Raises
    `Untrusted`."""
    provider, said = discover(client.issuer, line), brought.get("iss")
    if (said is None and provider.names_itself) or (said is not None and said != provider.issuer):
        raise Untrusted(Trouble.WRONG_ISSUER)
    return redeem(provider, client, proof, brought["code"], line)


def discover(issuer: str, line: Line) -> Provider:
    """Read what the provider publishes. Raises `Untrusted`, also if it calls itself something else than `issuer`."""
    line.checked(issuer)
    found = line.get(issuer.rstrip("/") + WELL_KNOWN)
    if found.get("issuer") != issuer:
        raise Untrusted(Trouble.ISSUER_DIFFERS, issuer=issuer, said=str(found.get("issuer"))[:300])
    ends = {name: _endpoint(found, name, line) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    if "code" not in _list(found, "response_types_supported", "code"):
        raise Untrusted(Trouble.NO_CODE_FLOW)
    if "S256" not in _list(found, "code_challenge_methods_supported", "S256"):
        raise Untrusted(Trouble.NO_PKCE)
    methods = _list(found, "token_endpoint_auth_methods_supported", "client_secret_basic")
    usable = tuple(method for method in ("client_secret_post", "client_secret_basic") if method in methods)
    if not usable:
        raise Untrusted(Trouble.NO_CLIENT_SECRET)
    userinfo = _endpoint(found, "userinfo_endpoint", line) if found.get("userinfo_endpoint") else ""
    names_itself = found.get("authorization_response_iss_parameter_supported") is True
    return Provider(issuer=issuer, userinfo_endpoint=userinfo, secret_methods=usable, names_itself=names_itself, **ends)


def authorization_url(provider: Provider, client: Client, proof: Proof) -> str:
    """Where the browser is sent."""
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": client.scopes,
        "state": proof.state,
        "nonce": proof.nonce,
        "code_challenge": proof.challenge,
        "code_challenge_method": "S256",
    }
    joint = "&" if "?" in provider.authorization_endpoint else "?"
    return f"{provider.authorization_endpoint}{joint}{urlencode(asked)}"


def redeem(provider: Provider, client: Client, proof: Proof, code: str, line: Line) -> Identity:
    """Exchange the code of a browser that came back, and verify whom the provider vouches for. Raises `Untrusted`."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": proof.verifier,
    }
    answer = _tokens(provider, client, form, line)
    token = answer.get("id_token")
    if not isinstance(token, str):
        raise Untrusted(Trouble.NO_ID_TOKEN)
    keys = line.get(provider.jwks_uri)
    claims = id_tokens.verified(token, keys=keys, issuer=provider.issuer, client_id=client.client_id, nonce=proof.nonce)
    access = answer.get("access_token")
    if provider.userinfo_endpoint and isinstance(access, str) and access:
        told = line.get(provider.userinfo_endpoint, token=access)
        if told.get("sub") != claims["sub"]:
            raise Untrusted(Trouble.WRONG_SUBJECT)
        claims = {**told, **claims}  # what is signed counts more
    return identity_from(claims, client.groups_claim)


def try_out(client: Client, line: Line) -> str:
    """Ask for the provider's description, its keys, and by a code that nobody has, whether it knows the client and its
    secret; returns where people will sign in. Raises `Untrusted`."""
    provider = discover(client.issuer, line)
    if not id_tokens.usable_count(line.get(provider.jwks_uri)):
        raise Untrusted(Trouble.NO_KEYS, url=provider.jwks_uri)
    form = {
        "grant_type": "authorization_code",
        "code": f"fairway-tries-{secrets.token_urlsafe(8)}",
        "redirect_uri": client.redirect_uri,
        "code_verifier": secrets.token_urlsafe(48),
    }
    try:
        _tokens(provider, client, form, line)
    except Untrusted as problem:
        if problem.trouble is not Trouble.CODE_REFUSED:
            raise
    return provider.authorization_endpoint


def identity_from(claims: Mapping[str, Any], groups_claim: str) -> Identity:
    """The identity in verified claims. Values of a wrong type count as missing."""
    verified = claims.get("email_verified")
    return Identity(
        issuer=claims["iss"],
        subject=claims["sub"],
        email=text_of(claims, "email", 254),
        is_email_verified=verified is True or verified == "true",
        username=text_of(claims, "preferred_username", 150),
        name=text_of(claims, "name", 150),
        groups=frozenset(_groups(claims, groups_claim)),
    )


def _tokens(provider: Provider, client: Client, form: Mapping[str, str], line: Line) -> dict[str, Any]:
    """The answer of the token endpoint. A provider may offer two ways to send the secret and accept one for this client."""
    status, answer = 0, dict[str, Any]()
    for method in provider.secret_methods:
        status, answer = _sent(provider, client, form, method, line)
        if answer.get("error") not in ("invalid_client", "unauthorized_client") and status != 401:
            break
    error = answer.get("error")
    if status == 401 or error in ("invalid_client", "unauthorized_client"):
        raise Untrusted(Trouble.CLIENT_REFUSED)
    if error == "invalid_grant":
        raise Untrusted(Trouble.CODE_REFUSED)
    if status != 200 or error is not None:
        raise Untrusted(Trouble.TOKEN_REFUSED, status=status, error=error_code(error))
    return answer


def _sent(
    provider: Provider, client: Client, form: Mapping[str, str], method: str, line: Line
) -> tuple[int, dict[str, Any]]:
    if method == "client_secret_post":
        with_secret = {**form, "client_id": client.client_id, "client_secret": client.client_secret}
        return line.post(provider.token_endpoint, with_secret)
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"  # RFC 6749, 2.3.1
    return line.post(provider.token_endpoint, form, authorization=f"Basic {base64.b64encode(pair.encode()).decode()}")


def _endpoint(found: Mapping[str, Any], name: str, line: Line) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise Untrusted(Trouble.MISSING, name=name)
    return str(line.checked(value))


def _list(found: Mapping[str, Any], name: str, default: str) -> list[Any]:
    value = found.get(name, [default])
    return value if isinstance(value, list) else []


def _groups(claims: Mapping[str, Any], path: str) -> Iterator[str]:
    if not path:
        return
    found: Any = claims.get(path)
    if found is None and "." in path:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    for group in ([found] if isinstance(found, str) else found if isinstance(found, list) else [])[:MOST_GROUPS]:
        if isinstance(group, str) and 0 < len(group) <= LONGEST_GROUP:
            yield group
