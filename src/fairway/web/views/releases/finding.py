"""Look-ups by the ids in a release's URL."""

from __future__ import annotations

from fairway.accounts.rules import Actor, NotVisible
from fairway.releases import queries
from fairway.releases.models import Package


def package_of(actor: Actor, release: int, number: int) -> Package:
    """The package with this id, if it is in this release. Raises `NotVisible`."""
    found = queries.get_package(actor, number)
    if found.release_id != release:
        raise NotVisible("package", number)
    return found
