"""Which placement answers at which host name. Only Fairway answers at its own address."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from fairway.deployments.models import Placement
from fairway.environments.commands import CLAIMED
from fairway.shared.hostnames import hostname_in, is_same_or_below


def is_fairways_own(host: str) -> bool:
    """Whether Fairway itself is reached under this (canonical) host name: its public address, and what Django answers to.

    An entry of ``FAIRWAY_ALLOWED_HOSTS`` with a leading dot covers everything below it; ``*`` names no host.
    """
    wide = {hostname_in(entry[1:]) for entry in settings.ALLOWED_HOSTS if entry.startswith(".")}
    exact = {hostname_in(entry) for entry in settings.ALLOWED_HOSTS}
    exact |= {hostname_in(urlsplit(settings.PUBLIC_URL).hostname or ""), "localhost"}
    return host in exact - {""} or is_same_or_below(host, wide - {""})


def claimants() -> Iterator[tuple[str, Placement]]:
    """Every custom domain in canonical form, with the placement that owns it."""
    # Domains are a short JSON list on few rows; both databases differ in how they search one.
    for row in Placement.objects.exclude(domains=[]).select_related("application", "environment"):
        yield from ((hostname_in(domain), row) for domain in row.domains)


def claimant_of(host: str, *, besides: Placement) -> Placement | None:
    """The other placement that has this (canonical) host name as one of its custom domains, if any."""
    return next((row for domain, row in claimants() if domain == host and row.pk != besides.pk), None)


def _claimed_below(host: str) -> Iterator[str]:
    """The custom domains at or below `host`, which therefore cannot become an environment's domain; see
    `environments.commands.CLAIMED`."""
    return (domain for domain, _row in claimants() if is_same_or_below(domain, [host]))


CLAIMED.append(_claimed_below)
