"""Reads sign-in providers, and makes clients of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from fairway.accounts.mailing import seal
from fairway.accounts.models import LinkedIdentity, SignInProvider, User
from fairway.accounts.rules import NotVisible
from fairway.accounts.sign_in_rules import Terms

if TYPE_CHECKING:  # they import httpx and jwt, which only sign-ins with a provider need
    from fairway.drivers.identity.asking import Line
    from fairway.drivers.identity.contract import Client, SignIn


def providers() -> QuerySet[SignInProvider]:
    return SignInProvider.objects.order_by("name", "slug")


def offered_providers() -> QuerySet[SignInProvider]:
    """Those that the sign-in page offers."""
    return providers().filter(is_enabled=True)


def get_provider(slug: str) -> SignInProvider:
    """Raises `NotVisible`."""
    found = providers().filter(slug=slug).first()
    if found is None:
        raise NotVisible("sign-in provider", slug)
    return found


def identities_of(user: User) -> QuerySet[LinkedIdentity]:
    return LinkedIdentity.objects.filter(user=user).order_by("issuer", "pk")


def redirect_uri(slug: str) -> str:
    """Where a provider sends browsers back to; it must be registered there exactly so."""
    return settings.PUBLIC_URL.rstrip("/") + reverse("sign-in-callback", args=[slug])


def terms_of(provider: SignInProvider) -> Terms:
    return Terms(
        domains=frozenset(provider.domains),
        groups=frozenset(provider.required_groups),
        creates_people=provider.admits == SignInProvider.ANYBODY,
    )


def client_of(provider: SignInProvider) -> Client:
    from fairway.drivers.identity.contract import Client

    return Client(
        issuer=provider.issuer,
        client_id=provider.client_id,
        client_secret=seal().open(provider.sealed_secret) if provider.sealed_secret else "",
        redirect_uri=redirect_uri(provider.slug),
        scopes=provider.scopes,
        groups_claim=provider.groups_claim,
        groups=frozenset([*provider.required_groups, *(str(group) for group, *_ in provider.roles)]),
    )


def speaks(provider: SignInProvider) -> SignIn:
    """What speaks to providers of this kind."""
    from fairway.drivers.identity.contract import sign_in_of
    from fairway.drivers.identity.kinds import Kind

    return sign_in_of(Kind(provider.kind))


def line() -> Line:
    """How providers may be reached from here."""
    from fairway.drivers.addresses import POLICIES
    from fairway.drivers.identity.asking import Line

    return Line(POLICIES[settings.SIGN_IN_ADDRESSES])
