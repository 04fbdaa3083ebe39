"""Browsers of people of every role, and applications that are live without a worker having run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils import timezone

from fairway.accounts.models import User
from fairway.accounts.rules import SYSTEM, Actor
from fairway.applications.models import Application, Artifact
from fairway.deployments.commands import progress, requests
from fairway.deployments.models import Deployment
from fairway.deployments.rules import Status
from fairway.deployments.subjects import placement_of
from fairway.drivers.proxy.token import PROXY_HEADER, shared_token
from fairway.engine.models import Run
from fairway.environments.models import Environment
from tests.conftest import make_artifact

PASSWORD = "correct horse battery"
FROM_THE_PROXY = {PROXY_HEADER: shared_token(settings.DATA.folder("caddy"))}

Browser = Callable[[Actor], Client]


@pytest.fixture
def browse() -> Browser:
    """A browser in which this person is signed in."""

    def of(actor: Actor) -> Client:
        client = Client()
        client.force_login(User.objects.get(pk=actor.id))
        return client

    return of


@transaction.atomic
def finish(deployment: Deployment, status: Status = Status.SUCCEEDED, sentence: str = "") -> Deployment:
    """Write what a worker would have written."""
    deployment.refresh_from_db()
    progress.started(deployment)
    if status == Status.SUCCEEDED:
        placement = placement_of(deployment.application, deployment.environment)
        assert placement is not None
        digest = deployment.artifact.digest if deployment.artifact else ""
        progress.switched(deployment=deployment, placement=placement, served_digest=digest)
    progress.ended(deployment, status, sentence, "")
    if deployment.run is not None:
        Run.objects.filter(pk=deployment.run_id).update(
            status="succeeded", finished_at=timezone.now(), owner="", holds_key=False
        )
    deployment.refresh_from_db()
    return deployment


def live(
    application: Application, environment: Environment, artifact: Artifact | None = None, actor: Actor = SYSTEM
) -> Deployment:
    """Deploy and finish."""
    made = requests.request_deployment(
        actor=actor,
        application=application,
        environment=environment,
        artifact=artifact or make_artifact(application),
    )
    return finish(made)
