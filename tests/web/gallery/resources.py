# ruff: noqa: E501 - one row a line
"""Sample resources."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from fairway.drivers.resources.engines import POSTGRES, REDIS
from fairway.resources.models import BackupSchedule
from fairway.resources.rules import Purpose, variable_names
from fairway.web.presenters.acts import Button
from fairway.web.presenters.resources import PURPOSES, engines_shown
from fairway.web.presenters.schedules import preview_shown
from fairway.web.views.resources import ResourceForm, RestoreForm, form_of

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
        "alias": "database",
        "url_variable": "DATABASE_URL",
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


def _elsewhere(number: int) -> list[Button]:
    return [
        Button("Restore elsewhere", f"/backups/{number}/elsewhere", "promote", method="get"),
        Button("Download", f"/backups/{number}/file", "download", method="get"),
    ]


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
            _line(
                name="cache", kind="Redis (Valkey)", version="9.1.2", environment=STAGING, state="resource_stopped", bound=[]
            ),
        ],
        "create": Button("New resource", "/resources/new", "plus", "primary", "get"),
        "left": [
            {**_backup(5, "verified"), "of": SimpleNamespace(name="old-db", environment=STAGING), "acts": _elsewhere(5)}
        ],
    }


def none() -> Data:
    return {**listed(), "resources": [], "left": []}


def new() -> Data:
    form = ResourceForm(places=[("staging", "Staging"), ("production", "Production (docker)")])
    return {"form": form, "engines": engines_shown("postgres")}


def _binding(application: Any, alias: str, **more: Any) -> Data:
    slug = application.slug
    return {
        "application": application,
        "variables": variable_names(alias, POSTGRES),
        "state": "bound",
        "sentence": "",
        "database": f"{slug.replace('-', '_')}_7",
        "login": f"{slug.replace('-', '_')}_7_u2",
        "previous_login": "",
        "configuration": 12,
        "acts": [
            Button("New password", f"/resources/production/main-db/bindings/{slug}/password", "key"),
            Button("Clone its data", f"/resources/production/main-db/bindings/{slug}/clone", "promote", method="get"),
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
        *_elsewhere(number),
    ]
    return {
        "number": number,
        "application": STOREFRONT,
        "state": state,
        "sentence": "",
        "at": timezone.now() - timedelta(hours=number),
        "size_bytes": 18_400_000,
        "holds": "41 tables, 1,204,331 rows",
        "requested_by": "grace",
        "purpose": "",
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
        "delete": Button("Delete", f"{place}/deletion", "trash", "danger", confirm="main-db", consequence="It is stopped for good. Its data is put aside on this machine, and backups stay.", tick=("last_backup", "Take a last backup first. If it fails, nothing is deleted.")),
        "bindings": [
            _binding(STOREFRONT, "database", previous_login="storefront_7_u1"),
            _binding(LIGHTHOUSE, "ships-and-lights", state="resource_failed", sentence=BROKEN, configuration=None),
        ],
        "applications": [SimpleNamespace(slug="notes", name="Notes")],
        "bind_url": f"{place}/bindings",
        "backups": [
            _backup(9, "running", holds="0 tables, 0 rows", size_bytes=0),
            _backup(8, "verified", requested_by="Fairway", purpose=PURPOSES[Purpose.SCHEDULED]),
            _backup(7, "resource_failed", sentence="The restored copy does not hold what was there: public.orders: 912 → 911.", size_bytes=0),
            _backup(6, "verified", holds="1 table, 1 row"),
        ],
        "take": Button("Back up now", f"{place}/backups", "disk"),
        "schedule": {"when": "Every day at 03:12", "zone": "Europe/Paris", "next_at": timezone.now() + timedelta(hours=9), "keeps": "7 days, 4 weeks, 3 months"},
        "edit_schedule": Button("Change the schedule", f"{place}/schedule", "clock", method="get"),
        "troubles": [{"title": "The newest backup of Storefront in main-db failed", "sentence": BROKEN, "at": timezone.now() - timedelta(hours=5)}],
        "has_download": True,
        "is_being_deleted": False,
        "kept_because": BROKEN,
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
        "schedule": None,
        "edit_schedule": Button("Set a schedule", "/resources/staging/fresh/schedule", "clock", method="get"),
        "troubles": [],
        "has_download": False,
        "kept_because": "",
        "log": [],
    }


def redis() -> Data:
    """Of another engine: other variables, keys instead of rows."""
    line = _line(name="cache", kind="Redis (Valkey)", version="9.1.2", alias="redis", url_variable="REDIS_URL")
    log = [SimpleNamespace(at=datetime(2026, 3, 20, 9, 12, 44, tzinfo=UTC), text="1897:M * Ready to accept connections tcp")]
    more = {"backups": [_backup(8, "verified", holds="1,204 keys")], "troubles": [], "kept_because": "", "log": log}
    bound = _binding(STOREFRONT, "redis", variables=variable_names("redis", REDIS))
    return {**one(), "resource": line, "bindings": [bound], **more}


def schedule() -> Data:
    row = BackupSchedule(schedule="12 3 * * *", zone="Europe/Paris", keep_daily=7, keep_weekly=4, keep_monthly=3)
    more = {"back": "/resources/production/main-db", "is_new": False, "saved_by": "grace"}
    return {"resource": _line(), "form": form_of(row), **preview_shown(row.schedule, row.zone), **more}


def restore() -> Data:
    targets = [
        ("production/main-db", "main-db · Production"),
        ("staging/fresh", "fresh · Staging"),
        ("staging/", "A new resource in Staging"),
    ]
    more = {"of": SimpleNamespace(name="main-db", environment=PRODUCTION), "back": "/resources/production/main-db"}
    return {
        "backup": _backup(8, "verified"),
        "is_clone": False,
        "targets": targets,
        "form": RestoreForm(targets=targets),
        **more,
    }


def clone() -> Data:
    return {**restore(), "is_clone": True}
