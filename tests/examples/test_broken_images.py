"""Broken images under load: the old version serves every request, nothing extra runs or is left, a person understands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairway.drivers.runtimes.contract import NullProgress
from fairway.drivers.runtimes.docker.runtime import DockerRuntime
from tests.examples.conftest import docker_environment
from tests.examples.engine import containers_of
from tests.examples.tiny import tiny_image
from tests.services.docker import PASSWORD, USER, Engine, Registry
from tests.services.installation import Installation, installed
from tests.workflows import tinyapp
from tests.workflows.desk import Visitors

pytestmark = pytest.mark.docker

PLACE = "fragile"
SICK = """HEALTHCHECK --interval=1s --timeout=5s --retries=2 CMD echo it has a fever && false"""
NO_SUCH = "registry.invalid/team/app:1"


@pytest.fixture(scope="module")
def fairway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One of its own. Versions have the usual time to become ready: on a busy machine all of them at once need it."""
    with installed(tmp_path_factory.mktemp("broken") / ".local" / "fairway") as one:
        yield one


@pytest.fixture(scope="module")
def place(fairway: Installation, docker_options: dict[str, str]) -> Iterator[str]:
    """The slug of its docker environment."""
    yield docker_environment(fairway, PLACE, docker_options)
    fairway.stop()
    with contextlib.closing(DockerRuntime.open({"host": docker_options["host"]}, data=fairway.data)) as runtime:
        for instance in runtime.instances():
            runtime.ensure_removed(instance.name, grace=0)
        runtime.collect([], NullProgress())


def failing_build(fairway: Installation, folder: Path, base: str) -> dict[str, str]:
    folder.mkdir()
    (folder / "Dockerfile").write_text(f'FROM {base}\nRUN echo "the compiler is unhappy" && false\n')
    return fairway.upload(folder)


@pytest.fixture(scope="module")
def bad_sources(
    fairway: Installation,
    place: str,
    docker_engine: Engine,
    docker_base: str,
    docker_registry: Registry,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, dict[str, str]]:
    """What is shipped over a good version, by what is wrong with it."""
    for name, password in (("right", PASSWORD), ("wrong", "not the password")):
        given = {"kind": "registry", "host": docker_registry.host, "username": USER, "secret": password}
        fairway.call("PUT", f"/credentials/{name}", given)
    tiny = {
        name: {"kind": "image", "image": tiny_image(docker_engine, docker_base, name, **knobs)}
        for name, (knobs, _, _) in tinyapp.BROKEN.items()
    }
    sick = tiny_image(docker_engine, docker_base, "sick", check=SICK)
    absent = f"{docker_registry.host}/team/nothing:1"
    return {
        **tiny,
        "sick": {"kind": "image", "image": sick},
        "absent": {"kind": "image", "image": absent, "credential": "right"},
        "refused": {"kind": "image", "image": absent, "credential": "wrong"},
        "unreachable": {"kind": "image", "image": NO_SUCH},
        "build": failing_build(fairway, tmp_path_factory.mktemp("broken-build") / "source", docker_base),
    }


MORE = {
    "sick": ("failed", "health check found it “unhealthy”; it said: it has a fever", ""),
    "absent": ("failed", "does not exist in the registry", ""),
    "refused": ("failed", "refused the stored credentials", ""),
    "unreachable": ("errored", "The registry registry.invalid does not answer.", ""),
    "build": ("failed", "", "the compiler is unhappy"),
}
ON_DOCKER = {
    "deaf": "Nothing seemed to listen on the port",  # the Engine itself holds the port, and closes each connection
    "short-lived": "The application ",  # its code is forgotten once the Engine has started it again
}
TINY = {name: ("failed", ON_DOCKER.get(name, words), line) for name, (_, words, line) in tinyapp.BROKEN.items()}
CASES: dict[str, tuple[str, ...]] = {**TINY, **MORE}


@pytest.fixture(scope="module")
def shipped(
    fairway: Installation,
    place: str,
    bad_sources: dict[str, dict[str, str]],
    docker_engine: Engine,
    docker_base: str,
) -> dict[str, tuple[int, int, Visitors]]:
    """Every bad version over a good one, while people visit: good and bad deployment, and what the visitors saw."""
    source = {"kind": "image", "image": tiny_image(docker_engine, docker_base, "good")}
    for name in CASES:
        spec = {"health_path": "/health"} if name in {"unhealthy", "deaf"} else None
        fairway.create(name, source, **({"spec": spec} if spec else {}))
    good = {name: fairway.deploy(name, place) for name in CASES}
    for number in good.values():
        fairway.live(number)
    with contextlib.ExitStack() as stack:
        visitors = {
            name: stack.enter_context(Visitors(fairway.proxy_port, f"{name}.{place}.localhost", pause=0.2)) for name in CASES
        }
        bad = {name: fairway.deploy(name, place, source=bad_sources[name]) for name in CASES}
        for number in bad.values():
            fairway.ended(number)
    return {name: (good[name], bad[name], visitors[name]) for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_a_broken_image_leaves_the_old_version_serving(
    fairway: Installation, place: str, shipped: dict[str, tuple[int, int, Visitors]], docker_engine: Engine, name: str
) -> None:
    good, bad, visitors = shipped[name]
    status, words, last_line = CASES[name]
    found, log = fairway.deployment(bad), fairway.log_of(bad)
    assert (found["status"], words in found["sentence"]) == (status, True), found
    assert found["sentence"].endswith(".")
    assert not last_line or (last_line in f"{found['detail']}\n{found['sentence']}" and last_line in log)
    assert (visitors.failed, visitors.seen) == ([], {"good"})
    assert visitors.sent > 0
    there = containers_of(docker_engine, f"{name}.{place}")
    assert [one["Config"]["Labels"]["fairway.deployment"] for one in there] == [f"d{good}"]
    assert (there[0]["State"]["Status"], there[0]["RestartCount"]) == ("running", 0)
    placement = fairway.placement(name, place)
    assert (placement["current"], placement["drift"]) == (good, [])
    assert "PASSWORD" not in log


def test_an_unhealthy_image_is_not_waited_for(fairway: Installation, shipped: dict[str, tuple[int, int, Visitors]]) -> None:
    """Two tries of a second each, by its own word; not the eight seconds it would have had."""
    steps = {step["name"]: step for step in fairway.deployment(shipped["sick"][1])["steps"]}
    assert steps["check"]["seconds"] < steps["prepare"]["seconds"] + 8
