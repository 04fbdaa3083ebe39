"""Dependencies between the packages of a release."""

from __future__ import annotations

from django.db import transaction

from fairway.accounts.rules import Act, Actor
from fairway.activity.commands import record
from fairway.releases.commands.guards import locked_package, open_for_change
from fairway.releases.graph import cycle_closed_by
from fairway.releases.models import Dependency, Package
from fairway.releases.subjects import on_package
from fairway.releases.target_state import needs_in, packages_of
from fairway.shared.names import Invalid


@transaction.atomic
def add_dependency(*, actor: Actor, package: Package, needs: Package) -> Dependency:
    """Add a dependency: `package` is deployed only after `needs`. No error if it exists.

    Raises `Invalid` for a package of another release or a dependency that would close a cycle, which it names; `Blocked`
    if the role is missing or the release cannot be changed.
    """
    release = open_for_change(actor, Act.DEPEND, package.release, application=package.application.slug)
    if needs.release_id != release.pk:
        raise Invalid("needs", "{name} is in another release; choose a package of this one.", name=needs.name)
    one, needed = locked_package(package), locked_package(needs)
    found = Dependency.objects.filter(package=one, needs=needed).first()
    if found is not None:
        return found
    packages = list(packages_of(release))
    names = {each.pk: each.name for each in packages}
    cycle = [one.pk, one.pk] if one.pk == needed.pk else cycle_closed_by(one.pk, needed.pk, needs_in(packages))
    if cycle:
        chain = " → ".join(names[number] for number in cycle)
        raise Invalid("needs", "would close a cycle: {chain}.", chain=chain)
    edge = Dependency.objects.create(package=one, needs=needed)
    record(who=actor.who, verb="package.dependency_added", on=on_package(one), after={"needs": needed.name})
    return edge


@transaction.atomic
def remove_dependency(*, actor: Actor, package: Package, needs: Package) -> None:
    """Remove a dependency; no error if there is none. Raises `Blocked`."""
    open_for_change(actor, Act.DEPEND, package.release, application=package.application.slug)
    row = locked_package(package)
    gone, _ = Dependency.objects.filter(package=row, needs=needs).delete()
    if gone:
        record(who=actor.who, verb="package.dependency_removed", on=on_package(row), before={"needs": needs.name})
