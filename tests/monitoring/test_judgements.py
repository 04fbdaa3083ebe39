"""How a version answers is compared with the version before it, and told once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fairway.activity.models import Event
from fairway.deployments.commands import progress
from fairway.deployments.models import Deployment, Placement
from fairway.monitoring.judgements import LOOKS_BACK, WARMS_UP, judgement_of
from fairway.monitoring.judging import Verdict, facts_of
from tests.monitoring.conftest import NOW, served

SWITCHED = NOW + 3


@pytest.fixture
def newer(placed: Placement) -> Deployment:
    """A deployment that replaced the placement's first one."""
    first = placed.current
    assert first is not None
    newer = Deployment.objects.create(
        application=placed.application,
        environment=placed.environment,
        kind="deploy",
        artifact=first.artifact,
        requested_by="dora",
        door="web",
        status="succeeded",
        replaces=first,
        switched_at=datetime.fromtimestamp(SWITCHED, UTC),
    )
    placed.current = newer
    placed.save()
    return newer


def answers(placed: Placement, deployment: int | None, at: int, *, failed: int = 0, bucket: int = 10) -> None:
    """100 answers in the interval that begins then."""
    values = {"successes": 100 - failed, "client_errors": 0, "server_errors": failed, "durations": {bucket: 100}}
    served(placed, at, deployment=deployment, requests=100, **values)


def test_what_each_version_answered_is_compared(placed: Placement, newer: Deployment) -> None:
    answers(placed, newer.replaces_id, NOW - 20)
    answers(placed, newer.pk, NOW, failed=30)
    answers(placed, newer.pk, NOW + 10, failed=30)
    judged = judgement_of(placed, newer)
    assert judged.verdict is Verdict.MORE_ERRORS
    assert (judged.before.requests, judged.before.failed) == (100, 0)
    assert (judged.after.requests, judged.after.failed) == (200, 60)
    sentence = facts_of(judged)["sentence"]
    assert sentence == "30.0% of 200 requests failed; of the version before, 0.0% of 100."


def test_the_first_answers_are_slow_and_that_is_no_verdict(placed: Placement, newer: Deployment) -> None:
    answers(placed, newer.replaces_id, NOW - 20)
    answers(placed, newer.pk, NOW, bucket=40)
    answers(placed, newer.pk, NOW + 10, bucket=40)
    assert judgement_of(placed, newer).verdict is Verdict.NO_WORSE
    answers(placed, newer.pk, NOW + 10 * (WARMS_UP // 10 + 1), bucket=40)
    judged = judgement_of(placed, newer)
    assert judged.verdict is Verdict.SLOWER
    assert facts_of(judged)["sentence"].startswith("The slowest 5% of 300 answers took ")


@pytest.mark.parametrize("at", [NOW - LOOKS_BACK - 10, NOW + 10])
def test_only_the_hour_before_the_switch_counts(placed: Placement, newer: Deployment, at: int) -> None:
    answers(placed, newer.replaces_id, at)
    answers(placed, newer.pk, NOW + 20, failed=100)
    assert judgement_of(placed, newer).verdict is Verdict.TOO_FEW


def test_that_a_version_is_worse_is_told_once(placed: Placement, newer: Deployment) -> None:
    def record(*, is_worse: bool, is_final: bool) -> None:
        facts = facts_of(judgement_of(placed, newer))
        progress.judged(deployment=newer, judgement=facts, is_worse=is_worse, is_final=is_final)

    answers(placed, newer.replaces_id, NOW - 20)
    answers(placed, newer.pk, NOW + 30, failed=20)
    record(is_worse=True, is_final=False)
    record(is_worse=True, is_final=False)
    record(is_worse=False, is_final=True)
    told = Event.objects.filter(verb__startswith="deployment.judged")
    assert [(event.verb, event.subject_id) for event in told] == [("deployment.judged_worse", str(newer.pk))]
    assert told[0].comment == "20.0% of 100 requests failed; of the version before, 0.0% of 100."
    newer.refresh_from_db()
    assert newer.judgement["verdict"] == "more_errors"
    assert newer.judgement["after"] == {"requests": 100, "failed": 20, "median_ms": 8.3, "p95_ms": 9.2}


def test_that_a_version_is_no_worse_is_an_event_at_the_end(placed: Placement, newer: Deployment) -> None:
    facts = facts_of(judgement_of(placed, newer))
    progress.judged(deployment=newer, judgement=facts, is_worse=False, is_final=False)
    assert not Event.objects.filter(verb__startswith="deployment.judged").exists()
    progress.judged(deployment=newer, judgement=facts, is_worse=False, is_final=True)
    assert Event.objects.get(verb="deployment.judged").after["verdict"] == "too_few"
