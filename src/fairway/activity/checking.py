"""Verifies the event chain step by step, in a recurring tick: new events at once, and the whole chain again and again.

A request never verifies the whole chain; pages show the last result. A break that was found is reported until a later
verification of the whole chain finds it intact. The chain must be consistent in itself, with what was verified before
(`ChainCheck.front_id`), and with the signed heads outside the database (`activity.head_file`).
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
from fairway.activity.commands import locked_head, record
from fairway.activity.head_file import HeadFile
from fairway.activity.heads import Head, first_mismatch, public_key
from fairway.activity.models import ChainCheck, ChainHead, Event
from fairway.activity.queries import Verification, chain_head, hashes_of, newest_event
from fairway.activity.rules import ACKNOWLEDGEABLE, GENESIS, Break, On, Who, chained_hash
from fairway.shared.failures import Refused

log = logging.getLogger(__name__)
WHOLE_EVERY = timedelta(hours=6)  # how often the whole chain is verified
NOT_A_GOOD_WALK = -(10**15)
AT_ONCE = 20_000  # events per tick and walk; takes one core a few seconds
IN_A_REQUEST = 2_000  # new events that a request may verify
WHO = Who(id=None, name="Fairway", identified_by="system")


@dataclass(frozen=True)
class ChainBreak:
    """The first event that does not fit the chain, how, and a sentence; `details` fill the sentence in other languages."""

    at: int
    code: Break
    sentence: str
    details: dict[str, object] = field(default_factory=dict)


def head_file() -> HeadFile:
    """The signed heads of this installation."""
    return HeadFile(settings.DATA.path / "heads")


def external_copy_failure() -> str:
    """Why the external copy lacks the newest signed head; "" if it has it, or there is no external copy."""
    return str(head_file().elsewhere().get("failure", "")) if settings.HEADS_TO else ""


def last_check() -> ChainCheck:
    """The last result; an unsaved row if nothing was verified yet."""
    return ChainCheck.objects.filter(pk=1).first() or ChainCheck()


def current_verification() -> Verification:
    """The last result, for a request, extended by at most `IN_A_REQUEST` of the newest events."""
    row = last_check()
    if row.broken_at is None:
        row.front_id, row.front_hash, walked, broken = _walked(row.front_id, row.front_hash, IN_A_REQUEST)
        _note(row, broken)
        row.whole_count = row.whole_count or walked
    if row.broken_at is not None:
        return Verification(False, row.whole_count, row.broken_at, row.sentence)
    return Verification(True, row.whole_count, None, f"An unbroken chain, verified up to event {row.front_id}.")


def restart_verification() -> bool:
    """Let the next ticks verify the whole chain from its beginning. False if they do so already: a verification in
    progress is not restarted, however often it is requested."""
    row, _ = ChainCheck.objects.get_or_create(pk=1)
    return bool(ChainCheck.objects.filter(pk=row.pk, back_id=0).update(count=0, back_hash=GENESIS, whole_at=None))


@transaction.atomic
def continue_verification(at_once: int = AT_ONCE) -> ChainCheck:
    """Continue both walks, over new events and over the whole chain; for a tick, which only one worker runs at a time."""
    ChainCheck.objects.get_or_create(pk=1)
    row = ChainCheck.objects.select_for_update(no_key=True).get(pk=1)
    was_broken_at = row.broken_at
    last = head_file().last()  # read first, so that events written meanwhile come after it
    _note(row, _front_is_gone(row) or _head_mismatch([last] if last else []))
    _walk_front(row, at_once)
    _walk_back(row, at_once)
    row.checked_at = timezone.now()
    row.save()
    if row.broken_at is not None and was_broken_at is None:
        log.error("The chain of events is broken: %s", row.sentence)
        record(who=WHO, verb="audit.broken", on=On("event", row.broken_at, f"#{row.broken_at}"), comment=row.sentence)
    return row


@transaction.atomic
def restore_triggers() -> list[str]:
    """Recreate missing triggers that protect events, and record that as an event; returns their names."""
    gone = triggers.missing(connection)
    if gone:
        triggers.put(connection)
        log.error("The database did not refuse changes of events: %s was gone and is put back.", ", ".join(gone))
        record(who=WHO, verb="audit.unguarded", on=On("event", 0, "fairway_event"), before={"missing": gone})
        restart_verification()
    return gone


@transaction.atomic
def acknowledge_break(*, who: Who, reason: str) -> Event:
    """Acknowledge that the newest events are missing because an older copy of the database was restored: the chain continues
    from the newest event that is there. What was found is recorded as an event.

    Raises `Refused` if nothing is wrong, or if events in the middle were changed, which no restore explains. The caller must
    sign a head afterwards (`activity.signing`); without it, the chain is compared with the old heads again.
    """
    row = ChainCheck.objects.select_for_update(no_key=True).filter(pk=1).first()
    if row is None or row.broken_at is None:
        raise Refused("Nothing is wrong with the chain of events; there is nothing to acknowledge.")
    if row.code not in ACKNOWLEDGEABLE:
        raise Refused("Events were changed or taken out of the middle of the chain. No backup explains that; it stays told.")
    head = locked_head()  # no other event can be written from here on
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
    """Verify new events. After a break the walk continues behind it, so that later breaks are found, too."""
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
        broken = _front_is_gone(row) or _end_does_not_fit() or _head_mismatch(head_file().valid())
        if broken is None:
            row.broken_at, row.code, row.sentence, row.details = None, "", "", {}
        _note(row, broken)
    row.back_id, row.back_hash, row.count = 0, GENESIS, 0


def _walked(last: int, previous: str, at_once: int) -> tuple[int, str, int, ChainBreak | None]:
    """Verify events after `last`, whose hash is `previous`; returns (last event, its hash, how many events, first break)."""
    broken: ChainBreak | None = None
    walked = 0
    for event in Event.objects.filter(pk__gt=last).order_by("pk")[:at_once].iterator(chunk_size=2000):
        if broken is None and event.previous_hash != previous:
            sentence = f"An event is missing or was exchanged before number {event.pk}."
            broken = ChainBreak(event.pk, Break.MISSING, sentence)
        elif broken is None and chained_hash(previous, event.content()) != event.hash:
            broken = ChainBreak(event.pk, Break.CHANGED, f"Event {event.pk} was changed after it was written.")
        previous, last, walked = event.hash, event.pk, walked + 1
    return last, previous, walked, broken


def _front_is_gone(row: ChainCheck) -> ChainBreak | None:
    """The break if the newest verified event is gone or has another hash; None if it is unchanged."""
    if row.front_id == 0 or hashes_of([row.front_id]).get(row.front_id) == row.front_hash:
        return None
    return _end_is_gone(min(newest_event()[0], row.front_id - 1), row.front_id)


def _end_does_not_fit() -> ChainBreak | None:
    """The break if the newest event is not the one that the chain's head names; None if it is.

    The head is read before and after the newest event, because others write meanwhile.
    """
    earlier = chain_head()
    newest = newest_event()
    later = chain_head()
    if earlier[0] > newest[0]:
        return _end_is_gone(newest[0], earlier[0])
    if later[0] < newest[0]:
        sentence = f"The head of the chain was moved back to number {later[0]}, before the newest event, {newest[0]}."
        return ChainBreak(later[0] + 1, Break.END, sentence, {"head": later[0], "newest": newest[0]})
    if earlier[0] == newest[0] and earlier != newest:
        return ChainBreak(
            newest[0], Break.MISSING, f"Event {newest[0]} is not the one that the head of the chain remembers."
        )
    return None


def _end_is_gone(newest: int, reached: int) -> ChainBreak:
    sentence = f"Events after number {newest} are missing: the chain had reached number {reached}."
    return ChainBreak(newest + 1, Break.END, sentence, {"newest": newest, "reached": reached})


def _head_mismatch(heads: Iterable[Head]) -> ChainBreak | None:
    """The break if a signed head does not match the chain; it mentions a restored backup if an event records one."""
    chosen = list(heads)
    newest = newest_event()[0]
    found = first_mismatch(chosen, hashes_of([head.event for head in chosen]), newest, key=public_key(settings.HEAD_KEY))
    if found is None:
        return None
    details: dict[str, object] = {"misfit": found.kind, "signed_at": found.head.at, "reached": found.head.event,
                                  "newest": newest, "restored": _restored_since(found.head.at)}  # fmt: skip
    sentence = f"{found.sentence} {_explained(str(details['restored']))}"
    return ChainBreak(found.at, Break.HEADS, sentence.strip(), details)


def _restored_since(at: str) -> str:
    """When the backup that was restored after `at` was made; "" if none was restored."""
    told = Event.objects.filter(verb="installation.restored", at__gt=at).order_by("-pk").first()
    return str(told.after.get("created_at", "")) if told else ""


def _explained(restored: str) -> str:
    return f"An older backup, of {restored}, was put back since." if restored else ""


def _note(row: ChainCheck, broken: ChainBreak | None) -> None:
    if broken is not None and (row.broken_at is None or broken.at < row.broken_at):
        row.broken_at, row.code, row.sentence, row.details = broken.at, broken.code, broken.sentence, dict(broken.details)
