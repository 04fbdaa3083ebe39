"""How many runs of three empty steps one worker finishes per second, on both databases.

The floor does by hand what any durable engine must: take the run, begin and finish each step, end the run, each one
committed; one thread, one connection, no rules.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.figures import Figure, Skipped, report

RUNS = 200
STEPS = 3
SLOTS = 4
COMMITS = 1 + 2 * STEPS  # the last step's end is the run's


def measure() -> Iterator[Figure]:
    from tests.services.postgres import PostgresServer, find_binaries

    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as folder:
        yield _figure("SQLite", f"sqlite://{folder}/bench.sqlite3")
    binaries = find_binaries()
    if binaries is None:
        raise Skipped("PostgreSQL is not installed")
    with PostgresServer(binaries) as server:
        yield _figure("PostgreSQL", server.create_database("bench"))


def _figure(database: str, url: str) -> Figure:
    """Measured in a process of its own: Django knows one database for life."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.write(writer, " ".join(map(str, _measured(url))).encode())
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(writer)
    with open(reader) as answer:
        said = answer.read().split()
    assert os.waitpid(pid, 0)[1] == 0, "the measuring process broke"
    ours, floor = map(float, said)
    about = f"{RUNS} runs of {STEPS} empty steps, {SLOTS} slots; floor: {COMMITS} commits each"
    return Figure(f"engine on {database}", ours, "runs/s", floor=floor, about=about)


def _measured(url: str) -> tuple[float, float]:
    os.environ["ENGINE_DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.engine.settings"
    import django

    django.setup()
    from tests.engine.conftest import create_tables

    create_tables()
    return _engine(), _floor()


def _engine() -> float:
    from django.db import connection, transaction

    from fairway.engine.commands import enqueue
    from fairway.engine.models import Run
    from fairway.engine.runner import Runner
    from fairway.engine.workflow import Step, Workflow, Workflows

    workflows, stop = Workflows(), threading.Event()
    workflows.register(Workflow("empty", tuple(Step(f"step {number}", _nothing) for number in range(STEPS))))
    with transaction.atomic():
        for number in range(RUNS):
            enqueue(kind="empty", key=f"bench:{number}", payload={})
    runner = Runner(workflows, worker_name="bench", slots=SLOTS)
    thread = threading.Thread(target=runner.run_forever, args=(stop,))
    began = time.monotonic()
    thread.start()
    while Run.objects.exclude(status="succeeded").exists():
        time.sleep(0.02)
    lasted = time.monotonic() - began
    stop.set()
    runner.wake()
    thread.join()
    assert not Run.objects.exclude(status="succeeded").exists()
    connection.close()
    return RUNS / lasted


def _nothing(context: Any) -> None:
    return None


def _floor() -> float:
    from django.db import connection, transaction

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE floor (id integer PRIMARY KEY, step integer)")
    began = time.monotonic()
    for number in range(RUNS):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO floor VALUES (%s, 0)", [number])
            for step in range(COMMITS):
                with transaction.atomic():
                    cursor.execute("UPDATE floor SET step = %s WHERE id = %s", [step, number])
    return RUNS / (time.monotonic() - began)


if __name__ == "__main__":
    report(measure)
