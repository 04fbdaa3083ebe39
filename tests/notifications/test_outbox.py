"""Notices are made of events once, and sent until they are taken; nothing is lost and nothing doubled without its id."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.activity.models import Event
from fairway.activity.queries import latest_number
from fairway.activity.rules import On
from fairway.notifications.commands import outbox
from fairway.notifications.commands.channels import create_channel, edit_channel, send_again
from fairway.notifications.commands.outbox import channels_due, forget_notices, make_notices, send_due
from fairway.notifications.models import Channel, Notice, NoticePosition
from fairway.notifications.rules import MOST_KEPT
from fairway.notifications.troubles import sentence_of
from fairway.shared.retrying import DELAYS, LONGEST_RETRY_AFTER
from tests.conftest import make_environment
from tests.notifications.conftest import channel_to, happens, later
from tests.services.receiver import Receiver

pytestmark = pytest.mark.django_db


def work() -> int:
    """What the worker does in one look."""
    make_notices()
    return sum(send_due(number) for number in channels_due())


def only() -> Notice:
    return Notice.objects.select_related("channel", "event").get()


def test_what_happens_is_told_once_and_nothing_from_before(there: Receiver) -> None:
    happens(number=1)
    channel_to(there)
    assert work() == 0
    event = happens(number=2, comment="It did not answer on port 8000.")
    happens("deployment.step_started", number=2)
    assert work() == 1
    assert work() == 0
    [one] = there.came
    assert one.json["type"] == "deployment.failed"
    assert one.json["data"]["event"]["id"] == event.pk
    assert one.json["data"]["url"].endswith("/deployments/2")
    assert "the new version failed.\nIt did not answer on port 8000." in one.json["data"]["sentence"]
    notice = only()
    assert (notice.state, notice.tries, notice.public_id) == ("delivered", 1, one.headers["webhook-id"])
    assert sentence_of(notice) == "It was taken: ok"
    assert NoticePosition.objects.get().event_id == latest_number()


def test_without_a_listener_nothing_is_written(there: Receiver) -> None:
    happens()
    assert make_notices() == 0
    assert not NoticePosition.objects.exists()
    channel_to(there)
    assert make_notices() == 0, "its own creation is nothing to tell"


def test_each_channel_hears_what_its_routes_say(there: Receiver) -> None:
    narrow = [{"topics": ["deployment_failed"], "environments": ["production"]}]
    make_environment("production", position=30)
    wide, other = channel_to(there, "wide"), channel_to(there, "narrow", routes=narrow)
    happens(number=1)
    happens(number=2, environment="production")
    make_notices()
    told = {channel.name: Notice.objects.filter(channel=channel).count() for channel in (wide, other)}
    assert told == {"wide": 2, "narrow": 1}


def test_more_events_than_are_read_at_once(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "AT_ONCE", 2)
    channel_to(there)
    for number in range(5):
        happens(number=number)
    assert make_notices() == 5
    assert make_notices() == 0


def test_killed_while_notices_are_made_loses_and_doubles_none(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    channel_to(there)
    NoticePosition.objects.create()
    happens()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(NoticePosition, "save", killed)  # after the notices were written
        with pytest.raises(KeyboardInterrupt):
            make_notices()
    assert not Notice.objects.exists()
    assert make_notices() == 1
    assert make_notices() == 0


def test_killed_between_making_and_sending_loses_none(there: Receiver) -> None:
    channel_to(there)
    happens()
    make_notices()
    assert work() == 1
    assert len(there.came) == 1


def test_killed_after_sending_it_is_sent_again_with_the_same_id(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    channel_to(there)
    happens()
    really = outbox.send

    def sent_and_killed(notice: Notice) -> str:
        really(notice)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "send", sent_and_killed)
        with pytest.raises(KeyboardInterrupt):
            work()
    assert work() == 0, "not at once: the one that was killed may only be slow"
    later(DELAYS[0])
    assert work() == 1
    first, again = there.came
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.body == again.body


def test_killed_at_every_try_it_is_given_up(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    channel_to(there)
    happens()

    def killed(_: Notice) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(outbox, "send", killed)
    for _ in range(6):
        with pytest.raises(KeyboardInterrupt):
            work()
        later(DELAYS[-1] + 1)
    assert work() == 0
    assert (only().state, only().tries) == ("given_up", 6)


def test_a_defect_holds_nothing_else(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    channel_to(there)
    happens(number=1)
    happens(number=2)
    really = outbox.send

    def broken(notice: Notice) -> str:
        if notice.about == "deployment:1":
            raise ZeroDivisionError
        return really(notice)

    monkeypatch.setattr(outbox, "send", broken)
    assert work() == 1
    assert list(Notice.objects.order_by("pk").values_list("state", flat=True)) == ["waiting", "delivered"]


def test_a_receiver_that_fails_is_asked_ever_later(there: Receiver) -> None:
    channel_to(there)
    happens()
    there.will_answer(500, 503, body="busy")
    assert work() == 0
    notice = only()
    assert (notice.state, notice.tries) == ("waiting", 1)
    assert DELAYS[0] <= (notice.next_at - notice.tried_at).total_seconds() <= DELAYS[0] * 1.2
    assert sentence_of(notice) == "“127.0.0.1” could not take it (500): busy"
    assert channels_due() == []
    later(DELAYS[0] * 1.2)
    assert work() == 0
    later(DELAYS[0] * 1.2)
    assert work() == 0, "the second pause is longer"
    later(DELAYS[1] * 1.2)
    assert work() == 1
    assert (only().state, only().tries, only().trouble) == ("delivered", 3, "")
    assert len({one.headers["webhook-id"] for one in there.came}) == 1


def test_after_six_tries_it_is_given_up_and_can_be_sent_again(there: Receiver) -> None:
    channel = channel_to(there)
    happens()
    there.will_answer(*[500] * 6)
    work()
    for delay in DELAYS:
        later(delay * 1.2)
        work()
    assert (only().state, only().tries) == ("given_up", 6)
    later(DELAYS[-1] * 2)
    assert work() == 0
    assert len(there.came) == 6
    send_again(actor=SYSTEM, channel=channel, notice=only())
    assert Event.objects.latest("pk").verb == "channel.sent_again"
    assert work() == 1
    assert only().state == "delivered"


def test_notices_about_one_subject_keep_their_order(there: Receiver) -> None:
    channel_to(there)
    there.will_answer(400, body="not now")
    happens("deployment.approval_asked", number=1)
    happens("deployment.failed", number=1)
    happens("deployment.failed", number=2)
    assert work() == 1, "the other subject's"
    assert there.came[-1].json["data"]["event"]["subject"]["id"] == "2"
    later(DELAYS[0] * 1.2)
    assert work() == 2
    told = [one.json["type"] for one in there.came if one.json["data"]["event"]["subject"]["id"] == "1"]
    assert told == ["deployment.approval_asked", "deployment.approval_asked", "deployment.failed"]


def test_what_waits_for_an_earlier_one_is_due_with_it(there: Receiver) -> None:
    channel = channel_to(there)
    there.will_answer(400, 400)
    happens("deployment.approval_asked", number=1)
    work()
    later(DELAYS[0] * 1.2)
    work()
    happens("deployment.failed", number=1)
    assert work() == 0
    assert channels_due() == [], "it is not looked at again and again"
    first, held = Notice.objects.order_by("pk")
    assert held.next_at == first.next_at
    Notice.objects.filter(pk=first.pk).update(state="given_up")
    send_again(actor=SYSTEM, channel=channel, notice=first)
    assert work() == 2, "with the earlier one, which somebody sent again sooner"
    assert [one.json["type"] for one in there.came[-2:]] == ["deployment.approval_asked", "deployment.failed"]


def test_what_waits_for_one_that_is_given_up_goes_on(there: Receiver) -> None:
    channel_to(there)
    there.will_answer(*[400] * 6)
    happens("deployment.approval_asked", number=1)
    happens("deployment.failed", number=1)
    work()
    for delay in DELAYS:
        later(delay * 1.2)
        work()
    assert list(Notice.objects.order_by("pk").values_list("state", flat=True)) == ["given_up", "delivered"]


def test_a_receiver_that_is_away_is_not_asked_for_each_notice(there: Receiver) -> None:
    channel_to(there)
    there.will_answer(503)
    for number in range(20):
        happens(number=number)
    work()
    assert len(there.came) == 1
    later(DELAYS[0] * 1.2)
    assert work() == 20


def test_410_disables_the_channel_until_somebody_looks(there: Receiver) -> None:
    channel = channel_to(there)
    there.will_answer(410, body="this hook was deleted")
    happens(number=1)
    work()
    channel.refresh_from_db()
    assert channel.disabled_because == "this hook was deleted"
    told = Event.objects.latest("pk")
    assert (told.verb, told.actor_name) == ("channel.disabled", "Fairway")
    assert told.comment == "127.0.0.1 answered 410: this hook was deleted"
    happens(number=2)
    later(DELAYS[-1])
    assert work() == 0
    assert len(there.came) == 1
    edit_channel(actor=SYSTEM, channel=channel, is_paused=False)
    later(DELAYS[-1])
    happens(number=3)
    assert work() == 2, "what waited and what is new; what happened meanwhile was not heard"
    assert [one.json["data"]["event"]["subject"]["id"] for one in there.came] == ["1", "1", "3"]


def test_a_redirect_is_not_followed(there: Receiver) -> None:
    channel_to(there)
    there.will_answer(302, Location="/elsewhere")
    happens()
    work()
    assert len(there.came) == 1
    assert sentence_of(only()) == "“127.0.0.1” sends elsewhere (302), which Fairway does not follow. Enter the new URL."


def test_retry_after_is_kept_to(there: Receiver) -> None:
    channel = channel_to(there)
    there.will_answer(429, body="slow down", Retry_After="120")
    happens(number=1)
    happens(number=2)
    work()
    assert len(there.came) == 1
    first = Notice.objects.order_by("pk")[0]
    assert 119 <= (first.next_at - timezone.now()).total_seconds() <= 121
    channel.refresh_from_db()
    assert channel.rests_until is not None
    later(110)
    assert work() == 0
    later(11)
    assert work() == 2
    there.will_answer(429, Retry_After="9999999")
    happens(number=3)
    work()
    waits = Notice.objects.latest("pk").next_at - timezone.now()
    assert waits <= timedelta(seconds=LONGEST_RETRY_AFTER)


def test_a_paused_channel_hears_nothing_meanwhile(there: Receiver) -> None:
    channel = channel_to(there)
    channel_to(there, "other")
    edit_channel(actor=SYSTEM, channel=channel, is_paused=True)
    happens(number=1)
    work()
    edit_channel(actor=SYSTEM, channel=channel, is_paused=False)
    happens(number=2)
    work()
    told = Notice.objects.filter(channel=channel).values_list("about", flat=True)
    assert list(told) == ["deployment:2"]
    assert Notice.objects.exclude(channel=channel).count() == 2


def test_a_notice_whose_turn_another_worker_took_is_not_sent_twice(there: Receiver) -> None:
    channel_to(there)
    happens()
    make_notices()
    mine, theirs = only(), only()
    assert outbox._send(theirs)
    assert not outbox._send(mine)
    assert len(there.came) == 1


def test_mail_goes_to_each_address_by_itself() -> None:
    create_channel(
        actor=SYSTEM,
        kind="mail",
        name="people",
        addresses=["a@example.com", "b@example.com"],
        routes=[{"topics": ["security"]}],
    )
    happens("deployment.failed")

    with transaction.atomic():
        record(who=SYSTEM.who, verb="audit.broken", on=On("event", 7, "7"))
    assert make_notices() == 2
    assert set(Notice.objects.values_list("address", flat=True)) == {"a@example.com", "b@example.com"}
    work()
    assert sentence_of(Notice.objects.order_by("pk")[0]) == "No mail server is set up, so no mail can be sent."


def test_old_notices_are_forgotten_and_waiting_ones_kept(there: Receiver) -> None:
    channel = channel_to(there)
    for number in range(3):
        happens(number=number)
    work()
    happens(number=9)
    make_notices()
    old = timezone.now() - timedelta(days=31)
    Notice.objects.filter(about__in=["deployment:0", "deployment:9"]).update(created_at=old)
    assert forget_notices() == 1
    assert Notice.objects.filter(channel=channel).count() == 3
    rows = [Notice(channel=channel, public_id=f"m{number}", state="delivered", about="x") for number in range(MOST_KEPT)]
    Notice.objects.bulk_create(rows)
    forget_notices()
    assert Notice.objects.filter(channel=channel).exclude(state="waiting").count() == MOST_KEPT
    assert Notice.objects.filter(state="waiting").count() == 1
    assert Channel.objects.count() == 1
