"""Applies a manifest to a release, or plans what applying would do."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from fairway.accounts.models import User
from fairway.accounts.queries import colleague
from fairway.accounts.rules import Actor
from fairway.environments.models import Environment
from fairway.releases.commands.dependencies import add_dependency, remove_dependency
from fairway.releases.commands.packages import (
    add_package,
    application_called,
    delete_package,
    edit_package,
    is_same_source,
)
from fairway.releases.commands.releases import create_release, edit_release
from fairway.releases.manifest import PackageManifest, ReleaseManifest
from fairway.releases.models import Dependency, Package, Release
from fairway.releases.target_state import packages_of
from fairway.shared.names import Invalid


@dataclass(frozen=True)
class Step:
    """One change. `verb` is create, edit, add, change, remove, need or unneed; `what` is the release or package."""

    verb: str
    what: str
    detail: str = ""


@dataclass(frozen=True)
class Applied:
    """The release after the changes, and the changes."""

    release: Release
    steps: tuple[Step, ...]


@transaction.atomic
def apply_manifest(*, actor: Actor, manifest: ReleaseManifest) -> Applied:
    """Create or change the release so that it matches the manifest; packages that the manifest does not name are removed.

    Raises `Blocked` or `Invalid`, and then nothing is changed. Applying the same manifest again does nothing.
    """
    release = Release.objects.filter(name=manifest.name, version=manifest.version, deleted_at=None).first()
    steps: list[Step] = []
    if release is None:
        release = _created(actor, manifest)
        steps.append(Step("create", str(release)))
    elif changed := _edited(actor, release, manifest):
        steps.append(Step("edit", str(release), ", ".join(changed)))
    steps += _packages(actor, release, manifest.packages)
    steps += _needs(actor, release, manifest.packages)
    release.refresh_from_db()
    return Applied(release, tuple(steps))


@transaction.atomic
def plan_manifest(*, actor: Actor, manifest: ReleaseManifest) -> tuple[Step, ...]:
    """What applying would do. It applies the manifest and rolls back, so the plan cannot differ from the result."""
    steps = apply_manifest(actor=actor, manifest=manifest).steps
    transaction.set_rollback(True)
    return steps


def _created(actor: Actor, manifest: ReleaseManifest) -> Release:
    manager = _person(actor, manifest, "manager") or _person_of(actor)
    return create_release(
        actor=actor,
        name=manifest.name,
        version=manifest.version,
        description=manifest.description or "",
        manager=manager,
        deputy=_person(actor, manifest, "deputy"),
        targets=_targets(manifest),
    )


def _edited(actor: Actor, release: Release, manifest: ReleaseManifest) -> list[str]:
    """Change the release's own fields; returns the names of those that changed."""
    wanted_targets = _targets(manifest)
    manager, deputy = _person(actor, manifest, "manager"), _person(actor, manifest, "deputy")
    differs = {
        "description": manifest.description is not None and manifest.description != release.description,
        "manager": manager is not None and manager.pk != release.manager_id,
        "deputy": deputy is not None and deputy.pk != release.deputy_id,
        "targets": wanted_targets is not None
        and {wanted_target.pk for wanted_target in wanted_targets} != set(release.targets.values_list("pk", flat=True)),
    }
    changed = [name for name, is_different in differs.items() if is_different]
    if changed:
        edit_release(
            actor=actor,
            release=release,
            description=manifest.description if differs["description"] else None,
            manager=manager if differs["manager"] else None,
            deputy=deputy if differs["deputy"] else None,
            targets=wanted_targets if differs["targets"] else None,
        )
    return changed


def _packages(actor: Actor, release: Release, manifest: tuple[PackageManifest, ...]) -> list[Step]:
    known = {package.name: package for package in packages_of(release)}
    wanted = {one.name for one in manifest}
    steps = []
    for name in sorted(known.keys() - wanted):
        delete_package(actor=actor, package=known[name])
        steps.append(Step("remove", name))
    for one in manifest:
        try:
            step = _changed(actor, known[one.name], one) if one.name in known else _added(actor, release, one)
        except Invalid as problem:
            raise _at(one, problem) from None
        steps += [step] if step else []
    return steps


def _added(actor: Actor, release: Release, package_manifest: PackageManifest) -> Step:
    owner = application_called(actor, package_manifest.application)
    add_package(
        actor=actor,
        release=release,
        name=package_manifest.name,
        source=package_manifest.source,
        stage=package_manifest.stage,
        application=owner,
    )
    return Step("add", package_manifest.name, package_manifest.source)


def _changed(actor: Actor, package: Package, package_manifest: PackageManifest) -> Step | None:
    if package_manifest.application not in {"", package.application.slug}:
        words = {"name": package.name, "application": package.application.slug}
        raise Invalid("application", "stays: {name} is a package of {application}; remove it first.", **words)
    source = None if is_same_source(actor, package, package_manifest.source) else package_manifest.source
    stage = package_manifest.stage if package_manifest.stage != package.stage else None
    if source is None and stage is None:
        return None
    edit_package(actor=actor, package=package, source=source, stage=stage)
    return Step("change", package_manifest.name, ", ".join(filter(None, (source, stage))))


def _needs(actor: Actor, release: Release, manifest: tuple[PackageManifest, ...]) -> list[Step]:
    """Change the dependencies: removals first, because a dependency can be reversed only after the old one is gone."""
    known = {package.name: package for package in packages_of(release)}
    wanted = {(one.name, needed): one for one in manifest for needed in one.needs}
    there = set(
        Dependency.objects.filter(package__in=known.values(), needs__in=known.values()).values_list(
            "package__name", "needs__name"
        )
    )
    steps = []
    for name, needed in sorted(there - wanted.keys()):
        remove_dependency(actor=actor, package=known[name], needs=known[needed])
        steps.append(Step("unneed", name, needed))
    for (name, needed), one in wanted.items():
        if (name, needed) in there:
            continue
        if needed not in known:
            raise _at(one, Invalid("needs", "“{name}” is not a package of this release.", name=needed[:80]))
        add_dependency(actor=actor, package=known[name], needs=known[needed])
        steps.append(Step("need", name, needed))
    return steps


def _at(package_manifest: PackageManifest, problem: Invalid) -> Invalid:
    words = {"line": package_manifest.line, "name": package_manifest.name, "problem": f"{problem.field} {problem.sentence}"}
    return Invalid("file", "line {line}, “{name}”: {problem}", **words)


def _targets(manifest: ReleaseManifest) -> list[Environment] | None:
    if manifest.targets is None:
        return None
    known = {environment.slug: environment for environment in Environment.objects.filter(deleted_at=None)}
    if missing := [slug for slug in manifest.targets if slug not in known]:
        words = {"line": manifest.lines.get("targets", 1), "names": ", ".join(missing)[:200], "known": ", ".join(known)}
        raise Invalid("targets", "line {line}: there is no environment {names}; there are {known}.", **words)
    return [known[slug] for slug in manifest.targets]


def _person(actor: Actor, manifest: ReleaseManifest, key: str) -> User | None:
    """The manager or deputy that the manifest names. Raises `Invalid`."""
    username = getattr(manifest, key)
    if not username:
        return None
    found = colleague(actor, username)
    if found is None:
        words = {"line": manifest.lines.get(key, 1), "name": username[:60]}
        raise Invalid(key, "line {line}: there is no active user “{name}”; use a user name.", **words)
    return found


def _person_of(actor: Actor) -> User:
    found = User.objects.filter(pk=actor.id).first() if actor.id is not None else None
    if found is None:
        raise Invalid("manager", "is missing; name who manages the release.")
    return found
