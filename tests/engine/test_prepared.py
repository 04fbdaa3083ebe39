"""Questions that Django writes once mean the same each time."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from fairway.engine import claim, clock
from fairway.engine.commands import enqueue
from fairway.engine.models import Run
from fairway.engine.prepared import NUMBER, OTHER_NUMBER, TEXT, Prepared, moment


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


def test_instances_are_those_of_the_query_set(database: str) -> None:
    parent = enqueue(kind="paint", key="house", payload={"colour": "red"})
    made = [enqueue(kind="paint", key=f"wall-{number}", payload={"n": number}, parent=parent) for number in range(2)]
    chosen = Run.objects.select_related("parent")
    of = Prepared(lambda number: chosen.filter(pk=number), NUMBER)
    for _ in range(2):
        for one in (*made, parent):
            found, expected = of.first(one.pk), chosen.get(pk=one.pk)
            for field in Run._meta.concrete_fields:
                assert getattr(found, field.attname) == getattr(expected, field.attname), field
            assert not found._state.adding
            with CaptureQueriesContext(connection) as asked:
                assert found.parent == expected.parent
                assert found.parent is None or found.parent.payload == {"colour": "red"}
            assert not asked.captured_queries
    assert of.first(made[-1].pk + 1) is None


def test_two_ids_and_a_word_are_told_apart(database: str) -> None:
    one, other = (enqueue(kind="paint", key=f"wall-{number}", payload={}) for number in range(2))
    between = Prepared(lambda low, high: Run.objects.filter(pk__gte=low, pk__lte=high).order_by("pk"), NUMBER, OTHER_NUMBER)
    assert between.instances(one.pk, other.pk) == [one, other]
    assert between.instances(other.pk, one.pk) == []
    called = Prepared(lambda key: Run.objects.filter(key=key), TEXT)
    assert (called.first("wall-1"), called.first("wall-9"), called.first(TEXT)) == (other, None, None)
