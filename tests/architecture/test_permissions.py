"""Every URL of pages and API says what it needs, and people who may only look change nothing by any of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from fairway.accounts.models import ApiToken, OneTimeLink, RoleGrant, User
from fairway.accounts.permissions import Permission, declared_permission
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import ROLES_FOR, Act, Role
from fairway.accounts.tokens import create_token
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.applications.models import Application, Artifact, Configuration, Credential, Inspection, Upload
from fairway.deployments.models import Deployment, Placement
from fairway.engine.models import Run
from fairway.environments.models import Environment

TABLES = (
    Event, Application, Artifact, Configuration, Credential, Inspection, Upload, Deployment, Placement, Run, Environment,
    RoleGrant, User, ApiToken, OneTimeLink,
)  # fmt: skip
ONES_OWN = {None, Act.OWN_ACCOUNT, Act.CHANGE_ACCOUNT}  # open to all, or about one's own account
METHODS = ("POST", "PUT", "PATCH", "DELETE")


def doors(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        place = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from doors(pattern.url_patterns, place)
        else:
            yield place, pattern.callback


def every_door() -> list[tuple[str, Any]]:
    return list(doors(get_resolver().url_patterns))


def permissions(callback: Any) -> dict[str, Permission]:
    declared = declared_permission(callback)
    if isinstance(declared, Permission):
        return dict.fromkeys(("GET", *METHODS), declared)
    return dict(declared) if isinstance(declared, Mapping) else {}


def address(place: str) -> str:
    """A concrete address for a pattern: every variable part filled in with something that could be."""
    filled = re.sub(r"<(?:int:)(\w+)>", "1", place)
    filled = re.sub(r"<(?:[^>:]+:)?(\w+)>", lambda found: _VALUES.get(found.group(1), "hello"), filled)
    return "/" + filled.replace("^", "").replace("$", "").replace("\\", "")


_VALUES = {
    "env": "staging", "environment": "staging", "number": "1", "version": "1", "username": "admin", "name": "company",
}  # fmt: skip


def test_every_door_declares_what_it_needs() -> None:
    forgotten = [place for place, callback in every_door() if not permissions(callback)]
    assert not forgotten, "declare with fairway.accounts.permissions.needs or public"


def test_every_open_door_says_why() -> None:
    for place, callback in every_door():
        for permission in permissions(callback).values():
            assert permission.act is not None or len(permission.reason.split()) >= 2, place


SIGNED_BY_OTHERS = {"ci-tokens"}  # what is sent there is signed by somebody whom a person trusts, and is verified first


def test_open_doors_of_the_api_are_few() -> None:
    found = {
        place.removeprefix("api/v1/")
        for place, callback in every_door()
        if place.startswith("api/v1/") and any(one.act is None for one in permissions(callback).values())
    }
    assert found == {"openapi.json", "health", "", *SIGNED_BY_OTHERS}


def test_what_changes_something_needs_more_than_looking() -> None:
    for place, callback in every_door():
        declared = declared_permission(callback)
        if isinstance(declared, Mapping):
            for method, permission in declared.items():
                is_signed = place.removeprefix("api/v1/") in SIGNED_BY_OTHERS
                assert method == "GET" or is_signed or permission.act not in {None, Act.VIEW}, f"{method} {place}"


def person_with(role: Role) -> User:
    user = User.objects.create_user(username=role.value, password="correct horse battery")
    RoleGrant.objects.create(user=user, role=role)
    return user


def counted() -> dict[str, int]:
    """How many rows there are, but for the events that say what was refused."""
    rows = {table.__name__: table.objects.count() for table in TABLES}
    return {**rows, "Event": Event.objects.exclude(verb__in=("person.refused", "token.refused")).count()}


def changing_operations() -> list[tuple[str, str, Act]]:
    """Every (method, pattern, act) of the API that is not GET and is not about one's own account."""
    found: dict[tuple[str, str], Act] = {}
    for place, callback in every_door():
        declared = declared_permission(callback)
        if place.startswith("api/v1/") and isinstance(declared, Mapping):
            for method, permission in declared.items():
                if method != "GET" and permission.act not in ONES_OWN:
                    found[method, place] = permission.act
    return [(method, place, act) for (method, place), act in sorted(found.items())]


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Role))
def test_a_role_that_may_not_is_refused_everywhere_and_nothing_is_written(role: Role) -> None:
    user = person_with(role)
    _, token = create_token(actor=actor_for(user, door=Door.WEB), name="test")
    client, headers = Client(raise_request_exception=False), {"Authorization": f"Bearer {token}"}
    forbidden = [one for one in changing_operations() if role not in ROLES_FOR[one[2]]]
    assert len(forbidden) >= (0 if role == Role.ADMIN else 5)
    before = counted()
    for method, place, _ in forbidden:
        response = client.generic(method, address(place), b"{}", content_type="application/json", headers=headers)
        assert response.status_code in {401, 403, 404}, f"{method} {place}: {response.status_code} {response.content!r}"
    assert counted() == before


@pytest.mark.django_db
def test_a_stranger_gets_nothing_anywhere() -> None:
    client, before = Client(raise_request_exception=False), counted()
    for place, callback in every_door():
        for method, permission in permissions(callback).items():
            if permission.act is None:
                continue
            response = client.generic(method, address(place), b"{}", content_type="application/json")
            is_turned_away = response.status_code in {401, 403, 404, 405} or (
                response.status_code == 302 and "next=" in response["Location"]
            )
            assert is_turned_away, f"{method} {place}: {response.status_code}"
    assert counted() == before


@pytest.mark.django_db
def test_a_viewer_changes_nothing_by_any_page() -> None:
    client = Client(raise_request_exception=False)
    client.force_login(person_with(Role.VIEWER))
    before = counted()
    for place, callback in every_door():
        declared = declared_permission(callback)
        if place.startswith("api/") or not isinstance(declared, Permission) or declared.act in ONES_OWN:
            continue
        response = client.post(address(place), {"name": "x", "reason": "x", "confirmed": "hello"})
        assert response.status_code < 500, f"POST {place}: {response.status_code}"
        if declared.act not in {Act.VIEW} and Role.VIEWER not in ROLES_FOR[declared.act]:
            assert response.status_code in {403, 404, 405}, f"POST {place}: {response.status_code}"
    assert counted() == before
