"""Records events in the transaction of the act: if the event cannot be written, the act does not happen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from fairway.activity.models import ChainHead, Event
from fairway.activity.rules import On, Who, chained_hash
from fairway.activity.verbs import find
from fairway.engine import clock
from fairway.engine.prepared import Prepared


def record(
    *,
    who: Who,
    verb: str,
    on: On,
    comment: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> Event:
    """Append one event to the chain.

    Must be called inside the transaction of the act; raises `TransactionManagementError` otherwise. The chain's head stays
    locked until that transaction ends, so events are numbered in the order in which they become visible: a reader that saw
    number n has seen everything below it. Call it last, to keep the lock short.

    The verb must be in `activity.verbs` with this kind of subject, so that every event has words; raises ValueError
    otherwise.
    """
    known = find(verb)
    if known is None or on.kind not in known.subjects:
        raise LookupError(f"activity/verbs.py has no verb “{verb}” for the subject “{on.kind}”; add it with its words.")
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("an event belongs in the transaction of its act")
    head = locked_head()
    event = Event(
        at=clock.now(),
        actor_id=who.id,
        actor_name=who.name[:200],
        acting_role=who.acting_role,
        door=who.door,
        identified_by=who.identified_by[:200],
        address=who.address[:64],
        client=who.client[:200],
        verb=verb,
        subject_kind=on.kind,
        subject_id=str(on.id),
        subject_label=on.label[:300],
        application=on.application,
        environment=on.environment,
        comment=comment,
        before=dict(before or {}),
        after=dict(after or {}),
        previous_hash=head.hash,
    )
    event.hash = chained_hash(head.hash, event.content())
    event.save(force_insert=True)
    ChainHead.objects.filter(pk=head.pk).update(event_id=event.pk, hash=event.hash)
    return event


_HEAD = Prepared(lambda _: ChainHead.objects.select_for_update(no_key=True).filter(pk=1))


def locked_head() -> ChainHead:
    """The chain's head, locked until the transaction ends, so that nobody else writes an event meanwhile."""
    head: ChainHead | None = _HEAD.first()
    if head is None:
        ChainHead.objects.get_or_create(pk=1)
        head = ChainHead.objects.select_for_update(no_key=True).get(pk=1)
    return head
