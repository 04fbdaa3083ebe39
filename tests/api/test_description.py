"""The OpenAPI description is whole, and what it describes is what happens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from fairway.api.main import description
from fairway.deployments.models import Placement
from tests.api.conftest import Api

SCHEMA = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", WSGIHandler())
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, one) for path, item in description()["paths"].items() for method, one in item.items()]


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


def test_every_operation_is_tried() -> None:
    """What schemathesis finds in the description is what there is; none is left out."""
    tried = {(one.ok().method.upper(), one.ok().path) for one in SCHEMA.get_all_operations()}
    assert tried == {(method.upper(), path) for method, path, _ in operations()}


@pytest.fixture
def kept_connection() -> Iterator[None]:
    """A bare WSGI handler closes connections after each request, and with them this test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@SCHEMA.parametrize()
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.django_db
def test_whatever_is_sent_the_answer_is_as_described(
    case: schemathesis.Case, kept_connection: None, admin: Api, placed: Placement
) -> None:
    case.headers = {**(case.headers or {}), **admin.headers}
    response = case.call()
    case.validate_response(response, checks=CHECKS)
