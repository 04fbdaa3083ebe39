"""The database was away while a step ran: no fault of what the step does, so the step is done again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError, connection

from fairway.engine import execution
from fairway.engine.queries import attempts
from fairway.engine.workflow import Step
from tests.engine.test_steps import run_workflow


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(execution, "PAUSE_WITHOUT_DATABASE", timedelta(milliseconds=10))


def test_a_step_cut_by_the_database_is_done_again_even_if_it_may_be_tried_once(database):
    outages = [OperationalError("the server closed the connection"), InterfaceError("connection already closed")]

    def step(context):
        if outages:
            raise outages.pop()

    run = run_workflow(Step("only", step, attempts=1))
    assert run.status == "succeeded"
    assert [one.status for one in attempts(run)] == ["interrupted", "interrupted", "succeeded"]
    assert "database" in attempts(run)[0].sentence


def test_a_step_that_always_breaks_like_that_ends(database):
    def step(context):
        raise OperationalError("no such column")

    run = run_workflow(Step("only", step, attempts=1))
    assert (run.status, run.sentence) == ("errored", "OperationalError: no such column")
    assert len(attempts(run)) == 1 + execution.OUTAGES_FORGIVEN


def test_a_process_that_stops_inside_a_transaction_loses_it(database):
    """Else nobody could write an event until it goes on, which may be never."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("15s",)
