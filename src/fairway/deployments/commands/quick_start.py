"""Creates an application with its configuration and its first deployment in one transaction, for the start page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from fairway.accounts.rules import Actor
from fairway.applications.commands import create_application, save_configuration
from fairway.applications.models import Application
from fairway.deployments.commands.requests import request_deployment, set_first_access
from fairway.deployments.models import Deployment
from fairway.environments.models import Environment


@transaction.atomic
def create_and_deploy(
    *,
    actor: Actor,
    name: str,
    source_kind: str,
    source: Mapping[str, Any],
    environment: Environment,
    spec: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
    slug: str = "",
    reason: str = "",
    deploys: bool = True,
    access: str | None = None,
) -> tuple[Application, Deployment | None]:
    """Create an application with its configuration in one environment and, if `deploys`, ask for its first deployment there.

    It is one transaction with one event for each of the three. Raises `Blocked` or `Invalid`; then nothing has changed.
    """
    application = create_application(actor=actor, name=name, slug=slug, source_kind=source_kind, source=source, spec=spec)
    if variables or secrets:
        save_configuration(
            actor=actor, application=application, environment=environment, variables=variables or {}, secrets=secrets or {}
        )
    if not deploys:
        if access is not None:
            set_first_access(actor=actor, application=application, environment=environment, access=access)
        return application, None
    return application, request_deployment(
        actor=actor, application=application, environment=environment, reason=reason, access=access
    )
