"""Costs and prices by the API."""

from __future__ import annotations

from datetime import UTC, datetime

from fairway.activity.models import Event
from fairway.applications.models import Application
from fairway.environments.models import Environment
from fairway.monitoring.metering_rules import DAY, GB
from fairway.monitoring.models import Meter
from tests.api.conftest import Api


def test_a_price_is_set_and_a_month_is_told(admin: Api, hello: Application, places: dict[str, Environment]) -> None:
    assert admin.get("/costs").json()["lines"] == []
    wanted = {"begins": "2026-03-01", "currency": "eur", "cpu_hour": "0.10", "memory_gb_hour": "0.05"}
    made = admin.post("/environments/staging/prices", wanted)
    assert made.status_code == 201
    assert made.json() == {
        "begins": "2026-03-01", "currency": "EUR", "cpu_hour": "0.1", "memory_gb_hour": "0.05", "month": "0",
    }  # fmt: skip
    assert admin.get("/environments/staging/prices").json() == [made.json()]
    assert Event.objects.get(verb="environment.price_set").after["currency"] == "EUR"
    at = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
    Meter.objects.create(
        placement=1, application=hello, environment=places["staging"], length=DAY, at=at, seconds=DAY, replica_seconds=DAY,
        cpu_ms=DAY * 250, cpu_reserved_ms=DAY * 1000, memory_byte_seconds=DAY * GB // 2,
        memory_reserved_byte_seconds=DAY * GB,
    )  # fmt: skip
    found = admin.get("/costs?month=2026-03").json()
    assert found["sums"] == [{"currency": "EUR", "used": "1.20", "idle": "2.40", "total": "3.60", "forecast": "3.60"}]
    line = found["lines"][0]
    assert (line["application"], line["cpu_hours"], line["cpu_reserved_hours"], line["replica_hours"]) == (
        "hello",
        6,
        24,
        24,
    )
    assert "hello,staging,EUR,1.20,2.40,3.60" in admin.get("/costs/csv?month=2026-03").content.decode()


def test_bad_input_is_told_by_its_field(admin: Api, places: dict[str, Environment]) -> None:
    for path in ("/costs?month=March", "/costs/csv?month=2026-13"):
        refused = admin.get(path)
        assert (refused.status_code, refused.json()["field"]) == (422, "month")
    refused = admin.post("/environments/staging/prices", {"currency": "EUR", "cpu_hour": "-1"})
    assert (refused.status_code, refused.json()["field"]) == (422, "cpu_hour")
