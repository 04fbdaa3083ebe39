"""Decides whom a sign-in provider lets in, which roles its groups give, and which user name a newcomer gets. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

from fairway.accounts.rules import Role
from fairway.shared.names import OWN_NAMES, Invalid, parse_hostname, parse_text

WELL_KNOWN = "/.well-known/openid-configuration"
LONGEST_USERNAME = 60
MOST_ROLES, MOST_DOMAINS, MOST_GROUPS = 200, 200, 200
OPEN_HOSTS = frozenset({"github.com", "gitlab.com", "accounts.google.com", "appleid.apple.com"})
OPEN_TENANTS = frozenset({"common", "organizations", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"})


Given = TypeVar("Given")


class Why(StrEnum):
    """Why somebody whom a provider vouches for is not let in."""

    NO_EMAIL = "no_email"  # only some domains are let in, and the provider does not vouch for an address
    DOMAIN = "domain"
    GROUP = "group"  # only members of some groups are let in
    UNKNOWN = "unknown"  # no account is linked, and none is created
    TAKEN = "taken"  # the address is the confirmed one of an account that is not linked
    DEACTIVATED = "deactivated"
    LINKED_ELSEWHERE = "linked_elsewhere"


@dataclass(frozen=True)
class Terms:
    """On which terms a provider lets people in. `domains` empty: any address, also none; `groups` empty: also those who are
    in none."""

    domains: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    creates_people: bool = False


def why_not_let_in(
    terms: Terms,
    verified_email: str,
    groups: Collection[str] = (),
    *,
    is_linked: bool,
    is_active: bool,
    is_taken: bool,
) -> Why | None:
    """The first reason against a sign-in; None lets them in. Only an address that the provider vouches for counts."""
    if terms.domains and not verified_email:
        return Why.NO_EMAIL
    if terms.domains and domain_of(verified_email) not in terms.domains:
        return Why.DOMAIN
    if terms.groups and terms.groups.isdisjoint(groups):
        return Why.GROUP
    if is_linked:
        return None if is_active else Why.DEACTIVATED
    if is_taken:
        return Why.TAKEN
    return None if terms.creates_people else Why.UNKNOWN


def is_open(issuer: str) -> bool:
    """Whether anybody in the world can get an account at this provider, as far as is known here."""
    parts = urlsplit(issuer.lower())
    if parts.hostname == "login.microsoftonline.com":  # of one company, unless the path names no tenant
        return parts.path.strip("/").partition("/")[0] in OPEN_TENANTS
    return parts.hostname in OPEN_HOSTS


def domain_of(email: str) -> str:
    """The part after the last “@”, in lower case; "" if it is no address."""
    _, at, domain = email.rpartition("@")
    return domain.lower() if at else ""


def roles_of(groups: Collection[str], mapping: Iterable[tuple[str, Given]]) -> frozenset[Given]:
    """What members of these groups are given."""
    return frozenset(given for group, given in mapping if group in groups)


def usernames_for(*wishes: str) -> Iterator[str]:
    """User names for a newcomer, best first, without an end: what the provider calls them, else the part of their address
    before the “@”, then with a number."""
    made = (re.sub(r"[^a-zA-Z0-9._-]+", "-", wish.partition("@")[0])[: LONGEST_USERNAME - 8].strip("._-") for wish in wishes)
    base = next((name for name in made if name and name.lower() not in OWN_NAMES), "person")
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1


def parse_issuer(text: str) -> str:
    """The issuer's address, exactly as the provider writes it, also if the address of its description was pasted. Raises
    `Invalid`."""
    issuer = parse_text(text, field="issuer", longest=300, required=True).removesuffix(WELL_KNOWN)
    try:
        parts = urlsplit(issuer)
        _ = parts.port
    except ValueError:
        raise Invalid("issuer", "is not a URL; write e.g. https://accounts.google.com.") from None
    if parts.scheme not in ("https", "http") or not parts.hostname or not issuer.isprintable() or " " in issuer:
        raise Invalid("issuer", "must start with https://, e.g. https://accounts.google.com.")
    if parts.query or parts.fragment or parts.username is not None:
        raise Invalid("issuer", "must be a URL without user, “?” or “#”.")
    return issuer


def parse_domains(texts: Sequence[str]) -> list[str]:
    """Mail domains in their canonical spelling, without the “@”. Raises `Invalid`."""
    found = [parse_hostname(text.strip().removeprefix("@"), field="domains") for text in texts if text.strip()]
    if len(found) > MOST_DOMAINS:
        raise Invalid("domains", "are too many; use at most {longest}.", longest=MOST_DOMAINS)
    return sorted(set(found))


def parse_groups(texts: Sequence[str]) -> list[str]:
    """Names of groups. Raises `Invalid`."""
    found = {parse_text(text, field="required_groups", longest=300) for text in texts} - {""}
    if len(found) > MOST_GROUPS:
        raise Invalid("required_groups", "are too many; use at most {longest}.", longest=MOST_GROUPS)
    return sorted(found)


@dataclass(frozen=True)
class GroupRole:
    """What members of a group are given: a role, everywhere or narrowed to an environment and/or an application (slugs)."""

    group: str
    role: str
    environment: str = ""
    application: str = ""

    @property
    def grant(self) -> str:
        """The role as people type it: ``deployer@staging/shop``."""
        place = f"@{self.environment}" if self.environment else ""
        return f"{self.role}{place}/{self.application}" if self.application else f"{self.role}{place}"


def parse_roles(pairs: Iterable[Sequence[str]]) -> list[GroupRole]:
    """Pairs of a group and a role, which may be narrowed: ``deployer@staging/shop``. Raises `Invalid`."""
    found = dict.fromkeys(_parse_role(group, grant) for group, grant in pairs)
    if len(found) > MOST_ROLES:
        raise Invalid("roles", "are too many; use at most {longest}.", longest=MOST_ROLES)
    return list(found)


def _parse_role(group: str, grant: str) -> GroupRole:
    rest, _, application = grant.partition("/")
    role, _, environment = rest.partition("@")
    if role not in set(Role):
        raise Invalid("roles", "“{value}” is not a role; use one of {names}.", value=role[:40], names=", ".join(Role))
    return GroupRole(parse_text(group, field="roles", longest=300, required=True), role, environment, application)


def parse_role_lines(text: str) -> list[list[str]]:
    """Lines ``group = role`` as people type them, for `parse_roles`; a group may contain “=”. Raises `Invalid`."""
    pairs = []
    for line in filter(None, map(str.strip, text.splitlines())):
        group, equals, grant = line.rpartition("=")
        if not equals:
            raise Invalid("roles", "“{line}” is not a pair; write e.g. “developers = deployer”.", line=line[:60])
        pairs.append([group.strip(), grant.strip()])
    return [[one.group, one.grant] for one in parse_roles(pairs)]
