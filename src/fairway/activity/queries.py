"""Reads events: by filter, after a number, and to verify the whole chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from fairway.activity.heads import Head, first_mismatch
from fairway.activity.models import ChainHead, Event
from fairway.activity.rules import GENESIS, chained_hash
from fairway.activity.verbs import Severity, at_least, below, matching_keys, stored_keys
from fairway.engine.prepared import Prepared


@dataclass(frozen=True)
class EventFilter:
    """Which events to show; empty fields select everything."""

    application: str = ""
    environment: str = ""
    verb: str = ""  # a verb, or its group: "deployment"
    subject_kind: str = ""
    subject_id: str = ""
    about: Sequence[Mapping[str, Sequence[int]]] = ()  # ids of subjects by kind; an event must match one of each mapping
    severity: Severity | None = None  # this severity or higher
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""  # each word must occur in the event's sentence in the reader's language, in its names or its comment


HASHES_AT_ONCE = 500
MOST_WORDS = 8


def events(wanted: EventFilter | None = None) -> QuerySet[Event]:
    """Events, newest first. Callers must narrow them to what the actor may see (`accounts.queries.visible_events`)."""
    wanted = wanted or EventFilter()
    chosen = Event.objects.order_by("-id")
    for name in ("application", "environment", "subject_kind", "subject_id"):
        if value := getattr(wanted, name):
            chosen = chosen.filter(**{name: value})
    for subjects in wanted.about:
        chosen = chosen.filter(_on_any(subjects))
    if wanted.verb:
        chosen = chosen.filter(Q(verb__in=stored_keys(wanted.verb)) | Q(verb__startswith=f"{wanted.verb}."))
    if wanted.severity:
        chosen = _serious(chosen, wanted.severity)
    if wanted.since:
        chosen = chosen.filter(at__gte=wanted.since)
    if wanted.until:
        chosen = chosen.filter(at__lt=wanted.until)
    for word in wanted.text.split()[:MOST_WORDS]:
        chosen = chosen.filter(_with_word(word))
    return chosen


def _on_any(subjects: Mapping[str, Sequence[int]]) -> Q:
    found = Q(pk__in=[])
    for kind, numbers in subjects.items():
        found |= Q(subject_kind=kind, subject_id__in=[str(number) for number in numbers])
    return found


def _serious(chosen: QuerySet[Event], severity: Severity) -> QuerySet[Event]:
    """The events of this severity or higher. A verb that only another version of Fairway knows counts as information."""
    if severity in {Severity.DETAIL, Severity.INFO}:
        return chosen.exclude(verb__in=below(severity))
    return chosen.filter(verb__in=at_least(severity))


def _with_word(word: str) -> Q:
    found = Q(verb__in=matching_keys(word))
    for name in ("subject_label", "actor_name", "application", "environment", "comment"):
        found |= Q(**{f"{name}__icontains": word})
    return found


def latest_number() -> int:
    """The number of the newest event, 0 if there is none."""
    found = _NEWEST.rows()
    return found[0][0] or 0 if found else 0


_NEWEST = Prepared(lambda _: ChainHead.objects.filter(pk=1).values_list("event_id"))  # for each request


def newest_event() -> tuple[int, str]:
    """The number and hash of the newest event in the table, whatever the chain's head says."""
    return Event.objects.order_by("-pk").values_list("pk", "hash").first() or (0, GENESIS)


def hashes_of(numbers: Sequence[int]) -> dict[int, str]:
    """The hashes of these events by number, of those that exist."""
    found: dict[int, str] = {}
    for start in range(0, len(numbers), HASHES_AT_ONCE):
        some = Event.objects.filter(pk__in=numbers[start : start + HASHES_AT_ONCE])
        found |= dict(some.values_list("pk", "hash"))
    return found


def after(number: int, *, limit: int = 500) -> list[Event]:
    """The first `limit` events after `number`, oldest first. None can appear between them later; see `commands.record`."""
    return list(Event.objects.filter(pk__gt=number).order_by("pk")[:limit])


@dataclass(frozen=True)
class Verification:
    """The result of verifying the chain. `broken_at` is the number of the first event that does not fit."""

    is_intact: bool
    checked: int
    broken_at: int | None = None
    sentence: str = ""


def verify(heads: Sequence[Head] = (), *, key: str = "") -> Verification:
    """Verify the whole chain: recompute every hash and compare with the next event, with the chain's head, and with `heads`.

    The chain's head is read first and last, so that events written meanwhile are no problem. `key` is the public key that
    signed heads must have; without it, any key is accepted.
    """
    head = chain_head()
    previous, checked, last = GENESIS, 0, 0
    hash_at_head = GENESIS
    wanted, hashes = {one.event for one in heads}, dict[int, str]()
    for event in _all_in_order():
        if event.previous_hash != previous:
            return Verification(False, checked, event.pk, f"An event is missing before number {event.pk}.")
        if chained_hash(previous, event.content()) != event.hash:
            return Verification(False, checked, event.pk, f"Event {event.pk} was changed after it was written.")
        previous, checked, last = event.hash, checked + 1, event.pk
        if last in wanted:
            hashes[last] = previous
        if last <= head[0]:
            hash_at_head = previous
    if last < head[0] or hash_at_head != head[1]:
        return Verification(False, checked, last, f"Events after number {last} are missing.")
    if chain_head()[0] < last:
        return Verification(False, checked, head[0] + 1, f"The head of the chain was moved back to number {head[0]}.")
    if found := first_mismatch(heads, hashes, last, key=key):
        return Verification(False, checked, found.at, found.sentence)
    return Verification(True, checked, None, f"{checked} events, unbroken{_compared(heads)}.")


def _compared(heads: Sequence[Head]) -> str:
    return f", as {len(heads)} signed heads say, the last of {heads[-1].at}" if heads else ""


def chain_head() -> tuple[int, str]:
    """The number and hash of the newest event, as the chain's head stores them."""
    return ChainHead.objects.filter(pk=1).values_list("event_id", "hash").first() or (0, GENESIS)


def _all_in_order() -> Iterator[Event]:
    return Event.objects.order_by("pk").iterator(chunk_size=2000)
