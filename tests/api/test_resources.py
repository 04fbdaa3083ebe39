"""Schedules of backups by the API, and deleting after a last backup."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import SYSTEM
from fairway.activity.models import Event
from fairway.applications.models import Application
from fairway.resources import commands, progress
from fairway.resources.models import BackupSchedule, Resource
from tests.api.conftest import Api
from tests.conftest import make_environment
from tests.resources.test_commands import bind

HERE = "/resources/here/main"
SCHEDULE = f"{HERE}/backup-schedule"


@pytest.fixture
def main(db: None) -> Resource:
    place = make_environment("here", runtime="process", position=70)
    return commands.create_resource(actor=SYSTEM, environment=place, kind="postgres", name="main")


def test_the_schedule_is_read_changed_and_switched_off(viewer: Api, deployer: Api, main: Resource) -> None:
    shown = viewer.get(HERE).json()["backup_schedule"]
    assert (shown["is_on"], shown["daily"], shown["weekly"], shown["monthly"]) == (True, 7, 4, 3)
    assert (shown["schedule"], shown["saved_by"]) == (f"{main.pk % 60} 3 * * *", "Fairway")
    given = {"schedule": "30 2 * * MON", "zone": "Europe/Paris", "daily": 0}
    changed = deployer.patch(SCHEDULE, given).json()
    assert {name: changed[name] for name in given} == given
    assert (changed["weekly"], changed["saved_by"]) == (4, "deployer")
    off = deployer.patch(SCHEDULE, {"is_on": False}).json()
    assert (off["is_on"], off["next_at"], off["schedule"]) == (False, None, "30 2 * * MON")


def test_one_without_a_schedule_says_so(viewer: Api, deployer: Api, main: Resource) -> None:
    BackupSchedule.objects.all().delete()
    assert viewer.get(HERE).json()["backup_schedule"] is None
    assert deployer.patch(SCHEDULE, {"is_on": True}).json()["daily"] == 7


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"schedule": "* * * * *"}, "schedule"),
        ({"zone": "Mars"}, "zone"),
        ({"daily": 1000}, "daily"),
        ({"weekly": "four"}, "weekly"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_input_names_its_field(deployer: Api, main: Resource, wrong: dict[str, object], field: str) -> None:
    answer = deployer.patch(SCHEDULE, wrong)
    assert answer.status_code == 422
    assert field in answer.content.decode()
    assert BackupSchedule.objects.get().keep_daily == 7


def test_who_may_not_back_up_changes_nothing(viewer: Api, main: Resource) -> None:
    assert viewer.patch(SCHEDULE, {"is_on": False}).json()["blockers"][0]["code"] == "role"
    assert BackupSchedule.objects.get().is_on


def test_what_is_wrong_with_backups_is_told(viewer: Api, main: Resource, hello: Application) -> None:
    bind(SYSTEM, main, hello)
    assert viewer.get(HERE).json()["troubles"] == []
    (made,) = commands.request_backup(actor=SYSTEM, resource=main)
    progress.backup_failed(backup=made, sentence="The disk is full.")
    (trouble,) = viewer.get(HERE).json()["troubles"]
    assert trouble == {"application": {"slug": "hello", "name": "Hello"}, "late_at": None, "failed": made.pk}


def test_a_last_backup_is_taken_unless_it_is_not_wanted(deployer: Api, main: Resource) -> None:
    progress.data_made(resource=main)
    first = deployer.post(f"{HERE}/deletion", {"confirmed": "main"})
    assert (first.status_code, first.json()["wanted"]) == (202, "running")
    assert first.json()["deletion_asked_at"] is not None
    second = deployer.post(f"{HERE}/deletion", {"confirmed": "main", "last_backup": False})
    assert (second.json()["wanted"], second.json()["deletion_asked_at"]) == ("removed", None)
    asked = Event.objects.filter(verb="resource.delete_requested").order_by("pk").values_list("after", flat=True)
    assert list(asked) == [{"last_backup": True}, {"last_backup": False}]
