"""Prometheus is told numbers about what the owner of its token may see, and nothing else."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from fairway import __version__
from fairway.accounts.rules import Actor, Role
from fairway.accounts.tokens import create_token
from fairway.deployments.models import Placement
from fairway.insights.metrics import metrics_text
from fairway.monitoring.rules import FINE
from fairway.resources.models import Resource
from tests.conftest import make_environment, make_person
from tests.monitoring.conftest import MB, used
from tests.web.conftest import live

pytestmark = pytest.mark.django_db


def told(actor: Actor) -> dict[str, dict[tuple[str, ...], float]]:
    """The values by metric and labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(metrics_text(actor).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_what_runs_and_what_ended_is_counted(hello: Any, staging: Any, admin: Actor) -> None:
    before = timezone.now().timestamp()
    live(hello, staging)
    live(hello, staging)
    numbers = told(admin)
    assert numbers["fairway_deployments_total"] == {("hello", "staging", "succeeded"): 2}
    assert numbers["fairway_deployment_last_success_timestamp_seconds"]["hello", "staging"] >= before
    assert numbers["fairway_info"] == {(__version__,): 1}
    assert numbers["fairway_events_intact"] == {(): 1}
    assert numbers["fairway_workers"] == {(): 0}


def test_health_is_told_of_what_should_run(hello: Any, staging: Any, admin: Actor) -> None:
    live(hello, staging)
    seen = [{"name": "a", "state": "running"}, {"name": "b", "state": "failed"}, {"name": "c", "state": "running"}]
    Placement.objects.update(health="down", drift=["one of three ended"], observed=seen)
    numbers = told(admin)
    assert numbers["fairway_application_healthy"] == {("hello", "staging"): 0}
    assert numbers["fairway_application_drift"] == {("hello", "staging"): 1}
    assert numbers["fairway_instances"] == {("hello", "staging", "running"): 2, ("hello", "staging", "failed"): 1}
    Placement.objects.update(wanted="stopped", health="stopped", observed=[])
    assert "fairway_application_healthy" not in told(admin)


def test_nobody_is_told_of_what_they_may_not_see(hello: Any, staging: Any, admin: Actor) -> None:
    production = make_environment("production", position=30)
    live(hello, staging)
    live(hello, production)
    where = {"environment": production, "name": "main", "kind": "postgres", "version": "17", "port": 5433}
    Resource.objects.create(**where, state="running", created_by="ada")
    assert ("production", "postgres", "main") in told(admin)["fairway_resource_up"]
    narrow = make_person("nina", Role.VIEWER, environment=staging)
    text = metrics_text(narrow).decode()
    assert 'environment="staging"' in text
    assert "production" not in text
    assert "main" not in text
    assert "fairway_newest_event" not in text, "how much happens elsewhere is not theirs to know"


def test_a_token_is_needed_and_answers_what_prometheus_reads(hello: Any, staging: Any, viewer: Actor) -> None:
    live(hello, staging)
    assert Client().get("/api/v1/metrics").status_code == 401
    token = create_token(actor=viewer, name="prometheus")[1]
    answer = Client().get("/api/v1/metrics", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b'fairway_deployments_total{application="hello",environment="staging",status="succeeded"} 1.0' in answer.content


def test_what_services_use_now_is_told_from_the_newest_sample(hello: Any, staging: Any, viewer: Actor) -> None:
    live(hello, staging)
    place = Placement.objects.get()
    assert "fairway_service_cpu_cores" not in told(viewer)
    at = int(time.time()) // FINE * FINE - FINE
    used(place, at - 10 * FINE, service="worker")
    used(place, at - FINE, cpu_seconds=9.0)
    used(place, at, cpu_seconds=2.5, limit_bytes=None)
    numbers = told(viewer)
    assert numbers["fairway_service_cpu_cores"] == {("hello", "staging", "web"): 0.25}
    assert numbers["fairway_service_memory_bytes"] == {("hello", "staging", "web"): 100 * MB}
    assert "fairway_service_memory_limit_bytes" not in numbers
    used(place, at, service="db")
    assert told(viewer)["fairway_service_memory_limit_bytes"] == {("hello", "staging", "db"): 512 * MB}


def test_it_costs_as_many_queries_for_many_as_for_one(
    hello: Any, staging: Any, admin: Actor, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        live(hello, make_environment(f"stage-{number}", position=40 + number))
    with django_assert_max_num_queries(12):
        told(admin)
