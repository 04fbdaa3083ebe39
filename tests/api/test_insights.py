"""Insights over the API: the figures with what is behind them, as JSON and as CSV, and clear errors for bad periods."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.rules import Role
from fairway.deployments.models import Deployment
from tests.api.conftest import Api, token_of


@pytest.fixture
def happened(placed):
    """What is live in development went live an hour after its commit, answered worse, and was rolled back."""
    at = timezone.now() - timedelta(minutes=30)
    first = placed.current
    first.artifact.committed_at = at - timedelta(hours=1)
    first.artifact.save()
    given = {"started_at": at, "switched_at": at, "finished_at": at, "created_at": at}
    Deployment.objects.filter(pk=first.pk).update(**given)
    first.refresh_from_db()
    back = Deployment.objects.create(
        application=first.application, environment=first.environment, artifact=first.artifact, kind="rollback",
        status="succeeded", replaces=first, requested_by="ada", door="web",
        **{name: moment + timedelta(minutes=10) for name, moment in given.items()},
    )  # fmt: skip
    return first, back


def test_each_figure_has_its_formula_its_sample_and_the_deployments_behind_it(viewer, happened):
    first, back = happened
    shown = viewer.get("/insights").json()
    found = {one["key"]: one for one in shown["figures"]}
    assert {key: (one["value"], one["sample"], one["deployments"]) for key, one in found.items()} == {
        "deployment_frequency": (pytest.approx(1 / 30), 1, [first.pk]),
        "lead_time": (3600, 1, [first.pk]),
        "change_fail_rate": (1, 1, [first.pk]),
        "recovery_time": (600, 1, [first.pk]),
        "rework_rate": (0.5, 2, [back.pk]),
    }
    assert all(one["formula"].endswith(".") and one["title"] for one in found.values())
    assert all((one["value_before"], one["sample_before"]) in {(None, 0), (0, 0)} for one in found.values())
    assert shown["failures"][0]["cause"] == "rolled_back"
    assert (shown["outcomes"]["good"], shown["outcomes"]["failed_later"]) == (1, 1)
    assert (shown["defined_by"][:15], shown["is_cut"]) == ("https://dora.de", False)
    assert sum(part["good"] for part in shown["parts"]) == 1


def test_csv_has_a_line_for_each_application_and_environment(viewer, happened):
    answer = viewer.get("/insights/csv?days=7")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="fairway-insights-20')
    (row,) = csv.DictReader(io.StringIO(answer.content.decode()))
    assert (row["application"], row["environment"], row["lead_time"], row["failed"]) == (
        "hello",
        "development",
        "3600.0",
        "1",
    )
    (shown,) = viewer.get("/insights?days=7").json()["places"]
    assert {name: str(value) for name, value in shown.items()}.items() <= row.items()


def test_without_deployments_there_is_a_line_of_names_only(viewer):
    assert len(viewer.get("/insights/csv").content.decode().splitlines()) == 1


def test_days_are_those_of_the_zone(viewer, happened):
    first, _back = happened
    at = datetime(2026, 11, 1, 11, tzinfo=UTC)  # the second of November at the other end of the world
    Deployment.objects.filter(pk=first.pk).update(finished_at=at)
    for zone, count in (("UTC", 0), ("Pacific/Kiritimati", 1)):
        shown = viewer.get(f"/insights?since=2026-11-02&until=2026-11-02&zone={zone}").json()
        assert (shown["outcomes"]["good"], shown["zone"]) == (count, zone)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("days=0", "days"), ("days=many", "days"), ("days=7&since=2026-11-01", "days"), ("since=soon", "since"),
        ("until=2026-13-01", "until"), ("since=2026-11-02&until=2026-11-01", "until"), ("zone=Mars/Base", "zone"),
        ("zone=../../etc/passwd", "zone"), ("application=nothing", "application"), ("environment=nowhere", "environment"),
        ("since=2020-01-01&until=2026-01-01", "since"), ("team=a", "team"), ("application=%00", "application"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["/insights", "/insights/csv"])
def test_what_makes_no_sense_is_refused_by_the_name_of_its_field(viewer, hello, place, query, field):
    answer = viewer.get(f"{place}?{query}")
    assert answer.status_code == 422
    assert field in str(answer.json())


def test_nobody_counts_what_they_cannot_see(viewer, happened, places):
    lou = User.objects.create_user(username="lou", password="correct horse battery")
    RoleGrant.objects.create(user=lou, role=Role.VIEWER, environment=places["production"])
    shown = Api(token_of(lou)).get("/insights").json()
    assert (shown["outcomes"]["good"], shown["places"], shown["failures"]) == (0, [], [])
    assert Api(token_of(lou)).get("/insights?environment=development").status_code == 422
