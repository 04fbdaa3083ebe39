"""What Fairway asks of a sign-in provider, and what a provider vouches for. `openid` and `github` keep this contract."""

from __future__ import annotations

import base64
import hashlib
import importlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from fairway.drivers.identity.asking import Line
from fairway.drivers.identity.kinds import Kind


@dataclass(frozen=True)
class Client:
    """Fairway as a provider knows it. `groups_claim` is the claim that lists somebody's groups; dots lead into objects.
    `groups` are those that decide something here; where groups must be asked for, only such kinds of them are."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    scopes: str = "openid email profile"
    groups_claim: str = ""
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Proof:
    """What ties an answer to one sign-in in one browser; kept in the session, used once."""

    state: str
    nonce: str
    verifier: str = field(repr=False)

    @classmethod
    def new(cls) -> Proof:
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """What PKCE calls the S256 code challenge."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True)
class Identity:
    """Whom a provider vouches for. Issuer and subject together identify them; everything else is what it says of them."""

    issuer: str
    subject: str
    email: str = ""
    is_email_verified: bool = False
    username: str = ""
    name: str = ""
    groups: frozenset[str] = frozenset()

    @property
    def verified_email(self) -> str:
        return self.email if self.is_email_verified else ""


class SignIn(Protocol):
    """A kind of provider. All raise `Untrusted`."""

    def way_there(self, client: Client, proof: Proof, line: Line) -> str:
        """Where the browser is sent to sign in."""

    def vouched_for(self, client: Client, proof: Proof, brought: Mapping[str, str], line: Line) -> Identity:
        """Exchange the code that the browser `brought` back, and verify whom the provider vouches for."""

    def try_out(self, client: Client, line: Line) -> str:
        """Ask everything that can be known before anybody signs in; returns where people will sign in."""


def sign_in_of(kind: Kind) -> SignIn:
    """The module that speaks to providers of this kind; loaded when it is needed."""
    return cast(SignIn, importlib.import_module(f"fairway.drivers.identity.{kind.value}"))


def error_code(error: object) -> str:
    """An error code as a provider sent it, fit to be shown."""
    text = error if isinstance(error, str) else ""
    return "".join(letter for letter in text[:60] if letter.isascii() and (letter.isalnum() or letter in "_-.")) or "—"


def text_of(said: Mapping[str, Any], name: str, longest: int) -> str:
    """A text of what a provider said; "" if it is missing or something else."""
    value = said.get(name)
    return value.strip()[:longest] if isinstance(value, str) and value.isprintable() else ""
