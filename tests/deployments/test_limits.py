"""Limits of a service in one environment: checked, capped by the environment, and in force from the next deployment on."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Blocked
from fairway.activity.models import Event
from fairway.deployments.commands import progress
from fairway.deployments.commands.limits import set_limits
from fairway.deployments.limits import limits_for
from fairway.deployments.models import Deployment, Placement
from fairway.shared.names import Invalid
from fairway.workflows.specs import instance_spec
from tests.conftest import make_artifact

MB = 2**20


@pytest.fixture
def placed(hello, staging) -> Placement:
    current = Deployment.objects.create(
        application=hello, environment=staging, kind="deploy", artifact=make_artifact(hello), requested_by="t", door="web"
    )
    return Placement.objects.create(application=hello, environment=staging, current=current)


def settle(placed: Placement) -> Deployment:
    """What a deployment's first step does."""
    placed.refresh_from_db()
    deployment = placed.current
    progress.replicas_settled(deployment=deployment, replicas=1, scales={}, limits=placed.limits)
    return Deployment.objects.select_related("application", "environment", "artifact").get(pk=deployment.pk)


def test_they_hold_from_the_next_deployment_on(placed, admin):
    set_limits(actor=admin, placement=placed, service="web", given={"memory_mb": 64, "cpus": 0.25, "pids": 40})
    assert instance_spec(placed.current, 0).limits.memory_bytes != 64 * MB
    found = instance_spec(settle(placed), 0).limits
    assert (found.memory_bytes, found.cpus, found.pids) == (64 * MB, 0.25, 40)
    event = Event.objects.get(verb="placement.limits_set")
    assert event.after == {"limits": {"web": {"memory_mb": 64, "cpus": 0.25, "pids": 40}}}


def test_what_is_left_out_is_as_the_version_says(placed, admin):
    set_limits(actor=admin, placement=placed, service="web", given={"pids": 40})
    found = limits_for(settle(placed), "web", memory_bytes=99 * MB, cpus=2.0)
    assert (found.memory_bytes, found.cpus, found.pids) == (99 * MB, 2.0, 40)
    other = limits_for(settle(placed), "worker", memory_bytes=99 * MB, cpus=2.0)
    assert other.pids != 40
    set_limits(actor=admin, placement=placed, service="web", given={})
    assert Placement.objects.get(pk=placed.pk).limits == {}


def test_the_environment_caps_them(placed, admin):
    placed.environment.options = {"memory_mb": 50, "cpus": 0.5, "pids": 30}
    placed.environment.save()
    set_limits(actor=admin, placement=placed, service="web", given={"memory_mb": 64, "cpus": 1.0, "pids": 40})
    found = instance_spec(settle(placed), 0).limits
    assert (found.memory_bytes, found.cpus, found.pids) == (50 * MB, 0.5, 30)


@pytest.mark.parametrize(
    ("service", "given", "field"),
    [
        ("web", {"memory_mb": 15}, "memory_mb"),
        ("web", {"memory_mb": 10**12}, "memory_mb"),
        ("web", {"cpus": 0.0}, "cpus"),
        ("web", {"cpus": float("nan")}, "cpus"),
        ("web", {"pids": True}, "pids"),
        ("web", {"pids": 7}, "pids"),
        ("db", {"pids": 70}, "service"),
    ],
)
def test_what_is_wrong_is_said_of_its_field(placed, admin, service, given, field):
    with pytest.raises(Invalid) as refused:
        set_limits(actor=admin, placement=placed, service=service, given=given)
    assert refused.value.field == field
    assert Placement.objects.get(pk=placed.pk).limits == {}


def test_who_may_not_scale_may_not_set_them(placed, viewer):
    with pytest.raises(Blocked):
        set_limits(actor=viewer, placement=placed, service="web", given={"pids": 40})
