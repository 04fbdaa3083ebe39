"""A week of deployments: after the first day the disk holds as much as before, and the database grows only by the rows
that history is made of. FAIRWAY_WEEK_PER_ROUND=36 makes it a thousand.
"""

from __future__ import annotations

import io
import itertools
import os
import tarfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from django.db.models import F

from fairway.accounts.rules import SYSTEM
from fairway.applications.commands import create_application, store_upload
from fairway.applications.models import Application, Artifact, Upload
from fairway.config.data import DataDirectory
from fairway.deployments.commands import progress
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.models import Deployment, LogChunk, Placement
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.engine.models import Run, RunStep
from fairway.engine.runner import Runner
from fairway.engine.workflow import Context, Step, Workflow, Workflows
from fairway.environments.models import Environment
from fairway.insights.storage import DiskUsage, measure
from fairway.shared.failures import Refused
from fairway.worker.cleaning import clean
from fairway.worker.rules import GOOD_KEPT
from fairway.workflows import deploy, outside
from fairway.workflows.step_context import step_context_of
from fairway.workflows.watching import DeploymentWatcher

APPLICATIONS = 2
DAYS = 7
ROUNDS = 4  # of cleaning per day
PER_ROUND = int(os.environ.get("FAIRWAY_WEEK_PER_ROUND", "5"))  # deployments; 36 make 7 × 4 × 36 = 1,008
MOST_PER_DEPLOYMENT = 40_000  # bytes of rows that are kept for ever: the deployment, its artifact, some 16 events

numbers = itertools.count(1)


@pytest.fixture
def data(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(os, "fsync", lambda fd: None)  # thousands of them would be most of the time, and show nothing here
    settings.DATA = DataDirectory(tmp_path / "fairway")
    settings.LOG_DAYS = 0.5
    outside.proxy.cache_clear()
    yield settings.DATA.folder()
    outside.proxy.cache_clear()


@pytest.fixture
def everything(data: Path, staging: Environment) -> list[Application]:
    Environment.objects.update(runtime="process")
    made = []
    for number in range(APPLICATIONS):
        source = {"upload": _uploaded()}
        made.append(create_application(actor=SYSTEM, name=f"App {number}", source_kind="archive", source=source))
    return made


def _uploaded() -> str:
    """An archive of a page that is different each time."""
    page = f"<h1>version {next(numbers)}</h1>".encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("index.html")
        entry.size = len(page)
        archive.addfile(entry, io.BytesIO(page))
    return store_upload(actor=SYSTEM, name="site.tar", chunks=[buffer.getvalue()]).checksum


def _check(context: Context) -> None:
    """Each tenth version is bad; each prints something."""
    with step_context_of(context) as step:
        for line in range(20):
            step.log.line(f"line {line} of {step.deployment}")
        if step.deployment.pk % 10 == 0:
            raise Refused("It was not ready within 60 s.")


def _switch(context: Context) -> None:
    with step_context_of(context) as step:
        host = step.placement.host
        step.proxy.ensure_route(Route(host, RouteKind.OPEN, ("127.0.0.1:9",), step.deployment.label))
        digest = step.artifact.digest
        progress.switched(deployment=step.deployment, placement=step.placement, served_digest=digest)


def _workflows() -> Workflows:
    told = Workflows()
    steps = [("prepare", deploy.prepare), ("distribute", deploy.distribute), ("check", _check), ("switch", _switch)]
    deadline = timedelta(minutes=5)
    told.register(
        Workflow(
            kind="deploy",
            steps=tuple(Step(name, act, deadline=deadline) for name, act in steps),
            clean_up=deploy.clean_up,
            watcher=DeploymentWatcher(),
        )
    )
    told.register(Workflow(kind="watch", steps=(Step("watch", lambda context: None, deadline=deadline),)))
    return told


def _pass_time(data: Path, hours: float) -> None:
    """Make every row and every file that much older."""
    for model in apps.get_app_config("fairway").get_models():
        times = [field.name for field in model._meta.get_fields() if isinstance(field, models.DateTimeField)]
        if times:
            model._default_manager.update(**{name: F(name) - timedelta(hours=hours) for name in times})
    for folder, names, files in os.walk(data):
        for name in (*names, *files):
            place = Path(folder, name)
            at = place.lstat().st_mtime - hours * 3600
            os.utime(place, (at, at), follow_symlinks=False)


def _database_bytes() -> int:
    """What its rows take, without the pages that are free to be used again."""
    with connection.cursor() as cursor:
        pages, free, size = (
            cursor.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


def _facts(data: Path) -> Mapping[str, int]:
    measured: DiskUsage = measure(data)
    kinds = {f"{one.kind}.{what}": getattr(one, what) for one in measured.taken for what in ("size", "files")}
    rows = {model.__name__: model._default_manager.count() for model in (Run, RunStep, Upload)}
    # Chunks are not counted: the slower the machine, the more of them a log is written in.
    logs = LogChunk.objects.values("deployment").distinct().count()
    return {"size": measured.size, "files": measured.files, **kinds, **rows, "logs": logs}


def test_a_week_of_deployments_leaves_disk_use_flat(everything: list[Application], data: Path) -> None:
    staging = Environment.objects.get()
    runner = Runner(_workflows(), worker_name="week", slots=1, lease=timedelta(minutes=5))
    days: list[Mapping[str, int]] = []
    database = []
    for _ in range(DAYS):
        for _ in range(ROUNDS):
            for number in range(PER_ROUND):
                wanted = {"source_kind": "archive", "source": {"upload": _uploaded()}}
                chosen = everything[number % APPLICATIONS]
                request_deployment(actor=SYSTEM, application=chosen, environment=staging, **wanted)
                runner.run_until_idle()
            _pass_time(data, 24 / ROUNDS)
            clean()
        days.append(_facts(data))
        database.append(_database_bytes() if connection.vendor == "sqlite" else 0)
    _is_flat(days)
    _keeps_what_it_must()
    grown = (database[-1] - database[0]) / ((DAYS - 1) * ROUNDS * PER_ROUND)
    print(f"\nday 1: {days[0]}\nday {DAYS}: {days[-1]}\ndatabase: {grown:,.0f} bytes per deployment")
    assert grown < MOST_PER_DEPLOYMENT


def _is_flat(days: list[Mapping[str, int]]) -> None:
    first = days[0]
    for day, facts in enumerate(days[1:], start=2):
        for what, number in facts.items():
            assert number <= first[what] * 1.05 + 3, f"day {day}: {what} grew from {first[what]} to {number}"


def _keeps_what_it_must() -> None:
    """Every deployment is still told of, and each placement can go back to what it could."""
    assert Deployment.objects.count() == DAYS * ROUNDS * PER_ROUND
    for placement in Placement.objects.all():
        there = Deployment.objects.filter(application=placement.application, status="succeeded")
        good = [one.artifact for one in there.select_related("artifact").order_by("-pk")[:GOOD_KEPT]]
        assert all(one is not None and Path(one.location, "bundle.json").is_file() for one in good)
    assert Artifact.objects.filter(collected_at=None).count() < 3 * APPLICATIONS * GOOD_KEPT
    assert not any(Path(one.location).exists() for one in Artifact.objects.exclude(collected_at=None))
