# ruff: noqa: E501 - sample data reads best one thing a line
"""Sample contexts, as the templates' leading comments describe them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.urls import reverse

Data = dict[str, Any]

ADA = {"username": "ada", "name": "ada", "called": "Ada Lovelace"}
GRACE = {"username": "grace", "name": "grace", "called": "Grace Hopper"}
LINUS = {"username": "linus", "name": "linus", "called": "Linus Åkesson"}
CI = {"username": "ci-bot", "name": "ci-bot", "called": ""}
OPEN = {"is_closed": False, "by": [], "opens_at": None, "closes_at": None}
WEEKEND = {
    "is_closed": True,
    "by": [{"name": "Weekend", "reason": "Nobody is on call."}],
    "opens_at": datetime.now(UTC) + timedelta(hours=40),
    "closes_at": None,
}
ENVIRONMENTS = [
    {"slug": "development", "name": "Development", "status": "available", "lock_reason": "", "freeze": OPEN},
    {"slug": "staging", "name": "Staging", "status": "available", "lock_reason": "", "freeze": WEEKEND},
    {
        "slug": "production",
        "name": "Production",
        "status": "locked",
        "lock_reason": "Quarter-end close until Monday",
        "freeze": OPEN,
    },
]
DEVELOPMENT, STAGING, PRODUCTION = ENVIRONMENTS


def now() -> datetime:
    return datetime.now(UTC)


def back(**kwargs: float) -> datetime:
    return now() - timedelta(**kwargs)


def sha(seed: str) -> str:
    return "sha256:" + hashlib.sha256(seed.encode()).hexdigest()


def shell(request: HttpRequest) -> Data:
    """The frame's context, as the web room's context processor gives it."""
    if request.path.startswith(("/accounts/login", "/first-run", "/sign-in", "/accounts/password/reset", "/nobody")):
        return {
            "shell": {
                "person": None,
                "roles": [],
                "acting_as": None,
                "can_credentials": False,
                "can_people": False,
                "event_id": 0,
                "version": "0.1.0",
            }
        }
    roles = [
        {"key": "admin", "label": "Administrator", "is_current": False},
        {"key": "release-manager", "label": "Release manager", "is_current": False},
        {"key": "deployer", "label": "Deployer", "is_current": "narrowed" in request.GET},
    ]
    acting = {"key": "deployer", "label": "Deployer"} if "narrowed" in request.GET else None
    return {
        "shell": {
            "person": ADA,
            "roles": roles,
            "acting_as": acting,
            "can_credentials": True,
            "can_people": True,
            "can_manage": True,
            "event_id": 4711,
            "version": "0.1.0",
        }
    }


def blocker(code: str = "locked", sentence: str = "", who: str = "Grace Hopper", until: datetime | None = None) -> Data:
    return {
        "code": code,
        "sentence": sentence or "Production is locked by Grace Hopper: quarter-end close.",
        "who": who,
        "until": until,
    }


def act(label: str, icon: str = "", kind: str = "", blockers: list[Data] | None = None, **more: Any) -> Data:
    base = {"label": label, "url": "/gallery/act", "method": "post", "icon": icon, "kind": kind, "blockers": blockers or []}
    return {**base, "confirm": "", "consequence": "", "fields": [], **more}


APPS = [
    {"slug": "storefront", "name": "storefront", "kind_icon": "git"},
    {"slug": "billing-api", "name": "billing-api", "kind_icon": "image"},
    {"slug": "sales-dashboard", "name": "sales-dashboard", "kind_icon": "upload"},
    {"slug": "docs", "name": "docs", "kind_icon": "git"},
    {
        "slug": "very-long-application-name-for-testing",
        "name": "very-long-application-name-for-testing",
        "kind_icon": "image",
    },
    {"slug": "fresh", "name": "fresh", "kind_icon": "upload"},
]


def cell(state: str, version: str, number: int, actor: Data, behind: int = 0, step: str = "", **ago: float) -> Data:
    return {
        "state": state, "version": version, "digest": sha(version), "at": back(**ago), "actor": actor, "step": step, "behind": behind,
        "url": f"http://app.env{number}.localhost:8080" if state in {"healthy", "unhealthy"} else "", "deployment_id": number,
    }  # fmt: skip


def row(
    number: int, app: Data, environment: Data, status: str, version: str, actor: Data, at: datetime, **more: Any
) -> Data:
    base = {
        "id": number,
        "kind": "deploy",
        "status": status,
        "version": version,
        "digest": sha(version),
        "reason": "",
        "sentence": "",
    }
    return {
        **base,
        "application": app,
        "environment": environment,
        "actor": actor,
        "door": "web",
        "at": at,
        "seconds": 12.4,
        "step": "",
        **more,
    }


def rows() -> list[Data]:
    store, billing, sales = APPS[:3]
    return [
        row(512, store, STAGING, "running", "2.14.0", ADA, back(seconds=9), seconds=None, step="Check"),
        row(511, billing, PRODUCTION, "queued", "1.9.3", CI, back(seconds=20), seconds=None, door="api"),
        row(510, store, DEVELOPMENT, "live", "2.14.0", ADA, back(minutes=6), seconds=11.2),
        row(509, sales, STAGING, "failed", "0.8.1", GRACE, back(minutes=44), seconds=74.5,
            sentence="GET /healthz answered 500 until the deadline of 60 s; the version before keeps serving."),
        row(508, billing, STAGING, "live", "1.9.3", LINUS, back(hours=3), kind="promote", seconds=3.1),
        row(507, billing, PRODUCTION, "live", "1.9.2", GRACE, back(hours=7), kind="rollback", seconds=2.2),
        row(506, billing, PRODUCTION, "superseded", "1.9.3-rc1", LINUS, back(days=1, hours=2), seconds=4.8),
        row(505, sales, DEVELOPMENT, "errored", "0.8.1", CI, back(days=2), seconds=600.0, door="api",
            sentence="The machine ran out of disk while the image was pulled."),
        row(504, store, PRODUCTION, "cancelled", "2.13.2", ADA, back(days=3), seconds=5.0),
        row(503, store, DEVELOPMENT, "live", "2.13.2", ADA, back(days=400), kind="restart", seconds=1.4),
    ]  # fmt: skip


def home() -> Data:
    cells = [
        [cell("healthy", "2.14.0", 510, ADA, minutes=6), cell("running", "2.14.0", 512, ADA, step="Check", seconds=9), cell("healthy", "2.13.1", 480, GRACE, behind=2, days=12)],
        [cell("healthy", "1.9.3", 501, CI, hours=5), cell("healthy", "1.9.3", 508, LINUS, hours=3), cell("queued", "1.9.3", 511, CI, seconds=20, step="Queued")],
        [cell("stopped", "0.8.1", 498, GRACE, days=4), cell("unhealthy", "0.8.0", 499, GRACE, hours=20), None],
        [cell("healthy", "3f9c1a7", 400, LINUS, days=1), None, cell("healthy", "3f9c1a7", 401, LINUS, days=1)],
        [cell("down", "2026.10.4-alpha.17+build.889", 402, CI, days=90), cell("restarting", "2026.10.3", 403, CI, days=91), cell("starting", "2026.9.1", 404, GRACE, days=120, behind=1)],
        [None, None, None],
    ]  # fmt: skip
    return {
        "matrix": {"environments": ENVIRONMENTS, "rows": [{"application": app, "cells": line} for app, line in zip(APPS, cells, strict=True)]},
        "running": [
            {"id": 512, "application": APPS[0], "environment": STAGING, "version": "2.14.0", "status": "running", "step": "Check",
             "step_number": 3, "step_total": 7, "started_at": back(seconds=9), "position": None, "actor": ADA},
            {"id": 511, "application": APPS[1], "environment": PRODUCTION, "version": "1.9.3", "status": "queued", "step": "", "step_number": 0,
             "step_total": 7, "started_at": back(seconds=20), "position": 2, "actor": CI},
        ],
        "waiting": [
            {"title": "sales-dashboard failed in Staging", "sentence": "Your deployment #509 failed in step Check.", "url": "/deployments/509", "at": back(minutes=44)},
            {"title": "billing-api differs in Production", "sentence": "1 of 2 replicas runs; the reconciler tries again.", "url": "/applications/billing-api", "at": back(hours=1)},
        ],
        "recent": rows()[:8],
        "alerts": [],
        "alerts_count": 0,
        "can_create": True,
    }  # fmt: skip


def home_empty() -> Data:
    return {**home(), "matrix": {"environments": ENVIRONMENTS, "rows": []}, "running": [], "waiting": [], "recent": []}


def application() -> Data:
    return {
        "application": {"slug": "storefront", "name": "storefront", "kind": "git", "kind_icon": "git", "description": "",
                        "source": "https://git.example.com/shop/storefront.git#main", "source_url": "https://git.example.com/shop/storefront",
                        "created_at": back(days=200), "created_by": ADA, "preview": None},
        "can_edit": True,
    }  # fmt: skip


def placement(environment: Data, state: str, version: str, number: int, **more: Any) -> Data:
    base = {
        "environment": environment, "lock": None, "state": state, "url": f"http://storefront.{environment['slug']}.localhost:8080", "other_urls": [],
        "access": "public", "version": version, "digest": sha(version), "deployment_id": number, "deployed_at": back(minutes=6), "actor": ADA,
        "configuration_version": 7, "gate": "GET /healthz answered 200.", "services": [{"name": "web", "wanted": 2, "healthy": 2}, {"name": "worker", "wanted": 1, "healthy": 1}, {"name": "db", "wanted": 1, "healthy": 1}], "drift": [], "hold": None, "running": None, "writes": None, "sleep": {"after": 30, "since": None, "seconds": 2.4, "act": None},
        "instances": [
            {"name": f"fairway-storefront.{environment['slug']}-d{number}-0", "state": "healthy", "address": "127.0.0.1:40123", "restarts": 0, "started_at": back(minutes=6), "memory_bytes": 61_341_696, "out_of_memory": False},
            {"name": f"fairway-storefront.{environment['slug']}-d{number}-1", "state": "restarting", "address": "", "restarts": 3, "started_at": back(minutes=1), "memory_bytes": None, "out_of_memory": True},
        ],
        "acts": [act("Deploy", "deploy", "primary"), act("Promote", "promote")],
        "more": [
            act("Deploy another version…", "deploy", method="get", url="/deployments/new"), act("Roll back to 2.13.1", "rollback"), act("Restart", "restart"), act("Stop", "stop"),
            act("Remove from here", "trash", "danger", confirm="storefront", consequence="Stops every replica in this environment and frees its address. Volumes are kept."),
        ],
        "scale": {"url": "/gallery/act", "services": [{"name": "web", "replicas": 2, "minimum": 1, "maximum": 8}, {"name": "worker", "replicas": 1, "minimum": 0, "maximum": 8}], "blockers": []},
    }  # fmt: skip
    return {**base, **more}


def application_detail() -> Data:
    locked = [blocker()]
    running = {"id": 512, "status": "running", "step": "Check", "step_number": 3, "step_total": 7, "started_at": back(seconds=9),
               "expected_seconds": 14.0, "position": None, "version": "2.14.0"}  # fmt: skip
    return {
        **application(),
        "placements": [
            placement(DEVELOPMENT, "healthy", "2.14.0", 510, writes={"places": "db.sqlite3, uploads/ (3 files)", "keep": act("Keep them in a volume", "disk", method="get"), "dismiss": act("Dismiss", "x", "ghost")}),
            placement(STAGING, "degraded", "2.13.2", 490, running=running, drift=["1 of 2 replicas runs. The reconciler tries again in 20 s."],
                      services=[{"name": "web", "wanted": 2, "healthy": 1}, {"name": "worker", "wanted": 1, "healthy": 1}], gate="Port 8000 accepted a connection; no health check is configured."),
            placement(PRODUCTION, "healthy", "2.13.1", 480, access="signed_in", strategy="recreate", away={"volumes": "media", "seconds": 4.2},
                      services=[{"name": "web", "wanted": 1, "healthy": 1}], hold={"reason": "Rolled back from 2.14.0 by hand.", "at": back(days=1), "act": act("Release")}, lock={"by": GRACE, "reason": "Quarter-end close", "until": now() + timedelta(days=2)},
                      acts=[act("Deploy", "deploy", "primary", locked)],
                      more=[act("Roll back to 2.13.0", "rollback", blockers=locked), act("Restart", "restart")]),
        ],
        "alerts": [],
        "recent": [entry for entry in rows() if entry["application"]["slug"] == "storefront"],
        "spec": {"framework": "Django (Python, uv)", "command": "gunicorn shop.wsgi --bind 0.0.0.0:{port}", "port": 8000, "health": "/healthz",
                 "memory_bytes": 512 * 1024 * 1024, "cpus": 1.0, "volumes": [{"name": "media", "target": "/app/media"}], "services": [{"name": "worker", "command": "celery -A shop worker", "image": "", "digest": ""}, {"name": "db", "command": "", "image": "docker.io/library/postgres", "digest": "sha256:" + "4d9a1c6f" * 8}]},
    }  # fmt: skip


def application_preview() -> Data:
    data = application_detail()
    request = {
        "sign": "#131",
        "title": "<b>Show</b> the tides of the day before",
        "page": "https://github.com/acme/storefront/pull/131",
    }
    here = {"name": "storefront #131", "preview": {**request, "application": {"slug": "storefront", "name": "storefront"}}}
    return {**data, "application": {**data["application"], **here}}


def application_fresh() -> Data:
    data = application_detail()
    for place in data["placements"]:
        place.update(state="", running=None, drift=[], instances=[], more=[], scale=None, url="")
    return {**data, "recent": [], "spec": None}


STEPS = ["prepare", "distribute", "start", "check", "switch", "retire", "watch"]
STEP_WORDS = {
    "prepare": "Build",
    "distribute": "Distribute",
    "start": "Start",
    "check": "Check",
    "switch": "Switch",
    "retire": "Retire",
    "watch": "Watch",
}


def steps(
    done: int, current: str = "", times: tuple[float, ...] = (42.6, 1.2, 0.8, 2.4, 0.3, 1.1, 300.0), **notes: str
) -> list[Data]:
    """`done` finished steps, the next one in state `current`, the rest to do."""
    result = []
    for index, name in enumerate(STEPS):
        status = "done" if index < done else (current or "pending") if index == done else "pending"
        if current in {"failed", "errored", "cancelled"} and index > done:
            status = "skipped"
        result.append({
            "name": name, "label": STEP_WORDS[name], "status": status, "seconds": times[index] if status in {"done", "failed", "errored"} else None,
            "started_at": back(seconds=4) if status == "running" else None, "sentence": notes.get(name, ""), "attempt": 2 if name == "distribute" else 1,
        })  # fmt: skip
    return result


def log(number: int, lines: int = 400, is_complete: bool = True) -> Data:
    return {
        "url": reverse("deployment-log", args=[number]) + f"?lines={lines}" + ("" if is_complete else "&open=1"), "stream_url": "" if is_complete else reverse("gallery-log-stream"),
        "raw_url": "/gallery/raw", "is_complete": is_complete, "step_words": STEP_WORDS, "name": f"storefront-staging-{number}",
    }  # fmt: skip


def judgement(verdict: str = "no_worse", **after: Any) -> Data:
    """How a version answers compared with the one before."""
    first = {
        "version": "2.13.2",
        "requests": 18_412,
        "failed": 12,
        "failed_percent": 0.07,
        "median_ms": 14.2,
        "p95_ms": 101.0,
    }
    second = {
        "version": "2.14.0",
        "requests": 2_310,
        "failed": 1,
        "failed_percent": 0.04,
        "median_ms": 13.9,
        "p95_ms": 96.4,
        **after,
    }
    return {
        "verdict": verdict, "is_worse": verdict in {"slower", "more_errors"}, "before": first, "after": second, "rows": [first, second],
        "slower_percent": 38 if verdict == "slower" else -5,
    }  # fmt: skip


def deployment(**more: Any) -> Data:
    base = {
        "id": 510, "kind": "deploy", "status": "live", "application": APPS[0], "environment": STAGING, "version": "2.14.0", "digest": sha("2.14.0"), "actor": ADA,
        "acting_role": "", "door": "from the web", "reason": "Checkout fix for the newsletter", "at": back(minutes=6), "started_at": back(minutes=6), "ended_at": back(minutes=5),
        "seconds": 48.4, "expected_seconds": 52.0, "position": None, "waiting_for": "", "url": "http://storefront.staging.localhost:8080",
        "gate": "GET /healthz answered 200.", "configuration_version": 7, "replicas": 2,
        "remarks": [{"what": "Not started: db (postgres:16); give their addresses as variables", "because": "compose.yaml"}],
        "source": {"text": "git.example.com/shop/storefront, main", "commit": "8c1f0e2b9a7d4c5e6f708192a3b4c5d6e7f80912", "author": "Linus Åkesson",
                   "message": "Round the shipping costs once, not per line", "committed_at": back(hours=1)},
        "from_deployment": None, "replaced": {"id": 490, "version": "2.13.2"}, "superseded_by": None,
        "probe": {"sent": 1240, "failed": 0, "first_seen_ms": 212.0, "duration_ms": 2480.0, "first_failure": ""}, "failure": None, "clean_up_failure": "",
        "judgement": judgement(),
    }  # fmt: skip
    return {**base, **more}


def deployment_live() -> Data:
    return {
        "deployment": deployment(), "steps": steps(6, "running", watch="Restarts and errors are watched for 5 minutes."), "last_lines": [], "log": log(510),
        "acts": [act("Promote to Production", "promote", "primary", [blocker(until=now() + timedelta(days=2))]), act("Roll back", "rollback"), act("Deploy again", "deploy")],
    }  # fmt: skip


def deployment_running() -> Data:
    return {
        "deployment": deployment(id=512, status="running", restarting="db", judgement=None, started_at=back(seconds=47), at=back(seconds=50), ended_at=None, seconds=None, url="", probe=None, kind="promote",
                                 from_deployment={"id": 510, "environment_name": "Development"}, acting_role="Deployer"),
        "steps": steps(3, "running", check="GET /healthz: connection refused, trying until 60 s."), "last_lines": [], "log": log(512, 400, False),
        "acts": [act("Cancel", "x", "danger")],
    }  # fmt: skip


def deployment_queued() -> Data:
    return {
        "deployment": deployment(id=513, status="queued", judgement=None, started_at=None, ended_at=None, seconds=None, url="", probe=None, position=2, digest="", at=back(seconds=3),
                                 waiting_for="storefront is being deployed to Staging by Ada Lovelace (#512).", gate="", source=None, replaced=None),
        "steps": steps(0), "last_lines": [], "log": log(513, 0, False), "acts": [act("Cancel", "x", "danger")],
    }  # fmt: skip


def deployment_awaiting_approval() -> Data:
    people = [
        {**GRACE, "decision": "approved", "at": back(hours=2), "comment": "Seen on staging, all fine", "is_void": False, "is_lapsed": False},
        {**LINUS, "decision": "approved", "at": back(hours=3), "comment": "", "is_void": False, "is_lapsed": True},
    ]  # fmt: skip
    approval = {
        "state": "waiting", "needed": 2, "given": 1, "who": "a Release Manager or an Admin", "until": now() + timedelta(days=5), "at": None, "ended": "", "fingerprint": "f" * 64, "people": people,
        "now": {"version": "2.13.9", "digest": sha("a")}, "then": {"version": "2.14.0", "digest": sha("b"), "commit": "3f9c1a7d2e"}, "keys": [{"name": "CHECKOUT_URL", "how": "changed"}],
        "newer": {"version": 5, "created_by": "Ada Lovelace"}, "again": act("Request again with the new settings", "settings"), "decide": {"url": "/gallery/act", "blockers": []},
    }  # fmt: skip
    return {
        "deployment": deployment(id=514, status="waiting", judgement=None, started_at=back(hours=4), ended_at=None, seconds=None, url="", probe=None, position=None, waiting_for="for approval", gate="", source=None, replaced=None),
        "approval": approval, "steps": steps(0), "last_lines": [], "log": log(514, 1, False), "acts": [act("Cancel", "x", "danger")],
    }  # fmt: skip


def deployment_failed() -> Data:
    lines = [
        "Traceback (most recent call last):",
        '  File "/app/shop/settings.py", line 41, in <module>',
        "    DATABASE_URL = os.environ['DATABASE_URL']",
        "KeyError: 'DATABASE_URL'",
    ]
    return {
        "deployment": deployment(id=509, status="failed", probe=None, judgement=None, url="", failure={
            "step": "Check", "sentence": "GET /healthz answered 500 until the deadline of 60 s.", "detail": "",
            "advice": "The application says KeyError: 'DATABASE_URL'. Set DATABASE_URL in the configuration of Staging and deploy again."}),
        "steps": steps(3, "failed", check="No healthy answer within 60 s."), "last_lines": [{"n": 396 + index, "text": text} for index, text in enumerate(lines)], "log": log(509, 400),
        "acts": [act("Deploy again", "deploy", "primary"), act("Change the configuration", "settings", method="get", url="/applications/storefront/configuration")],
    }  # fmt: skip


def deployment_errored() -> Data:
    return {
        "deployment": deployment(id=505, status="errored", url="", replaced=None, clean_up_failure="Instance fairway-storefront.staging-d505-0 could not be removed; the reconciler tries again.",
                                 judgement=judgement("more_errors", failed=53, failed_percent=2.29),
                                 probe={"sent": 300, "failed": 2, "first_seen_ms": None, "duration_ms": 900.0, "first_failure": "First failure at +31 ms: connection reset."},
                                 kind="rollback", from_deployment={"id": 480, "environment_name": "Staging"},
                                 failure={"step": "Switch", "sentence": "The route could not be written: no space left on the device.", "advice": "Free some space in the data directory; then deploy again.",
                                          "detail": "OSError: [Errno 28] No space left on device: '…/routes/open/.storefront'\n  at fairway.drivers.proxy.routes.swap"}),
        "steps": steps(4, "errored"), "last_lines": [], "log": log(505, 60), "acts": [act("Deploy again", "deploy")],
    }  # fmt: skip


def deployment_collected() -> Data:
    return {
        "deployment": deployment(id=12, status="superseded", log_lines=1204, log_collected_at=back(hours=30), url=""),
        "steps": [{**step, "seconds": None, "started_at": None} for step in steps(6, "live")],
        "last_lines": [],
        "log": None,
        "acts": [],
    }


def history() -> Data:
    many = rows() * 8
    return {
        "filters": {"application": "", "environment": "staging", "outcome": "", "person": "", "since": "", "until": ""},
        "choices": {"applications": APPS, "environments": ENVIRONMENTS, "people": [ADA, GRACE, LINUS, CI]},
        "page": Paginator(many, 25).page(2),
    }  # fmt: skip


def history_empty() -> Data:
    return {**history(), "filters": {**history()["filters"], "environment": ""}, "page": Paginator([], 25).page(1)}
