"""One Fairway for all tests of this folder, and one environment in it whose applications are containers."""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fairway.drivers.runtimes.contract import NullProgress
from fairway.drivers.runtimes.docker.runtime import DockerRuntime
from tests.drivers.builders.conftest import git, npm  # noqa: F401
from tests.examples.six import Example, place
from tests.services.docker import Engine, docker_base, docker_engine, docker_registry  # noqa: F401
from tests.services.installation import Installation, installed

# The Engine is shared with the other test processes, whose installations deploy the same examples.
CONTAINERS = f"containers-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
BUILD_SECONDS = 400  # Streamlit's half a gigabyte, on a busy machine with nothing cached
Build = Callable[[Example], dict[str, Any]]


@pytest.fixture(scope="package")
def fairway() -> Iterator[Installation]:
    """A whole Fairway; its caches are shared by all builds. Its folder is gone afterwards: bundles are large."""
    with tempfile.TemporaryDirectory(prefix="fairway-six-") as folder, installed(Path(folder) / ".local" / "fairway") as one:
        yield one


@pytest.fixture(scope="package")
def docker_options(docker_engine: Engine, docker_base: str) -> dict[str, str]:  # noqa: F811
    """How an environment reaches the Engine: base images that need no download, builds with our way to the registries."""
    bases = {"python_image": docker_base, "node_image": docker_base}
    return {"host": docker_engine.host, "build_network": "host", "builder": "classic", **bases}


@pytest.fixture(scope="package")
def runtime(fairway: Installation, docker_options: dict[str, str]) -> Iterator[DockerRuntime]:
    """A second pair of hands in the same data directory: what a crashed worker could have done."""
    with contextlib.closing(DockerRuntime.open({"host": docker_options["host"]}, data=fairway.data)) as runtime:
        yield runtime


@pytest.fixture(scope="package")
def containers(fairway: Installation, docker_options: dict[str, str], runtime: DockerRuntime) -> Iterator[str]:
    """The slug of an environment whose runtime is docker."""
    yield docker_environment(fairway, CONTAINERS, docker_options)
    fairway.stop()  # or its reconciler would bring back what is removed here
    for instance in runtime.instances():
        runtime.ensure_removed(instance.name, grace=0)
    runtime.collect([], NullProgress())


@pytest.fixture(scope="package")
def built(fairway: Installation, containers: str, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Deploys an example as an image, once; answers the live deployment."""

    @functools.cache
    def build(example: Example) -> dict[str, Any]:
        slug = f"{example.name}-image"
        place(fairway, slug, fairway.upload(example.copied_to(tmp_path_factory.mktemp(slug))), containers)
        return dict(fairway.live(fairway.deploy(slug, containers), BUILD_SECONDS))

    return build


def docker_environment(fairway: Installation, slug: str, options: dict[str, str]) -> str:
    """A new environment with the docker runtime; its slug."""
    wanted = {"name": slug.capitalize(), "slug": slug, "host": f"{slug}.localhost", "runtime": "docker"}
    made = fairway.call("POST", "/environments", {**wanted, "options": options})
    assert made["runtime_now"]["is_available"], made["runtime_now"]
    return slug
