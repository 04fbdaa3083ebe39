"""Metrics over the API: columns of equal length, and clear errors for a period that makes no sense."""

from __future__ import annotations

import pytest

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.rules import Role
from fairway.api import placement_metrics
from fairway.environments.models import Environment
from tests.api.conftest import Api, token_of
from tests.monitoring.conftest import MB, NOW, served, used

HERE = "/applications/hello/environments/development/placement/metrics"


@pytest.fixture
def ask(viewer, monkeypatch):
    monkeypatch.setattr(placement_metrics.time, "time", lambda: NOW + 3)
    return lambda since="1h": viewer.get(f"{HERE}?since={since}")


def test_columns_are_rates_and_gaps_are_null(ask, placed):
    used(placed, NOW - 10)
    served(placed, NOW - 10)
    shown = ask().json()
    assert shown["step"] == 10
    (web,) = shown["services"]
    assert {len(column) for name, column in web.items() if name != "service"} == {len(shown["at"])}
    assert (web["cpu"][-2:], web["memory_limit_bytes"][-1]) == ([None, 0.2], 512 * MB)
    traffic = shown["traffic"]
    assert (traffic["requests"][-1], traffic["statuses"]["5xx"][-1], traffic["error_rate"][-1]) == (2.0, 0.2, 0.1)
    assert traffic["bytes"][-1] == 500
    assert traffic["durations"]["p50"][-1] < traffic["durations"]["p99"][-1]
    assert traffic["requests"][-2] is None


def test_without_any_sample_there_are_no_services_and_no_traffic(ask, placed):
    shown = ask().json()
    assert (shown["services"], shown["traffic"], shown["marks"]) == ([], None, [])


@pytest.mark.parametrize("since", ["", "soon", "0h", "91d", "1w", "-1h", "1h; drop"])
def test_a_period_that_makes_no_sense_is_refused_with_what_would_do(ask, placed, since):
    answer = ask(since=since)
    assert answer.status_code == 422
    assert "must be a time from 1m to 90d" in answer.json()["detail"]


def test_nobody_is_told_of_a_placement_that_is_not_theirs(placed):
    stranger = User.objects.create_user(username="pia", password="correct horse battery")
    RoleGrant.objects.create(user=stranger, role=Role.VIEWER, environment=Environment.objects.get(slug="production"))
    assert Api(token_of(stranger)).get(HERE).status_code == 404
