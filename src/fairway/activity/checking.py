"""Verifying the chain bit by bit, by a recurring tick: new events at once, and all of them again and again.

A request never walks the chain; pages show what was found last. Found once, a break stays told until a whole walk begun
after it finds the chain intact. The chain must fit itself, what was verified before (`ChainCheck.front_id`), and the signed
heads that lie outside the database (`activity.book`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from fairway.activity import triggers
from fairway.activity.book import HeadBook
from fairway.activity.commands import locked_head, record
from fairway.activity.heads import Head, first_misfit, public_key
from fairway.activity.models import ChainCheck, ChainHead, Event
from fairway.activity.queries import Verification, chain_head, hashes_of, newest_event
from fairway.activity.rules import ACKNOWLEDGEABLE, GENESIS, Break, On, Who, chained_hash
from fairway.shared.failures import Refused

log = logging.getLogger(__name__)
WHOLE_EVERY = timedelta(hours=6)  # how often old events are looked at again
NOT_A_GOOD_WALK = -(10**15)
AT_ONCE = 20_000  # events per tick and direction; some seconds of one core
IN_A_REQUEST = 2_000  # new events that a request may look at
WHO = Who(id=None, name="Fairway", identified_by="system")


@dataclass(frozen=True)
class Doubt:
    """The first event that does not fit, how, and the sentence that says so; `details` fill it in other languages."""

    at: int
    code: Break
    sentence: str
    details: dict[str, object] = field(default_factory=dict)


def book() -> HeadBook:
    """The signed heads of this installation."""
    return HeadBook(settings.DATA.path / "heads")


def elsewhere_failure() -> str:
    """Why the other place for signed heads has not got the newest; "" when it has, or there is none."""
    return str(book().elsewhere().get("failure", "")) if settings.HEADS_TO else ""


def last_check() -> ChainCheck:
    """What is known now; a fresh row when nothing was checked yet."""
    return ChainCheck.objects.filter(pk=1).first() or ChainCheck()


def found_so_far() -> Verification:
    """What the walks found, and whether the newest events fit, for a request: it looks at `IN_A_REQUEST` of them at most."""
    row = last_check()
    if row.broken_at is None:
        row.front_id, row.front_hash, walked, doubt = _walked(row.front_id, row.front_hash, IN_A_REQUEST)
        _note(row, doubt)
        row.whole_count = row.whole_count or walked
    if row.broken_at is not None:
        return Verification(False, row.whole_count, row.broken_at, row.sentence)
    return Verification(True, row.whole_count, None, f"An unbroken chain, verified up to event {row.front_id}.")


def check_again() -> bool:
    """Let the next ticks walk the whole chain from its beginning. False when they do so already: a walk that is on its way
    is not sent back to the beginning, however often somebody asks."""
    row, _ = ChainCheck.objects.get_or_create(pk=1)
    return bool(ChainCheck.objects.filter(pk=row.pk, back_id=0).update(count=0, back_hash=GENESIS, whole_at=None))


@transaction.atomic
def check_some(at_once: int = AT_ONCE) -> ChainCheck:
    """Go on with both walks; for a tick, which only one worker runs at a time."""
    ChainCheck.objects.get_or_create(pk=1)
    row = ChainCheck.objects.select_for_update(no_key=True).get(pk=1)
    was_broken_at = row.broken_at
    last = book().last()  # looked at first: what comes meanwhile lies behind it
    _note(row, _front_is_gone(row) or _misfit([last] if last else []))
    _walk_front(row, at_once)
    _walk_back(row, at_once)
    row.checked_at = timezone.now()
    row.save()
    if row.broken_at is not None and was_broken_at is None:
        log.error("The chain of events is broken: %s", row.sentence)
        record(who=WHO, verb="audit.broken", on=On("event", row.broken_at, f"#{row.broken_at}"), comment=row.sentence)
    return row


@transaction.atomic
def guard_again() -> list[str]:
    """Put the triggers back that keep events as they are, where they are gone, and write that down; their names."""
    gone = triggers.missing(connection)
    if gone:
        triggers.put(connection)
        log.error("The database did not refuse changes of events: %s was gone and is put back.", ", ".join(gone))
        record(who=WHO, verb="audit.unguarded", on=On("event", 0, "fairway_event"), before={"missing": gone})
        check_again()
    return gone


@transaction.atomic
def begin_again(*, who: Who, reason: str) -> Event:
    """An administrator knows why the newest events are gone (an older copy of the database was put back): the chain goes on
    from what is there. What was found stays in it as an event.

    Raises `Refused` where nothing is wrong, and where events in the middle were changed: nothing explains that.
    The caller signs a head afterwards (`activity.keeping`), without which the old heads are compared again.
    """
    row = ChainCheck.objects.select_for_update(no_key=True).filter(pk=1).first()
    if row is None or row.broken_at is None:
        raise Refused("Nothing is wrong with the chain of events; there is nothing to acknowledge.")
    if row.code not in ACKNOWLEDGEABLE:
        raise Refused("Events were changed or taken out of the middle of the chain. No backup explains that; it stays told.")
    head = locked_head()  # nobody writes an event from here on
    newest = newest_event()
    if (head.event_id, head.hash) != newest:
        ChainHead.objects.filter(pk=head.pk).update(event_id=newest[0], hash=newest[1])
    before = {"broken_at": row.broken_at, "sentence": row.sentence, "newest": newest[0]}
    event = record(who=who, verb="audit.acknowledged", on=On("event", row.broken_at, f"#{row.broken_at}"), comment=reason,
                   before=before)  # fmt: skip
    row.front_id, row.front_hash = newest
    row.broken_at, row.code, row.sentence, row.details = None, "", "", {}
    row.back_id, row.back_hash, row.count, row.whole_at = 0, GENESIS, 0, None
    row.save()
    return event


def _walk_front(row: ChainCheck, at_once: int) -> None:
    """The events that came since. After a break the walk goes on behind it, so that later ones are found too."""
    row.front_id, row.front_hash, _, broken = _walked(row.front_id, row.front_hash, at_once)
    _note(row, broken or _end_does_not_fit())


def _walk_back(row: ChainCheck, at_once: int) -> None:
    if row.back_id == 0 and row.whole_at is not None and timezone.now() - row.whole_at < WHOLE_EVERY:
        return
    row.back_id, row.back_hash, walked, broken = _walked(row.back_id, row.back_hash, at_once)
    row.count += walked
    if broken:
        row.count = NOT_A_GOOD_WALK
        _note(row, broken)
    if walked < at_once:
        _walked_whole(row)


def _walked_whole(row: ChainCheck) -> None:
    row.whole_at = timezone.now()
    if row.count >= 0:
        row.whole_count = row.count
        doubt = _front_is_gone(row) or _end_does_not_fit() or _misfit(book().valid())
        if doubt is None:
            row.broken_at, row.code, row.sentence, row.details = None, "", "", {}
        _note(row, doubt)
    row.back_id, row.back_hash, row.count = 0, GENESIS, 0


def _walked(last: int, previous: str, at_once: int) -> tuple[int, str, int, Doubt | None]:
    """On from event `last`, whose hash is `previous`: (where it ended, its hash, how many, the first that does not fit)."""
    broken: Doubt | None = None
    walked = 0
    for event in Event.objects.filter(pk__gt=last).order_by("pk")[:at_once].iterator(chunk_size=2000):
        if broken is None and event.previous_hash != previous:
            sentence = f"An event is missing or was exchanged before number {event.pk}."
            broken = Doubt(event.pk, Break.MISSING, sentence)
        elif broken is None and chained_hash(previous, event.content()) != event.hash:
            broken = Doubt(event.pk, Break.CHANGED, f"Event {event.pk} was changed after it was written.")
        previous, last, walked = event.hash, event.pk, walked + 1
    return last, previous, walked, broken


def _front_is_gone(row: ChainCheck) -> Doubt | None:
    """What was verified once must still be there."""
    if row.front_id == 0 or hashes_of([row.front_id]).get(row.front_id) == row.front_hash:
        return None
    return _end_is_gone(min(newest_event()[0], row.front_id - 1), row.front_id)


def _end_does_not_fit() -> Doubt | None:
    """The head remembers the newest event, also when that is gone; and it is never behind.

    Looked at before and after the newest event, because others write meanwhile.
    """
    earlier = chain_head()
    newest = newest_event()
    later = chain_head()
    if earlier[0] > newest[0]:
        return _end_is_gone(newest[0], earlier[0])
    if later[0] < newest[0]:
        sentence = f"The head of the chain was moved back to number {later[0]}, before the newest event, {newest[0]}."
        return Doubt(later[0] + 1, Break.END, sentence, {"head": later[0], "newest": newest[0]})
    if earlier[0] == newest[0] and earlier != newest:
        return Doubt(newest[0], Break.MISSING, f"Event {newest[0]} is not the one that the head of the chain remembers.")
    return None


def _end_is_gone(newest: int, reached: int) -> Doubt:
    sentence = f"Events after number {newest} are missing: the chain had reached number {reached}."
    return Doubt(newest + 1, Break.END, sentence, {"newest": newest, "reached": reached})


def _misfit(heads: Iterable[Head]) -> Doubt | None:
    """The signed heads that do not fit. That a backup was put back since is said along, when an event tells so."""
    chosen = list(heads)
    newest = newest_event()[0]
    found = first_misfit(chosen, hashes_of([head.event for head in chosen]), newest, key=public_key(settings.HEAD_KEY))
    if found is None:
        return None
    details: dict[str, object] = {"misfit": found.misfit, "signed_at": found.head.at, "reached": found.head.event,
                                  "newest": newest, "restored": _restored_since(found.head.at)}  # fmt: skip
    sentence = f"{found.sentence} {_explained(str(details['restored']))}"
    return Doubt(found.at, Break.HEADS, sentence.strip(), details)


def _restored_since(at: str) -> str:
    """When the backup was made that was put back after `at`; "" when none was."""
    told = Event.objects.filter(verb="installation.restored", at__gt=at).order_by("-pk").first()
    return str(told.after.get("created_at", "")) if told else ""


def _explained(restored: str) -> str:
    return f"An older backup, of {restored}, was put back since." if restored else ""


def _note(row: ChainCheck, doubt: Doubt | None) -> None:
    if doubt is not None and (row.broken_at is None or doubt.at < row.broken_at):
        row.broken_at, row.code, row.sentence, row.details = doubt.at, doubt.code, doubt.sentence, dict(doubt.details)
