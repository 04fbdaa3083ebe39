"""A placement on the fake runtime as a finished deployment leaves it, without a worker having run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fairway.applications.models import Application, Artifact
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Status
from fairway.drivers.runtimes.contract import NullProgress
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.environments.models import Environment
from fairway.environments.runtimes import runtime_of
from fairway.workflows.outside import proxy
from fairway.workflows.specs import instance_spec
from fairway.workflows.step_context import instances_of, live_route
from tests.conftest import make_artifact

MakeDeployment = Callable[..., Deployment]


@pytest.fixture
def fake(staging: Environment) -> Iterator[FakeRuntime]:
    """The runtime of staging, empty before and after."""
    runtime = runtime_of(staging)
    assert isinstance(runtime, FakeRuntime)
    _emptied(runtime)
    yield runtime
    _emptied(runtime)


def _emptied(runtime: FakeRuntime) -> None:
    runtime.close()
    with runtime.world.open() as world:
        for name in world:
            world[name] = type(world[name])()


@pytest.fixture
def deployed(staging: Environment, hello: Application, fake: FakeRuntime) -> MakeDeployment:
    """Makes a deployment whose artifact is distributed; it ended well unless told otherwise."""

    def make(artifact: Artifact | None = None, status: Status = Status.SUCCEEDED) -> Deployment:
        artifact = artifact or make_artifact(hello)
        fake.distribute(artifact.ref, None, NullProgress())
        return Deployment.objects.create(
            application=hello,
            environment=staging,
            kind="deploy",
            artifact=artifact,
            requested_by="test",
            door="web",
            status=status,
        )

    return make


@pytest.fixture
def live(deployed: MakeDeployment, fake: FakeRuntime) -> Placement:
    """Two replicas that run and are routed."""
    deployment = deployed()
    placement = Placement.objects.create(
        application=deployment.application, environment=deployment.environment, current=deployment, replicas=2
    )
    for replica in range(2):
        fake.ensure_started(instance_spec(deployment, replica), NullProgress())
    proxy().ensure_route(live_route(placement, placement.host, instances_of(fake, deployment), deployment))
    return placement
