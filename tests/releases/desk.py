"""What the tests of the release desk do: people, releases of tiny packages, and a worker that runs until it is idle."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from fairway.accounts.models import User
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import SYSTEM, Actor, Role
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.applications.commands import create_application
from fairway.applications.models import Application, Artifact
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.models import Deployment, Placement
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.engine.runner import Runner
from fairway.engine.workflow import WORKFLOWS
from fairway.environments.models import Environment
from fairway.releases.commands.dependencies import add_dependency
from fairway.releases.commands.packages import add_package
from fairway.releases.commands.releases import create_release
from fairway.releases.models import Package, PackageOnTarget, Release, Rollout
from fairway.releases.queries import matrix
from fairway.workflows import register_all
from tests.conftest import make_artifact, make_person

numbers = itertools.count(1)


@dataclass
class ReleaseDesk:
    fake: FakeRuntime
    people: dict[str, Actor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        register_all()
        self.runner = Runner(WORKFLOWS, worker_name=f"desk-{next(numbers)}")

    def person(self, name: str, *roles: Role) -> Actor:
        if name not in self.people:
            self.people[name] = make_person(name, *roles)
        return self.people[name]

    @property
    def manager(self) -> Actor:
        return self.person("max", Role.RELEASE_MANAGER)

    @property
    def deployer(self) -> Actor:
        return self.person("dora", Role.DEPLOYER)

    @property
    def admin(self) -> Actor:
        return self.person("ada", Role.ADMIN)

    def user(self, actor: Actor) -> User:
        return User.objects.get(pk=actor.id)

    def work(self) -> None:
        """Everything that is due, until only what waits is left."""
        self.runner.run_until_idle()

    def application(self, slug: str) -> Application:
        found = Application.objects.filter(slug=slug, deleted_at=None).first()
        source = {"image": f"registry.test/{slug}:1"}
        return found or create_application(actor=SYSTEM, name=slug, source_kind="image", source=source)

    def release(self, version: str = "1", packages: str = "", needs: str = "") -> Release:
        """``packages="a b"``, ``needs="b>a"``: b needs a. Each package is a new version of the application of its name."""
        release = create_release(
            actor=self.manager, name="Spring", version=version, manager=self.user(self.manager), description="All of it"
        )
        for name in packages.split():
            self.add(release, name)
        for edge in needs.split():
            one, _, needed = edge.partition(">")
            add_dependency(actor=self.deployer, package=self.package(release, one), needs=self.package(release, needed))
        return release

    def add(self, release: Release, name: str, artifact: Artifact | None = None, **more: Any) -> Package:
        application = self.application(name)
        made = artifact or make_artifact(application, version=f"{release.version}.{next(numbers)}")
        return add_package(actor=self.deployer, release=release, name=name, artifact=made, application=application, **more)

    def package(self, release: Release, name: str) -> Package:
        return Package.objects.select_related("application", "artifact", "release").get(
            release=release, name=name, deleted_at=None
        )

    def breaks(self, release: Release, *names: str) -> None:
        """The versions of these packages end as soon as they start."""
        for name in names:
            artifact = self.package(release, name).artifact
            assert artifact is not None
            artifact.spec = {**artifact.spec, "command": ["no-such-program"]}
            artifact.save(update_fields=["spec"])

    def mends(self, release: Release, *names: str) -> None:
        for name in names:
            artifact = self.package(release, name).artifact
            assert artifact is not None
            artifact.spec = {**artifact.spec, "command": None}
            artifact.save(update_fields=["spec"])

    def runs(self, slug: str, environment: Environment, **more: Any) -> Deployment:
        """A version of an application that was deployed outside any release, before anybody's approval was asked for."""
        application = self.application(slug)
        place = Environment.objects.filter(pk=environment.pk)
        needed = place.values_list("approvals_needed", flat=True).get()
        place.update(approvals_needed=0)
        one = request_deployment(
            actor=self.deployer,
            application=application,
            environment=environment,
            artifact=make_artifact(application, version=f"old {next(numbers)}"),
            **more,
        )
        self.work()
        place.update(approvals_needed=needed)
        one.refresh_from_db()
        assert one.status == "succeeded", one.sentence
        return one

    def serving(self, slug: str, environment: Environment) -> str | None:
        """The digest of every instance that runs for a placement; None when there is none."""
        found = {one.digest for one in self.fake.instances(f"{slug}.{environment.slug}") if one.state == "running"}
        assert len(found) < 2, "two versions run"
        return found.pop() if found else None

    def digest(self, release: Release, name: str) -> str:
        artifact = self.package(release, name).artifact
        assert artifact is not None
        return artifact.digest

    def shown(self, release: Release, environment: Environment) -> dict[str, str]:
        """The matrix column of a target."""
        cells = [cell for row in matrix(release, SYSTEM) for cell in row if cell.environment == environment]
        return {cell.package.name: cell.status for cell in cells}

    def on_target(self, release: Release, name: str, environment: Environment) -> PackageOnTarget:
        return PackageOnTarget.objects.get(package=self.package(release, name), environment=environment)

    def steps(self, rollout: Rollout) -> dict[str, str]:
        return {step.package.name: step.status for step in rollout.steps.select_related("package")}

    def verbs(self, *kinds: str) -> list[str]:
        return list(Event.objects.filter(subject_kind__in=kinds).order_by("pk").values_list("verb", flat=True))


def as_actor(user: User) -> Actor:
    return actor_for(user, door=Door.WEB)


def placements(environment: Environment) -> dict[str, tuple[Any, ...]]:
    """What a rollout must leave as it found it, when it is taken back."""
    found = Placement.objects.filter(environment=environment).exclude(current=None).select_related("current", "application")
    return {
        one.application.slug: (
            one.current.artifact_id if one.current else None,
            one.current.configuration_id if one.current else None,
            one.replicas,
            one.wanted,
        )
        for one in found
    }
