"""What a person changed about a spec is checked field by field."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.services import services_of
from fairway.drivers.builders.spec_rules import (
    command_text,
    health_text,
    overlay,
    parse_changes,
    parse_health,
    parse_services,
    parse_spec,
    service_lines,
    spec_errors,
    with_command,
)
from fairway.shared.names import Invalid

GOOD: dict[str, Any] = Spec(kind="python", command=("python", "main.py")).to_json()


@pytest.mark.parametrize("text", ["", "/health", "tcp", "pg_isready -q -U app", "/usr/bin/check --all"])
def test_a_health_check_is_read_as_it_was_typed(text: str) -> None:
    spec = overlay(Spec(kind="static", health_path="/old"), parse_changes(parse_health(text)))
    assert health_text(spec.to_json()) == text
    assert Spec.from_json(spec.to_json()) == spec


def test_one_kind_of_health_check_takes_the_place_of_another() -> None:
    detected = Spec(kind="static", health_path="/health")
    assert overlay(detected, {"health_tcp": True}).health_path is None
    changed = overlay(overlay(detected, {"health_command": ["true"]}), {"health_path": "/"})
    assert (changed.health_command, changed.health_tcp, changed.health_path) == (None, False, "/")
    assert overlay(detected, {"port": 1}).health_path == "/health"
    with pytest.raises(Invalid, match="another health check"):
        parse_spec({"kind": "static", "health_path": "/", "health_tcp": True})


def test_a_spec_that_says_nothing_new_is_written_as_before() -> None:
    """Fingerprints are made of it."""
    assert not {"services", "health_command", "health_tcp", "start_seconds"} & set(GOOD)


def test_a_good_spec_has_no_errors() -> None:
    assert spec_errors(GOOD) == []
    assert parse_spec(GOOD) == Spec(kind="python", command=("python", "main.py"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "pascal"),
        ("command", "a | b"),
        ("command", ["a", "&&"]),
        ("build", "a > b"),
        ("release", ["", "x"]),
        ("sticky", "yes"),
        ("command", None),
        ("command", ["", "x"]),
        ("command", 7),
        ("port", 0),
        ("port", "http"),
        ("health_path", "health"),
        ("health_path", "/a b"),
        ("health_command", "a | b"),
        ("health_command", "A=1 b"),
        ("health_command", ["a", "&&", "b"]),
        ("health_tcp", "yes"),
        ("start_seconds", 0),
        ("start_seconds", 5000),
        ("version", "x" * 200),
        ("root", "../up"),
        ("root", "/etc"),
        ("install", []),
        ("environment", {"A-B": "x"}),
        ("environment", {"A": 1}),
        ("requires", ["1A"]),
        ("volumes", [["data", "relative"]]),
        ("volumes", [["/etc", "/host"]]),
        ("memory_bytes", 5),
        ("memory_bytes", True),
        ("cpus", -1),
        ("stop_grace", 10_000),
        ("surprise", 1),
        ("services", ["worker"]),
        ("services", {"web": "python x.py"}),
        ("services", {"Worker": "python x.py"}),
        ("services", {"worker": "a | b"}),
        ("services", {"worker": ""}),
        ("services", {"worker": {"command": ["x"], "port": 80}}),
        ("services", {"worker": {"command": ["x"], "memory_bytes": 5}}),
        ("services", {f"w{number}": "x" for number in range(11)}),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    assert [error.field for error in spec_errors({**GOOD, field: value})] == [field]
    with pytest.raises(Invalid):
        parse_spec({**GOOD, field: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [("publish", "../../etc"), ("dockerfile", "/x"), ("collectstatic", "../manage.py"), ("add", ["--index-url=evil"])],
)
def test_recipe_options_cannot_leave_or_pass_options(key: str, value: object) -> None:
    errors = spec_errors({"kind": "static", "install": {key: value}})
    assert [error.field for error in errors] == [f"install.{key}"]


@pytest.mark.parametrize(
    ("typed", "release"),
    [
        ("python manage.py migrate", ("python", "manage.py", "migrate")),
        (["a", "{port}"], ("a", "{port}")),
        ("", None),
        (None, None),
    ],
)
def test_a_release_command_is_a_line_or_a_list_and_empty_means_none(typed: object, release: object) -> None:
    spec = parse_spec({"kind": "static", "release": typed, "sticky": True})
    assert (spec.release, spec.sticky) == (release, True)
    assert Spec.from_json(spec.to_json()) == spec


def test_services_are_lines_lists_or_what_differs_from_the_main_one() -> None:
    given = {"a": "MODE=live python a.py", "b": ["python", "b.py"], "c": {"command": "python c.py", "cpus": 0.5}}
    spec = parse_spec({**GOOD, "services": given, "environment": {"MODE": "test", "SIZE": "1"}, "health_path": "/health"})
    assert spec.services["a"] == {"command": ["python", "a.py"], "environment": {"MODE": "live"}}
    assert Spec.from_json(spec.to_json()) == spec
    assert parse_services(service_lines(spec.services)) == {**spec.services, "c": {"command": ["python", "c.py"]}}
    main, first, _, third = services_of(spec)
    assert (main.name, main.is_main, main.spec) == ("web", True, replace(spec, services={}))
    assert (first.spec.command, dict(first.spec.environment)) == (("python", "a.py"), {"MODE": "live", "SIZE": "1"})
    assert (first.spec.health_path, third.spec.cpus, main.spec.cpus) == (None, 0.5, None)


def test_one_service_is_written_as_before_there_were_several() -> None:
    assert "services" not in parse_spec(GOOD).to_json()
    assert parse_changes({"services": {}}) == {"services": {}}, "none, whatever is detected"
    assert parse_services("") == {}


@pytest.mark.parametrize(("text", "words"), [("worker", "worker: python"), ("a: x\na: y", "twice"), ("web: x", "web")])
def test_a_wrong_line_of_services_is_told(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse_services(text)


def test_an_image_needs_its_reference() -> None:
    assert [error.field for error in spec_errors({"kind": "image"})] == ["install.image"]
    assert spec_errors({"kind": "image", "install": {"image": "shop:1"}}) == []


def test_every_error_is_told_at_once() -> None:
    assert {error.field for error in spec_errors({"port": 0, "health_path": "x"})} == {"kind", "port", "health_path"}


def test_a_typed_command_becomes_argv_and_back() -> None:
    spec = with_command(parse_spec(GOOD), "MODE=live python -m http.server --bind $HOST 'my file' {port}")
    assert spec.command == ("python", "-m", "http.server", "--bind", "{host}", "my file", "{port}")
    assert spec.environment == {"MODE": "live"}
    assert command_text(spec.command) == "python -m http.server --bind {host} 'my file' {port}"
    assert parse_spec({**GOOD, "command": command_text(spec.command)}).command == spec.command


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ({"db": {"image": "no image!"}}, "“db”: image is not an image reference"),
        ({"db": {"image": "postgres", "depends_on": ["web"]}}, "“db” depends on “web”"),
        ({"db": {"image": "postgres", "depends_on": "web"}}, "must be a list of services"),
        ({"a": {"image": "x", "depends_on": ["b"]}, "b": {"image": "x", "depends_on": ["a"]}}, "waits for itself"),
        ({"db": {"image": "postgres", "hostname": "a b"}}, "must be a host name"),
        ({"db": {"image": "postgres", "privileged": True}}, "“db” has privileged"),
        ({"db": {"image": "postgres", "volumes": [["data", "relative"]]}}, "“db”: volumes"),
        ({"db": {"command": "x", "hostname": "db"}}, "“db” has hostname, which a service cannot set"),
        ({"db": {}}, "“db” has no command"),
    ],
)
def test_a_service_with_an_image_is_checked(services: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_spec({"kind": "static", "services": services})
    assert words in f"{caught.value.field} {caught.value.sentence}"


def test_a_service_with_an_image_keeps_its_form() -> None:
    services = {"db": {"image": "postgres:16", "volumes": [["data", "/d"]], "environment": {"A": "${B}"}, "depends_on": []}}
    spec = parse_spec({"kind": "static", "services": services})
    assert Spec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert spec.services["db"]["image"] == "postgres:16"
    assert service_lines(spec.services) == ""
