"""Looking things of a release up by the numbers in its address."""

from __future__ import annotations

from fairway.accounts.rules import Actor, NotVisible
from fairway.releases import queries
from fairway.releases.models import Package


def package_of(actor: Actor, release: int, number: int) -> Package:
    """A package below its release's address. Raises `NotVisible`, also when it is in another release."""
    found = queries.get_package(actor, number)
    if found.release_id != release:
        raise NotVisible("package", number)
    return found
