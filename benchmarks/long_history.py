"""Home page and history with 100,000 deployments and 1,000,000 events: time in the server, and how many queries.

The rows are made by SQL in a temporary SQLite. Pages are asked through Django without a network, as one administrator; the
first answer, which fills caches and compiles templates, is left out. The floor is the same page of a nearly empty database.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.figures import Figure, middle, report

APPLICATIONS, DEPLOYMENTS, EVENTS = 60, 100_000, 1_000_000
ASKED = 10  # times each page
PAGES = {
    "home page": "/",
    "history": "/deployments/",
    "history, filtered": "/deployments/?environment=production&status=failed",
    "events": "/events/",
    "an application": "/applications/app-7/",
    "insights of an application": "/insights/?application=app-7",
}
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as folder:
        os.environ |= {"FAIRWAY_DATA": folder, "DJANGO_SETTINGS_MODULE": "fairway.config.settings", "FAIRWAY_DEMO": "1"}
        import django

        django.setup()
        from fairway.config.launch import prepare

        prepare(is_demo=True, has_workers=True)
        _make_applications()
        _make(EVENTS // 1000, DEPLOYMENTS // 1000)
        floors = {name: _asked(path) for name, path in PAGES.items()}
        _make(EVENTS, DEPLOYMENTS)
        for name, path in PAGES.items():
            (seconds, cpu, queries), (floor, _, _) = _asked(path), floors[name]
            size = f"{DEPLOYMENTS:,} deployments, {EVENTS:,} events, {APPLICATIONS} applications in 3 environments"
            yield Figure(name, seconds * 1000, "ms", most=50, floor=floor * 1000, about=f"median of {ASKED}; {size}")
            yield Figure("  of that, CPU", cpu * 1000, "ms", about="what is left where nothing else runs on the machine")
            yield Figure("  queries", queries, "queries", most=15)


def _asked(path: str) -> tuple[float, float, int]:
    """Seconds of a page and of CPU for it (medians), and its queries."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from fairway.accounts.models import User

    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.get(username="admin"))
    assert client.get(path).status_code == 200, (path, client.get(path).status_code)
    times, cpu = [], []
    for _ in range(ASKED):
        began, worked = time.perf_counter(), time.process_time()
        client.get(path)
        times.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
    with CaptureQueriesContext(connection) as queries:
        client.get(path)
    return middle(times), middle(cpu), len(queries)


def _make_applications() -> None:
    from fairway.accounts.rules import SYSTEM
    from fairway.applications.commands import create_application, record_artifact
    from fairway.deployments.models import Placement
    from fairway.drivers.builders.contract import Spec
    from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef
    from fairway.environments.models import Environment

    for number in range(1, APPLICATIONS + 1):
        source = {"image": f"registry.example/app-{number}:1"}
        one = create_application(actor=SYSTEM, name=f"App {number}", source_kind="image", source=source)
        digest = f"sha256:{number:064x}"
        ref = ArtifactRef(ArtifactKind.IMAGE, digest, f"registry.example/app-{number}@{digest}")
        more: dict[str, Any] = {"version": "1.0", "source_kind": "image", "source": source, "created_by": "bench"}
        record_artifact(application=one, ref=ref, spec=Spec(kind="image"), **more)
        for environment in Environment.objects.all():
            Placement.objects.create(application=one, environment=environment, health="healthy")


def _make(events: int, deployments: int) -> None:
    """Add rows until there are so many."""
    from django.db import connection

    from fairway.activity.models import Event
    from fairway.deployments.models import Deployment

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous = OFF")
        _insert(cursor, "fairway_deployment", _deployment(), deployments - Deployment.objects.count())
        _insert(cursor, "fairway_event", _event(), events - Event.objects.count())
        cursor.execute(
            "UPDATE fairway_placement SET current_id = (SELECT max(id) FROM fairway_deployment d"
            " WHERE d.status = 'succeeded' AND d.application_id = fairway_placement.application_id"
            " AND d.environment_id = fairway_placement.environment_id)"
        )
        cursor.execute("UPDATE fairway_chainhead SET event_id = (SELECT max(id) FROM fairway_event)")
        cursor.execute("ANALYZE")


def _insert(cursor: Any, table: str, values: dict[str, str], count: int) -> None:
    """`values` are SQL expressions of the number ``i``; columns not named get a default by their type."""
    cursor.execute(f"PRAGMA table_info({table})")
    columns = {name: kind for _, name, kind, is_required, _, _ in cursor.fetchall() if is_required and name != "id"}
    chosen = {name: _plain(name, kind) for name, kind in columns.items()} | values
    names = ", ".join(f'"{name}"' for name in chosen)
    cursor.execute(f"{NUMBERS.format(count=count)} INSERT INTO {table} ({names}) SELECT {', '.join(chosen.values())} FROM n")


def _plain(name: str, kind: str) -> str:
    if name in ("source", "scales", "before", "after"):
        return "'{}'"
    return "0" if "int" in kind or "bool" in kind else "''"


def _deployment() -> dict[str, str]:
    moment = "datetime('now', '-' || ({i}) || ' minutes')".format(i=f"{DEPLOYMENTS} - i % {DEPLOYMENTS}")
    return {
        "application_id": f"1 + i % {APPLICATIONS}",
        "environment_id": f"1 + (i / {APPLICATIONS}) % 3",
        "artifact_id": f"1 + i % {APPLICATIONS}",
        "kind": "'deploy'",
        "status": "CASE WHEN i % 13 = 0 THEN 'failed' ELSE 'succeeded' END",
        "replicas": "1",
        "requested_by": "'person ' || (i % 40)",
        "requested_by_id": "1",
        "door": "'web'",
        "created_at": moment,
        "started_at": moment,
        "switched_at": moment,
        "finished_at": moment,
    }


def _event() -> dict[str, str]:
    return {
        "at": f"datetime('now', '-' || ({EVENTS} - i) || ' seconds')",
        "actor_id": "1",
        "actor_name": "'person ' || (i % 40)",
        "door": "'web'",
        "verb": "CASE i % 2 WHEN 0 THEN 'deployment.requested' ELSE 'deployment.switched' END",
        "subject_kind": "'deployment'",
        "subject_id": f"1 + i % {DEPLOYMENTS}",
        "subject_label": "'#' || i",
        "application": f"'app-' || (1 + i % {APPLICATIONS})",
        "environment": "CASE i % 3 WHEN 0 THEN 'development' WHEN 1 THEN 'staging' ELSE 'production' END",
        "hash": "hex(randomblob(32))",
        "previous_hash": "''",
    }


if __name__ == "__main__":
    report(measure)
