"""The compose subset: what it reads, and that everything else is refused with its line and key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.drivers.builders.detection.compose import parse_compose
from fairway.drivers.builders.detection.compose_values import byte_size, env_file, interpolated, required_variables, seconds
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
    assert (service.health, service.version) == ({"health_path": "/health"}, "1.4")


@pytest.mark.parametrize(
    ("check", "health", "seconds_to_start"),
    [
        ("{test: [CMD, pg_isready, -q]}", {"health_command": ["pg_isready", "-q"]}, None),
        ("{test: pg_isready -U app || exit 1}", {"health_command": ["pg_isready", "-U", "app"]}, None),
        ("{test: [CMD-SHELL, 'pg_isready -U $${DB_USER}']}", {"health_command": ["pg_isready", "-U", "${DB_USER}"]}, None),
        ("{test: curl -f http://localhost:8000/ready || exit 1}", {"health_path": "/ready"}, None),
        ("{test: [CMD, wget, --spider, 'http://127.0.0.1:8000']}", {"health_path": "/"}, None),
        ("{test: [CMD, curl, 'http://localhost:9000/']}", {"health_command": ["curl", "http://localhost:9000/"]}, None),
        ("{test: [CMD, x], interval: 10s, retries: 3}", {"health_command": ["x"]}, None),
        ("{test: [CMD, x], interval: 10s, retries: 3, start_period: 2m}", {"health_command": ["x"]}, 150.0),
        ("{test: [CMD, x], start_period: 1h}", {"health_command": ["x"]}, 900.0),
        ("{test: [NONE]}", {}, None),
        ("{test: [CMD, x], disable: true}", {}, None),
    ],
)
def test_a_healthcheck_is_read_in_every_form(check: str, health: dict[str, object], seconds_to_start: float | None) -> None:
    service = parse_compose(f"services: {{a: {{image: x, ports: [8000], healthcheck: {check}}}}}")
    assert (service.health, service.start_seconds) == (health, seconds_to_start)


def test_what_changes_nothing_here_is_named() -> None:
    service = parse_compose("""
x-common: {any: thing}
networks: {back: {}}
services:
  a: {image: x, entrypoint: [serve], command: [--fast], container_name: a, networks: [back], labels: [q=1], init: true}
""")
    assert service.unused == ("container_name", "labels", "networks", "init")
    assert service.command == ("serve", "--fast")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A = b c # d", "b c"),
        ("A='$x # y'", "$$x # y"),
        ('A="two\\nlines"', "two\nlines"),
        ("A=${B:-b}#", "${B:-b}#"),
        ("A=", ""),
        ("# A=1\n\nA=2", "2"),
    ],
)
def test_a_file_of_variables_is_read(line: str, value: str) -> None:
    assert env_file(line) == {"A": value}


def test_a_file_of_variables_that_is_none_is_named_by_line() -> None:
    with pytest.raises(ValueError, match="line 2 is not NAME=value"):
        env_file("A=1\nB\n")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("    privileged: true", "privileged"),
        ("    healthcheck: {test: 'a | b'}", "without a shell"),
        ("    healthcheck: {test: [CMD]}", "healthcheck"),
        ("    healthcheck: {test: [CMD, x], interval: often}", "interval"),
        ("    healthcheck: {test: [CMD, x], retries: none}", "retries"),
        ("    env_file: ../.env", "env_file"),
        ("    depends_on: [other]", "other"),
        ("    depends_on: [web]", "wait for itself"),
        ("    depends_on: {web: {condition: service_bored}}", "condition"),
        ("    network_mode: host", "network_mode"),
        ("    volumes: ['/etc:/host']", "volumes"),
        ("    volumes: ['./../data:/data']", "volumes"),
        ("    secrets: [unknown]", "secrets"),
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
        ("    restart: maybe", "restart"),
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
        ("services: {a: {image: x}}\nvolumes: {A_B: , a-b: }", "a-b"),
        ("services: {a: {image: x}}\nvolumes: {a: {driver: nfs}}", "options"),
        ("services: {a: {image: x}}\nsecrets: {a: {external: true}}", "secrets"),
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
