"""Signs the chain's head from time to time."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils.dateparse import parse_datetime

from fairway.activity.head_file import HeadFile
from fairway.activity.heads import Head, first_mismatch, public_key
from fairway.activity.models import Event
from fairway.activity.queries import hashes_of, newest_event
from fairway.engine import clock


def sign_head(file: HeadFile, *, every: timedelta = timedelta(0)) -> Head | None:
    """Sign the chain's newest event and append the head to `file`; None if there is no new event, or the newest head is
    younger than `every`. A chain that does not match the newest head gets no other, so that the evidence stays the newest
    head."""
    with file.writing():
        last, newest = file.last(), newest_event()
        if last is not None and (last.event == newest[0] or _is_younger(last, every) or not _fits(last, newest[0])):
            return None
        if newest[0] == 0:
            return None
        return _signed(file, last, newest)


def sign_acknowledgement(file: HeadFile, event: Event) -> Head:
    """Sign the head from which on the chain is compared again, after `checking.acknowledge_break` recorded `event`."""
    with file.writing():
        return _signed(file, None, newest_event(), number=file.last(), acknowledges=event.pk)


def _signed(
    file: HeadFile, last: Head | None, newest: tuple[int, str], *, number: Head | None = None, acknowledges: int = 0
) -> Head:
    since = last.event if last else 0
    count = (last.count if last else 0) + Event.objects.filter(pk__gt=since, pk__lte=newest[0]).count()
    before = last or number
    head = Head(
        number=before.number + 1 if before else 1,
        event=newest[0],
        hash=newest[1],
        count=count,
        at=clock.now().isoformat(timespec="seconds"),
        acknowledges=acknowledges,
    ).signed(settings.HEAD_KEY)
    file.add(head)
    return head


def _fits(head: Head, newest: int) -> bool:
    return first_mismatch([head], hashes_of([head.event]), newest, key=public_key(settings.HEAD_KEY)) is None


def _is_younger(head: Head, than: timedelta) -> bool:
    at = parse_datetime(head.at)
    return at is not None and timedelta(0) <= clock.now() - at < than
