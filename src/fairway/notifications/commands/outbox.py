"""The outbox: notices are made of events, in one transaction with the position, and sent until they are taken.

No deployment waits for it. Whoever dies in between loses nothing: a notice that was made is sent, and one that was sent but
not marked is sent again with the same id, by which its receiver can tell.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from fairway.accounts.mailing import has_mail_server
from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.activity.models import Event
from fairway.activity.queries import latest_number
from fairway.drivers.messengers.contract import Kind, NotTaken, Trouble
from fairway.drivers.messengers.smtp import Trouble as MailTrouble
from fairway.engine import clock
from fairway.engine.prepared import Prepared
from fairway.notifications import personal
from fairway.notifications.commands.channels import new_notice
from fairway.notifications.messages import happened_in
from fairway.notifications.models import Channel, Notice, NoticePosition
from fairway.notifications.outside import send, trouble_of
from fairway.notifications.rules import KEPT_FOR, MOST_KEPT, VERBS, State, hears
from fairway.notifications.subjects import on_channel
from fairway.shared.retrying import MOST_TRIES, next_delay, rest_after

log = logging.getLogger(__name__)
AT_ONCE = 500  # events that notices are made of in one transaction
LOOKED_AT = 200  # waiting notices of a channel that are looked at together
LONGEST_ROUND = 30.0  # seconds after which sending to a channel ends for now, so that its thread is free again
# Rooms above register functions that say whether channels hear nothing of an event now.
QUIET: list[Callable[[Event], bool]] = []
HEARD = frozenset({*VERBS, *personal.VERBS})
LISTENING = Q(is_paused=False, disabled_at=None, deleted_at=None)


def make_notices() -> int:
    """Make the notices of what has happened since the last time; returns how many. Nothing is written if nobody listens or
    nothing happened."""
    _let_people_hear()
    first = Channel.objects.filter(LISTENING).order_by("after_event").values_list("after_event", flat=True).first()
    newest = latest_number()
    if first is None or newest <= max(first, _position()):
        return 0
    count = 0
    while (made := _make_some()) is not None:
        count += made
    return count


def _let_people_hear() -> None:
    """People are told about their accounts while mail is set up. What happened when it was not is not told later."""
    works = has_mail_server()
    is_paused = Channel.objects.filter(is_personal=True).values_list("is_paused", flat=True).first()
    if is_paused is None and works:
        Channel.objects.get_or_create(is_personal=True, defaults={"kind": Kind.MAIL, "after_event": latest_number()})
    elif is_paused is works:
        Channel.objects.filter(is_personal=True).update(is_paused=not works, after_event=latest_number())


def _position() -> int:
    return NoticePosition.objects.filter(pk=1).values_list("event_id", flat=True).first() or 0


@transaction.atomic
def _make_some() -> int | None:
    """Make the notices of the next events; None if there are no further events."""
    NoticePosition.objects.get_or_create(pk=1)
    position = NoticePosition.objects.select_for_update(no_key=True).get(pk=1)
    channels = list(Channel.objects.filter(LISTENING))
    start = max(position.event_id, min((channel.after_event for channel in channels), default=0))
    newest = latest_number()  # everything up to it is visible, because events are numbered as they are committed
    if not channels or newest <= start:
        return None
    events = list(Event.objects.filter(pk__gt=start, pk__lte=newest, verb__in=HEARD).order_by("pk")[:AT_ONCE])
    notices = [notice for event in events for notice in _notices_of(event, channels)]
    Notice.objects.bulk_create(notices)
    position.event_id = events[-1].pk if len(events) == AT_ONCE else newest
    position.save(update_fields=["event_id"])
    return len(notices)


def _notices_of(event: Event, channels: list[Channel]) -> Iterator[Notice]:
    now, about = clock.now(), f"{event.subject_kind}:{event.subject_id}"
    for channel in channels:
        for address in _places(event, channel) if event.pk > channel.after_event else ():
            yield Notice(**new_notice(channel, address), event=event, about=about, next_at=now, created_at=now)


def _places(event: Event, channel: Channel) -> list[str]:
    """The addresses at which the channel hears of this event."""
    if channel.is_personal:
        address = personal.address_for(event)
        return [address] if address else []
    if not hears(channel.heard, happened_in(event)) or any(is_quiet(event) for is_quiet in QUIET):
        return []
    return channel.places


def channels_due() -> list[int]:
    """The numbers of the channels that have something to send now."""
    return [number for (number,) in _DUE.rows(clock.now())]


def _due(now: datetime) -> QuerySet[Channel, tuple[int]]:
    waiting = Notice.objects.filter(channel=OuterRef("pk"), state=State.WAITING, next_at__lte=now)
    rested = Q(rests_until=None) | Q(rests_until__lte=now)
    return Channel.objects.filter(LISTENING & rested, Exists(waiting)).order_by("pk").values_list("pk")


_DUE = Prepared(_due)


def send_due(number: int, stop: threading.Event | None = None) -> int:
    """Send what this channel has to send now, oldest first; returns how many notices were taken. It ends when the receiver
    fails, after `LONGEST_ROUND`, or when `stop` is set."""
    until, taken = time.monotonic() + LONGEST_ROUND, 0
    while time.monotonic() < until and not (stop and stop.is_set()):
        channel = Channel.objects.filter(LISTENING, pk=number).first()
        if channel is None or (channel.rests_until and channel.rests_until > clock.now()):
            break
        notice = next(_sendable(channel), None)
        if notice is None:
            _postpone_held(channel)
            break
        taken += _send(notice)
    return taken


def _sendable(channel: Channel) -> Iterator[Notice]:
    """What may be sent now. Notices about one subject go to one address in order: a later one waits for the earlier."""
    now, held = clock.now(), set[tuple[str, str]]()
    for notice in _waiting(channel)[:LOOKED_AT]:
        key = (notice.address, notice.about)
        if key not in held and notice.next_at <= now:
            yield notice
        held.add(key)


def _postpone_held(channel: Channel) -> None:
    """Let those that wait for an earlier one become due with it; else the channel would be looked at every second."""
    now, first = clock.now(), dict[tuple[str, str], datetime]()
    for notice in _waiting(channel)[:LOOKED_AT]:
        holds_until = first.setdefault((notice.address, notice.about), notice.next_at)
        if notice.next_at <= now < holds_until:
            Notice.objects.filter(pk=notice.pk, tries=notice.tries).update(next_at=holds_until)


def _let_next(notice: Notice) -> None:
    """What waited for this one is due now."""
    held = Notice.objects.filter(channel=notice.channel_id, address=notice.address, about=notice.about, tries=0)
    held.filter(state=State.WAITING, next_at__gt=clock.now()).update(next_at=clock.now())


def _waiting(channel: Channel) -> QuerySet[Notice]:
    waiting = Notice.objects.filter(channel=channel, state=State.WAITING)
    return waiting.select_related("channel", "event").order_by("pk")


def _send(notice: Notice) -> bool:
    """Send it, if nobody else does meanwhile; whether it was taken."""
    if not _claim(notice):
        return False
    try:
        answer = send(notice)
    except NotTaken as problem:
        _not_taken(notice, problem)
        return False
    except Exception:  # a defect of Fairway: the notice is tried again like any other, and the rest goes on
        log.exception("A notice to the channel %s could not be made", notice.channel_id)
        return False
    now = clock.now()
    settled = {"state": State.DELIVERED, "delivered_at": now, "answer": answer, "trouble": "", "said": {}}
    Notice.objects.filter(pk=notice.pk).update(**settled)
    Channel.objects.filter(pk=notice.channel_id, rests_until__isnull=False).update(rests_until=None)
    _let_next(notice)
    return True


def _claim(notice: Notice) -> bool:
    """Count a try before it is made, so that whoever dies while sending does not try for ever."""
    now = clock.now()
    row = Notice.objects.filter(pk=notice.pk, state=State.WAITING, tries=notice.tries)
    if notice.tries >= MOST_TRIES:  # the last try was cut
        row.update(state=State.GIVEN_UP)
        _let_next(notice)
        return False
    again = now + timedelta(seconds=next_delay(min(notice.tries + 1, MOST_TRIES - 1)) or 0)
    is_ours = row.update(tries=F("tries") + 1, tried_at=now, next_at=again) == 1
    notice.tries += 1
    return is_ours


def _not_taken(notice: Notice, problem: NotTaken) -> None:
    """Store why, and when it is tried again."""
    delay = next_delay(notice.tries, retry_after=problem.retry_after, chance=random.random())  # noqa: S311 - no secret
    now, (trouble, said) = clock.now(), trouble_of(notice, problem)
    settled: dict[str, object] = {"trouble": trouble, "said": said, "answer": ""}
    if problem.trouble is Trouble.GONE:
        _disable(notice.channel, notice, problem, now)
    elif delay is None:
        settled["state"] = State.GIVEN_UP
        if notice.channel.is_personal:  # no page shows it
            log.warning("A mail to a person about their account was given up: %s", trouble)
    else:
        settled["next_at"] = now + timedelta(seconds=delay)
    Notice.objects.filter(pk=notice.pk).update(**settled)
    if delay is None:
        _let_next(notice)
    if _is_about_everything(problem):
        rest = now + timedelta(seconds=rest_after(delay, problem.retry_after))
        Channel.objects.filter(pk=notice.channel_id).update(rests_until=rest)


def _is_about_everything(problem: NotTaken) -> bool:
    """Whether the next notice would not be taken either: the receiver is away or busy."""
    return problem.trouble is not Trouble.REFUSED and problem.mail != MailTrouble.RECIPIENT_REFUSED


@transaction.atomic
def _disable(channel: Channel, notice: Notice, problem: NotTaken, now: datetime) -> None:
    """The receiver said that it is gone: send nothing there until a person has looked. What waits stays."""
    row = Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
    if row.disabled_at is None and row.deleted_at is None:
        row.disabled_at, row.disabled_because = now, problem.answer or str(problem.status)
        row.save(update_fields=["disabled_at", "disabled_because"])
        comment = f"{problem.host} answered {problem.status}: {problem.answer or '—'}"
        after = {"is_disabled": True, "notice": notice.public_id}
        record(who=SYSTEM.who, verb="channel.disabled", on=on_channel(row), comment=comment, after=after)


def forget_notices() -> int:
    """Delete old notices that are settled, and the oldest of a channel that has more than it keeps; returns how many."""
    settled = Notice.objects.exclude(state=State.WAITING)
    count = settled.filter(created_at__lt=clock.now() - KEPT_FOR).delete()[0]
    for number in Channel.objects.values_list("pk", flat=True):
        last = settled.filter(channel=number).order_by("-pk").values_list("pk", flat=True)[MOST_KEPT : MOST_KEPT + 1]
        for oldest in list(last):
            count += settled.filter(channel=number, pk__lte=oldest).delete()[0]
    return count
