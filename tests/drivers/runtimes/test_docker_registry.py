"""Images from a real private registry: resolved, pulled by digest, verified, kept, collected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, InstanceSpec, NullProgress, RegistryCredential
from fairway.drivers.runtimes.docker.runtime import DockerRuntime
from fairway.shared.failures import Cancelled, NeedsPerson, Refused, Retry
from tests.services.docker import Engine, Registry, build

pytestmark = pytest.mark.docker


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str, *, stream: str = "stdout") -> None:
        self.lines.append(text)

    def check(self) -> None: ...


class Cancelling(Log):
    def check(self) -> None:
        if self.lines:
            raise Cancelled


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def runtime(docker_engine: Engine, data: Path) -> Iterator[DockerRuntime]:
    runtime = DockerRuntime.open({"host": docker_engine.host}, data=data)
    yield runtime
    for instance in runtime.instances():
        runtime.ensure_removed(instance.name, grace=0)
    runtime.collect([], NullProgress())
    runtime.close()


@pytest.fixture(scope="module")
def pushed(docker_engine: Engine, docker_registry: Registry) -> str:
    """The manifest digest of ``team/note:1``, an image of one small file, which is in the registry only."""
    with docker_engine.client() as client:
        build(
            client, "fairway-tests/note:1", {"Dockerfile": 'FROM scratch\nCOPY note /note\nCMD ["/note"]\n', "note": "hello"}
        )
        digest = docker_registry.push(client, "fairway-tests/note:1", "team/note", "1")
        client.remove_image("fairway-tests/note:1")
    return digest


def test_a_tag_is_resolved_to_the_digest_that_is_pulled(
    runtime: DockerRuntime, docker_registry: Registry, pushed: str
) -> None:
    found = runtime.resolve(f"{docker_registry.host}/team/note:1", docker_registry.credential)
    assert found == ArtifactRef(ArtifactKind.IMAGE, pushed, f"{docker_registry.host}/team/note@{pushed}")
    assert not runtime.is_distributed(found)
    log = Log()
    runtime.distribute(found, docker_registry.credential, log)
    assert runtime.is_distributed(found)
    assert any("digest verified" in line for line in log.lines)
    assert runtime.artifacts() == [found]
    again = Log()
    runtime.distribute(found, None, again)  # neither credentials nor registry are needed when it is here
    assert any("already on this host" in line for line in again.lines)


def test_a_digest_is_resolved_to_itself(runtime: DockerRuntime, docker_registry: Registry, pushed: str) -> None:
    for reference in (f"{docker_registry.host}/team/note@{pushed}", f"{docker_registry.host}/team/note:1@{pushed}"):
        assert runtime.resolve(reference, docker_registry.credential).digest == pushed


def test_a_running_instance_reports_the_manifest_digest(
    runtime: DockerRuntime, docker_engine: Engine, docker_registry: Registry, docker_base: str
) -> None:
    with docker_engine.client() as client:
        files: dict[str, str | bytes] = {"Dockerfile": f'FROM {docker_base}\nCMD ["sleep", "600"]\n'}
        build(client, "fairway-tests/sleeper:1", files)
        digest = docker_registry.push(client, "fairway-tests/sleeper:1", "team/sleeper", "1")
    artifact = runtime.resolve(f"{docker_registry.host}/team/sleeper:1", docker_registry.credential)
    assert artifact.digest == digest
    runtime.distribute(artifact, docker_registry.credential, NullProgress())
    started = runtime.ensure_started(InstanceSpec("sleeper.test", "d1", 0, artifact), NullProgress())
    assert started.digest == digest
    read = runtime.instance(started.name)
    assert read is not None
    assert read.digest == digest


@pytest.mark.parametrize("password", [None, "wrong"])
def test_missing_and_wrong_credentials_need_a_person(
    runtime: DockerRuntime, docker_registry: Registry, pushed: str, password: str | None
) -> None:
    credential = RegistryCredential(docker_registry.host, "deployer", password) if password else None
    with pytest.raises(NeedsPerson, match=docker_registry.host):
        runtime.resolve(f"{docker_registry.host}/team/note:1", credential)
    artifact = ArtifactRef(ArtifactKind.IMAGE, pushed, f"{docker_registry.host}/team/note@{pushed}")
    with pytest.raises(NeedsPerson, match=docker_registry.host) as refused:
        runtime.distribute(artifact, credential, NullProgress())
    assert "wrong" not in refused.value.detail


def test_what_the_registry_does_not_have_is_refused(runtime: DockerRuntime, docker_registry: Registry, pushed: str) -> None:
    for reference in ("team/note:no-such-tag", "team/no-such-image:1", f"team/note@sha256:{'0' * 64}"):
        with pytest.raises(Refused, match="does not exist"):
            runtime.resolve(f"{docker_registry.host}/{reference}", docker_registry.credential)
    gone = f"sha256:{'1' * 64}"
    artifact = ArtifactRef(ArtifactKind.IMAGE, gone, f"{docker_registry.host}/team/note@{gone}")
    with pytest.raises(Refused, match="does not exist"):
        runtime.distribute(artifact, docker_registry.credential, NullProgress())


def test_a_registry_that_is_away_may_come_back(runtime: DockerRuntime) -> None:
    with pytest.raises(Retry, match="127.0.0.1:9"):
        runtime.resolve("127.0.0.1:9/team/note:1", None)


@pytest.mark.parametrize("wrong", ["", "Has Spaces", "UPPER/case:1", "x@sha256:12", "-option"])
def test_what_is_no_reference_is_refused(runtime: DockerRuntime, wrong: str) -> None:
    with pytest.raises(Refused):
        runtime.resolve(wrong, None)


def test_a_reference_that_does_not_name_its_digest_is_refused(
    runtime: DockerRuntime, docker_registry: Registry, pushed: str
) -> None:
    artifact = ArtifactRef(ArtifactKind.IMAGE, pushed, f"{docker_registry.host}/team/note:1")
    with pytest.raises(Refused):
        runtime.distribute(artifact, docker_registry.credential, NullProgress())


def test_a_pull_is_cancelled(runtime: DockerRuntime, docker_registry: Registry, pushed: str) -> None:
    artifact = ArtifactRef(ArtifactKind.IMAGE, pushed, f"{docker_registry.host}/team/note@{pushed}")
    with pytest.raises(Cancelled):
        runtime.distribute(artifact, docker_registry.credential, Cancelling())


def test_only_our_own_images_are_collected(
    runtime: DockerRuntime, docker_engine: Engine, docker_registry: Registry, pushed: str, tmp_path: Path
) -> None:
    artifact = ArtifactRef(ArtifactKind.IMAGE, pushed, f"{docker_registry.host}/team/note@{pushed}")
    other = DockerRuntime.open({"host": docker_engine.host}, data=tmp_path / "other")
    runtime.distribute(artifact, docker_registry.credential, NullProgress())
    other.distribute(artifact, None, NullProgress())
    assert other.collect([pushed], NullProgress()) == []
    assert other.collect([], NullProgress()) == [pushed]
    assert runtime.is_distributed(artifact)
    assert other.artifacts() == []
    assert runtime.collect([], NullProgress()) == [pushed]
    assert not runtime.is_distributed(artifact)
    other.close()


def test_an_image_somebody_built_here_is_found_by_its_name(runtime: DockerRuntime, docker_engine: Engine) -> None:
    with docker_engine.client() as client:
        image = build(client, "by-hand:1", {"Dockerfile": "FROM scratch\nCOPY note /\n", "note": "mine"})
    found = runtime.resolve("by-hand:1", None)
    assert (found.digest, found.reference) == (image, "by-hand:1")
    runtime.distribute(found, None, NullProgress())
    assert runtime.collect([], NullProgress()) == [image]
    assert runtime.is_distributed(found)  # it was there before Fairway, and stays
    assert not runtime.is_distributed(replace(found, digest=f"sha256:{'0' * 64}"))
