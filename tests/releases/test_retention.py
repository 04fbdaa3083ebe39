"""What a release still needs is never collected; what it needs no more is."""

from __future__ import annotations

import pytest
from django.utils import timezone

from fairway.accounts.models import User
from fairway.applications.models import Application, Artifact
from fairway.deployments.keeping import pinned
from fairway.deployments.models import Deployment, Placement
from fairway.environments.models import Environment
from fairway.releases.models import Package, PackageOnTarget, Release
from fairway.releases.rules import OnTarget, Resolution
from tests.conftest import make_artifact


@pytest.fixture
def release(db: None, staging: Environment, production: Environment) -> Release:
    """Meant for staging and production."""
    made = Release.objects.create(
        name="Autumn", version="1", manager=User.objects.create_user(username="max"), created_by="max"
    )
    made.targets.set([staging, production])
    return made


@pytest.fixture
def package(release: Release, hello: Application) -> Package:
    return Package.objects.create(
        release=release,
        name="hello",
        application=hello,
        artifact=make_artifact(hello),
        resolution=Resolution.RESOLVED.value,
    )


def digest_of(package: Package) -> str:
    assert package.artifact is not None
    return package.artifact.digest


def put(package: Package, environment: Environment, status: OnTarget, **more: object) -> PackageOnTarget:
    values = {"status": status.value, "artifact": package.artifact, "distributed_at": timezone.now(), **more}
    return PackageOnTarget.objects.create(package=package, environment=environment, **values)


def serving(application: Application, environment: Environment, artifact: Artifact) -> Deployment:
    return Deployment.objects.create(
        application=application, environment=environment, kind="deploy", artifact=artifact, requested_by="max", door="web"
    )


def test_what_is_planned_stays_until_it_is_on_every_target(package, staging, production):
    assert pinned() == {digest_of(package)}
    put(package, staging, OnTarget.DEPLOYED)
    assert pinned() == {digest_of(package)}
    put(package, production, OnTarget.DEPLOYED)
    assert pinned() == set()


@pytest.mark.parametrize("gone", ["deleted_at", "cancelled_at"])
def test_a_release_that_is_over_pins_nothing(package, staging, gone):
    put(package, staging, OnTarget.DISTRIBUTED)
    assert pinned() == {digest_of(package)}
    Release.objects.update(**{gone: timezone.now()})
    assert pinned() == set()


def test_what_a_fallback_returns_to_stays_while_the_package_serves(package, hello, staging, production):
    before = serving(hello, staging, make_artifact(hello))
    after = serving(hello, staging, package.artifact)
    placement = Placement.objects.create(application=hello, environment=staging, current=after)
    for environment in (staging, production):
        put(package, environment, OnTarget.DEPLOYED, deployment=after, before=before)
    assert pinned() == {before.artifact.digest}
    Placement.objects.filter(pk=placement.pk).update(current=before)
    assert pinned() == set()
