"""The OpenAPI description is whole, and what it describes is what happens."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings

from fairway.api.main import PREFIX, ROOMS, description
from fairway.deployments.models import Placement
from tests.api.conftest import Api
from tests.exploring import examples


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, one) for path, item in description()["paths"].items() for method, one in item.items()]


def addresses() -> list[tuple[str, str]]:
    """The same without what is described: every process of a run asks for them, and describing takes two seconds."""
    return [
        (method.lower(), re.sub(r"{[^}:]+:", "{", f"/{PREFIX}{path.lstrip('/')}"))
        for room in ROOMS
        for path, view in room.router.path_operations.items()
        for one in view.operations
        for method in one.methods
        if one.include_in_schema
    ]


def test_the_addresses_are_those_of_the_description() -> None:
    described = [(method, path) for method, path, _ in operations()]
    assert sorted(addresses()) == sorted(described)
    assert len(set(described)) == len(described) > 100


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [one["operationId"] for _, _, one in operations()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)
    assert all(one["summary"] and one["tags"] for _, _, one in operations())


def test_every_operation_describes_its_refusals() -> None:
    for method, path, one in operations():
        expected = {"422", "503"} if one["x-fairway-permission"] == "open" else {"401", "403", "404", "409", "422"}
        described = {str(code) for code in one["responses"]}
        assert expected <= described, f"{method} {path}"
        for code in expected:
            (media,) = one["responses"][int(code)]["content"]
            assert media == "application/problem+json"


def test_every_reference_leads_somewhere() -> None:
    known = set(description()["components"]["schemas"])
    assert set(re.findall(r"#/components/schemas/([\w.]+)", str(description()))) <= known


def test_every_body_refuses_unknown_keys() -> None:
    schemas = description()["components"]["schemas"]
    for method, path, one in operations():
        content = one.get("requestBody", {}).get("content", {}).get("application/json")
        if content:
            name = content["schema"]["$ref"].rpartition("/")[2]
            assert schemas[name]["additionalProperties"] is False, f"{method} {path}"


@functools.cache
def as_read() -> Any:
    """The description as schemathesis reads it. Its import is slow, and only this file needs it."""
    import schemathesis
    from django.core.handlers.wsgi import WSGIHandler

    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", WSGIHandler())


@pytest.fixture
def schema(kept_connection: None, db: None) -> Any:
    return as_read()


def test_every_operation_is_tried(schema: Any) -> None:
    """What schemathesis finds in the description is what there is; none is left out."""
    tried = {(one.ok().method.upper(), one.ok().path) for one in schema.get_all_operations()}
    assert tried == {(method.upper(), path) for method, path, _ in operations()}


@pytest.fixture
def kept_connection() -> Iterator[None]:
    """A bare WSGI handler closes connections after each request, and with them this test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


BOUNDS = settings(
    max_examples=examples(2),  # beside the edges of every value, which schemathesis sends first: some forty an operation
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize(("method", "path"), [pytest.param(m, p, id=f"{m.upper()} {p}") for m, p in addresses()])
def test_whatever_is_sent_the_answer_is_as_described(
    schema: Any, method: str, path: str, admin: Api, placed: Placement
) -> None:
    from schemathesis.checks import not_a_server_error
    from schemathesis.generation.feedback import FeedbackSources
    from schemathesis.pytest._test_builder import build_operation_test
    from schemathesis.specs.openapi import checks

    described = [checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance]

    def send(case: Any) -> None:
        case.headers = {**(case.headers or {}), **admin.headers}
        case.validate_response(case.call(), checks=[not_a_server_error, *described])

    # what schemathesis' own plugin does, which would build the tests of all operations before the first test runs
    build_operation_test(
        config=schema.config,
        operation=schema[path][method],
        test_func=send,
        given_kwargs={},
        feedback=FeedbackSources(),
        explicit_settings=BOUNDS,
    )()
