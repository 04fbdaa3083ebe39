# ruff: noqa: E501 - one row a line
"""Sample commands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.paginator import Paginator

from fairway.web.views.commands import CommandForm
from fairway.web.views.schedules import ScheduleForm
from fairway.web.zones import zones
from tests.web.gallery.samples import ADA, CI, ENVIRONMENTS, GRACE, STAGING, act, application, back, blocker, log, now

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
        "schedules": {"rows": scheduled(), "add": act("Schedule a command", "plus", method="get")},
        "page": Paginator(rows, 25).page(1),
    }


def scheduled() -> list[Data]:
    def acts(paused: bool = False, blockers: list[Data] | None = None) -> list[Data]:
        other = act("Resume", "restart", "ghost") if paused else act("Pause", "pause", "ghost")
        return [
            act("Run now", "play", "ghost", blockers),
            other,
            act("Edit", "settings", "ghost", method="get"),
        ]

    base = {"zone": "", "is_paused": False, "next_at": now() + timedelta(hours=7), "skipped": None, "saved_by": "ada"}
    busy = [blocker("job_runs", "Its run 41 has not ended yet.", "a Deployer, by cancelling it")]
    return [
        {**base, "id": 1, "name": "Nightly report", "command": "python manage.py report --to=finance@example.com", "when": "From Monday to Friday at 02:30",
         "zone": "Europe/Paris", "last": {"id": 40, "status": "failed", "at": back(hours=17), "exit_code": 1}, "acts": acts()},
        {**base, "id": 2, "name": "Catalogue of every supplier, with prices and stock", "command": LONG, "when": "Every 15 minutes from 08:00 to 17:45, from Monday to Friday",
         "next_at": now() + timedelta(minutes=4), "last": {"id": 41, "status": "running", "at": back(minutes=11), "exit_code": None},
         "skipped": {"at": back(minutes=3), "sentence": "Its run 41 has not ended yet."}, "acts": acts(blockers=busy)},
        {**base, "id": 3, "name": "Clear sessions", "command": "python manage.py clearsessions", "when": "Every day at 04:00", "is_paused": True, "next_at": None,
         "last": {"id": 30, "status": "succeeded", "at": back(days=9), "exit_code": 0}, "acts": acts(True)},
        {**base, "id": 4, "name": "Yearly accounts", "command": "python accounts.py", "when": "On day 1 of January at 00:00", "next_at": now() + timedelta(days=31), "last": None, "acts": acts()},
    ]  # fmt: skip


def none() -> Data:
    schedules = {"rows": [], "add": act("Schedule a command", "plus", method="get")}
    return {**listed(), "schedules": schedules, "page": Paginator([], 25).page(1)}


def schedule_new() -> Data:
    form = ScheduleForm(initial={"zone": "Europe/Paris"}, zones=zones())
    return {
        "application": application()["application"],
        "environment": STAGING,
        "schedule": None,
        "form": form,
        "back": "/applications/storefront/commands",
        "blockers": [],
        "delete": None,
    }


def schedule_wrong() -> Data:
    form = ScheduleForm(
        {"name": "Nightly report", "command": "python report.py", "schedule": "0 25 * * *", "zone": "Europe/Paris"},
        zones=zones(),
    )
    form.add_error("schedule", "The hour “25” must be from 0 to 23.")
    return {**schedule_new(), "form": form, "problem": "The hour “25” must be from 0 to 23."}


def schedule_edit() -> Data:
    given = {
        "name": "Nightly report",
        "command": "python manage.py report",
        "schedule": "30 2 * * MON-FRI",
        "zone": "Europe/Paris",
    }
    due = [
        {"text": "Fri 03/27/2026 02:30", "offset": "UTC+01:00", "has_changed": False, "here": now() + timedelta(days=1)},
        {"text": "Mon 03/30/2026 02:30", "offset": "UTC+02:00", "has_changed": True, "here": now() + timedelta(days=4)},
        {"text": "Tue 03/31/2026 02:30", "offset": "UTC+02:00", "has_changed": False, "here": now() + timedelta(days=5)},
    ]
    delete = act(
        "Delete",
        "trash",
        "danger",
        confirm="Nightly report",
        consequence="It does not run any more. A run that goes on ends by itself, and the history is kept.",
    )
    return {**schedule_new(), "form": ScheduleForm(initial=given, zones=zones()), "schedule": {"id": 1, "name": "Nightly report", "command": "python manage.py report", "when": "From Monday to Friday at 02:30", "zone": "Europe/Paris", "saved_by": "grace"},
            "delete": delete, "words": "From Monday to Friday at 02:30", "due": due}  # fmt: skip


def schedule_of_others() -> Data:
    sentence = "This needs the role Deployer or Admin here."
    return {**schedule_edit(), "delete": None, "blockers": [blocker("role", sentence, "an Admin, by granting it")]}


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
            "is_active": False, "schedule": "", "due_at": None, "outcome": None, "log_lines": 400, "log_collected_at": None}  # fmt: skip
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
    due = {"schedule": "Nightly report", "due_at": back(minutes=1)}
    return _one(status="failed", exit_code=1, **due, outcome={"sentence": "It ended with code 1.", "lines": lines})


def collected() -> Data:
    return {**_one(log_collected_at=back(days=3)), "log": None}
