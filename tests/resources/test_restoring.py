"""Restoring into another resource or a new one, and cloning: what is asked for, by whom, and what is refused."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Blocked
from fairway.activity.models import Event
from fairway.engine.models import Run
from fairway.resources import commands, progress, restoring
from fairway.resources.models import Resource
from fairway.shared.names import Invalid
from tests.conftest import make_environment
from tests.resources.test_commands import bind


@pytest.fixture
def production(db):
    return make_environment("production", runtime="process", position=50)


@pytest.fixture
def staging_place(db):
    return make_environment("staging", runtime="process")


@pytest.fixture
def main(deployer, production, hello):
    made = commands.create_resource(actor=deployer, environment=production, kind="postgres", name="main")
    bind(deployer, made, hello)
    return made


@pytest.fixture
def there(deployer, staging_place):
    return commands.create_resource(actor=deployer, environment=staging_place, kind="postgres", name="main")


def backed_up(deployer, main):
    (made,) = commands.request_backup(actor=deployer, resource=main)
    progress.backup_verified(backup=made, content=progress.Content({}))
    return made


def restores():
    return [(run.key, run.payload) for run in Run.objects.filter(kind="resource-restore").order_by("pk")]


def test_a_clone_restores_the_newest_verified_backup_and_is_an_event_of_its_own(admin, deployer, main, there, hello):
    backed_up(deployer, main)
    newest = backed_up(deployer, main)
    (failed,) = commands.request_backup(actor=deployer, resource=main)
    progress.backup_failed(backup=failed, sentence="No space.")
    restoring.request_clone(actor=admin, application=hello, source=main, into=there, confirmed="main")
    assert restores() == [(f"resource:{there.pk}:copies", {"backup": newest.pk, "into": there.pk})]
    event = Event.objects.get(verb="backup.clone_requested")
    assert (event.subject_id, event.after) == (str(newest.pk), {"into": "main", "environment": "staging"})
    assert not Event.objects.filter(verb="backup.restore_requested").exists()


def test_without_a_verified_backup_nothing_is_cloned(admin, main, there, hello):
    with pytest.raises(Blocked, match="no verified backup of Hello in main"):
        restoring.request_clone(actor=admin, application=hello, source=main, into=there, confirmed="main")
    assert restores() == []


def test_a_clone_is_confirmed_by_name_and_leaves_its_environment_only_with_an_administrator(
    admin, deployer, main, there, hello
):
    backed_up(deployer, main)
    with pytest.raises(Invalid, match="exactly"):
        restoring.request_clone(actor=admin, application=hello, source=main, into=there, confirmed="other")
    with pytest.raises(Blocked, match="Admin"):
        restoring.request_clone(actor=deployer, application=hello, source=main, into=there, confirmed="main")
    assert restores() == []


def test_within_its_environment_a_deployer_restores_into_a_new_resource(deployer, production, main):
    backup = backed_up(deployer, main)
    made = restoring.restore_into_new(actor=deployer, backup=backup, environment=production, name="second")
    assert (made.environment, made.kind, made.state) == (production, "postgres", "preparing")
    assert restores() == [(f"resource:{made.pk}:copies", {"backup": backup.pk, "into": made.pk})]
    assert Run.objects.filter(kind="resource", key=f"resource:{made.pk}").count() == 1


def test_what_may_not_be_restored_makes_no_resource(deployer, staging_place, production, main, hello):
    backup = backed_up(deployer, main)
    with pytest.raises(Blocked, match="Admin"):
        restoring.restore_into_new(actor=deployer, backup=backup, environment=staging_place, name="second")
    with pytest.raises(Invalid, match="exists already"):
        restoring.restore_into_new(actor=deployer, backup=backup, environment=production, name="main")
    (bad,) = commands.request_backup(actor=deployer, resource=main)
    with pytest.raises(Blocked, match="never restored"):
        restoring.restore_into_new(actor=deployer, backup=bad, environment=production, name="second")
    backup.version = "19.1"
    with pytest.raises(Blocked, match=r"19\.1"):
        restoring.restore_into_new(actor=deployer, backup=backup, environment=production, name="second")
    assert Resource.objects.count() == 1
    assert restores() == []


def test_a_backup_of_another_engine_is_not_restored(deployer, production, main):
    backup = backed_up(deployer, main)
    cache = commands.create_resource(actor=deployer, environment=production, kind="redis", name="cache")
    with pytest.raises(Blocked) as refused:
        restoring.request_restore(actor=deployer, backup=backup, into=cache, confirmed="cache")
    assert refused.value.blockers[0].code == "version"
    assert restores() == []
