"""What a person changed about a spec is checked field by field."""

from __future__ import annotations

from typing import Any

import pytest

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.spec_rules import command_text, parse_spec, spec_errors, with_command
from fairway.shared.names import Invalid

GOOD: dict[str, Any] = Spec(kind="python", command=("python", "main.py")).to_json()


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
