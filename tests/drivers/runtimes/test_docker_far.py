"""The docker runtime under the same contract on a machine elsewhere; and what only the distance brings."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairway.drivers.builders.image import caddy_program
from fairway.drivers.hosts.address import SshAddress
from fairway.drivers.hosts.tunnel import Access, Tunnel
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, InstanceSpec, NullProgress, Runtime
from fairway.drivers.runtimes.docker.identity import installation_id
from fairway.drivers.runtimes.docker.plan import DATA
from fairway.drivers.runtimes.docker.runtime import DockerRuntime
from fairway.shared.failures import Refused, Retry
from fairway.shared.keypairs import new_key_pair
from tests.drivers.runtimes.contract import RuntimeContract
from tests.drivers.runtimes.test_docker import make
from tests.services.docker import Engine, base_on, build
from tests.services.far_host import FarHost, far_host  # noqa: F401
from tests.services.waiting import eventually

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def access(far_host: FarHost) -> Access:  # noqa: F811
    private, public = new_key_pair("fairway tests")
    far_host.let_in(public)
    return Access(private, far_host.host_key)


@pytest.fixture(scope="module")
def tunnel(far_host: FarHost, data: Path, access: Access) -> Iterator[Tunnel]:  # noqa: F811
    tunnel = Tunnel(SshAddress.parse(far_host.url), data)
    tunnel.ensure_up(access)
    yield tunnel
    tunnel.close()


@pytest.fixture(scope="module")
def base(far_host: FarHost) -> str:  # noqa: F811
    return base_on(far_host.engine.host)


@pytest.fixture
def far_runtime(far_host: FarHost, data: Path, tunnel: Tunnel) -> Iterator[DockerRuntime]:  # noqa: F811
    runtime = DockerRuntime.open({"host": far_host.url}, data=data)
    yield runtime
    runtime.close()


@pytest.fixture
def one(far_host: FarHost, base: str, data: Path) -> ArtifactRef:  # noqa: F811
    return make(far_host.engine, base, data, "one")


class TestDockerOverSsh(RuntimeContract):
    @pytest.fixture
    def runtime(self, far_runtime: DockerRuntime) -> Runtime:
        return far_runtime

    @pytest.fixture
    def reopen(self, far_host: FarHost, data: Path) -> Iterator[Callable[[], Runtime]]:  # noqa: F811
        opened: list[DockerRuntime] = []

        def again() -> Runtime:
            opened.append(DockerRuntime.open({"host": far_host.url}, data=data))
            return opened[-1]

        yield again
        for runtime in opened:
            runtime.close()

    @pytest.fixture
    def artifact(self, one: ArtifactRef) -> ArtifactRef:
        return one

    @pytest.fixture
    def another_artifact(self, far_host: FarHost, base: str, data: Path) -> ArtifactRef:  # noqa: F811
        return make(far_host.engine, base, data, "two")


def test_a_tunnel_made_anew_leads_to_what_runs_and_to_nothing_else(
    far_runtime: DockerRuntime, tunnel: Tunnel, access: Access, one: ArtifactRef
) -> None:
    specs = [InstanceSpec("anew.test", "d1", replica, one) for replica in (0, 1)]
    started = [far_runtime.ensure_started(spec, NullProgress()) for spec in specs]
    local = started[0].address.rpartition(":")[0]
    ports = {int(instance.address.rpartition(":")[2]) for instance in started}
    pid = tunnel.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: tunnel.pid() is None)
    with pytest.raises(Retry, match="cannot be reached"):
        far_runtime.instances()

    tunnel.ensure_up(access)
    assert tunnel.open_ports(local) == set()
    far_runtime.keep_reachable()
    assert tunnel.open_ports(local) == ports
    assert {one.address for one in far_runtime.instances("anew.test")} == {one.address for one in started}
    far_runtime.ensure_removed(specs[0].name, grace=0)
    far_runtime.keep_reachable()
    assert tunnel.open_ports(local) == ports
    far_runtime.keep_reachable(unused_for=0)
    assert len(tunnel.open_ports(local)) == 1
    far_runtime.ensure_removed(specs[1].name, grace=0)


def test_a_followed_log_goes_on_after_the_tunnel_broke(
    far_runtime: DockerRuntime, tunnel: Tunnel, access: Access, one: ArtifactRef
) -> None:
    printing = ("python3", "-uc", "import itertools, time\nfor n in itertools.count(): print(n); time.sleep(0.2)")
    spec = InstanceSpec("printing.test", "d1", 0, one, command=printing)
    far_runtime.ensure_started(spec, NullProgress())
    seen: list[int] = []
    for line in far_runtime.output(spec.name, follow=True):
        seen.append(int(line.text))
        if len(seen) == 5:
            pid = tunnel.pid()
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: tunnel.pid() is None)
            tunnel.ensure_up(access)
        if len(seen) >= 15:
            break
    assert seen == list(range(seen[0], seen[0] + len(seen))), "nothing twice, nothing missing"
    far_runtime.ensure_removed(spec.name, grace=0)


def test_an_image_no_registry_has_is_copied_with_its_digest(
    far_runtime: DockerRuntime,
    far_host: FarHost,  # noqa: F811
    docker_engine: Engine,
    data: Path,
) -> None:
    here = DockerRuntime.open({"host": docker_engine.host}, data=data)
    tag = f"fairway/copied:1-{installation_id(data)}"
    dockerfile = f'FROM scratch\nCOPY caddy /caddy\nLABEL {DATA}="{installation_id(data)}"\nCMD ["/caddy", "respond"]\n'
    with docker_engine.client() as client:
        image = build(client, tag, {"Dockerfile": dockerfile, "caddy": caddy_program().read_bytes()})
    artifact = ArtifactRef(ArtifactKind.IMAGE, image, tag)
    assert not far_runtime.is_distributed(artifact)
    with pytest.raises(Refused):
        far_runtime.distribute(artifact, None, NullProgress())

    far_runtime.copy_from(here, artifact, NullProgress())
    assert far_runtime.is_distributed(artifact)
    assert artifact in far_runtime.artifacts()
    with far_host.engine.client() as client:
        assert client.inspect_image(artifact.reference)["Id"] == artifact.digest
    far_runtime.copy_from(here, artifact, NullProgress())
    here.collect([], NullProgress())
    with pytest.raises(Refused, match="no longer"):
        far_runtime.copy_from(here, artifact, NullProgress())
    here.close()
