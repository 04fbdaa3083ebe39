"""How events name an environment."""

from __future__ import annotations

from fairway.activity.rules import On
from fairway.environments.models import Environment


def on_environment(environment: Environment) -> On:
    return On("environment", environment.pk, environment.name, environment=environment.slug)
