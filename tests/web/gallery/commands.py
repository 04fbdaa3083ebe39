# ruff: noqa: E501 - one row a line
"""Sample commands."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator

from fairway.web.views.commands import CommandForm
from tests.web.gallery.samples import ADA, CI, ENVIRONMENTS, GRACE, STAGING, act, application, back, blocker, log

Data = dict[str, Any]
LONG = "python manage.py import_catalogue --from=/data/incoming/2026-03-20-suppliers-with-a-rather-long-name.csv --dry-run && python manage.py rebuild_index"
CUT = "The worker that ran it ended, and the command with it. It is not run again by itself."


def _row(number: int, command: str, **more: Any) -> Data:
    base = {"id": number, "command": command, "status": "succeeded", "exit_code": 0, "sentence": "", "reason": "", "version": "2.14.0",
            "actor": ADA, "at": back(minutes=7 * (42 - number)), "seconds": 3.2}  # fmt: skip
    return {**base, **more}


def listed() -> Data:
    rows = [
        _row(41, LONG, status="running", exit_code=None, actor=GRACE, seconds=71.0),
        _row(40, "python manage.py check --deploy", status="failed", exit_code=1),
        _row(39, "python manage.py createsuperuser --noinput", actor=CI),
        _row(
            38, "pg_dump --schema-only", status="failed", exit_code=None, sentence=CUT, version="2.13.9-rc.1+build.20260320"
        ),
        _row(37, "sleep 3600", status="cancelled", exit_code=None, sentence="Cancelled by ada: changed my mind"),
    ]
    return {
        **application(),
        "environment": STAGING,
        "environments": ENVIRONMENTS,
        "running": {"url": "/gallery/act", "may_run": True, "blockers": [], "version": "2.14.0"},
        "form": CommandForm(),
        "page": Paginator(rows, 25).page(1),
    }


def none() -> Data:
    return {**listed(), "page": Paginator([], 25).page(1)}


def wrong() -> Data:
    form = CommandForm({"command": "cat /data/orders.csv | wc -l", "reason": ""})
    form.add_error(
        "command",
        "Uses “|”. Fairway starts programs without a shell: use “&&” and “;” only, or put the line into a script that starts with “#!/bin/sh”.",
    )
    return {**listed(), "form": form}


def blocked() -> Data:
    return {**listed(), "running": {**listed()["running"], "blockers": [blocker()]}}


def _one(**more: Any) -> Data:
    base = {**_row(40, "python manage.py check --deploy"), "application": {"slug": "storefront", "name": "Storefront"}, "environment": STAGING,
            "deployment": 510, "acting_role": "", "door": "in the browser", "reason": "Before the sale", "started_at": back(minutes=1), "ended_at": back(seconds=10),
            "is_active": False, "outcome": None, "log_lines": 400, "log_collected_at": None}  # fmt: skip
    return {"command": {**base, **more}, "acts": [act("Run it again…", "restart", method="get")], "log": log(40, 60)}


def running() -> Data:
    here = {
        "id": 41,
        "command": LONG,
        "status": "running",
        "exit_code": None,
        "is_active": True,
        "ended_at": None,
        "acting_role": "Deployer",
    }
    return {**_one(**here), "acts": [act("Cancel", "x", "danger")], "log": log(41, 120, False)}


def failed() -> Data:
    lines = [
        "Traceback (most recent call last):",
        '  File "/app/manage.py", line 22, in <module>',
        "KeyError: 'SECRET_KEY' " + "x" * 120,
    ]
    return _one(status="failed", exit_code=1, outcome={"sentence": "It ended with code 1.", "lines": lines})


def collected() -> Data:
    return {**_one(log_collected_at=back(days=3)), "log": None}
