"""Whoever may deploy in one environment only brings a source there without changing the application for everybody else."""

from __future__ import annotations

import pytest

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Actor, Blocked
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.applications.models import Application
from fairway.deployments.commands.requests import request_deployment
from fairway.environments.models import Environment
from fairway.shared.names import Invalid

pytestmark = pytest.mark.django_db
OTHER = {"image": "registry.test/other:2"}


@pytest.fixture
def only_staging(deployer: Actor, staging: Environment) -> Actor:
    RoleGrant.objects.filter(user_id=deployer.id).update(environment=staging)
    return actor_for(User.objects.get(pk=deployer.id), door=Door.API)


def test_a_source_is_deployed_here_and_stays_here(only_staging: Actor, hello: Application, staging: Environment) -> None:
    kept = (hello.source_kind, hello.source)
    one = request_deployment(actor=only_staging, application=hello, environment=staging, source_kind="image", source=OTHER)
    assert (one.source_kind, one.source) == ("image", OTHER)
    hello.refresh_from_db()
    assert (hello.source_kind, hello.source) == kept
    assert not Event.objects.filter(verb="application.edited").exists()


def test_whoever_may_change_the_application_changes_it(deployer: Actor, hello: Application, staging: Environment) -> None:
    request_deployment(actor=deployer, application=hello, environment=staging, source_kind="image", source=OTHER)
    hello.refresh_from_db()
    assert hello.source == OTHER


def test_nowhere_else_and_no_nonsense(
    only_staging: Actor, hello: Application, staging: Environment, production: Environment
) -> None:
    with pytest.raises(Blocked):
        request_deployment(actor=only_staging, application=hello, environment=production, source_kind="image", source=OTHER)
    with pytest.raises(Invalid):
        request_deployment(
            actor=only_staging, application=hello, environment=staging, source_kind="image", source={"image": "no image!"}
        )
