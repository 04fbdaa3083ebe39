"""The docker runtime under the contract that every runtime keeps, on a real Engine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairway.drivers.builders.dockerfiles import LAUNCHERS
from fairway.drivers.runtimes import chain
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, Runtime
from fairway.drivers.runtimes.docker.beyond import running_first
from fairway.drivers.runtimes.docker.daemon import Daemon
from fairway.drivers.runtimes.docker.identity import installation_id
from fairway.drivers.runtimes.docker.plan import DATA, LAUNCHER
from fairway.drivers.runtimes.docker.runtime import DockerRuntime
from fairway.drivers.runtimes.steps import steps_of
from tests.drivers.runtimes.chains import ChainContract
from tests.services.docker import Engine, build

pytestmark = pytest.mark.docker
APP = Path(__file__).with_name("app.py")


def dockerfile(base: str, data: Path, *lines: str) -> str:
    """An image of the contract's application that belongs to the data directory."""
    labels = f'LABEL {DATA}="{installation_id(data)}"'
    launcher = [f"COPY chain.py {LAUNCHERS['python'][-1]}", f"LABEL {LAUNCHER}='{json.dumps(LAUNCHERS['python'])}'"]
    parts = [f"FROM {base}", "WORKDIR /app", "COPY app.py VERSION /app/", labels, *launcher, *lines]
    return "\n".join([*parts, 'CMD ["python3", "/app/app.py"]'])


def make(engine: Engine, base: str, data: Path, version: str, *lines: str) -> ArtifactRef:
    tag = f"fairway/contract:{version}-{installation_id(data)}"
    files: dict[str, str | bytes] = {
        "Dockerfile": dockerfile(base, data, *lines),
        "app.py": APP.read_bytes(),
        "chain.py": Path(chain.__file__).read_bytes(),
        "VERSION": version,
    }
    with engine.client() as client:
        return ArtifactRef(ArtifactKind.IMAGE, build(client, tag, files), tag)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


class TestDockerRuntime(ChainContract):
    @pytest.fixture
    def runtime(self, docker_engine: Engine, data: Path) -> Iterator[Runtime]:
        runtime = DockerRuntime.open({"host": docker_engine.host}, data=data)
        yield runtime
        runtime.close()

    @pytest.fixture
    def reopen(self, docker_engine: Engine, data: Path) -> Iterator[Callable[[], Runtime]]:
        opened: list[DockerRuntime] = []

        def again() -> Runtime:
            opened.append(DockerRuntime.open({"host": docker_engine.host}, data=data))
            return opened[-1]

        yield again
        for runtime in opened:
            runtime.close()

    @pytest.fixture
    def artifact(self, docker_engine: Engine, docker_base: str, data: Path) -> ArtifactRef:
        return make(docker_engine, docker_base, data, "one")

    @pytest.fixture
    def another_artifact(self, docker_engine: Engine, docker_base: str, data: Path) -> ArtifactRef:
        return make(docker_engine, docker_base, data, "two")

    def test_a_container_that_somebody_else_made_of_its_image_is_left_alone(
        self, runtime: Runtime, artifact: ArtifactRef, docker_engine: Engine
    ) -> None:
        with docker_engine.client() as client:
            theirs = client.create_container(artifact.reference, command=["python3", "-c", "pass"])["Id"]
            try:
                assert runtime.instances() == []
            finally:
                client.remove_container(theirs)


def test_a_container_that_ended_meanwhile_begins_with_its_first_program(docker_engine: Engine, docker_base: str) -> None:
    """Its inspection said that it runs; when its processes are listed, it does not, or is gone."""
    orders = json.dumps([step.order() for step in steps_of(["migrate", "&&", "serve"], {}, port=1, host="")])
    daemon = Daemon(docker_engine.host)
    with docker_engine.client() as client, contextlib.closing(daemon):
        made = client.create_container(docker_base, command=[*LAUNCHERS["python"], orders])["Id"]
        inspection = client.inspect_container(made)
        try:
            assert running_first(daemon, inspection) == "migrate"
        finally:
            client.remove_container(made, force=True)
        assert running_first(daemon, inspection) == "migrate"
