"""The same figures on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from shutil import copy

import pytest
from django.db import connection

from fairway.accounts.rules import SYSTEM
from fairway.applications.commands import create_application
from fairway.insights.delivery.periods import Period
from fairway.insights.delivery.queries import delivery, parse_asked
from tests.conftest import make_artifact, make_environment
from tests.engine.conftest import connected_to
from tests.insights.delivery.conftest import end
from tests.services.postgres import postgres_server  # noqa: F401
from tests.services.sharing import shared

AT = datetime(2026, 11, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request, tmp_path, django_db_blocker):
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").create_with_tables("insights")
    else:
        copy(shared("tables")["file"], tmp_path / "insights.sqlite3")
        url = f"sqlite://{tmp_path / 'insights.sqlite3'}"
    with django_db_blocker.unblock(), connected_to(url):
        yield request.param


def test_everything_that_is_read(database):
    assert connection.vendor == database
    source = {"image": "registry.test/hello:1"}
    hello = create_application(actor=SYSTEM, name="Hello", source_kind="image", source=source)
    production = make_environment("production")
    artifact = make_artifact(hello)
    artifact.committed_at = AT - 2 * HOUR
    artifact.save()
    first = end(hello, production, AT, artifact=artifact)
    end(hello, production, AT + HOUR, artifact=artifact)
    worse = end(hello, production, AT + 2 * HOUR, judgement={"verdict": "more_errors"})
    fine = end(hello, production, AT + 3 * HOUR, judgement={"verdict": "no_worse"})
    end(hello, production, AT + 4 * HOUR, live=False, sentence="The disk is full.")
    period = Period(date(2026, 11, 1), date(2026, 11, 30), UTC)
    found = delivery(SYSTEM, parse_asked(SYSTEM, application="hello", environment="production", period=period))
    assert (found.dora.shipped, found.dora.lead_time) == ((first.pk,), 119 * 60)
    assert (found.dora.failed, found.dora.rework, found.dora.recovery_time) == ((worse.pk,), (fine.pk,), 3600)
    assert [one.sentence for one in found.troubles] == ["The disk is full."]
