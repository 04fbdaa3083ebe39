"""The packages of a release, their dependencies, and each package on each target."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, NotVisible
from fairway.api.placement_schemas import DeploymentShown, deployment_shown
from fairway.api.preconditions import AsOf
from fairway.api.problems import BlockerShown, blockers_shown
from fairway.api.release_schemas import PackageShown, package_shown
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import LARGEST, Asked, Given, Number, Slug, Text
from fairway.applications.queries import get_application, get_artifact
from fairway.environments.queries import get_environment, get_environment_for
from fairway.releases import queries
from fairway.releases.commands import dependencies, packages, targets
from fairway.releases.manifest import LONGEST_PASTE, parse_pasted
from fairway.releases.models import Package
from fairway.shared.names import LONGEST_APPLICATION

router = PermissionRouter(tags=["packages"])
Stage = Literal["registered", "testing", "ready"]


class PackageWanted(Given):
    """`source`: an image reference, ``https://…/app.git#ref``, or ``https://…/app.tar.gz#sha256:…``.

    Or an existing version: ``1.4``, ``#17`` or, with its application, ``shop-api 1.4``; or its number as `artifact`. Without
    `application`, the one named like the package is used, or created.
    """

    name: str = Field(max_length=80)
    source: str = Field("", max_length=1000)
    application: str = Field("", max_length=LONGEST_APPLICATION)
    artifact: int | None = Field(None, ge=1, le=LARGEST)
    stage: Stage = "registered"


class PackageChanges(Given):
    """Fields that are left out do not change. A new `source` is resolved anew."""

    name: str | None = Field(None, max_length=80)
    source: str | None = Field(None, max_length=1000)
    artifact: int | None = Field(None, ge=1, le=LARGEST)
    stage: Stage | None = None


class ManyWanted(Given):
    """A list of packages as CSV (name, version, needs, status) or YAML."""

    text: str = Field(max_length=LONGEST_PASTE)


class ConfirmedAsked(Asked):
    """`confirmed` is the package's name, needed while it is deployed."""

    confirmed: Text = Field("", max_length=80)


class ActWanted(Given):
    """`break_glass` is the reason for not waiting for a lock or freeze; it needs a role and is recorded as an event."""

    reason: str = Field("", max_length=500)
    break_glass: str = Field("", max_length=500)


class SkippedShown(Schema):
    package: str
    blockers: list[BlockerShown]


class DistributionShown(Schema):
    """What was started, and what was skipped and why."""

    started: list[str]
    skipped: list[SkippedShown]


def found(actor: Actor, number: int, package: int) -> Package:
    """The package with this id, if it is in that release. Raises `NotVisible`."""
    one = queries.get_package(actor, package)
    if one.release_id != number:
        raise NotVisible("package", package)
    return one


def _artifact(actor: Actor, slug: str, number: int | None) -> Any:
    return get_artifact(get_application(actor, slug), number) if number is not None else None


@router.post("/releases/{number}/packages", response={201: PackageShown})
@needs(Act.ADD_PACKAGE)
def add_package(request: HttpRequest, number: Number, given: PackageWanted) -> Status[PackageShown]:
    """Add a package. It is resolved at once; `resolution` says how far that is."""
    actor = actor_of(request)
    owner = get_application(actor, given.application) if given.application else None
    made = packages.add_package(
        actor=actor,
        release=queries.get_release(actor, number),
        name=given.name,
        source=given.source,
        application=owner,
        artifact=_artifact(actor, given.application or given.name, given.artifact),
        stage=given.stage,
    )
    return Status(201, package_shown(actor, made))


@router.post("/releases/{number}/packages/many", response={201: list[PackageShown]})
@needs(Act.ADD_PACKAGE)
def add_packages(request: HttpRequest, number: Number, given: ManyWanted) -> Status[list[PackageShown]]:
    """Add many packages with their dependencies, or none."""
    actor = actor_of(request)
    meant = [packages.NewPackage.of(one) for one in parse_pasted(given.text)]
    made = packages.add_packages(actor=actor, release=queries.get_release(actor, number), packages=meant)
    return Status(201, [package_shown(actor, one) for one in made])


@router.get("/releases/{number}/packages/{package}", response=PackageShown)
@needs(Act.VIEW)
def show_package(request: HttpRequest, number: Number, package: Number) -> PackageShown:
    """One package on its targets."""
    actor = actor_of(request)
    return package_shown(actor, found(actor, number, package))


@router.patch("/releases/{number}/packages/{package}", response=PackageShown)
@needs(Act.EDIT_PACKAGE)
def change_package(
    request: HttpRequest, number: Number, package: Number, given: PackageChanges, as_of: AsOf
) -> PackageShown:
    """Change a package."""
    actor = actor_of(request)
    one = found(actor, number, package)
    changed = packages.edit_package(
        actor=actor,
        package=one,
        name=given.name,
        source=given.source,
        stage=given.stage,
        artifact=_artifact(actor, one.application.slug, given.artifact),
        as_of=as_of,
    )
    return package_shown(actor, changed)


@router.delete("/releases/{number}/packages/{package}", response={204: None})
@needs(Act.DELETE_PACKAGE)
def remove_package(request: HttpRequest, number: Number, package: Number, asked: Query[ConfirmedAsked]) -> Status[None]:
    """Remove a package from its release. What was deployed keeps running."""
    actor = actor_of(request)
    packages.delete_package(actor=actor, package=found(actor, number, package), confirmed=asked.confirmed)
    return Status(204, None)


@router.post("/releases/{number}/packages/{package}/resolution", response={202: PackageShown})
@needs(Act.EDIT_PACKAGE)
def resolve_package(request: HttpRequest, number: Number, package: Number) -> Status[PackageShown]:
    """Resolve its source once more, because a tag may have moved."""
    actor = actor_of(request)
    return Status(202, package_shown(actor, packages.resolve_again(actor=actor, package=found(actor, number, package))))


@router.put("/releases/{number}/packages/{package}/needs/{needed}", response=PackageShown)
@needs(Act.DEPEND)
def add_dependency(request: HttpRequest, number: Number, package: Number, needed: Number) -> PackageShown:
    """Let `package` be deployed only after `needed`. A cycle is refused and named."""
    actor = actor_of(request)
    one = found(actor, number, package)
    dependencies.add_dependency(actor=actor, package=one, needs=queries.get_package(actor, needed))
    return package_shown(actor, one)


@router.delete("/releases/{number}/packages/{package}/needs/{needed}", response=PackageShown)
@needs(Act.DEPEND)
def remove_dependency(request: HttpRequest, number: Number, package: Number, needed: Number) -> PackageShown:
    """Remove a dependency. No error if there is none."""
    actor = actor_of(request)
    one = found(actor, number, package)
    dependencies.remove_dependency(actor=actor, package=one, needs=queries.get_package(actor, needed))
    return package_shown(actor, one)


@router.post("/releases/{number}/packages/{package}/environments/{env}/distribution", response={202: PackageShown})
@needs(Act.DISTRIBUTE)
def distribute_package(
    request: HttpRequest, number: Number, package: Number, env: Slug, given: ActWanted
) -> Status[PackageShown]:
    """Distribute it to a target, where its digest is verified."""
    actor = actor_of(request)
    one = found(actor, number, package)
    targets.distribute(
        actor=actor, package=one, environment=get_environment_for(actor, one.application, env), **given.dict()
    )
    return Status(202, package_shown(actor, one))


@router.delete("/releases/{number}/packages/{package}/environments/{env}/distribution", response=PackageShown)
@needs(Act.DISTRIBUTE)
def withdraw_package(request: HttpRequest, number: Number, package: Number, env: Slug) -> PackageShown:
    """Withdraw a distributed package from a target."""
    actor = actor_of(request)
    one = found(actor, number, package)
    targets.withdraw(actor=actor, package=one, environment=get_environment_for(actor, one.application, env))
    return package_shown(actor, one)


@router.post("/releases/{number}/packages/{package}/environments/{env}/deployment", response={201: DeploymentShown})
@needs(Act.DEPLOY_PACKAGE)
def deploy_package(
    request: HttpRequest, number: Number, package: Number, env: Slug, given: ActWanted
) -> Status[DeploymentShown]:
    """Deploy a distributed package. What it needs must be deployed there."""
    actor = actor_of(request)
    one = found(actor, number, package)
    made = targets.deploy_package(
        actor=actor, package=one, environment=get_environment_for(actor, one.application, env), **given.dict()
    )
    return Status(201, deployment_shown(made))


@router.post("/releases/{number}/packages/{package}/environments/{env}/fallback", response={202: PackageShown})
@needs(Act.FALL_BACK)
def fall_back_package(
    request: HttpRequest, number: Number, package: Number, env: Slug, given: ActWanted
) -> Status[PackageShown]:
    """Restore exactly what served before it was deployed."""
    actor = actor_of(request)
    one = found(actor, number, package)
    targets.fall_back_package(
        actor=actor, package=one, environment=get_environment_for(actor, one.application, env), **given.dict()
    )
    return Status(202, package_shown(actor, one))


@router.post("/releases/{number}/environments/{env}/distribution", response={202: DistributionShown})
@needs(Act.DISTRIBUTE)
def distribute_release(request: HttpRequest, number: Number, env: Slug) -> Status[DistributionShown]:
    """Distribute every package that may be distributed; the others are skipped, with the reasons."""
    actor = actor_of(request)
    where = get_environment(actor, env)
    done = targets.distribute_all(actor=actor, release=queries.get_release(actor, number), environment=where)
    skipped = [
        SkippedShown(package=one.package.name, blockers=[BlockerShown(**each) for each in blockers_shown(one.blockers)])
        for one in done.skipped
    ]
    return Status(202, DistributionShown(started=[one.package.name for one in done.started], skipped=skipped))
