"""The artifacts that releases still need: planned ones, distributed ones, and those that a fallback would restore."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Exists, OuterRef, QuerySet

from fairway.deployments.models import Placement
from fairway.releases.models import Package, PackageOnTarget, Release
from fairway.releases.rules import OnTarget

UNDER_WAY = (OnTarget.DISTRIBUTING, OnTarget.DISTRIBUTED, OnTarget.DEPLOYING, OnTarget.FALLING_BACK)


def pinned_digests() -> Iterator[str]:
    """The digests that must not be garbage-collected, because releases that are neither deleted nor cancelled need them."""
    yield from _planned().values_list("artifact__digest", flat=True)
    there = PackageOnTarget.objects.filter(package__deleted_at=None, package__release__deleted_at=None)
    under_way = there.filter(status__in=[one.value for one in UNDER_WAY], package__release__cancelled_at=None)
    yield from under_way.exclude(artifact=None).values_list("artifact__digest", flat=True)
    serving = there.filter(Exists(Placement.objects.filter(current=OuterRef("deployment"))))
    for chosen in (under_way, serving):
        yield from chosen.exclude(before__artifact=None).values_list("before__artifact__digest", flat=True)


def _planned() -> QuerySet[Package]:
    """The packages that are not yet deployed on every target of their release."""
    live = Package.objects.filter(deleted_at=None, release__deleted_at=None, release__cancelled_at=None)
    deployed = PackageOnTarget.objects.filter(status=OnTarget.DEPLOYED.value)
    there = deployed.filter(package=OuterRef(OuterRef("pk"))).values("environment")
    missing = Release.targets.through.objects.filter(release=OuterRef("release")).exclude(environment__in=there)
    is_somewhere = Exists(deployed.filter(package=OuterRef("pk")))
    return live.exclude(artifact=None).filter(~is_somewhere | Exists(missing))
