"""A scheduled job that is due is run by a worker with what is live, and heard; two workers begin it once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connections

from fairway.accounts.rules import SYSTEM
from fairway.applications.models import Application
from fairway.deployments.commands.scheduled_jobs import create_job, run_due_jobs
from fairway.deployments.models import JobRun, ScheduledJob
from fairway.deployments.queries import job_log_lines
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.engine import clock
from fairway.environments.models import Environment
from fairway.workflows import register_all
from tests.releases.conftest import AnsweringProxy, answering, development, fake, proxy  # noqa: F401
from tests.workflows.told import Told


@pytest.fixture
def told(fake: FakeRuntime, proxy: AnsweringProxy, hello: Application, staging: Environment) -> Told:  # noqa: F811
    register_all()
    return Told(fake, proxy, hello, staging)


def due(told: Told, *command: str) -> ScheduledJob:
    job = create_job(
        actor=SYSTEM, application=told.application, environment=told.environment, name="Nightly", command=command,
        schedule="* * * * *",
    )  # fmt: skip
    ScheduledJob.objects.filter(pk=job.pk).update(next_at=clock.now() - timedelta(minutes=1))
    return job


def test_it_runs_what_is_live_at_that_time(told: Told) -> None:
    told.live()
    job = due(told, "echo", "every night")
    newer = told.live()
    assert run_due_jobs() == 1
    told.work()
    one = JobRun.objects.get()
    assert (one.scheduled_job_id, one.status, one.exit_code, one.deployment_id) == (job.pk, "succeeded", 0, newer.pk)
    assert "every night" in [line["text"] for line in job_log_lines(one)]


def test_one_that_fails_says_so_and_runs_again_the_next_time(told: Told) -> None:
    told.live()
    job = due(told, "exit", "3")
    run_due_jobs()
    told.work()
    assert JobRun.objects.get().sentence == "It ended with code 3."
    JobRun.objects.update(due_at=clock.now() - timedelta(hours=1))
    ScheduledJob.objects.filter(pk=job.pk).update(next_at=clock.now())
    assert run_due_jobs() == 1


@pytest.mark.django_db(transaction=True)
def test_workers_that_look_at_the_same_time_begin_it_once(told: Told) -> None:
    told.live()
    due(told, "echo", "x")
    begun: list[int] = []
    together = threading.Barrier(4)

    def look() -> None:
        try:
            together.wait()
            begun.append(run_due_jobs())
        finally:
            connections.close_all()

    workers = [threading.Thread(target=look) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(begun) == [0, 0, 0, 1]
    assert JobRun.objects.count() == 1
