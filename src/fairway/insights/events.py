"""Collects the subjects that belong to a release, package or rollout, so that their events can be shown together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fairway.releases.models import Package, Rollout, RolloutPackage


def subjects_about(*, release: int = 0, package: int = 0, rollout: int = 0) -> list[Mapping[str, Sequence[int]]]:
    """The value for `EventFilter.about`; 0 means no restriction."""
    asked = ((release, _about_release), (package, _about_package), (rollout, _about_rollout))
    return [subjects(number) for number, subjects in asked if number]


def _about_release(number: int) -> Mapping[str, Sequence[int]]:
    """The release, all packages it ever had, its rollouts, and their deployments."""
    rollouts = list(Rollout.objects.filter(release=number).values_list("pk", flat=True))
    packages = Package.objects.filter(release=number).values_list("pk", flat=True)
    parts = RolloutPackage.objects.filter(rollout__release=number)
    return {"release": [number], "package": list(packages), "rollout": rollouts, "deployment": _deployments(parts)}


def _about_package(number: int) -> Mapping[str, Sequence[int]]:
    """The package and its deployments by rollouts."""
    return {"package": [number], "deployment": _deployments(RolloutPackage.objects.filter(package=number))}


def _about_rollout(number: int) -> Mapping[str, Sequence[int]]:
    """The rollout and its deployments."""
    return {"rollout": [number], "deployment": _deployments(RolloutPackage.objects.filter(rollout=number))}


def _deployments(parts: Iterable[RolloutPackage]) -> list[int]:
    numbers = {number for part in parts for number in (part.deployment_id, part.fallback_id) if number}
    return sorted(numbers)
