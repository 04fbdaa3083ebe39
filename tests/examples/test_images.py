"""Each example goes live as an image that is built, run, scaled, rolled back and stopped on a real Docker Engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.examples.conftest import Build
from tests.examples.engine import containers_of, images_of, is_healthy
from tests.examples.six import FLASK, Example, assert_as_deployed, each_example, host_of, place, some_examples
from tests.services.docker import Engine
from tests.services.installation import Installation, wait_for

pytestmark = pytest.mark.docker


def facts(fairway: Installation, host: str) -> dict[str, Any]:
    """What the Flask example tells about the instance that answers."""
    found: dict[str, Any] = json.loads(fairway.visit(host, FLASK.facts).text)
    return found


@each_example
def test_as_a_built_image(
    fairway: Installation, containers: str, built: Build, docker_engine: Engine, example: Example
) -> None:
    live = built(example)
    assert_as_deployed(fairway, live)
    slug = live["application"]["slug"]
    assert images_of(docker_engine, f"{slug}.{containers}") == {live["digest"]}
    log = fairway.log_of(live["id"])
    assert f"Detected {example.framework};" in log
    assert "Builder: " in log
    bill = fairway.call("GET", f"/deployments/{live['id']}/sbom")
    assert ("lock files" in json.dumps(bill), bool(bill["components"])) == (True, example.name != "static")
    example.assert_serves(fairway, host_of(slug, containers))


@some_examples
def test_another_version_installs_nothing_again(
    fairway: Installation, containers: str, built: Build, tmp_path: Path, example: Example
) -> None:
    """Also where the version stands in the manifest that names the dependencies, as in pyproject.toml and package.json."""
    built(example)
    slug, folder = f"{example.name}-again", example.copied_to(tmp_path)
    example.raise_version(folder, "2.0.0")
    place(fairway, slug, fairway.upload(folder), containers)
    number = fairway.deploy(slug, containers)
    assert fairway.live(number)["version"] == "2.0.0"
    example.assert_serves(fairway, host_of(slug, containers), "2.0.0")
    if example.name != "static":
        installs = [step for step in fairway.log_of(number).split("Step ") if installing(step)]
        assert installs
        assert all("Using cache" in one for one in installs)


def installing(step: str) -> bool:
    """Whether a step of a build installs the dependencies."""
    return any(
        words in step for words in ('RUN ["npm", "ci"', '"/opt/uv/bin/uv", "sync"', '"/opt/uv/bin/uv", "pip", "install"')
    )


def test_two_versions_scaled_stopped_and_rolled_back(
    fairway: Installation, containers: str, docker_engine: Engine, tmp_path: Path
) -> None:
    slug, host, name = "life", host_of("life", containers), f"life.{containers}"
    folder = FLASK.copied_to(tmp_path)
    place(fairway, slug, fairway.upload(folder), containers)
    first = fairway.live(fairway.deploy(slug, containers))

    FLASK.raise_version(folder, "2.0.0")
    second = fairway.live(fairway.deploy(slug, containers, source=fairway.upload(folder)))
    FLASK.assert_serves(fairway, host, "2.0.0")
    assert second["digest"] != first["digest"]
    assert images_of(docker_engine, name) == {second["digest"]}

    here = f"/applications/{slug}/environments/{containers}/placement"
    fairway.call("PUT", f"{here}/replicas", {"replicas": 3})
    wait_for(lambda: is_healthy(fairway, slug, containers, replicas=3), "three instances run")
    assert len(containers_of(docker_engine, name)) == 3
    answers = {facts(fairway, host)["instance"] for _ in range(12)}
    assert len(answers) == 3

    back = fairway.live(fairway.call("POST", "/rollbacks", {"application": slug, "environment": containers})["id"])
    FLASK.assert_serves(fairway, host, "1.0.0")
    assert back["digest"] == back["served_digest"] == first["digest"]
    assert images_of(docker_engine, name) == {first["digest"]}

    fairway.call("POST", f"{here}/stopping", {})
    wait_for(lambda: fairway.placement(slug, containers)["health"] == "stopped", "it is stopped")
    assert {one["State"]["Status"] for one in containers_of(docker_engine, name)} == {"exited"}
    assert fairway.visit(host).status == 503
    fairway.call("POST", f"{here}/starting", {})
    wait_for(lambda: is_healthy(fairway, slug, containers, replicas=back["replicas"]), "it runs again")
    FLASK.assert_serves(fairway, host, "1.0.0")
