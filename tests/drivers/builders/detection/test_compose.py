"""The compose subset: what it reads, and that everything else is refused with its line and key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.drivers.builders.detection.compose import parse_compose
from fairway.drivers.builders.detection.compose_values import byte_size, interpolated, required_variables, seconds
from fairway.shared.names import Invalid

WHOLE = """\
name: shop
services:
  web:
    image: registry.example.com/team/shop:1.4
    command: ["serve", "--port", "${PORT}", "--price", "$$5"]
    ports: ["127.0.0.1:80:8000/tcp"]
    environment:
      - MODE=live
      - DATABASE_URL=${DATABASE_URL}
      - TOKEN
      - LEVEL=${LEVEL:-info}
    volumes: ["uploads:/srv/uploads", {type: volume, source: cache, target: /cache}]
    restart: unless-stopped
    stop_grace_period: 1m30s
    deploy: {resources: {limits: {memory: 512M, cpus: "0.5"}}}
    x-fairway: {health: /health, version: "1.4"}
volumes:
  uploads:
  cache: {}
"""


def test_everything_known_is_read() -> None:
    service = parse_compose(WHOLE)
    assert service.image == "registry.example.com/team/shop:1.4"
    assert service.command == ("serve", "--port", "{port}", "--price", "$5")
    assert service.port == 8000
    assert service.environment == {
        "MODE": "live",
        "DATABASE_URL": "${DATABASE_URL}",
        "TOKEN": "${TOKEN}",
        "LEVEL": "${LEVEL:-info}",
    }
    assert service.requires == ("DATABASE_URL", "TOKEN")
    assert service.volumes == (("uploads", "/srv/uploads"), ("cache", "/cache"))
    assert (service.memory_bytes, service.cpus, service.stop_grace) == (512 * 1024**2, 0.5, 90.0)
    assert (service.health_path, service.version) == ("/health", "1.4")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("    privileged: true", "privileged"),
        ("    healthcheck: {test: [CMD, true]}", "healthcheck"),
        ("    env_file: .env", "env_file"),
        ("    volumes: ['/etc:/host']", "volumes"),
        ("    volumes: ['./data:/data']", "volumes"),
        ("    volumes: [{type: bind, source: /, target: /host}]", "volumes"),
        ("    volumes: ['undeclared:/data']", "undeclared"),
        ("    volumes: ['/anonymous']", "volumes"),
        ("    ports: ['80', '81']", "several ports"),
        ("    ports: ['53:53/udp']", "ports"),
        ("    ports: ['8000-8010']", "ports"),
        ("    ports: [99999]", "ports"),
        ("    command: 'a | b'", "command"),
        ("    command: 'A=1 b'", "environment"),
        ("    command: ['x', '$HOME']", "command"),
        ("    environment: {'A B': c}", "environment"),
        ("    environment: {A: '${'}", "environment"),
        ("    deploy: {replicas: 3}", "replicas"),
        ("    deploy: {resources: {limits: {memory: lots}}}", "memory"),
        ("    restart: 'no'", "restart"),
        ("    stop_grace_period: soon", "stop_grace_period"),
        ("    x-fairway: {healt: /x}", "healt"),
        ("    x-fairway: {health: x}", "health"),
        ("    build: .", "either"),
        ("    image: other", "twice"),
        ("    <<: {restart: always}", "merges"),
    ],
)
def test_everything_else_is_refused_with_line_and_key(line: str, key: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_compose(f"services:\n  web:\n    image: shop\n{line}\n", file="compose.yml")
    assert caught.value.field.startswith("compose.yml, line ")
    assert key in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("services: [", "not valid YAML"),
        ("- a", "mapping"),
        ("{}", "services"),
        ("services: {}", "0 services"),
        ("services: {a: {image: x}, b: {image: y}}", "2 services"),
        ("services: {a: {image: '${IMAGE}'}}", "environment"),
        ("services: {a: {image: 'UPPER CASE'}}", "image"),
        ("services: {a: {build: ../x}}", "leaves the folder"),
        ("services: {a: {image: x}}\nvolumes: {A_B: }", "A_B"),
        ("services: {a: {image: x}}\nvolumes: {a: {driver: nfs}}", "options"),
        ("services: {a: {image: x}}\nnetworks: {}", "networks"),
        ("x" * 70_000, "larger"),
        ("a: &a [*a]\nservices: {a: {image: x}}", "aliases are expanded"),
    ],
)
def test_a_wrong_file_is_refused(text: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_compose(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(("text", "size"), [("512m", 2**29), ("1.5GB", 3 * 2**29), ("10", 10), ("x", None), ("5t", None)])
def test_sizes(text: str, size: int | None) -> None:
    assert byte_size(text) == size


@pytest.mark.parametrize(
    ("text", "value"), [("10s", 10), ("1m30s", 90), ("2h", 7200), ("500ms", 0.5), ("", None), ("5", None)]
)
def test_durations(text: str, value: float | None) -> None:
    assert seconds(text) == value


def test_templates_are_filled() -> None:
    environment = {"A": "${X}-$Y", "B": "${Z:-z}", "C": "$$5", "D": "${E-empty}", "F": "${X:?no}"}
    assert interpolated(environment, {"X": "x", "Y": "y", "E": ""}) == {"A": "x-y", "B": "z", "C": "$5", "D": "", "F": "x"}
    with pytest.raises(Invalid, match="the key is needed"):
        interpolated({"A": "${KEY:?the key is needed}"}, {"KEY": ""})
    with pytest.raises(Invalid, match="MISSING"):
        interpolated({"A": "${MISSING}"}, {})


@given(st.text(alphabet="${}ABab_:-? x", max_size=20))
def test_what_is_required_is_all_that_filling_needs(text: str) -> None:
    try:
        required = required_variables(text)
    except ValueError:
        return
    filled = interpolated({"V": text}, dict.fromkeys(required, "value"))
    assert "V" in filled
    if required:
        with pytest.raises(Invalid):
            interpolated({"V": text}, {})
