"""What is read of deployments: everything that is visible, in a fixed number of queries, from real rows and events."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fairway.accounts.rules import SYSTEM, Role
from fairway.activity.commands import record
from fairway.deployments.commands.placements import hold
from fairway.deployments.models import Placement
from fairway.deployments.subjects import on_deployment
from fairway.engine.models import Run, RunStep
from fairway.insights.delivery import queries
from fairway.insights.delivery.dora import Cause
from fairway.insights.delivery.periods import Period
from fairway.insights.delivery.queries import IN_A_CANARY, MOST_TIMED, Names, behind, delivery, parse_asked
from fairway.shared.names import Invalid
from fairway.workflows.canary import SHARES, _words
from tests.conftest import make_artifact, make_person

AT = datetime(2026, 11, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30), UTC)


@pytest.fixture
def ask(viewer):
    def of(actor=viewer, *, application="", environment="", period=NOVEMBER):
        asked = parse_asked(actor, application=application, environment=environment, period=period)
        return delivery(actor, asked, NOVEMBER.ends)

    return of


def test_without_deployments_there_are_no_figures(ask):
    found = ask()
    assert (found.dora.new, found.outcomes.total, found.steps, found.troubles, found.places) == ((), 0, [], [], {})
    assert len(found.parts) == 30


def test_what_happened_is_read(ask, ended, hello, production):
    artifact = make_artifact(hello)
    artifact.committed_at = AT - 2 * HOUR
    artifact.save()
    first = ended(hello, production, AT, artifact=artifact)
    again = ended(hello, production, AT + HOUR, artifact=artifact, replaces=first)
    worse = ended(hello, production, AT + 2 * HOUR, replaces=again, judgement={"verdict": "slower"})
    back = ended(hello, production, AT + 3 * HOUR, kind="rollback", replaces=worse)
    broken = ended(hello, production, AT + 4 * HOUR, live=False, step="check", sentence="“web” ended with code 1.")
    other = ended(hello, production, AT + 5 * HOUR, live=False, step="check", sentence="“jobs” ended with code 127.")
    odd = ended(hello, production, AT + 6 * HOUR, live=False, status="errored", sentence="The disk is full.")
    found = ask()
    assert found.dora.new == (worse.pk, again.pk, first.pk)
    assert (found.dora.shipped, found.dora.lead_time) == ((first.pk,), 119 * 60), "it went live once for the first time"
    assert found.dora.without_commit == (worse.pk,)
    assert [(one.row.number, one.cause, one.seconds) for one in found.failures] == [(worse.pk, Cause.ROLLED_BACK, 3600)]
    assert found.dora.rework == (back.pk,)
    assert found.outcomes.counts == {"good": 3, "failed_later": 1, "failed": 2, "errored": 1, "cancelled": 0}
    assert found.outcomes.success_rate == 3 / 7
    assert [(one.step, one.sentence, one.numbers) for one in found.troubles] == [
        ("check", other.sentence, (other.pk, broken.pk)),
        ("", "The disk is full.", (odd.pk,)),
    ]
    assert [part.outcomes.total for part in found.parts if part.outcomes.total] == [7]
    assert list(found.places) == [("hello", "production")]
    assert found.names == Names({"hello": "Hello"}, {"production": "Production"})
    assert behind(found, "failed") == [worse.pk]
    assert behind(found, "ended") == [one.pk for one in (odd, other, broken, back, worse, again, first)]
    assert behind(found, "outcome_good") == [back.pk, again.pk, first.pk]
    assert behind(found, "cause", like=broken.pk) == [other.pk, broken.pk]
    assert behind(found, "cause", like=first.pk) == []


def test_the_same_version_is_new_in_each_environment(ask, ended, hello, staging, production):
    artifact = make_artifact(hello)
    artifact.committed_at = AT - HOUR
    artifact.save()
    numbers = [ended(hello, place, AT, artifact=artifact).pk for place in (staging, production)]
    assert sorted(ask().dora.shipped) == numbers


def test_a_version_that_was_live_long_ago_is_not_new(ask, ended, hello, production):
    artifact = make_artifact(hello)
    artifact.committed_at = AT - HOUR
    artifact.save()
    ended(hello, production, AT - timedelta(days=900), artifact=artifact)
    ended(hello, production, AT, artifact=artifact)
    assert ask().dora.shipped == ()


def test_the_periods_borders_are_the_readers_midnights(ask, ended, hello, production):
    midnight = datetime(2026, 11, 1, tzinfo=ZoneInfo("Europe/Paris"))
    inside = ended(hello, production, midnight)
    before = ended(hello, production, midnight - timedelta(seconds=1))
    paris = ask(period=Period(date(2026, 11, 1), date(2026, 11, 30), ZoneInfo("Europe/Paris")))
    assert (behind(paris, "ended"), paris.before.new) == ([inside.pk], (before.pk,))
    assert [part.period.since for part in paris.parts if part.outcomes.total] == [date(2026, 11, 1)]
    assert behind(ask(), "ended") == [], "in UTC both are in October"


def test_a_rollback_after_the_period_counts_for_what_it_put_right(ask, ended, hello, production):
    last = ended(hello, production, NOVEMBER.ends - HOUR)
    ended(hello, production, NOVEMBER.ends + HOUR, kind="automatic_rollback", replaces=last)
    found = ask()
    assert (found.dora.failed, found.dora.rework) == ((last.pk,), ())


def test_nobody_is_told_of_what_they_cannot_see(ask, ended, hello, staging, production):
    here = ended(hello, staging, AT)
    ended(hello, production, AT, live=False, sentence="Secret things happened.")
    found = ask(make_person("nora", Role.VIEWER, environment=staging))
    assert (behind(found, "ended"), found.troubles, list(found.places)) == ([here.pk], [], [("hello", "staging")])
    with pytest.raises(Invalid, match="environment"):
        ask(make_person("nils", Role.VIEWER, environment=staging), environment="production")


def test_filters_narrow_it(ask, ended, hello, staging, production):
    here = ended(hello, staging, AT)
    ended(hello, production, AT)
    assert behind(ask(application="hello", environment="staging"), "ended") == [here.pk]
    for wrong in ({"application": "nothing"}, {"environment": "nowhere"}):
        with pytest.raises(Invalid, match="There is no"):
            ask(**wrong)


def test_what_made_fairway_hold_failed(ask, ended, hello, production):
    held = ended(hello, production, datetime.now(UTC) - HOUR)
    later = Period(held.finished_at.date(), held.finished_at.date() + timedelta(days=1), UTC)
    assert ask(period=later).dora.failed == ()
    there = Placement.objects.create(application=hello, environment=production, current=held)
    hold(actor=SYSTEM, placement=there, reason="It restarted 7 times.")
    (failure,) = ask(period=later).failures
    assert (failure.row.number, failure.cause) == (held.pk, Cause.HELD)


def test_waiting_and_working_are_told_apart(ask, ended, hello, production, monkeypatch):
    """Ten minutes in the queue, an hour for approval, two for a freeze, and then half an hour of work."""
    began = AT + timedelta(minutes=10)
    one = ended(
        hello, production, began + 3.5 * HOUR, created_at=AT, started_at=began,
        approve_by=AT + 9 * HOUR, approved_at=began + HOUR,
    )  # fmt: skip
    other = ended(hello, production, AT, strategy="canary")
    for verb, at, subject, reason in (
        ("deployment.waiting", AT - timedelta(minutes=1), other, _words(SHARES[0])),
        ("deployment.started", began, one, ""), ("deployment.waiting", began, one, "Waits for 1 approval."),
        ("deployment.started", began + HOUR, one, ""), ("deployment.waiting", began + HOUR, one, "Frozen."),
        ("deployment.started", began + 3 * HOUR, one, ""),
    ):  # fmt: skip
        with monkeypatch.context() as changed:
            changed.setattr("fairway.engine.clock.now", lambda at=at: at)
            record(who=SYSTEM.who, verb=verb, on=on_deployment(subject), comment=reason)
    found = ask().times
    assert (found.approval.count, found.approval.median) == (1, 3600)
    assert (found.gate.count, found.gate.median) == (1, 7200)
    assert sorted([found.work.median * 2 - 120, 120]) == [120, 1800]
    assert (found.queue.count, found.queue.p95) == (2, 600)


@pytest.mark.parametrize("eighths", SHARES)
def test_a_canary_that_waits_is_known_by_its_words(eighths):
    assert IN_A_CANARY in _words(eighths)


def test_steps_have_the_times_that_are_still_kept(ask, ended, hello, production):
    for seconds in (10, 20, 60):
        run = Run.objects.create(kind="deploy", key=f"k{seconds}", created_at=AT)
        for number, step in enumerate(("prepare", "switch")):
            RunStep.objects.create(
                run=run, step=step, attempt=1, status="succeeded", started_at=AT, owner="w", fence=1,
                finished_at=AT + timedelta(seconds=seconds * (number + 1)),
            )  # fmt: skip
        ended(hello, production, AT, run=run)
    assert [(one.step, one.spread.count, one.spread.median, one.spread.p95) for one in ask().steps] == [
        ("prepare", 3, 20, 60),
        ("switch", 3, 40, 120),
    ]
    assert MOST_TIMED > 3


def test_the_number_of_queries_does_not_grow(ask, ended, hello, staging, production):
    def asked():
        with CaptureQueriesContext(connection) as captured:
            ask(application="hello", environment="production")
        return len(captured)

    ended(hello, production, AT, live=False)
    few = asked()
    for number in range(40):
        ended(hello, production, AT + number * HOUR, live=number % 2 == 0)
    assert asked() == few <= 10


def test_of_too_many_the_newest_count_and_it_is_said(ask, ended, hello, production, monkeypatch):
    numbers = [ended(hello, production, AT + number * HOUR).pk for number in range(4)]
    assert not ask().is_cut
    monkeypatch.setattr(queries, "MOST", 3)
    found = ask()
    assert (behind(found, "ended"), found.is_cut) == (numbers[:0:-1], True)


def test_an_unknown_figure_is_refused(ask):
    with pytest.raises(Invalid, match="is not one of new, lead_time"):
        behind(ask(), "luck")
