"""Deployments that ended when a test says, as a worker would have left them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from fairway.accounts.rules import SYSTEM
from fairway.deployments.models import Deployment
from tests.conftest import make_artifact

Ended = Callable[..., Deployment]


def end(application: Any, environment: Any, at: datetime, *, live: bool = True, **values: Any) -> Deployment:
    given = {
        "kind": "deploy", "status": "succeeded" if live else "failed", "requested_by": SYSTEM.name, "door": "worker",
        "created_at": at - timedelta(minutes=3), "started_at": at - timedelta(minutes=2),
        "switched_at": at - timedelta(minutes=1) if live else None, "finished_at": at,
    }  # fmt: skip
    if "artifact" not in values:
        values["artifact"] = make_artifact(application)
    return Deployment.objects.create(application=application, environment=environment, **{**given, **values})


@pytest.fixture
def ended(db: None) -> Ended:
    return end
