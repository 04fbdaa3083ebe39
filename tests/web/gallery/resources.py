# ruff: noqa: E501 - one row a line
"""Sample resources."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from fairway.resources.rules import variable_names
from fairway.web.presenters.acts import Button
from fairway.web.views.resources import ResourceForm

Data = dict[str, Any]
PRODUCTION, STAGING = SimpleNamespace(slug="production", name="Production"), SimpleNamespace(slug="staging", name="Staging")
STOREFRONT = SimpleNamespace(slug="storefront", name="Storefront")
LIGHTHOUSE = SimpleNamespace(slug="a-lighthouse-with-a-long-name", name="A lighthouse with quite a long name")
BROKEN = "PostgreSQL ended while it was starting; its last words: FATAL: could not write lock file: No space left on device"


def _line(**more: Any) -> Data:
    now = timezone.now()
    return {
        "name": "main-db",
        "kind": "PostgreSQL",
        "version": "18.6",
        "environment": PRODUCTION,
        "state": "resource_healthy",
        "sentence": "",
        "size_bytes": 421_000_000,
        "connections": 14,
        "most_connections": 100,
        "observed_at": now - timedelta(seconds=20),
        "port": 29411,
        "created_by": "grace",
        "created_at": now - timedelta(days=20),
        "url": "/resources/production/main-db",
        "bound": ["Storefront", LIGHTHOUSE.name],
        **more,
    }


def listed() -> Data:
    fresh = {"size_bytes": None, "connections": None, "observed_at": None, "bound": []}
    return {
        "resources": [
            _line(),
            _line(name="fresh", environment=STAGING, state="starting", **fresh),
            _line(
                name="archive-of-everything-we-ever-had",
                environment=STAGING,
                state="resource_failed",
                sentence=BROKEN,
                **fresh,
            ),
            _line(name="old", environment=STAGING, state="resource_stopped", bound=[]),
        ],
        "create": Button("New resource", "/resources/new", "plus", "primary", "get"),
    }


def none() -> Data:
    return {**listed(), "resources": []}


def new() -> Data:
    return {"form": ResourceForm(places=[("staging", "Staging"), ("production", "Production (docker)")])}


def _binding(application: Any, alias: str, **more: Any) -> Data:
    slug = application.slug
    return {
        "application": application,
        "variables": variable_names(alias),
        "state": "bound",
        "sentence": "",
        "database": f"{slug.replace('-', '_')}_7",
        "login": f"{slug.replace('-', '_')}_7_u2",
        "previous_login": "",
        "configuration": 12,
        "acts": [
            Button("New password", f"/resources/production/main-db/bindings/{slug}/password", "key"),
            Button(
                "Unbind",
                f"/resources/production/main-db/bindings/{slug}/unbinding",
                "x",
                "danger",
                confirm=slug,
                consequence="The application can no longer sign in, and its variables go. Its database stays here.",
            ),
        ],
        **more,
    }


def _backup(number: int, state: str, **more: Any) -> Data:
    acts = [
        Button(
            "Restore",
            f"/backups/{number}/restoration",
            "rollback",
            confirm="main-db",
            consequence="The database of Storefront becomes what this backup holds. What is there now is kept beside it.",
        ),
        Button("Download", f"/backups/{number}/file", "download", method="get"),
    ]
    return {
        "number": number,
        "application": STOREFRONT,
        "state": state,
        "sentence": "",
        "at": timezone.now() - timedelta(hours=number),
        "size_bytes": 18_400_000,
        "tables": 41,
        "rows": 1_204_331,
        "rows_shown": "1,204,331",
        "requested_by": "grace",
        "acts": acts if state == "verified" else [],
        **more,
    }


def one() -> Data:
    place = "/resources/production/main-db"
    at = datetime(2026, 3, 20, 9, 12, 44, tzinfo=UTC)
    return {
        "resource": _line(),
        "acts": [Button("Stop", f"{place}/stop", "stop", confirm="main-db", consequence="Applications that are bound to it cannot use it until it is started again.")],
        "trial": Button("Try it", f"{place}/trial", "pulse"),
        "delete": Button("Delete", f"{place}/deletion", "trash", "danger", confirm="main-db", consequence="It is stopped for good."),
        "bindings": [
            _binding(STOREFRONT, "database", previous_login="storefront_7_u1"),
            _binding(LIGHTHOUSE, "ships-and-lights", state="resource_failed", sentence=BROKEN, configuration=None),
        ],
        "applications": [SimpleNamespace(slug="notes", name="Notes")],
        "bind_url": f"{place}/bindings",
        "backups": [
            _backup(9, "running", tables=0, rows=0, rows_shown="0", size_bytes=0),
            _backup(8, "verified"),
            _backup(7, "resource_failed", sentence="The restored copy does not hold what was there: public.orders: 912 → 911.", size_bytes=0),
            _backup(6, "verified", tables=1, rows=1, rows_shown="1"),
        ],
        "take": Button("Back up now", f"{place}/backups", "disk"),
        "log": [
            SimpleNamespace(at=at, text="LOG:  database system is ready to accept connections"),
            SimpleNamespace(at=at, text="ERROR:  duplicate key value violates unique constraint \"orders_pkey\" " + "x" * 120),
        ],
    }  # fmt: skip


def fresh() -> Data:
    line = _line(name="fresh", environment=STAGING, state="starting", size_bytes=None, connections=None, observed_at=None)
    return {
        **one(),
        "resource": line,
        "acts": [],
        "trial": None,
        "bindings": [],
        "applications": [],
        "backups": [],
        "log": [],
    }
