"""Environments with the docker runtime: several on one Engine, one without an Engine, health, repair and garbage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, InstanceSpec, NullProgress
from fairway.drivers.runtimes.docker.runtime import DockerRuntime
from tests.examples.conftest import Build, docker_environment
from tests.examples.engine import containers_of, has_image, ids_of, is_healthy
from tests.examples.six import FLASK, STATIC, host_of, place
from tests.services.docker import Engine
from tests.services.installation import Installation, wait_for

NOWHERE = "unix:///nowhere/docker.sock"
# What the schedule does every hour, in the installation's own data directory, two hours from now.
COLLECT = """
import datetime, json, django
django.setup()
from django.db.models import F
from fairway.applications.models import Artifact
from fairway.worker.collecting import collect
Artifact.objects.update(created_at=F("created_at") - datetime.timedelta(hours=2))
print(json.dumps(collect()))
"""


def test_a_machine_without_docker_says_so_and_refuses(fairway: Installation, tmp_path: Path) -> None:
    wanted = {"name": "Nowhere", "host": "nowhere.localhost", "runtime": "docker", "options": {"host": NOWHERE}}
    made = fairway.call("POST", "/environments", wanted)
    assert not made["runtime_now"]["is_available"]
    sentence = made["runtime_now"]["sentence"]
    assert NOWHERE in sentence
    assert "Install Docker" in sentence

    place(fairway, "stranded", fairway.upload(STATIC.copied_to(tmp_path)), "nowhere")
    asked = fairway.call("GET", "/applications/stranded/environments/nowhere/blockers")
    assert (asked["may"], [one["code"] for one in asked["blockers"]]) == (False, ["runtime"])
    refused = fairway.api("POST", "/deployments", {"application": "stranded", "environment": "nowhere"})
    assert refused.status == 409
    assert [one["sentence"] for one in refused.json["blockers"]] == [sentence]


@pytest.mark.docker
def test_environments_on_one_engine_leave_each_other_alone(
    fairway: Installation,
    containers: str,
    docker_engine: Engine,
    docker_options: dict[str, str],
    runtime: DockerRuntime,
    tmp_path: Path,
) -> None:
    """Ceilings among the options, a slug that begins like the other's, and one name everywhere."""
    limited = {**docker_options, "memory_mb": 128, "cpus": 0.5, "pids": 64}
    other = docker_environment(fairway, f"{containers}-too", limited)
    place(fairway, "same", fairway.upload(STATIC.copied_to(tmp_path)), "staging")
    for environment in ("staging", containers, other):
        fairway.live(fairway.deploy("same", environment))
    [limits] = [one["HostConfig"] for one in containers_of(docker_engine, f"same.{other}")]
    assert (limits["Memory"], limits["NanoCpus"], limits["PidsLimit"]) == (128 * 2**20, 500_000_000, 64)

    places = [f"same.{environment}" for environment in (containers, other)]
    before = [ids_of(docker_engine, name) for name in places], fairway.instances("same")
    ghosts = [ghost(docker_engine, runtime, environment) for environment in (containers, other)]
    for name in ghosts:  # once its orphan is gone, the reconciler has looked at that environment
        wait_for(lambda name=name: runtime.instance(name) is None, f"{name} is removed")
    assert ([ids_of(docker_engine, name) for name in places], fairway.instances("same")) == before

    fairway.call("DELETE", f"/applications/same/environments/{other}/placement")
    wait_for(lambda: not ids_of(docker_engine, places[1]), "it is gone from one of them")
    assert ids_of(docker_engine, places[0]) == before[0][0]
    for environment in (containers, "staging"):
        STATIC.assert_serves(fairway, host_of("same", environment))


def ghost(engine: Engine, runtime: DockerRuntime, environment: str) -> str:
    """An instance of an application that does not exist; its name."""
    [image] = [one["Image"] for one in containers_of(engine, f"same.{environment}")]
    artifact = ArtifactRef(ArtifactKind.IMAGE, image, image)
    return runtime.ensure_started(InstanceSpec(f"ghost.{environment}", "d1", 0, artifact), NullProgress()).name


@pytest.mark.docker
def test_an_image_is_asked_for_its_own_health(
    fairway: Installation, containers: str, docker_engine: Engine, docker_base: str, tmp_path: Path
) -> None:
    slug, host = "checked", host_of("checked", containers)
    place(fairway, slug, fairway.upload(checked(tmp_path, docker_base, "one", is_well=True)), containers)
    live = fairway.live(fairway.deploy(slug, containers))
    assert live["gate_used"] == "image HEALTHCHECK"
    assert [one["State"]["Health"]["Status"] for one in containers_of(docker_engine, f"{slug}.{containers}")] == ["healthy"]

    ill = fairway.upload(checked(tmp_path, docker_base, "two", is_well=False))
    number = fairway.deploy(slug, containers, source=ill)
    ended = fairway.ended(number)
    assert (ended["status"], ended["sentence"]) == ("failed", "The image's own health check found it “unhealthy”.")
    assert fairway.visit(host).text == "one"
    assert len(containers_of(docker_engine, f"{slug}.{containers}")) == 1


def checked(folder: Path, base: str, text: str, *, is_well: bool) -> Path:
    """A web server with a HEALTHCHECK of its own."""
    lines = [
        f"FROM {base}",
        "WORKDIR /site",
        "COPY index.html .",
        f'HEALTHCHECK --interval=1s --timeout=5s --retries=1 CMD ["{"true" if is_well else "false"}"]',
        'CMD ["python3", "-m", "http.server", "8080"]',
    ]
    (folder / "Dockerfile").write_text("\n".join(lines))
    (folder / "index.html").write_text(text)
    return folder


@pytest.mark.docker
def test_a_container_somebody_removed_comes_back(
    fairway: Installation, containers: str, built: Build, docker_engine: Engine
) -> None:
    slug = built(FLASK)["application"]["slug"]
    [before] = ids_of(docker_engine, f"{slug}.{containers}")
    with docker_engine.client() as client:
        client.remove_container(before, force=True)
    wait_for(lambda: ids_of(docker_engine, f"{slug}.{containers}") not in ([], [before]), "another one is there")
    wait_for(lambda: is_healthy(fairway, slug, containers), "it is healthy again")
    FLASK.assert_serves(fairway, host_of(slug, containers))


@pytest.mark.docker
def test_images_are_kept_for_rollback_and_collected_afterwards(
    fairway: Installation, containers: str, docker_engine: Engine, tmp_path: Path
) -> None:
    slug = "kept"
    folder = STATIC.copied_to(tmp_path)
    place(fairway, slug, fairway.upload(folder), containers)
    live = [fairway.live(fairway.deploy(slug, containers))]
    STATIC.raise_version(folder, "2.0.0")
    live.append(fairway.live(fairway.deploy(slug, containers, source=fairway.upload(folder))))
    images = [one["digest"] for one in live]
    assert not set(images) & collected(fairway, containers)
    assert all(has_image(docker_engine, image) for image in images)

    fairway.call("DELETE", f"/applications/{slug}/environments/{containers}/placement")
    wait_for(lambda: not ids_of(docker_engine, f"{slug}.{containers}"), "it is removed")
    assert set(images) <= collected(fairway, containers)
    assert not any(has_image(docker_engine, image) for image in images)
    assert fairway.call("GET", f"/applications/{slug}/artifacts/{live[0]['artifact']}")["is_collected"]

    again = fairway.live(fairway.deploy(slug, containers))  # gone, but its source is not
    assert (again["version"], has_image(docker_engine, again["digest"])) == ("2.0.0", True)


def collected(fairway: Installation, environment: str) -> set[str]:
    """Collect garbage now; the digests removed from the environment."""
    ours = {"FAIRWAY_DATA": str(fairway.data), "DJANGO_SETTINGS_MODULE": "fairway.config.settings"}
    command = [sys.executable, "-c", COLLECT]
    done = subprocess.run(command, env={**os.environ, **ours}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]).get(environment, []))
