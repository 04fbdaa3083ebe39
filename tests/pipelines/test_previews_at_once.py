"""Several workers, and a forge that tells of requests meanwhile: each preview is deployed once and removed once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from fairway.activity.models import Event
from fairway.activity.queries import verify
from fairway.applications.models import Application
from fairway.deployments.models import Deployment
from fairway.environments.models import Environment
from fairway.pipelines.commands.previews import advance_previews
from fairway.pipelines.models import Preview
from tests.pipelines.conftest import sender_for
from tests.pipelines.requests import pull

WORKERS = 4
NUMBERS = range(1, 6)


def at_once(*acts: Callable[[], Any]) -> None:
    """Do all of this in threads that begin together; raises what one of them raised."""
    start, problems = threading.Barrier(len(acts)), list[BaseException]()

    def act(what: Callable[[], Any]) -> None:
        start.wait()
        try:
            what()
        except BaseException as problem:  # noqa: BLE001 - raised below, where the test sees it
            problems.append(problem)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=act, args=(what,)) for what in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


@pytest.mark.django_db(transaction=True)
def test_several_workers_deploy_each_preview_once_and_remove_it_once(
    hook_app: Application, staging: Environment, settings: Any
) -> None:
    if connection.vendor == "sqlite":  # whose tests share one database in memory, which knows no waiting
        pytest.skip("runs on PostgreSQL; see tests/postgres/test_whole.py")
    settings.PREVIEWS = len(NUMBERS) - 1
    sender = sender_for(hook_app, staging, ref_kind="request")
    for number in NUMBERS:
        assert sender.send(pull(number), "pull_request").status_code == 202
    at_once(*[advance_previews] * WORKERS)
    advance_previews()
    assert Preview.objects.exclude(deployment=None).count() == len(NUMBERS)
    assert Deployment.objects.count() == len(NUMBERS)
    assert Application.objects.filter(preview_of=hook_app).count() == len(NUMBERS)
    assert Preview.objects.filter(end="limit").count() == 1
    close = [lambda number=number: sender.send(pull(number, "closed"), "pull_request") for number in NUMBERS]
    at_once(*close, *[advance_previews] * WORKERS)
    advance_previews()
    assert Application.objects.filter(preview_of=hook_app, deleted_at=None).count() == 0
    told = Event.objects.filter(verb="preview.ended").values_list("subject_id", flat=True)
    assert len(told) == len(set(told)) == len(NUMBERS)
    deleted = Event.objects.filter(verb="application.deleted")
    assert deleted.count() == len(NUMBERS)
    assert verify().is_intact
