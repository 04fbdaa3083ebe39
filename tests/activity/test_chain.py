from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connection, transaction

from fairway.activity import triggers
from fairway.activity.commands import record
from fairway.activity.models import ChainHead, Event
from fairway.activity.queries import EventFilter, after, events, latest_number, verify
from fairway.activity.rules import On, Who
from tests.conftest import drop_event_triggers

ADA = Who(id=1, name="Ada", acting_role="admin", door="web")


def append(verb: str = "application.edited", **values: object) -> Event:
    kind = verb.partition(".")[0]
    with transaction.atomic():
        return record(who=ADA, verb=verb, on=On(kind, 7, "Thing", application="hello"), **values)  # type: ignore[arg-type]


def test_an_event_outside_a_transaction_is_refused(transactional_db):
    with pytest.raises(transaction.TransactionManagementError):
        record(who=ADA, verb="application.edited", on=On("application", 7, "Thing"))
    assert not Event.objects.exists()


def test_an_act_that_fails_leaves_no_event_and_no_hole_in_the_chain(transactional_db):
    append()
    with pytest.raises(RuntimeError), transaction.atomic():
        record(who=ADA, verb="application.deleted", on=On("application", 7, "Thing"))
        raise RuntimeError
    append()
    assert [event.verb for event in after(0)] == ["application.edited", "application.edited"]
    assert verify().is_intact


def test_an_intact_chain_verifies(db):
    for number in range(5):
        append(after={"number": number, "text": "é", "nested": {"a": [1, None, True]}})
    found = verify()
    assert (found.is_intact, found.checked) == (True, 5)


@contextmanager
def others_write():
    """Somebody else writes an event before and after every look at the chain."""
    busy = False

    def write(sql):
        nonlocal busy
        if not busy and sql.startswith("SELECT") and ("fairway_chainhead" in sql or "fairway_event" in sql):
            busy = True
            append("application.created")
            busy = False

    def look(execute, sql, params, many, context):
        write(sql)
        result = execute(sql, params, many, context)
        write(sql)
        return result

    with connection.execute_wrapper(look):
        yield
    assert Event.objects.filter(verb="application.created").count() > 1


def test_what_is_written_while_the_chain_is_verified_breaks_nothing(db):
    append()
    with others_write():
        found = verify()
    assert found.is_intact, found.sentence


@pytest.mark.parametrize(
    "change",
    [{"actor_name": "Eve"}, {"comment": "x"}, {"after": {"number": 9}}, {"environment": "production"}],
)
def test_an_edited_event_is_found(db, change):
    append()
    edited = append(after={"number": 1})
    append()
    Event.objects.filter(pk=edited.pk).update(**change)
    found = verify()
    assert (found.is_intact, found.broken_at) == (False, edited.pk)


def test_a_missing_event_is_found_in_the_middle_and_at_the_end(db):
    first, second, third = append(), append(), append()
    Event.objects.filter(pk=second.pk).delete()
    assert verify().broken_at == third.pk
    Event.objects.filter(pk=third.pk).delete()
    assert not verify().is_intact
    assert "missing" in verify().sentence
    assert first.pk == Event.objects.get().pk


def test_the_database_itself_refuses_to_change_or_delete_an_event(transactional_db):
    event = append()
    with connection.schema_editor() as editor:
        triggers.create(None, editor)
    try:
        for act in (lambda: Event.objects.update(comment="x"), lambda: Event.objects.all().delete()):
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                act()
        assert Event.objects.get().hash == event.hash
    finally:
        drop_event_triggers()


def test_the_head_knows_the_newest_number(db):
    assert latest_number() == 0
    event = append()
    assert latest_number() == event.pk == ChainHead.objects.get().event_id


def test_events_are_filtered_by_what_they_are_about(db):
    append("deployment.started")
    append("environment.locked")
    assert [event.verb for event in events(EventFilter(verb="deployment"))] == ["deployment.started"]
    assert events(EventFilter(application="hello")).count() == 2
    assert not events(EventFilter(application="other")).exists()
