"""What only Docker has, looked at behind the runtime's back on a real Engine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fairway.drivers.builders.image import caddy_program
from fairway.drivers.runtimes.contract import (
    ArtifactKind,
    ArtifactRef,
    Instance,
    InstanceSpec,
    InstanceState,
    Limits,
    NullProgress,
    Volume,
)
from fairway.drivers.runtimes.docker.plan import port_choices
from fairway.drivers.runtimes.docker.runtime import DockerRuntime
from fairway.shared.failures import Refused, Retry
from tests.services import plainly
from tests.services.docker import Engine, build, private_engine
from tests.services.waiting import eventually

pytestmark = pytest.mark.docker
CADDY = "FROM scratch\nCOPY caddy /caddy\n"
HELLO = 'CMD ["/caddy", "respond", "--listen", ":8080", "hello"]\n'


def answers(instance: Instance) -> bool:
    try:
        return plainly.get(f"http://{instance.address}/").text == "hello"
    except httpx.TransportError:
        return False


def make(engine: Engine, tag: str, dockerfile: str) -> ArtifactRef:
    with engine.client() as client:
        image = build(client, tag, {"Dockerfile": dockerfile, "caddy": caddy_program().read_bytes()})
    return ArtifactRef(ArtifactKind.IMAGE, image, tag)


@pytest.fixture(scope="module")
def hello(docker_engine: Engine) -> ArtifactRef:
    return make(docker_engine, "fairway-tests/hello:1", CADDY + HELLO)


@pytest.fixture
def runtime(docker_engine: Engine, tmp_path: Path) -> Iterator[DockerRuntime]:
    runtime = DockerRuntime.open({"host": docker_engine.host}, data=tmp_path / "data")
    yield runtime
    for instance in runtime.instances():
        runtime.ensure_removed(instance.name, grace=0)
    runtime.close()


@pytest.fixture
def spec(hello: ArtifactRef) -> InstanceSpec:
    return InstanceSpec("hello.test", "d1", 0, hello)


def inspect(engine: Engine, runtime: DockerRuntime, name: str) -> dict[str, object]:
    with engine.client() as client:
        return dict(client.inspect_container(runtime.names.container(name)))


def test_the_engine_confirms_every_confinement(runtime: DockerRuntime, docker_engine: Engine, spec: InstanceSpec) -> None:
    limits = Limits(memory_bytes=64 * 1024 * 1024, cpus=0.5, pids=77)
    started = runtime.ensure_started(replace(spec, limits=limits), NullProgress())
    host = inspect(docker_engine, runtime, started.name)["HostConfig"]
    assert isinstance(host, dict)
    assert (host["Memory"], host["MemorySwap"]) == (limits.memory_bytes, limits.memory_bytes)
    assert (host["NanoCpus"], host["PidsLimit"]) == (500_000_000, 77)
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["CapDrop"] == ["ALL"]
    assert "NET_RAW" not in host["CapAdd"]
    assert (host["Privileged"], host["Binds"], host["Init"]) == (False, None, True)
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert started.address.startswith("127.0.0.1:")


def test_a_taken_port_is_passed_over(runtime: DockerRuntime, spec: InstanceSpec) -> None:
    ports = runtime.options.ports
    first = port_choices(spec.name, runtime.names.installation, ports, ())[0]
    with socket.create_server(("127.0.0.1", first)):
        started = runtime.ensure_started(spec, NullProgress())
        assert started.state is InstanceState.RUNNING
        assert started.address == f"127.0.0.1:{port_choices(spec.name, runtime.names.installation, ports, {first})[0]}"
        eventually(lambda: answers(started), "answers on the next port")
    assert len(runtime.instances()) == 1


def test_the_address_survives_stop_and_start(runtime: DockerRuntime, spec: InstanceSpec) -> None:
    started = runtime.ensure_started(spec, NullProgress())
    runtime.ensure_stopped(started.name, grace=1)
    assert runtime.ensure_started(spec, NullProgress()).address == started.address


def test_another_wish_for_the_same_name_replaces_it(runtime: DockerRuntime, spec: InstanceSpec) -> None:
    first = runtime.ensure_started(spec, NullProgress())
    second = runtime.ensure_started(replace(spec, environment={"CHANGED": "yes"}), NullProgress())
    assert second.name == first.name
    assert second.started_at != first.started_at
    assert len(runtime.instances()) == 1


def test_the_images_own_health_check_is_read_back(runtime: DockerRuntime, docker_engine: Engine, spec: InstanceSpec) -> None:
    assert runtime.ensure_started(spec, NullProgress()).health is None
    check = 'HEALTHCHECK --interval=200ms --retries=1 CMD ["/caddy", "{word}"]\n'
    for word, verdict in (("version", "healthy"), ("no-such-command", "unhealthy")):
        image = make(docker_engine, f"fairway-tests/{verdict}:1", CADDY + check.format(word=word) + HELLO)
        name = runtime.ensure_started(replace(spec, artifact=image, deployment=f"d-{verdict}"), NullProgress()).name

        def seen(name: str = name, verdict: str = verdict) -> bool:
            instance = runtime.instance(name)
            return instance is not None and instance.health == verdict

        eventually(seen, verdict)


def test_two_fairways_on_one_engine_do_not_see_each_other(
    runtime: DockerRuntime, docker_engine: Engine, spec: InstanceSpec, tmp_path: Path
) -> None:
    other = DockerRuntime.open({"host": docker_engine.host}, data=tmp_path / "other")
    mine = runtime.ensure_started(spec, NullProgress())
    assert other.instance(mine.name) is None
    assert other.instances() == []
    other.ensure_removed(mine.name)
    theirs = other.ensure_started(spec, NullProgress())
    assert theirs.address != mine.address
    other.ensure_removed(theirs.name)
    assert runtime.instance(mine.name) == mine
    other.close()


def test_the_last_instance_takes_its_network_along(
    runtime: DockerRuntime, docker_engine: Engine, spec: InstanceSpec
) -> None:
    one, two = (runtime.ensure_started(replace(spec, replica=replica), NullProgress()) for replica in (0, 1))
    network = runtime.names.network(spec.placement)
    with docker_engine.client() as client:
        runtime.ensure_removed(one.name, grace=0)
        assert [found["Name"] for found in client.networks(names=[network])] == [network]
        runtime.ensure_removed(two.name, grace=0)
        assert client.networks(names=[network]) == []


def test_a_used_volume_is_not_removed(runtime: DockerRuntime, spec: InstanceSpec) -> None:
    volume = Volume("hello-data", "/data")
    started = runtime.ensure_started(replace(spec, volumes=(volume,)), NullProgress())
    with pytest.raises(Refused, match="hello-data"):
        runtime.ensure_volume_removed(volume.name)
    runtime.ensure_removed(started.name, grace=0)
    runtime.ensure_volume_removed(volume.name)


def test_long_lines_come_whole(runtime: DockerRuntime, docker_base: str, docker_engine: Engine, spec: InstanceSpec) -> None:
    """The Engine stores lines in parts of 16 KiB."""
    with docker_engine.client() as client:
        image = ArtifactRef(ArtifactKind.IMAGE, str(client.inspect_image(docker_base)["Id"]), docker_base)
    command = ("python3", "-c", "import time; print('x' * 50_000); print('short', flush=True); time.sleep(600)")
    started = runtime.ensure_started(replace(spec, artifact=image, command=command), NullProgress())
    eventually(lambda: len(list(runtime.output(started.name))) == 2, "both lines were printed")
    assert [line.text for line in runtime.output(started.name)] == ["x" * 50_000, "short"]


def test_following_goes_on_over_a_stop_and_a_start(
    runtime: DockerRuntime, docker_base: str, docker_engine: Engine, spec: InstanceSpec
) -> None:
    with docker_engine.client() as client:
        image = ArtifactRef(ArtifactKind.IMAGE, str(client.inspect_image(docker_base)["Id"]), docker_base)
    wanted = replace(
        spec, artifact=image, command=("python3", "-c", "import time; print('up', flush=True); time.sleep(600)")
    )
    started = runtime.ensure_started(wanted, NullProgress())
    lines = runtime.output(started.name, follow=True)
    assert next(lines).text == "up"
    runtime.ensure_stopped(started.name, grace=0)
    runtime.ensure_started(wanted, NullProgress())
    assert next(lines).text == "up"
    runtime.ensure_removed(started.name, grace=0)
    assert list(lines) == []


def test_no_engine_is_said_and_may_be_tried_again(tmp_path: Path) -> None:
    runtime = DockerRuntime.open({"host": f"unix://{tmp_path}/none.sock"}, data=tmp_path)
    availability = runtime.availability()
    assert not availability.is_available
    assert "Install Docker" in availability.sentence
    with pytest.raises(Retry, match=r"none\.sock"):
        runtime.instances()
    with pytest.raises(Retry):
        list(runtime.output("fairway-x.y-d1-0"))


@pytest.fixture
def own_engine() -> Iterator[Engine]:
    """An Engine that a test may stop."""
    engine = private_engine()
    yield engine
    engine.end()


def test_an_engine_that_restarts_brings_the_same_instances_back(own_engine: Engine, tmp_path: Path) -> None:
    artifact = make(own_engine, "fairway-tests/hello:1", CADDY + HELLO)
    runtime = DockerRuntime.open({"host": own_engine.host}, data=tmp_path)
    before = runtime.ensure_started(InstanceSpec("hello.test", "d1", 0, artifact), NullProgress())
    own_engine.halt()
    assert not runtime.availability().is_available
    with pytest.raises(Retry):
        runtime.instances()
    own_engine.launch()
    eventually(lambda: [one.state for one in runtime.instances()] == [InstanceState.RUNNING], "runs again")
    after = runtime.instances()[0]
    assert (after.name, after.address, after.digest) == (before.name, before.address, before.digest)
    eventually(lambda: answers(after), "answers at the old address")
    runtime.close()


def test_more_placements_than_the_engine_has_networks(own_engine: Engine, tmp_path: Path) -> None:
    own_engine.halt()
    own_engine.launch("base=10.99.0.0/24,size=26")
    artifact = make(own_engine, "fairway-tests/hello:1", CADDY + HELLO)
    runtime = DockerRuntime.open({"host": own_engine.host}, data=tmp_path)
    for number in range(6):
        started = runtime.ensure_started(InstanceSpec(f"app-{number}.test", "d1", 0, artifact), NullProgress())
        assert started.state is InstanceState.RUNNING
    with own_engine.client() as client:
        subnets = {config["Subnet"] for network in client.networks() for config in network["IPAM"]["Config"] or ()}
    assert sum(subnet.startswith("10.99.0.") for subnet in subnets) == 4, subnets
    assert sum(subnet.startswith("10.213.") for subnet in subnets) == 2, subnets
    runtime.close()


def test_a_stopped_instance_keeps_its_network(runtime: DockerRuntime, spec: InstanceSpec) -> None:
    """The Engine lets go of a network that has only stopped containers, and they could never be started again."""
    sibling = replace(spec, deployment="d2")
    for each in (spec, sibling):
        runtime.ensure_started(each, NullProgress())
    runtime.ensure_stopped(spec.name, grace=0)
    runtime.ensure_removed(sibling.name, grace=0)
    instance = runtime.ensure_started(spec, NullProgress())
    eventually(lambda: answers(instance), "it answers again")


def test_an_instance_whose_network_is_gone_is_made_anew(
    runtime: DockerRuntime, docker_engine: Engine, spec: InstanceSpec
) -> None:
    runtime.ensure_started(spec, NullProgress())
    runtime.ensure_stopped(spec.name, grace=0)
    with docker_engine.client() as client:
        client.remove_network(runtime.names.network(spec.placement))
    instance = runtime.ensure_started(spec, NullProgress())
    eventually(lambda: answers(instance), "it answers again")


def test_a_strangers_container_holds_a_volume_too(docker_engine: Engine, runtime: DockerRuntime, spec: InstanceSpec) -> None:
    """Say, the one in which somebody looks after the data by hand."""
    volume = Volume(name="hello.test.data", target="/data")
    mine = replace(spec, volumes=(volume,))
    with docker_engine.client() as api:
        theirs = {"Binds": [f"{runtime.names.volume(volume.name)}:/theirs"], "NetworkMode": "none"}
        stranger = {"Image": spec.artifact.digest, "HostConfig": theirs}
        api.create_container_from_config(stranger, "a-stranger")
        try:
            api.start("a-stranger")
            with pytest.raises(Retry, match="still held by a-stranger"):
                runtime.ensure_started(mine, NullProgress())
            api.stop("a-stranger", timeout=0)
            assert runtime.ensure_started(mine, NullProgress()).volumes == {volume.name}
            assert runtime.stored(mine) == frozenset(), "looked at, from an image with nothing in it"
        finally:
            api.remove_container("a-stranger", force=True)
    runtime.ensure_removed(mine.name, grace=0)
    runtime.ensure_volume_removed(volume.name)


# -- what keeps an application from being reached

SCRIPTS = {
    "plain.sh": (b"#!/bin/sh\nexit 0\n", 0o644, "“/app/plain.sh” cannot be started: it is not marked executable"),
    "windows.sh": (b"#!/bin/sh\r\nexit 0\r\n", 0o755, "Windows line ends"),
    "nowhere.sh": (b"#!/opt/none\n", 0o755, "the interpreter “/opt/none”, which is not here"),
}


@pytest.fixture(scope="module")
def scripts(docker_engine: Engine, docker_base: str) -> ArtifactRef:
    lines = [f"FROM {docker_base}", "WORKDIR /app", *(f"COPY {name} /app/{name}" for name in SCRIPTS)]
    lines += [f"RUN chmod {mode:o} /app/{name}" for name, (_, mode, _) in SCRIPTS.items()]
    files = {name: content for name, (content, _, _) in SCRIPTS.items()}
    with docker_engine.client() as client:
        image = build(client, "fairway-tests/scripts:1", {"Dockerfile": "\n".join(lines) + "\n", **files})
    return ArtifactRef(ArtifactKind.IMAGE, image, "fairway-tests/scripts:1")


@pytest.mark.parametrize("name", [*SCRIPTS, "."])
def test_a_program_that_cannot_be_executed_says_why(
    runtime: DockerRuntime, scripts: ArtifactRef, spec: InstanceSpec, name: str
) -> None:
    words = SCRIPTS[name][2] if name in SCRIPTS else "it is a folder"
    with pytest.raises(Refused, match=words):
        runtime.ensure_started(replace(spec, artifact=scripts, command=(f"/app/{name}",)), NullProgress())
    assert runtime.instances() == []


@pytest.mark.parametrize(
    ("listen", "words"),
    [
        ("'0.0.0.0', 5000", "It listens on port 5000 (python3), not on 8080 (PORT): set the application's port to 5000"),
        ("'127.0.0.1', 8080", "It listens on 127.0.0.1:8080 only, where nobody outside its container reaches it"),
        ("'0.0.0.0', 8080", ""),
    ],
)
def test_where_a_container_listens_is_seen(
    runtime: DockerRuntime, scripts: ArtifactRef, spec: InstanceSpec, listen: str, words: str
) -> None:
    text = f"import socket, time; s = socket.create_server(({listen})); print('up', flush=True); time.sleep(600)"
    started = runtime.ensure_started(replace(spec, artifact=scripts, command=("python3", "-c", text)), NullProgress())
    eventually(lambda: [line.text for line in runtime.output(started.name)] == ["up"], "it listens")
    found = runtime.listens_elsewhere(started.name)
    assert found.startswith(words) if words else found == ""


def test_the_last_words_come_without_a_newline_and_whole(
    runtime: DockerRuntime, scripts: ArtifactRef, spec: InstanceSpec
) -> None:
    """The Engine stores parts of 16 KiB, wherever a character ends, and calls the last one a part, too."""
    text = "import os; os.write(1, b'a' + '€'.encode() * 9000 + b'\\n'); os.write(2, b'waiting for the database')"
    started = runtime.ensure_started(replace(spec, artifact=scripts, command=("python3", "-c", text)), NullProgress())
    eventually(lambda: len(list(runtime.output(started.name))) >= 2, "it has spoken")
    found = {line.stream: line.text for line in runtime.output(started.name)}
    assert found == {"stdout": "a" + "€" * 9000, "stderr": "waiting for the database"}


def test_an_instance_beyond_its_memory_says_so(runtime: DockerRuntime, spec: InstanceSpec, scripts: ArtifactRef) -> None:
    text = "import time; time.sleep(0.2); keep = bytearray(200 << 20); time.sleep(600)"
    limited = replace(spec, artifact=scripts, command=("python3", "-c", text), limits=Limits(memory_bytes=48 << 20))
    started = runtime.ensure_started(limited, NullProgress())
    eventually(lambda: runtime.instance(started.name).out_of_memory, "the Engine says that it was out of memory")
