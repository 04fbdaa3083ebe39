"""One Fairway for all tests of this folder, and one environment in it whose applications are containers."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairway.drivers.runtimes.contract import Silent
from fairway.drivers.runtimes.docker import DockerRuntime
from tests.drivers.builders.conftest import git, npm  # noqa: F401
from tests.services.docker import Engine, docker_base, docker_engine, docker_registry  # noqa: F401
from tests.services.installation import Installation, installed

CONTAINERS = "containers"


@pytest.fixture(scope="session")
def fairway() -> Iterator[Installation]:
    """A whole Fairway; its caches are shared by all builds. Its folder is gone afterwards: bundles are large."""
    with tempfile.TemporaryDirectory(prefix="fairway-six-") as folder, installed(Path(folder) / "data") as one:
        yield one


@pytest.fixture(scope="session")
def docker_options(docker_engine: Engine, docker_base: str) -> dict[str, str]:  # noqa: F811
    """How an environment reaches the Engine: base images that need no Docker Hub, builds with our way to the registries."""
    bases = {"python_image": docker_base, "node_image": docker_base}
    return {"host": docker_engine.host, "build_network": "host", **bases}


@pytest.fixture(scope="session")
def containers(fairway: Installation, docker_options: dict[str, str]) -> Iterator[str]:
    """The slug of an environment whose runtime is docker."""
    wanted = {"name": "Containers", "slug": CONTAINERS, "host": f"{CONTAINERS}.localhost", "runtime": "docker"}
    made = fairway.call("POST", "/environments", {**wanted, "options": docker_options})
    assert made["runtime_now"]["is_available"], made["runtime_now"]
    yield CONTAINERS
    fairway.stop()  # or its reconciler would bring back what is removed here
    with contextlib.closing(DockerRuntime.open({"host": docker_options["host"]}, data=fairway.data)) as runtime:
        for instance in runtime.instances():
            runtime.ensure_removed(instance.name, grace=0)
        runtime.collect([], Silent())
