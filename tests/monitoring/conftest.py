"""A placement, and samples of it."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from fairway.deployments.models import Deployment, Placement
from fairway.monitoring.models import TrafficSample, UsageSample, columns_of
from fairway.monitoring.rules import FINE, Served, Used
from tests.conftest import make_artifact

MB = 2**20
USED = Used(FINE, 1, 2.0, 100 * MB, 120 * MB, 512 * MB, 0)
SERVED = Served(requests=20, successes=15, client_errors=3, server_errors=2, bytes_sent=5000, durations={10: 12, 20: 8})
NOW = 1_800_000_000  # a multiple of every resolution


def place(application, environment, **values):
    deployment = Deployment.objects.create(
        application=application, environment=environment, kind="deploy", artifact=make_artifact(application),
        requested_by="dora", door="web", status="succeeded",
    )  # fmt: skip
    return Placement.objects.create(application=application, environment=environment, current=deployment, **values)


@pytest.fixture
def placed(hello, staging):
    return place(hello, staging)


def used(placement, at, *, service="web", resolution=FINE, **values):
    row = asdict(replace(USED, **values))
    return UsageSample.objects.create(placement=placement, service=service, resolution=resolution, at=at, **row)


def served(placement, at, *, deployment=1, resolution=FINE, **values):
    row = columns_of(replace(SERVED, **values))
    return TrafficSample.objects.create(placement=placement, deployment=deployment, resolution=resolution, at=at, **row)
