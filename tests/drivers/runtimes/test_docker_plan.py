"""The pure parts of the docker runtime: no Engine needed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.drivers.runtimes.contract import (
    ArtifactKind,
    ArtifactRef,
    HealthCheck,
    InstanceSpec,
    InstanceState,
    RegistryCredential,
    Volume,
)
from fairway.drivers.runtimes.docker import failures, plan, readback
from fairway.drivers.runtimes.docker.identity import FILE, installation_id
from fairway.drivers.runtimes.docker.networks import free_subnets, host_routes
from fairway.drivers.runtimes.docker.options import DEFAULT_HOST, DockerOptions
from fairway.drivers.runtimes.docker.pulling import PullReport
from fairway.drivers.runtimes.docker.streams import frames, json_lines
from fairway.shared.failures import NeedsPerson, Refused, Retry
from fairway.shared.names import Invalid, image_repository

DIGEST = f"sha256:{'a' * 64}"
NAMES = plan.Names("0123abcd")
SPEC = InstanceSpec(
    "hello.staging", "d42", 0, ArtifactRef(ArtifactKind.IMAGE, DIGEST), environment={"TOKEN": "s3cret-value"}
)


def body(spec: InstanceSpec = SPEC) -> dict[str, Any]:
    return plan.container_body(spec, NAMES, image={"Id": DIGEST}, host_port=21000)


def test_a_health_command_becomes_the_containers_own_check() -> None:
    check = HealthCheck(command=("pg_isready", "-p", "{port}", "-h", "${HOST_NAME}"), deadline=90)
    spec = replace(SPEC, port=5432, health=check, environment={"HOST_NAME": "db"})
    asked = body(spec)["Healthcheck"]
    assert asked["Test"] == ["CMD", "pg_isready", "-p", "5432", "-h", "db"]
    assert (asked["StartPeriod"], asked["Interval"], asked["Retries"]) == (90_000_000_000, 5_000_000_000, 3)
    assert "Healthcheck" not in body(replace(spec, once="release"))
    assert body(replace(SPEC, port=None))["Healthcheck"] == {"Test": ["NONE"]}


def test_a_volume_has_a_variable_unless_the_configuration_has_it() -> None:
    spec = replace(SPEC, volumes=(Volume("hello.staging.uploads", "/uploads"),))
    assert "VOLUME_UPLOADS=/uploads" in body(spec)["Env"]
    own = replace(spec, environment={**SPEC.environment, "VOLUME_UPLOADS": "/elsewhere"})
    assert "VOLUME_UPLOADS=/elsewhere" in body(own)["Env"]


# -- options


def test_the_engine_is_the_local_one_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert DockerOptions.parse({}).host == DEFAULT_HOST
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    assert DockerOptions.parse({}).host == "unix:///run/user/1000/docker.sock"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"host": "tcp://0.0.0.0:2375"}, "host"),
        ({"host": "ssh://web1"}, "host"),
        ({"host": "ssh://-oProxyCommand=x@web1"}, "host"),
        ({"publish": "0.0.0.0"}, "publish"),
        ({"publish": "web1"}, "publish"),
        ({"hots": "unix:///x"}, "hots"),
        ({"ports": "80-90"}, "ports"),
        ({"ports": "9000-8000"}, "ports"),
        ({"python_image": "not an image"}, "python_image"),
        ({"build_args": ["x"]}, "build_args"),
        ({"build_args": {"A B": "x"}}, "build_args"),
        ({"build_network": "container:x"}, "build_network"),
        ({"builder": "podman"}, "builder"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as wrong:
        DockerOptions.parse(options)
    assert wrong.value.field == field


def test_build_arguments_are_not_shown() -> None:
    options = DockerOptions.parse({"build_args": {"PIP_INDEX_URL": "https://user:hunter22@index.example"}})
    assert "hunter22" not in repr(options)


# -- identity


def test_one_identity_per_data_directory_also_when_asked_at_once(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def ask(_: int) -> str:
        barrier.wait()
        return installation_id(tmp_path / "data")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == [FILE]
    assert installation_id(tmp_path / "other") != installation_id(tmp_path / "data")


def test_a_damaged_identity_is_not_replaced_in_silence(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("")
    with pytest.raises(ValueError, match="damaged"):
        installation_id(tmp_path)


# -- what is asked for


def test_nothing_of_the_host_is_given_away() -> None:
    host = body(replace(SPEC, volumes=(Volume("data", "/data"),)))["HostConfig"]
    assert host["Privileged"] is False
    assert "Binds" not in host
    assert [mount["Type"] for mount in host["Mounts"]] == ["volume"]
    assert host["Mounts"][0]["Source"] == "fairway-data.0123abcd"
    assert host["PortBindings"] == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "21000"}]}
    assert not {"SYS_ADMIN", "NET_ADMIN", "NET_RAW", "MKNOD", "SYS_PTRACE"} & set(host["CapAdd"])


def test_secrets_are_in_the_environment_alone() -> None:
    asked = body()
    assert "TOKEN=s3cret-value" in asked.pop("Env")
    assert "s3cret-value" not in str(asked)


def test_the_port_is_filled_in_and_told() -> None:
    asked = body(replace(SPEC, port=3000, command=("serve", "--port={port}", "{host}")))
    assert asked["Cmd"] == ["serve", "--port=3000", "0.0.0.0"]
    assert "PORT=3000" in asked["Env"]
    assert "Cmd" not in body()


def test_the_fingerprint_tells_wishes_apart() -> None:
    others = [
        replace(SPEC, environment={"TOKEN": "other"}),
        replace(SPEC, port=1),
        replace(SPEC, command=("x",)),
        replace(SPEC, volumes=(Volume("a", "/a"),)),
        replace(SPEC, artifact=ArtifactRef(ArtifactKind.IMAGE, f"sha256:{'b' * 64}")),
    ]
    assert len({plan.fingerprint(spec) for spec in [SPEC, *others]}) == 6
    assert plan.fingerprint(SPEC) == plan.fingerprint(replace(SPEC, stop_grace=3.0))


@given(st.text(min_size=1), st.sets(st.integers(21000, 21009)))
def test_ports_are_tried_once_each_and_always_in_the_same_order(name: str, taken: set[int]) -> None:
    choices = plan.port_choices(name, "0123abcd", range(21000, 21010), taken)
    assert sorted(choices) == sorted(set(range(21000, 21010)) - taken)
    assert choices == plan.port_choices(name, "0123abcd", range(21000, 21010), taken)


@pytest.mark.parametrize(
    ("reference", "repository", "tagged"),
    [
        ("nginx", "nginx", "nginx:latest"),
        ("host:5000/team/app", "host:5000/team/app", "host:5000/team/app:latest"),
        ("host:5000/team/app:1", "host:5000/team/app", "host:5000/team/app:1"),
        (f"host/app:1@{DIGEST}", "host/app", f"host/app:1@{DIGEST}"),
    ],
)
def test_references_are_taken_apart(reference: str, repository: str, tagged: str) -> None:
    assert image_repository(reference) == repository
    assert plan.with_tag(reference) == tagged


def test_without_credentials_none_are_sent() -> None:
    assert plan.registry_auth(None) == {}
    assert "hunter22" not in str(plan.registry_auth(RegistryCredential("h", "u", "hunter22")))


def test_own_subnets_overlap_nothing() -> None:
    free = free_subnets(["10.213.0.0/25", "fd00::/64", "172.17.0.0/16"])
    assert [str(next(free)), str(next(free))] == ["10.213.0.128/26", "10.213.0.192/26"]


def test_routes_of_the_host_are_read(tmp_path: Path) -> None:
    table = tmp_path / "route"
    table.write_text(
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0\n"
        "eth0 0000D50A 00000000 0001 0 0 0 C0FFFFFF 0 0 0\n"
    )
    assert host_routes(table) == ["10.213.0.0/255.255.255.192"]
    assert str(next(free_subnets(host_routes(table)))) == "10.213.0.64/26"
    assert host_routes(tmp_path / "none") == []


# -- what is read back


@pytest.mark.parametrize(
    ("state", "meaning"),
    [
        ({"Status": "running"}, InstanceState.RUNNING),
        ({"Status": "restarting"}, InstanceState.RESTARTING),
        ({"Status": "created"}, InstanceState.STARTING),
        ({"Status": "created", "Error": "no"}, InstanceState.FAILED),
        ({"Status": "exited", "ExitCode": 1}, InstanceState.STOPPED),
        ({"Status": "dead"}, InstanceState.FAILED),
    ],
)
def test_states(state: dict[str, object], meaning: InstanceState) -> None:
    assert readback.instance_state(state) is meaning


def test_a_digest_counts_only_when_the_image_confirms_it() -> None:
    image = {"Id": "sha256:id", "RepoDigests": [f"host/app@{DIGEST}"]}
    assert readback.running_digest("sha256:id", image, claimed=DIGEST) == DIGEST
    assert readback.running_digest("sha256:id", image, claimed="sha256:id") == "sha256:id"
    assert readback.running_digest("sha256:id", image, claimed="sha256:label-only") == "sha256:id"
    assert readback.running_digest("sha256:id", None, claimed=DIGEST) == "sha256:id"


def test_times_keep_their_moment() -> None:
    at = readback.moment("2026-01-02T03:04:05.123456789Z")
    assert at is not None
    assert at.isoformat() == "2026-01-02T03:04:05.123456+00:00"
    assert readback.moment("2026-01-02T04:04:05.5+01:00") == readback.moment("2026-01-02T03:04:05.5Z")
    assert readback.moment("0001-01-01T00:00:00Z") is None


def test_usage_leaves_out_the_cache() -> None:
    stats = {
        "memory_stats": {"usage": 100, "stats": {"total_inactive_file": 30}},
        "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}},
    }
    container = {"Id": "0123456789abcdef", "State": {"StartedAt": "then"}, "HostConfig": {"Memory": 0}, "RestartCount": 2}
    seen = readback.usage(stats, container)
    assert seen is not None
    assert (seen.memory_bytes, seen.cpu_seconds) == (70, 2.5)
    assert (seen.began, seen.memory_limit_bytes, seen.restarts) == ("0123456789ab then", None, 2)
    assert readback.usage({"memory_stats": {}}, container) is None


# -- streams


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40))), st.integers(1, 60))
def test_frames_are_found_wherever_the_chunks_are_cut(sent: list[tuple[int, bytes]], size: int) -> None:
    data = b"".join(bytes([kind, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload for kind, payload in sent)
    names = {1: "stdout", 2: "stderr"}
    assert list(frames(iter(cut(data, size)))) == [(names[kind], payload) for kind, payload in sent]


@given(st.integers(1, 30))
def test_json_lines_are_found_wherever_the_chunks_are_cut(size: int) -> None:
    data = '{"stream":"grüße"}\r\n\n{"aux":{"ID":"x"}}'.encode()
    assert list(json_lines(iter(cut(data, size)))) == [{"stream": "grüße"}, {"aux": {"ID": "x"}}]


def test_a_pull_says_little() -> None:
    now = [0.0]
    report = PullReport(lambda: now[0])
    said = []
    for step in range(1000):
        now[0] = step / 100
        detail = {"current": step * 1000, "total": 1_000_000}
        said += report.lines({"status": "Downloading", "id": "layer", "progressDetail": detail})
    said += report.lines({"status": "Pull complete", "id": "layer"})
    assert len(said) == 9
    assert said[0] == "0 of 1 layers, 0.1 of 1.0 MB downloaded"
    assert report.summary() == "1 of 1 layers, 1.0 of 1.0 MB downloaded"


# -- failures


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [
        ("write /x: no space left on device", None, NeedsPerson),
        ("unauthorized: authentication required", 500, NeedsPerson),
        (
            "pull access denied for x, repository does not exist or may require 'docker login': denied: requested",
            404,
            NeedsPerson,
        ),
        ("manifest unknown", None, Refused),
        ("no matching manifest for linux/arm64 in the manifest list entries", None, Refused),
        ("dial tcp: lookup registry.example: no such host", 500, Retry),
        ("toomanyrequests: You have reached your pull rate limit", 500, Retry),
        ("something new", 500, Retry),
    ],
)
def test_what_registries_say(text: str, status: int | None, kind: type[Exception]) -> None:
    failure = failures.registry_failure("registry.example/app:1", text, status=status)
    assert type(failure) is kind


def test_a_socket_that_may_not_be_opened_needs_a_person() -> None:
    assert isinstance(failures.unreachable("unix:///x", PermissionError(13, "Permission denied")), NeedsPerson)
    assert isinstance(failures.unreachable("unix:///x", FileNotFoundError(2, "No such file")), Retry)
