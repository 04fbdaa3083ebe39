from datetime import timedelta

import pytest
from django.utils import timezone

from fairway.accounts.rules import SYSTEM, Blocked
from fairway.activity.models import Event
from fairway.deployments.commands.requests import request_deployment
from fairway.environments import commands
from fairway.environments.models import Environment
from fairway.environments.queries import visible_to
from fairway.shared.names import Invalid
from tests.conftest import make_artifact


def test_three_environments_exist_from_the_start_and_are_not_made_again(db):
    commands.ensure_default_environments()
    assert [one.slug for one in visible_to(SYSTEM)] == ["development", "staging", "production"]
    Environment.objects.filter(slug="staging").update(deleted_at=timezone.now())
    commands.ensure_default_environments()
    assert [one.slug for one in visible_to(SYSTEM)] == ["development", "production"]


def test_an_admin_creates_an_environment_and_the_event_says_what(admin):
    made = commands.create_environment(actor=admin, name="Café Test", host="test.localhost")
    assert (made.slug, made.status) == ("cafe-test", "available")
    event = Event.objects.get()
    assert (event.verb, event.actor_name, event.after["host"]) == ("environment.created", "ada", "test.localhost")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Ok", "slug": "Bad Slug"}, "slug"),
        ({"name": "Ok", "slug": "ѕtaging"}, "slug"),  # a Cyrillic s
        ({"name": "Ok", "host": "http://x"}, "host"),
        ({"name": "Ok", "host": "10.0.0.1"}, "host"),
        ({"name": "Ok", "runtime": "rocket"}, "runtime"),
        ({"name": "Ok", "url": "javascript:alert(1)"}, "url"),
        ({"name": "Ok", "position": -1}, "position"),
        ({"name": "Ok", "options": {"memory_mb": "lots"}}, "options.memory_mb"),
        ({"name": "Ok", "options": {"colour": "red"}}, "options"),
        ({"name": "Ok", "runtime": "docker", "options": {"host": "tcp://10.0.0.1"}}, "options"),
        ({"name": "Ok", "runtime": "docker", "options": {"host": "ssh://web1"}}, "options.host"),
        ({"name": "Ok", "runtime": "docker", "options": {"host": "ssh://-oProxyCommand=x@web1"}}, "options.host"),
        ({"name": "Staging 2", "slug": "staging"}, "slug"),
        ({"name": "Ok", "host": "staging.localhost"}, "host"),
    ],
)
def test_bad_input_names_its_field_and_changes_nothing(admin, staging, values, field):
    with pytest.raises(Invalid) as refused:
        commands.create_environment(actor=admin, **{"host": "new.localhost", **values})
    assert refused.value.field == field
    assert Environment.objects.count() == 1
    assert not Event.objects.exists()


def test_a_lock_has_an_owner_a_reason_and_maybe_an_end(manager, staging):
    until = timezone.now() + timedelta(hours=1)
    locked = commands.lock_environment(actor=manager, environment=staging, reason="Stocktaking", until=until)
    assert (locked.status, locked.lock.owner, locked.lock.reason) == ("locked", "max", "Stocktaking")
    assert locked.lock_at(until) is None
    assert commands.unlock_environment(actor=manager, environment=staging).status == "available"


def test_a_lock_needs_a_reason_and_an_end_in_the_future(manager, staging):
    with pytest.raises(Invalid, match="reason"):
        commands.lock_environment(actor=manager, environment=staging, reason="  ")
    with pytest.raises(Invalid, match="past"):
        commands.lock_environment(actor=manager, environment=staging, reason="x", until=timezone.now())


def test_a_deployer_does_not_lock_and_a_manager_does_not_create(deployer, manager, staging):
    with pytest.raises(Blocked):
        commands.lock_environment(actor=deployer, environment=staging, reason="x")
    with pytest.raises(Blocked):
        commands.create_environment(actor=manager, name="New", host="new.localhost")


def test_an_environment_in_use_is_not_deleted_and_its_name_is_free_afterwards(admin, staging, production, hello):
    request_deployment(actor=SYSTEM, application=hello, environment=staging, artifact=make_artifact(hello))
    with pytest.raises(Blocked, match="running or queued"):
        commands.delete_environment(actor=admin, environment=staging)
    commands.delete_environment(actor=admin, environment=production)
    again = commands.create_environment(actor=admin, name="Production", host="production.localhost")
    assert again.slug == "production"


def test_the_runtime_of_an_environment_in_use_stays(admin, staging, hello):
    request_deployment(actor=SYSTEM, application=hello, environment=staging, artifact=make_artifact(hello))
    with pytest.raises(Blocked):
        commands.edit_environment(actor=admin, environment=staging, runtime="process")
    renamed = commands.edit_environment(actor=admin, environment=staging, name="Pre-production")
    assert renamed.name == "Pre-production"
