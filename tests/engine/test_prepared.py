"""Questions that Django writes once mean the same each time."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from fairway.engine import claim, clock
from fairway.engine.commands import enqueue
from fairway.engine.models import Run
from fairway.engine.prepared import NUMBER, Prepared, moment


def test_each_asking_is_about_its_own_moment(database: str) -> None:
    now = clock.now()
    for hours in (1, 2, 3):
        enqueue(kind="paint", key=f"wall-{hours}", payload={}, run_at=now + timedelta(hours=hours))
    due = Prepared(lambda at: Run.objects.filter(run_at__lte=at).order_by("run_at").values_list("run_at"))
    found = [due.rows(now + timedelta(hours=hours, minutes=1)) for hours in range(4)]
    assert [len(rows) for rows in found] == [0, 1, 2, 3]
    assert [moment(value) for (value,) in found[3]] == [now + timedelta(hours=hours) for hours in (1, 2, 3)]


def test_each_asking_is_about_its_own_row(database: str) -> None:
    made = [enqueue(kind="paint", key=f"wall-{number}", payload={}) for number in range(3)]
    of = Prepared(lambda number: Run.objects.filter(pk=number).values_list("key"), NUMBER)
    assert [of.rows(one.pk) for one in made] == [[(one.key,)] for one in made]
    assert of.rows(made[-1].pk + 1) == []


def test_nothing_is_written_again(database: str) -> None:
    asked = {"owner": "w", "kinds": {"paint"}, "lanes": None, "lease": timedelta(seconds=10)}
    claim.claim(**asked)
    with CaptureQueriesContext(connection) as first:
        assert claim.claim(**asked) is None
        assert claim.seconds_until_due({"paint"}) is None
    assert len([one for one in first if "fairway_run" in one["sql"]]) == 3
