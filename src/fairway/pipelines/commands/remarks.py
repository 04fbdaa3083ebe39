"""The comment on each request that has a preview: it is due when it should say something else than it was told to say last.

There is nothing to queue: what the comment should say follows from the preview, and what it says is remembered. A comment
that cannot be written holds nothing else up.
"""

from __future__ import annotations

import random
import threading
import time
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from fairway.drivers.taking import NotTaken, Trouble
from fairway.engine import clock
from fairway.engine.prepared import Prepared
from fairway.pipelines.commands.reports import LONGEST_ROUND, sending, stop
from fairway.pipelines.models import ForgeConnection, Preview
from fairway.pipelines.preview_rules import PreviewState
from fairway.pipelines.remarks import digest_of, remark_of
from fairway.pipelines.report_rules import NEEDS_PERSON
from fairway.pipelines.report_words import stored
from fairway.pipelines.reporters import reporter_for
from fairway.shared.retrying import MOST_TRIES, next_delay, rest_after

TOLD_AFTERWARDS = timedelta(days=1)  # for which it is looked at after its end
RELATED = ("application", "environment", "copy", "deployment")
# The token is good enough for statuses, or the conversation is locked: only the comment is given up.
ONLY_THIS = frozenset({Trouble.FORBIDDEN, Trouble.NOT_FOUND, Trouble.REFUSED, Trouble.GONE})


def note_remarks() -> int:
    """Mark the comments that should say something else by now; returns how many."""
    listening = ForgeConnection.objects.filter(application=OuterRef("application"), is_paused=False, deleted_at=None)
    alive = ~Q(state=PreviewState.ENDED) | Q(ended_at__gt=clock.now() - TOLD_AFTERWARDS)
    found = Preview.objects.filter(alive, Exists(listening), tell_at=None).select_related(*RELATED).order_by("pk")
    due = [one.pk for one in found if digest_of(remark_of(one)) != one.told]
    return Preview.objects.filter(pk__in=due, tell_at=None).update(tell_at=clock.now(), tell_tries=0) if due else 0


def remarks_due() -> list[int]:
    """The numbers of the connections whose requests have a comment to be written now."""
    return [number for (number,) in _DUE.rows(clock.now())]


def _due(now: datetime) -> QuerySet[ForgeConnection, tuple[int]]:
    waiting = Preview.objects.filter(application=OuterRef("application"), tell_at__lte=now)
    return ForgeConnection.objects.filter(sending(now), Exists(waiting)).order_by("pk").values_list("pk")


_DUE = Prepared(_due)


def send_remarks(number: int, until_set: threading.Event | None = None) -> int:
    """Write the comments that are due at this connection; returns how many were taken."""
    end, taken = time.monotonic() + LONGEST_ROUND, 0
    while time.monotonic() < end and not (until_set and until_set.is_set()):
        connection = ForgeConnection.objects.filter(sending(clock.now()), pk=number).select_related("application").first()
        due = Preview.objects.filter(application=connection.application_id, tell_at__lte=clock.now()) if connection else None
        preview = due.select_related(*RELATED).order_by("tell_at", "pk").first() if due is not None else None
        if connection is None or preview is None:
            break
        taken += _write(connection, preview)
    return taken


def _write(connection: ForgeConnection, preview: Preview) -> bool:
    """Write one comment, if nobody else does meanwhile; whether it was taken."""
    row, now, tries = Preview.objects.filter(pk=preview.pk), clock.now(), preview.tell_tries + 1
    again = now + timedelta(seconds=next_delay(min(tries, MOST_TRIES - 1)) or 0)
    # counted before it is made, so that whoever dies while sending does not try for ever
    if not row.filter(tell_tries=preview.tell_tries).update(tell_tries=F("tell_tries") + 1, tell_at=again):
        return False
    remark = remark_of(preview)
    told = {"told": digest_of(remark), "tell_at": None, "tell_tries": 0}
    try:
        comment = reporter_for(connection).remark(remark, preview.comment)
    except NotTaken as problem:
        trouble, said = stored(problem)
        delay = next_delay(tries, retry_after=problem.retry_after, chance=random.random())  # noqa: S311 - no secret
        kept = {"trouble": trouble, "said": said}
        if problem.trouble in ONLY_THIS or delay is None:
            row.update(**told, **kept)
            return False
        row.update(tell_at=now if problem.trouble in NEEDS_PERSON else now + timedelta(seconds=delay), **kept)
        if problem.trouble in NEEDS_PERSON:
            stop(connection, problem)
        rest = now + timedelta(seconds=rest_after(delay, problem.retry_after))
        ForgeConnection.objects.filter(pk=connection.pk).update(rests_until=rest)
        return False
    row.update(comment=comment, trouble="", said={}, **told)
    return True
