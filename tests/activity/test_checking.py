"""The recurring verification: bit by bit, honest about what it has seen, loud once about a break."""

from __future__ import annotations

import pytest

from fairway.activity.checking import continue_verification, last_check, restart_verification
from fairway.activity.models import ChainHead, Event
from tests.activity.test_chain import append, others_write


def test_new_events_are_verified_up_to_the_newest_and_the_whole_from_time_to_time(db):
    assert last_check().checked_at is None
    for _ in range(5):
        append()
    found = continue_verification()
    newest = Event.objects.latest("pk")
    assert (found.front_id, found.whole_count, found.broken_at) == (newest.pk, 5, None)
    later = append()
    found = continue_verification()
    assert (found.front_id, found.whole_count) == (later.pk, 5), "the whole is not walked at every tick"


def test_what_is_written_during_a_tick_breaks_nothing(db):
    append()
    with others_write():
        found = continue_verification()
    assert found.broken_at is None, found.sentence


def test_a_long_chain_is_walked_in_pieces(db):
    for _ in range(7):
        append()
    counts = [(one.front_id, one.whole_at is not None) for one in (continue_verification(at_once=3) for _ in range(3))]
    first = Event.objects.earliest("pk").pk
    assert [(front - first + 1, is_whole) for front, is_whole in counts] == [(3, False), (6, False), (7, True)]


def test_an_old_event_that_was_changed_is_found_by_the_next_walk_and_told_once(db):
    events = [append() for _ in range(6)]
    continue_verification()
    Event.objects.filter(pk=events[2].pk).update(comment="x")
    assert continue_verification().broken_at is None, "not yet due"
    restart_verification()
    for _ in range(4):
        found = continue_verification(at_once=2)
    assert found.broken_at == events[2].pk
    assert "changed" in found.sentence
    told = Event.objects.get(verb="audit.broken")
    assert told.comment == found.sentence
    restart_verification()
    while continue_verification(at_once=2).whole_at is None:
        pass
    assert last_check().broken_at == events[2].pk, "a walk that finds it again does not clear it"


@pytest.mark.parametrize("gone", [1, 3])
def test_a_missing_event_is_found(db, gone):
    events = [append() for _ in range(4)]
    Event.objects.filter(pk=events[gone].pk).delete()
    found = continue_verification()
    assert found.broken_at == (events[gone].pk if gone == 3 else events[gone + 1].pk)
    assert "missing" in found.sentence


def test_what_was_mended_is_told_as_whole_after_a_whole_walk(db):
    one, _ = append(), append()
    Event.objects.filter(pk=one.pk).update(comment="x")
    assert continue_verification().broken_at == one.pk
    Event.objects.filter(pk=one.pk).update(comment="")
    restart_verification()
    assert continue_verification().broken_at is None


def test_an_end_that_was_cut_off_stays_told(db):
    events = [append() for _ in range(3)]
    continue_verification()
    Event.objects.filter(pk=events[2].pk).delete()
    restart_verification()
    found = continue_verification()
    assert (found.broken_at, ChainHead.objects.get().event_id >= events[2].pk) == (events[2].pk, True)
