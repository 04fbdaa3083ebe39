"""Images go live from a private registry: the tag is resolved once, with credentials; the digest is what runs."""

from __future__ import annotations

import pytest

from tests.examples.conftest import Build
from tests.examples.engine import containers_of, has_image, images_of, is_healthy
from tests.examples.six import FLASK, STATIC, Example, assert_as_deployed, host_of, place
from tests.services.docker import PASSWORD, USER, Engine, Registry, build
from tests.services.installation import Installation, wait_for

pytestmark = pytest.mark.docker
CREDENTIAL = "our-registry"
WRONG = "not the password"


@pytest.fixture(scope="module", autouse=True)
def _credential(fairway: Installation, docker_registry: Registry) -> None:
    store(fairway, CREDENTIAL, docker_registry.host, PASSWORD)


def store(fairway: Installation, name: str, host: str, password: str) -> None:
    given = {"kind": "registry", "host": host, "username": USER, "secret": password}
    fairway.call("PUT", f"/credentials/{name}", given)


def source(registry: Registry, name: str, credential: str = CREDENTIAL) -> dict[str, str]:
    return {"kind": "image", "image": f"{registry.host}/{name}"} | ({"credential": credential} if credential else {})


def push_another(engine: Engine, registry: Registry, image: str, name: str, tag: str, version: str) -> str:
    """An image like `image` of another version: in the registry, and no longer on the Engine. Returns its digest there."""
    with engine.client() as client:
        made = build(
            client, f"fairway-tests/another:{version}", {"Dockerfile": f"FROM {image}\nENV APP_VERSION={version}\n"}
        )
        digest = registry.push(client, made, name, tag)
        client.remove_image(f"fairway-tests/another:{version}")
    assert not has_image(engine, made)
    return digest


# what is in an image is nothing to a registry: one of Python's and one without
@pytest.mark.parametrize("example", [FLASK, STATIC], ids=lambda example: example.name)
def test_from_a_private_registry(
    fairway: Installation,
    containers: str,
    built: Build,
    docker_engine: Engine,
    docker_registry: Registry,
    example: Example,
) -> None:
    image = built(example)["digest"]
    with docker_engine.client() as client:
        digest = docker_registry.push(client, image, f"six/{example.name}", "1")
    slug = f"{example.name}-pulled"
    place(fairway, slug, source(docker_registry, f"six/{example.name}:1"), containers)
    number = fairway.deploy(slug, containers)
    live = fairway.live(number)
    assert_as_deployed(fairway, live)
    assert (live["version"], live["digest"]) == ("1", digest)
    assert images_of(docker_engine, f"{slug}.{containers}") == {image}
    assert PASSWORD not in fairway.log_of(number)
    example.assert_serves(fairway, host_of(slug, containers))


def test_a_tag_that_moves_changes_nothing_until_somebody_deploys(
    fairway: Installation, containers: str, built: Build, docker_engine: Engine, docker_registry: Registry
) -> None:
    image = built(FLASK)["digest"]
    slug, host = "moving", host_of("moving", containers)
    one = push_another(docker_engine, docker_registry, image, "moving", "latest", "1.0.1")
    place(fairway, slug, source(docker_registry, "moving:latest", ""), containers)  # the host's own credential is found
    first = fairway.live(fairway.deploy(slug, containers))
    assert first["digest"] == one

    two = push_another(docker_engine, docker_registry, image, "moving", "latest", "1.0.2")
    again = fairway.live(fairway.call("POST", f"/applications/{slug}/environments/{containers}/placement/restart", {})["id"])
    assert again["served_digest"] == one
    FLASK.assert_serves(fairway, host, "1.0.1")

    second = fairway.live(fairway.deploy(slug, containers))
    assert second["served_digest"] == two
    FLASK.assert_serves(fairway, host, "1.0.2")

    back = fairway.live(fairway.call("POST", "/rollbacks", {"application": slug, "environment": containers})["id"])
    assert back["served_digest"] == one
    FLASK.assert_serves(fairway, host, "1.0.1")


def test_a_repair_pulls_again_with_the_stored_credentials(
    fairway: Installation, containers: str, built: Build, docker_engine: Engine, docker_registry: Registry
) -> None:
    slug, name = "repaired", f"repaired.{containers}"
    digest = push_another(docker_engine, docker_registry, built(FLASK)["digest"], slug, "1", "1.0.3")
    place(fairway, slug, source(docker_registry, f"{slug}:1"), containers)
    fairway.live(fairway.deploy(slug, containers))
    [before] = containers_of(docker_engine, name)
    with docker_engine.client() as client:
        client.remove_container(before["Id"], force=True)
        client.remove_image(before["Image"], force=True)
    wait_for(lambda: containers_of(docker_engine, name), "another container is there")
    wait_for(lambda: is_healthy(fairway, slug, containers), "it is healthy again")
    assert {one["digest"] for one in fairway.placement(slug, containers)["instances"]} == {digest}
    FLASK.assert_serves(fairway, host_of(slug, containers), "1.0.3")


def refusal(fairway: Installation, slug: str, wanted: dict[str, str], environment: str) -> str:
    """The sentence with which a deployment failed; nothing serves."""
    place(fairway, slug, wanted, environment)
    number = fairway.deploy(slug, environment)
    ended = fairway.ended(number)
    assert ended["status"] == "failed", ended
    assert WRONG not in f"{ended}{fairway.log_of(number)}"
    assert fairway.visit(host_of(slug, environment)).status == 404
    return str(ended["sentence"])


def test_wrong_credentials_pull_nothing(fairway: Installation, containers: str, docker_registry: Registry) -> None:
    store(fairway, "wrong", docker_registry.host, WRONG)
    sentence = refusal(fairway, "wrong-sign-in", source(docker_registry, "six/flask:1", "wrong"), containers)
    assert f"The registry {docker_registry.host} refused the stored credentials" in sentence


def test_a_password_is_only_sent_to_the_registry_it_is_for(
    fairway: Installation, containers: str, docker_registry: Registry
) -> None:
    """The same registry under another name is another registry: the stored password must not reach it."""
    elsewhere = docker_registry.host.replace("127.0.0.1", "localhost")
    wanted = {"kind": "image", "image": f"{elsewhere}/six/flask:1"}
    sentence = refusal(fairway, "stranger", wanted, containers)
    assert f"The registry {elsewhere} wants credentials and none are stored" in sentence
    made = fairway.api("POST", "/applications", {"name": "Thief", "source": {**wanted, "credential": CREDENTIAL}})
    assert made.status == 422
    assert f"is for {docker_registry.host}, not for {elsewhere}" in made.text


def test_an_image_needs_an_environment_that_runs_images(fairway: Installation, docker_registry: Registry) -> None:
    place(fairway, "image-as-process", source(docker_registry, "six/flask:1"), "staging")
    ended = fairway.ended(fairway.deploy("image-as-process", "staging"))
    assert ended["status"] == "failed"
    assert "runs no images" in ended["sentence"]


def test_the_port_that_an_image_exposes_is_where_it_is_reached(
    fairway: Installation, containers: str, docker_engine: Engine, docker_base: str, docker_registry: Registry
) -> None:
    files = {"Dockerfile": f'FROM {docker_base}\nEXPOSE 9090\nCMD ["python3", "-m", "http.server", "9090"]\n'}
    with docker_engine.client() as client:
        docker_registry.push(client, build(client, "fairway-tests/exposing:1", files), "six/exposing", "1")
    place(fairway, "exposing", source(docker_registry, "six/exposing:1"), containers)
    number = fairway.deploy("exposing", containers)
    fairway.live(number)
    assert "It listens on port 9090." in fairway.log_of(number)
    assert fairway.visit(host_of("exposing", containers)).status == 200
