"""Verifying the chain bit by bit, by a recurring tick: new events at once, and all of them again and again.

A request never walks the chain; pages show what was found last. Found once, a break stays told until a whole walk begun
after it finds the chain intact.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from fairway.activity.commands import record
from fairway.activity.models import ChainCheck, ChainHead, Event
from fairway.activity.rules import GENESIS, On, Who, chained_hash

log = logging.getLogger(__name__)
WHOLE_EVERY = timedelta(hours=6)  # how often old events are looked at again
NOT_A_GOOD_WALK = -(10**15)
AT_ONCE = 20_000  # events per tick and direction; some seconds of one core
WHO = Who(id=None, name="Fairway", identified_by="system")


def last_check() -> ChainCheck:
    """What is known now; a fresh row when nothing was checked yet."""
    return ChainCheck.objects.filter(pk=1).first() or ChainCheck()


def check_again() -> None:
    """Let the next ticks walk the whole chain from its beginning."""
    ChainCheck.objects.get_or_create(pk=1)
    ChainCheck.objects.filter(pk=1).update(back_id=0, back_hash=GENESIS, count=0, whole_at=None)


@transaction.atomic
def check_some(at_once: int = AT_ONCE) -> ChainCheck:
    """Go on with both walks; for a tick, which only one worker runs at a time."""
    ChainCheck.objects.get_or_create(pk=1)
    row = ChainCheck.objects.select_for_update(no_key=True).get(pk=1)
    was_broken_at = row.broken_at
    _walk_front(row, at_once)
    _walk_back(row, at_once)
    row.checked_at = timezone.now()
    row.save()
    if row.broken_at is not None and was_broken_at is None:
        log.error("The chain of events is broken: %s", row.sentence)
        record(who=WHO, verb="audit.broken", on=On("event", row.broken_at, f"#{row.broken_at}"), comment=row.sentence)
    return row


def _walk_front(row: ChainCheck, at_once: int) -> None:
    """The events that came since. After a break the walk goes on behind it, so that later ones are found too."""
    row.front_id, row.front_hash, _, broken = _walked(row.front_id, row.front_hash, at_once)
    _note(row, broken or _missing_end(row))


def _walk_back(row: ChainCheck, at_once: int) -> None:
    if row.back_id == 0 and row.whole_at is not None and timezone.now() - row.whole_at < WHOLE_EVERY:
        return
    row.back_id, row.back_hash, walked, broken = _walked(row.back_id, row.back_hash, at_once)
    row.count += walked
    if broken:
        row.count = NOT_A_GOOD_WALK
        _note(row, broken)
    if walked < at_once:
        row.whole_at = timezone.now()
        if row.count >= 0:
            row.whole_count = row.count
            if not _missing_end(row):
                row.broken_at, row.sentence = None, ""
        row.back_id, row.back_hash, row.count = 0, GENESIS, 0


def _walked(last: int, previous: str, at_once: int) -> tuple[int, str, int, tuple[int, str] | None]:
    """On from event `last`, whose hash is `previous`: (where it ended, its hash, how many, the first that does not fit)."""
    broken: tuple[int, str] | None = None
    walked = 0
    for event in Event.objects.filter(pk__gt=last).order_by("pk")[:at_once].iterator(chunk_size=2000):
        if broken is None and event.previous_hash != previous:
            broken = event.pk, f"An event is missing or was exchanged before number {event.pk}."
        elif broken is None and chained_hash(previous, event.content()) != event.hash:
            broken = event.pk, f"Event {event.pk} was changed after it was written."
        previous, last, walked = event.hash, event.pk, walked + 1
    return last, previous, walked, broken


def _missing_end(row: ChainCheck) -> tuple[int, str] | None:
    """The head remembers the newest event, also when that is gone."""
    head = ChainHead.objects.filter(pk=1).values_list("event_id", "hash").first()  # first: what comes meanwhile is behind it
    newest = Event.objects.order_by("-pk").values_list("pk", "hash").first() or (0, GENESIS)
    if head is None or head == newest or head[0] < newest[0]:
        return None
    return newest[0] + 1, f"Events after number {newest[0]} are missing."


def _note(row: ChainCheck, broken: tuple[int, str] | None) -> None:
    if broken is not None and (row.broken_at is None or broken[0] < row.broken_at):
        row.broken_at, row.sentence = broken
