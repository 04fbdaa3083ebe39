"""Fairway as OpenID provider of the applications it runs: their clients, who gets a token, and what tells who somebody is.

allauth (`allauth.idp.oidc`, with oauthlib) speaks the protocol and keeps clients and tokens. What it cannot know is decided
here: a client is one application in one environment; only people who may open it get a code; its redirect addresses are
those of its hosts now; and a code or token counts while the session lives that it came from.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.models import Client, PrivateKey, Token
from django.conf import settings
from django.core.cache import cache

from fairway.accounts.access import actor_of_session
from fairway.accounts.models import User
from fairway.accounts.rules import Act, Actor, NotVisible, may
from fairway.activity.rules import Door
from fairway.applications.models import Application
from fairway.deployments.models import Placement
from fairway.deployments.rules import Wanted
from fairway.environments.models import Environment

if TYPE_CHECKING:
    from fairway.catalog.rules import OpenId

SCOPES = ("openid", "profile", "email")
CODE_SECONDS = 60


def issuer() -> str:
    return str(settings.PUBLIC_URL).rstrip("/")


@dataclass(frozen=True)
class NewClient:
    """A client that is to be registered. The secret is known only now; of it, a hash is kept."""

    id: str
    secret: str

    @classmethod
    def new(cls) -> NewClient:
        return cls(f"fairway-{secrets.token_hex(12)}", secrets.token_urlsafe(32))

    def variables(self, wanted: OpenId) -> dict[str, str]:
        """What the application is told in the open; the secret goes with its secrets."""
        return {wanted.issuer: issuer(), wanted.client_id: self.id}


def register(*, new: NewClient, application: Application, environment: Environment, callback: str) -> None:
    """Keep the client of an application in one environment, in the transaction of the command that creates it."""
    client = Client(id=new.id, name=application.name[:100], skip_consent=True)
    client.set_secret(new.secret)
    client.set_scopes(list(SCOPES))
    client.set_grant_types([Client.GrantType.AUTHORIZATION_CODE])
    client.set_response_types([Client.ResponseType.CODE])
    client.data = {"application": application.pk, "environment": environment.pk, "callback": callback}
    client.save()


def placement_of_client(client_id: str) -> Placement | None:
    """Where the application of this client is; None if there is no such client, or it was removed from there."""
    client = Client.objects.filter(pk=client_id[:100]).first()
    where = client.data if client is not None and isinstance(client.data, dict) else None
    if where is None:
        return None
    living = Placement.objects.exclude(wanted=Wanted.REMOVED).select_related("application", "environment")
    return living.filter(
        application_id=where["application"],
        environment_id=where["environment"],
        application__deleted_at=None,
        environment__deleted_at=None,
    ).first()


def has_client(application: Application, environment: Environment) -> bool:
    """Whether the application is a client in this environment, so that it asks Fairway who somebody is."""
    where = {"data__application": application.pk, "data__environment": environment.pk}
    return bool(Client.objects.filter(**where).exists())


def client_for(actor: Actor, client_id: str) -> Client:
    """The client, whose redirect addresses are set to those of its hosts now. Raises `NotVisible` if there is none, or the
    actor may not open its application."""
    placement = placement_of_client(client_id)
    if placement is None or not _may_open(actor, placement):
        raise NotVisible("application", client_id[:40])
    client = Client.objects.get(pk=client_id)
    wanted = [f"{url}{client.data['callback']}" for url in placement.urls]
    if client.get_redirect_uris() != wanted:
        client.set_redirect_uris(wanted)
        client.save(update_fields=["redirect_uris"])
    return client


def remember_code(code: str, actor: Actor, client_id: str) -> None:
    """Tie a code to the session that it was made in."""
    kept = {"session": actor.authentication.session, "client": client_id}
    cache.set(_key(code), kept, CODE_SECONDS)


def take_code(code: str) -> dict[str, str] | None:
    """What a code is tied to, once; None if it is unknown, too old, was used, or its person may not open the application any
    more. Whoever uses one twice has stolen it or lost it: the tokens that were made of it end."""
    kept: dict[str, str] | None = cache.get(_key(code))
    if kept is None:
        return None
    if not cache.add(f"{_key(code)}:used", 1, CODE_SECONDS * 2):
        Token.objects.filter(client_id=kept["client"], data__code=_hashed(code)).delete()
        return None
    return kept if _still_may(kept["session"], kept["client"]) else None


def tie_token(access_token: str, code: str, kept: dict[str, str]) -> None:
    """Tie the token that was made of a code to the code's session."""
    for token in Token.objects.by_value(access_token):
        token.data = {**(token.data or {}), "session": kept["session"], "code": _hashed(code)}
        token.save(update_fields=["data"])


def forget_refresh_token(text: str) -> None:
    """Delete a token that would outlive the session."""
    Token.objects.by_value(text).filter(type=Token.Type.REFRESH_TOKEN).delete()


def still_counts(access_token: str) -> bool:
    """Whether a token is known, its session lives, and its person may still open the application; if not, it is deleted."""
    token = Token.objects.lookup(Token.Type.ACCESS_TOKEN, access_token)
    if token is None:
        return False
    session = token.data.get("session", "") if isinstance(token.data, dict) else ""
    if session and token.client_id and _still_may(session, token.client_id):
        return True
    token.delete()
    return False


def forget_ended_tokens() -> int:
    """Delete tokens that have expired, and clients whose application is gone; returns how many tokens."""
    gone = [client.pk for client in Client.objects.all() if placement_of_client(client.pk) is None and _is_deleted(client)]
    Client.objects.filter(pk__in=gone).delete()
    count: int = Token.objects.expired().delete()[0]
    return count


def _is_deleted(client: Client) -> bool:
    number = client.data.get("application") if isinstance(client.data, dict) else None
    return number is not None and not Application.objects.filter(pk=number, deleted_at=None).exists()


def _still_may(session: str, client_id: str) -> bool:
    found, placement = actor_of_session(session, Door.WEB), placement_of_client(client_id)
    return found is not None and placement is not None and _may_open(found[0], placement)


def _may_open(actor: Actor, placement: Placement) -> bool:
    return may(actor, Act.VIEW, application=placement.application.slug, environment=placement.environment.slug)


def _key(code: str) -> str:
    return f"openid-code:{_hashed(code)}"


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Adapter(DefaultOIDCAdapter):  # type: ignore[misc] # allauth ships no types
    """What allauth asks: who issues, with which key, and what applications are told of people."""

    def get_issuer(self) -> str:
        return issuer()

    def get_claims(self, purpose: str, user: User, client: Client, scopes: list[str], **_: Any) -> dict[str, Any]:
        """A number that stays, the user name, how they are called, and a confirmed address; what was not asked for is left
        out."""
        claims: dict[str, Any] = {"sub": str(user.pk)}
        if "profile" in scopes:
            claims |= {"preferred_username": user.username, "name": user.shown_name}
        if "email" in scopes and user.confirmed_email:
            claims |= {"email": user.confirmed_email, "email_verified": True}
        return claims

    def get_user_sub(self, client: Client, user: User) -> str:
        return str(user.pk)

    def get_user_by_sub(self, client: Client, sub: str) -> User | None:
        found = User.objects.filter(pk=int(sub), is_active=True, is_service=False) if sub.isdigit() else User.objects.none()
        return found.first()

    def list_private_keys(self, **_: Any) -> list[PrivateKey]:
        return [PrivateKey(pem=settings.DATA.openid_key())]
