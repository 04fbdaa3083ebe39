"""The edges of every type, in every path, query and body parameter of every page and every API operation: never a 500.

Pages are listed by the URL configuration; which query and form fields they read is found out by watching them read. API
operations and their fields come from the OpenAPI description.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import cycle
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.db import transaction
from django.db.models import Model
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from django.utils.datastructures import MultiValueDict

from fairway.accounts.models import ApiToken, RoleGrant, User
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Role
from fairway.accounts.tokens import create_token
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.api.main import description
from fairway.applications.models import Application
from fairway.deployments.models import Deployment
from fairway.environments.freeze_commands import create_freeze
from fairway.environments.models import FreezeWindow
from fairway.releases.commands.packages import add_package
from fairway.releases.commands.releases import create_release
from fairway.releases.models import Package, Release
from tests.architecture.test_permissions import every_door
from tests.conftest import make_artifact, make_environment
from tests.web.conftest import live

MOMENTS = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59", "0001-01-01")
NUMBERS = (str(2**63), "9" * 400, "\u0663")
TEXTS = ("a\x00b", "\udfff\ud800", "x" * 20_000)
IN_PATHS = ("9" * 400, str(2**63), "a\x00b")
IN_QUERIES = (MOMENTS[0], MOMENTS[2], MOMENTS[3], "9" * 400, "a\x00b")
IN_FORMS = (MOMENTS[1], MOMENTS[2], MOMENTS[3], "9" * 400, *TEXTS)
SAMPLES = {
    "name": "Edge", "slug": "edge", "host": "edge.localhost", "runtime": "fake", "reason": "Because", "source": "image",
    "reference": "registry.test/edge:1", "confirm": "hello", "starts_at": "2026-12-01T10:00", "ends_at": "2026-12-01T11:00",
    "until": "2027-01-01T10:00", "zone": "Europe/Paris", "version": "1.0", "environment": "staging", "role": "viewer",
    "manager": "ada", "planned_at": "2026-12-01T10:00", "at": "2026-12-01T10:00", "username": "edge",
}  # fmt: skip


@pytest.fixture
def world(db: None) -> User:
    """One of each thing, and an administrator."""
    ada = User.objects.create_user(username="ada", password="correct horse battery")
    RoleGrant.objects.create(user=ada, role=Role.ADMIN)
    actor = actor_for(ada, door=Door.WEB)
    staging = make_environment("staging")
    source = {"image": "registry.test/a:1"}
    hello = Application.objects.create(name="Hello", slug="hello", source_kind="image", source=source)
    artifact = make_artifact(hello)
    live(hello, staging, artifact)
    release = create_release(actor=actor, name="Autumn", version="1", manager=ada)
    add_package(actor=actor, release=release, name="hello", artifact=artifact)
    create_freeze(actor=actor, name="Sale", reason="Busy", starts="2026-12-01T10:00", ends="2h", zone="Europe/Paris")
    return ada


def values_for(place: str) -> dict[str, str]:
    """What fills the variable parts of this pattern, so that something is found there."""
    kinds: dict[str, type[Model]] = {
        "releases": Release,
        "freezes": FreezeWindow,
        "deployments": Deployment,
        "events": Event,
    }
    parts = place.removeprefix("api/v1/").strip("/").split("/")
    numbered = kinds.get(parts[0], Deployment).objects.order_by("-pk").first()  # type: ignore[attr-defined]
    is_environment = parts[0] in {"environments", "targets"}
    return {
        "slug": "staging" if is_environment else "hello", "environment": "staging", "env": "staging", "username": "ada",
        "name": "hello", "application": "hello", "number": str(numbered.pk), "version": "1",
        "package": str(Package.objects.get().pk), "needed": str(Package.objects.get().pk),
    }  # fmt: skip


def raw(text: str) -> str:
    """Percent-encoded as an attacker would, half a surrogate pair included."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def send(client: Client, method: str, path: str, query: str = "", body: Any = None, kind: str = "") -> int:
    """The status of one request, whose effect is undone."""
    with transaction.atomic():
        kind = kind or "application/x-www-form-urlencoded"
        answer = client.generic(method, "/", body or b"", content_type=kind, PATH_INFO=path, QUERY_STRING=query)
        if getattr(answer, "streaming", False):
            try:
                b"".join(answer.streaming_content)  # type: ignore[attr-defined]
            except Exception:
                return 500
        transaction.set_rollback(True)
    return int(answer.status_code)


class Reading:
    """Which names are asked of query strings and forms, while it is on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: set[str] = set()
        for method in ("__getitem__", "getlist", "get", "__contains__", "pop"):
            if original := MultiValueDict.__dict__.get(method) or getattr(dict, method, None):
                monkeypatch.setattr(MultiValueDict, method, self._watching(original), raising=False)

    def _watching(self, original: Any) -> Any:
        def watched(this: Any, key: Any, *rest: Any, **more: Any) -> Any:
            if isinstance(this, QueryDict) and isinstance(key, str):
                self.names.add(key)
            return original(this, key, *rest, **more)

        return watched

    def during(self, client: Client, method: str, path: str) -> set[str]:
        """Asked twice: with nothing, and with what makes it read on; reading a form asks for all that was sent."""
        self.names.clear()
        send(client, method, path)
        found = set(self.names)
        self.names.clear()
        send(client, method, path, body=urlencode(SAMPLES).encode() if method == "POST" else None)
        return (found | (self.names - SAMPLES.keys())) - {"csrfmiddlewaretoken"}


def pages() -> list[str]:
    """Every page's pattern. Signing in and out is not asked a thousand times: its fields are those of every form."""
    return [place for place, _ in every_door() if not place.startswith("api/") and "logout" not in place]


def filled(place: str, values: dict[str, str]) -> str:
    found = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", place.replace("^", "").replace("$", ""))
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda one: values.get(one[1], "1"), found)


def names_in(place: str) -> list[str]:
    return re.findall(r"<(?:\w+:)?(\w+)>", place)


def broken_by_path(client: Client, place: str, values: dict[str, str]) -> Iterator[str]:
    for name in names_in(place):
        for nasty in IN_PATHS:
            if send(client, "GET", filled(place, {**values, name: nasty})) >= 500:
                yield f"GET {place} with {name}={nasty[:40]!r}"


def broken_by_query(client: Client, path: str, names: set[str]) -> Iterator[str]:
    for name in sorted(names):
        for nasty in IN_QUERIES:
            if send(client, "GET", path, f"{name}={raw(nasty)}") >= 500:
                yield f"GET {path}?{name}={nasty[:40]!r}"


def broken_by_form(client: Client, path: str, names: set[str]) -> Iterator[str]:
    """All fields at an edge at once, because a form looks at each of them; then each by itself, because commands do not."""
    good = {name: SAMPLES.get(name, "1") for name in names}
    forms = [dict.fromkeys(names, nasty) for nasty in IN_FORMS]
    forms += [good | {name: nasty} for name, nasty in zip(sorted(names), cycle((MOMENTS[0], MOMENTS[2], "9" * 400)))]
    for form in forms:
        body = "&".join(f"{name}={raw(value)}" for name, value in form.items()).encode()
        if send(client, "POST", path, body=body) >= 500:
            yield f"POST {path} with { ({name: value[:40] for name, value in form.items()}) }"


@pytest.mark.parametrize("part", range(4))
def test_no_page_breaks_at_the_edges(world: User, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    client, broken = Client(raise_request_exception=False), []
    client.force_login(world)
    reading = Reading(monkeypatch)
    for place in pages()[part::4]:
        values = values_for(place)
        path = filled(place, values)
        broken += broken_by_path(client, place, values)
        broken += broken_by_query(client, path, reading.during(client, "GET", path))
        broken += broken_by_form(client, path, reading.during(client, "POST", path))
    assert not broken, "\n".join(broken)


SCHEMAS = description()["components"]["schemas"]


def sample(schema: dict[str, Any], name: str = "") -> Any:
    """Something that fits, as small as can be."""
    if "$ref" in schema:
        return sample(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return sample(next(one for one in schema[choice] if one.get("type") != "null"), name)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if schema.get("type") == "object" or "properties" in schema:
        return {key: sample(one, key) for key, one in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [sample(schema.get("items", {}), name)]
    kinds = {"integer": 1, "number": 1.5, "boolean": False}
    if schema.get("format") == "date-time":
        return "2026-12-01T10:00:00+00:00"
    return kinds.get(schema.get("type", ""), SAMPLES.get(name, "edge"))


def edges_of(value: Any) -> tuple[Any, ...]:
    """What to put where this stood: of its own type, and one of another."""
    if isinstance(value, bool):
        return (2**70,)
    if isinstance(value, int | float):
        return (-1, 2**63, 10**400, float("inf"), "1")
    if isinstance(value, str):
        return (*MOMENTS, *TEXTS[:2], 2**64) if value[:5] == "2026-" else (*TEXTS, 2**64)
    return (None, [[]] * 50)


def with_edges(value: Any) -> Iterator[Any]:
    """The body again and again, each time with one of its leaves at an edge."""
    yield from edges_of(value)
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        for changed in with_edges(inner):
            copy = dict(value) if isinstance(value, dict) else list(value)
            copy[key] = changed
            yield copy


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(method.upper(), path, one) for path, item in description()["paths"].items() for method, one in item.items()]


def parameters(one: dict[str, Any], where: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each["schema"] for each in one.get("parameters", []) if each["in"] == where}


@pytest.mark.parametrize("part", range(4))
def test_no_operation_breaks_at_the_edges(world: User, part: int) -> None:
    token = create_token(actor=actor_for(world, door=Door.WEB), name="edges")[1]
    ApiToken.objects.update(last_used_at=timezone.now())  # else each request, undone as it is, would be its first
    client = Client(raise_request_exception=False, headers={"authorization": f"Bearer {token}"})
    broken = []
    for method, place, one in operations()[part::4]:
        values = values_for(place)
        given = {name: values.get(name, "1") for name in parameters(one, "path")}
        for path, query, body in requests_of(place, given, one):
            if send(client, method, path, query, body, "application/json") >= 500:
                broken.append(f"{method} {path[:120]!r} ?{query[:80]} {(body or b'')[:200]!r}")
    assert not broken, "\n".join(broken)


def requests_of(place: str, given: dict[str, str], one: dict[str, Any]) -> Iterator[tuple[str, str, bytes | None]]:
    content = one.get("requestBody", {}).get("content", {}).get("application/json")
    fitting = sample(content["schema"]) if content else None
    usual = json.dumps(fitting).encode() if content else None
    path = place.format(**given)
    for name in given:
        for nasty in IN_PATHS:
            yield place.format(**{**given, name: nasty}), "", usual
    for name in parameters(one, "query"):
        for nasty in IN_QUERIES:
            yield path, f"{name}={raw(nasty)}", usual
    for body in with_edges(fitting) if content else ():
        yield path, "", json.dumps(body).encode()
