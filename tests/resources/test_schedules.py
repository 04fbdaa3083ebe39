"""Backups by themselves: each due time is taken once, what is not kept is removed, what is late is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fairway.accounts.rules import SYSTEM, Blocked, NotVisible, Role
from fairway.activity.changes import Changed
from fairway.activity.models import Event
from fairway.activity.queries import latest_number
from fairway.applications.commands import create_application
from fairway.engine import clock
from fairway.engine.models import Run
from fairway.insights.waiting import waiting_for
from fairway.resources import commands, deleting, progress, queries, restoring
from fairway.resources.models import Backup, BackupSchedule, Resource
from fairway.resources.rules import BackupState
from fairway.resources.schedules import (
    delete_removed_files,
    offered,
    remove_outdated,
    save_schedule,
    schedule_of,
    take_due_backups,
)
from fairway.resources.servers import backup_place
from fairway.shared.names import Invalid
from fairway.workflows import register_all
from tests.conftest import make_environment, make_person
from tests.resources.test_commands import bind


def make_application(slug):
    source = {"image": f"registry.test/{slug}:1"}
    return create_application(actor=SYSTEM, name=slug.title(), source_kind="image", source=source)


@pytest.fixture(autouse=True)
def workflows():
    register_all()


@pytest.fixture
def place(db):
    return make_environment("staging", runtime="process")


@pytest.fixture
def main(deployer, place):
    return commands.create_resource(actor=deployer, environment=place, kind="postgres", name="main")


def was_due(resource, **ago):
    """Let its next due time be so long ago."""
    at = (clock.now() - timedelta(**ago)).replace(microsecond=0)
    BackupSchedule.objects.filter(resource=resource).update(next_at=at, since=at - timedelta(hours=1))
    return at


def verify(backup):
    progress.backup_verified(backup=backup, content=progress.Content({}))
    return Backup.objects.get(pk=backup.pk)


def test_a_new_resource_is_backed_up_every_night(main):
    row = schedule_of(main)
    assert (row.is_on, row.keep_daily, row.keep_weekly, row.keep_monthly) == (True, 7, 4, 3)
    assert row.schedule == f"{main.pk % 60} 3 * * *"
    assert clock.now() < row.next_at <= clock.now() + timedelta(days=1, hours=2)


def test_one_from_before_has_none_and_is_offered_one(deployer, place, main):
    BackupSchedule.objects.all().delete()
    main = queries.get_resource(deployer, "staging", "main")
    assert schedule_of(main) is None
    assert (offered(main).is_on, offered(main).schedule) == (False, f"{main.pk % 60} 3 * * *")
    saved = save_schedule(actor=deployer, resource=main, is_on=True)
    assert (saved.is_on, saved.schedule, saved.keep_daily, saved.saved_by) == (
        True,
        offered(main).schedule,
        7,
        deployer.name,
    )
    assert Event.objects.filter(verb="resource.schedule_saved").count() == 1


def test_what_is_saved_is_an_event_with_what_it_was_before(deployer, main):
    save_schedule(actor=deployer, resource=main, schedule="30  2 * * MON-FRI", zone="Europe/Paris", daily=2)
    row = BackupSchedule.objects.get()
    assert (row.schedule, row.zone, row.keep_daily, row.keep_weekly) == ("30 2 * * MON-FRI", "Europe/Paris", 2, 4)
    event = Event.objects.get(verb="resource.schedule_saved")
    assert (event.before["daily"], event.after["daily"]) == (7, 2)
    save_schedule(actor=deployer, resource=main, daily=2)
    assert Event.objects.filter(verb="resource.schedule_saved").count() == 1, "nothing was changed"


def test_switched_off_it_has_no_next_time_and_switched_on_again_it_begins_anew(deployer, main):
    first = BackupSchedule.objects.get().since
    save_schedule(actor=deployer, resource=main, is_on=False)
    assert BackupSchedule.objects.get().next_at is None
    save_schedule(actor=deployer, resource=main, is_on=True)
    row = BackupSchedule.objects.get()
    assert row.next_at > clock.now()
    assert row.since > first


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"schedule": "every night"}, "schedule"),
        ({"schedule": "* * * * *"}, "schedule"),
        ({"zone": "Europe/Nowhere"}, "zone"),
        ({"daily": -1}, "daily"),
        ({"daily": 0, "weekly": 0, "monthly": 0}, "daily"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_input_names_its_field_and_changes_nothing(deployer, main, values, field):
    before = BackupSchedule.objects.values().get()
    with pytest.raises(Invalid) as refused:
        save_schedule(actor=deployer, resource=main, **values)
    assert refused.value.field == field
    assert BackupSchedule.objects.values().get() == before


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RELEASE_MANAGER])
def test_who_may_not_back_up_changes_no_schedule(main, role):
    with pytest.raises(Blocked) as refused:
        save_schedule(actor=make_person("somebody", role), resource=main, daily=1)
    assert refused.value.blockers[0].code == "role"


def test_a_change_that_was_not_seen_is_not_overwritten(deployer, main):
    seen = latest_number()
    save_schedule(actor=deployer, resource=main, daily=3)
    with pytest.raises(Changed):
        save_schedule(actor=deployer, resource=main, as_of=seen, daily=5)
    assert BackupSchedule.objects.get().keep_daily == 3


def test_what_is_due_is_taken_once_by_nobodys_rights(deployer, main, hello):
    bound = bind(deployer, main, hello)
    assert take_due_backups() == 0
    was_due(main, minutes=1)
    assert take_due_backups() == 1
    assert take_due_backups() == 0
    one = Backup.objects.get()
    assert (one.purpose, one.database, one.requested_by, one.state) == ("scheduled", bound.database, "Fairway", "taking")
    event = Event.objects.get(verb="backup.requested")
    assert (event.door, event.actor_name, event.after["purpose"]) == ("schedule", "Fairway", "scheduled")
    assert Run.objects.filter(kind="resource-backup", payload__backup=one.pk).count() == 1
    assert BackupSchedule.objects.get().next_at > clock.now()


def test_it_goes_on_when_whoever_saved_it_has_left(deployer, main, hello):
    from fairway.accounts.models import RoleGrant, User

    bind(deployer, main, hello)
    RoleGrant.objects.filter(user_id=deployer.id).delete()
    User.objects.filter(pk=deployer.id).update(is_active=False)
    was_due(main, minutes=1)
    assert take_due_backups() == 1


def test_of_missed_times_one_backup_is_taken_however_long_ago(deployer, main, hello):
    bind(deployer, main, hello)
    at = was_due(main, days=10)
    assert take_due_backups() == 1
    assert Backup.objects.get().due_at >= at
    assert take_due_backups() == 0


def test_with_the_clock_set_back_a_due_time_is_not_taken_again(deployer, main, hello):
    bind(deployer, main, hello)
    save_schedule(actor=deployer, resource=main, schedule="0 0 1 1 *")
    at = was_due(main, minutes=3)
    assert take_due_backups() == 1
    verify(Backup.objects.get())
    BackupSchedule.objects.update(next_at=at)
    assert take_due_backups() == 0


def test_one_that_is_still_being_taken_is_not_followed_by_another(deployer, main, hello):
    bind(deployer, main, hello)
    was_due(main, hours=30)
    assert take_due_backups() == 1
    was_due(main, minutes=1)
    assert take_due_backups() == 0
    verify(Backup.objects.get())
    was_due(main, seconds=30)
    assert take_due_backups() == 1


def test_where_the_server_is_stopped_it_is_taken_once_it_runs_again(deployer, main, hello):
    bind(deployer, main, hello)
    commands.request_stop(actor=deployer, resource=main)
    was_due(main, hours=30)
    assert take_due_backups() == 0
    assert queries.troubled_backups(deployer) == [], "its data does not change"
    commands.request_start(actor=deployer, resource=main)
    assert take_due_backups() == 1


def test_where_nothing_is_bound_or_it_is_off_nothing_is_taken(deployer, main, hello):
    was_due(main, minutes=1)
    assert take_due_backups() == 0
    assert BackupSchedule.objects.get().next_at > clock.now()
    bind(deployer, main, hello)
    save_schedule(actor=deployer, resource=main, is_on=False)
    assert take_due_backups() == 0
    assert not Backup.objects.exists()


# -- what is kept


def scheduled(bound, days_ago, state=BackupState.VERIFIED, **more):
    """A backup of that day, with a file."""
    at = datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
    one = Backup.objects.create(
        resource=bound.resource, application=bound.application, database=bound.database, version="18.6", state=state,
        purpose=more.pop("purpose", "scheduled"), due_at=at, created_at=at, requested_by="Fairway", **more,
    )  # fmt: skip
    one.file = f"{one.pk}.sealed"
    one.save()
    backup_place(one.file).write_bytes(b"sealed")
    return one


def states():
    return dict(Backup.objects.values_list("pk", "state"))


def test_what_is_not_kept_is_removed_with_its_file_and_is_an_event(deployer, main, hello):
    bound = bind(deployer, main, hello)
    save_schedule(actor=deployer, resource=main, daily=2, weekly=0, monthly=0)
    old, middle, new = (scheduled(bound, ago) for ago in (3, 2, 1))
    assert remove_outdated(backup=new) == 1
    assert states() == {old.pk: "removed", middle.pk: "verified", new.pk: "verified"}
    assert backup_place(old.file).exists(), "the file goes after the transaction"
    assert delete_removed_files() == 1
    assert not backup_place(old.file).exists()
    assert backup_place(middle.file).exists()
    assert Backup.objects.get(pk=old.pk).file == ""
    event = Event.objects.get(verb="backup.removed")
    assert (event.subject_id, event.door, event.application) == (str(old.pk), "schedule", "hello")
    assert [one.pk for one in queries.backups_of(deployer, main)] == [new.pk, middle.pk]
    with pytest.raises(NotVisible):
        queries.get_backup(deployer, old.pk)
    assert remove_outdated(backup=new) == delete_removed_files() == 0


def test_what_somebody_asked_for_and_last_ones_stay(deployer, main, hello):
    bound = bind(deployer, main, hello)
    save_schedule(actor=deployer, resource=main, daily=1, weekly=0, monthly=0)
    asked, last = scheduled(bound, 9, purpose="asked"), scheduled(bound, 8, purpose="last")
    old, new = scheduled(bound, 7), scheduled(bound, 6)
    assert remove_outdated(backup=new) == 1
    assert [pk for pk, state in states().items() if state == "removed"] == [old.pk]
    assert {asked.pk, last.pk} <= states().keys()


def test_another_application_keeps_its_own(deployer, main, hello):
    other = bind(deployer, main, make_application("other"))
    bound = bind(deployer, main, hello)
    save_schedule(actor=deployer, resource=main, daily=1, weekly=0, monthly=0)
    theirs = scheduled(other, 5)
    new = scheduled(bound, 1)
    assert remove_outdated(backup=new) == 0
    assert states()[theirs.pk] == "verified"


def test_what_is_being_restored_is_not_removed_and_what_is_removed_is_not_restored(deployer, main, hello):
    bound = bind(deployer, main, hello)
    save_schedule(actor=deployer, resource=main, daily=1, weekly=0, monthly=0)
    old, new = scheduled(bound, 3), scheduled(bound, 1)
    restoring.request_restore(actor=deployer, backup=old, into=main, confirmed="main")
    assert remove_outdated(backup=new) == 0
    Run.objects.filter(kind="resource-restore").delete()
    assert remove_outdated(backup=new) == 1
    with pytest.raises(NotVisible):
        restoring.request_restore(actor=deployer, backup=old, into=main, confirmed="main")


def test_switched_off_nothing_is_removed(deployer, main, hello):
    bound = bind(deployer, main, hello)
    save_schedule(actor=deployer, resource=main, daily=1, weekly=0, monthly=0, is_on=False)
    scheduled(bound, 3)
    assert remove_outdated(backup=scheduled(bound, 1)) == 0


# -- late and failed ones


def test_late_is_said_where_people_look_and_a_good_one_ends_it(deployer, main, hello):
    bind(deployer, main, hello)
    Resource.objects.filter(pk=main.pk).update(state="running")
    main.bindings.update(created_at=clock.now() - timedelta(days=9))
    assert queries.troubled_backups(deployer) == []
    BackupSchedule.objects.update(since=clock.now() - timedelta(days=2))
    (trouble,) = queries.troubled_backups(deployer)
    assert (trouble.binding.application.slug, trouble.failed) == ("hello", None)
    assert trouble.late_at < clock.now() - timedelta(hours=2)
    assert [one.kind for one in waiting_for(deployer)] == ["backup"]
    (made,) = commands.request_backup(actor=deployer, resource=main)
    assert len(queries.troubled_backups(deployer)) == 1, "it does not count yet"
    verify(made)
    assert queries.troubled_backups(deployer) == []
    assert waiting_for(deployer) == []


def test_a_failed_one_is_said_until_a_newer_one_is_good(deployer, main, hello):
    bind(deployer, main, hello)
    (made,) = commands.request_backup(actor=deployer, resource=main)
    progress.backup_failed(backup=made, sentence="The disk is full.")
    (trouble,) = queries.troubled_backups(deployer)
    assert (trouble.failed, trouble.sentence, trouble.late_at) == (made.pk, "The disk is full.", None)
    (again,) = commands.request_backup(actor=deployer, resource=main)
    assert queries.troubled_backups(deployer) != []
    verify(again)
    assert queries.troubled_backups(deployer) == []


def test_only_who_may_see_the_application_and_back_up_is_told(deployer, place, main, hello):
    bind(deployer, main, hello)
    (made,) = commands.request_backup(actor=deployer, resource=main)
    progress.backup_failed(backup=made, sentence="The disk is full.")
    viewer = make_person("looker", Role.VIEWER)
    assert len(queries.troubled_backups(viewer)) == 1
    assert waiting_for(viewer) == []
    other = make_environment("other", runtime="process", position=50)
    elsewhere = make_person("elsewhere", Role.DEPLOYER, environment=other)
    assert queries.troubled_backups(elsewhere) == []
    assert waiting_for(elsewhere) == []


def test_troubles_cost_the_same_however_many_there_are(deployer, main, hello, django_assert_max_num_queries):
    for one in (hello, *(make_application(f"app{number}") for number in range(3))):
        bind(deployer, main, one)
    for made in commands.request_backup(actor=deployer, resource=main):
        progress.backup_failed(backup=made, sentence="The disk is full.")
    with django_assert_max_num_queries(1):
        assert len(queries.troubled_backups(deployer)) == 4


# -- a last backup before it is deleted


@pytest.fixture
def used(deployer, main, hello):
    """A resource that runs, with the database of an application that is bound no more."""
    bound = bind(deployer, main, hello)
    progress.data_made(resource=main)
    progress.unbound(binding=bound)
    return queries.get_resource(deployer, "staging", "main")


def ask_to_delete(deployer, used, databases):
    deleting.request_deletion(actor=deployer, resource=used, confirmed="main")
    run = Run.objects.get(kind="resource-last-backups")
    assert run.payload == {"resource": used.pk}
    deleting.last_backups_begun(resource=used, databases=databases)
    return list(Backup.objects.filter(purpose="last").order_by("pk"))


def test_once_all_last_backups_are_verified_it_is_deleted(deployer, hello, used):
    other = make_application("other")
    first, second = ask_to_delete(deployer, used, [f"hello_{hello.pk}", f"other_{other.pk}", "strange"])
    assert {first.application, second.application} == {hello, other}
    deleting.last_backup_settled(backup=verify(first))
    assert Resource.objects.get().wanted == "running"
    deleting.last_backup_settled(backup=verify(second))
    row = Resource.objects.get()
    assert (row.wanted, row.state, row.deletion_asked_at) == ("removed", "removing", None)
    assert Event.objects.get(verb="resource.delete_requested").after == {"last_backup": True}


def test_if_a_last_backup_fails_nothing_is_deleted_and_it_says_why(deployer, hello, used):
    (one,) = ask_to_delete(deployer, used, [f"hello_{hello.pk}"])
    progress.backup_failed(backup=one, sentence="The disk is full.")
    deleting.last_backup_settled(backup=one)
    row = Resource.objects.get()
    assert (row.wanted, row.deletion_asked_at, row.kept_because) == ("running", None, "The disk is full.")
    assert Event.objects.get(verb="resource.deletion_called_off").comment == "The disk is full."
    again = deleting.request_deletion(actor=deployer, resource=row, confirmed="main", last_backup=False)
    assert (again.wanted, again.kept_because) == ("removed", "")


def test_a_step_that_runs_twice_takes_one_last_backup(deployer, hello, used):
    ask_to_delete(deployer, used, [f"hello_{hello.pk}"])
    deleting.last_backups_begun(resource=used, databases=[f"hello_{hello.pk}"])
    assert Backup.objects.filter(purpose="last").count() == 1


def test_without_databases_it_is_deleted_at_once(deployer, used):
    assert ask_to_delete(deployer, used, []) == []
    assert Resource.objects.get().wanted == "removed"


def test_one_that_never_had_data_is_deleted_at_once(deployer, main):
    row = deleting.request_deletion(actor=deployer, resource=main, confirmed="main")
    assert (row.wanted, row.deletion_asked_at) == ("removed", None)


def test_stopped_it_is_not_deleted_with_a_last_backup_but_without(deployer, used):
    commands.request_stop(actor=deployer, resource=used)
    with pytest.raises(Blocked, match="It is stopped, so no last backup"):
        deleting.request_deletion(actor=deployer, resource=used, confirmed="main")
    row = deleting.request_deletion(actor=deployer, resource=used, confirmed="main", last_backup=False)
    assert row.wanted == "removed"


def test_meanwhile_nothing_else_is_done_with_it(deployer, hello, used):
    was_due(used, minutes=1)
    ask_to_delete(deployer, used, [f"hello_{hello.pk}"])
    for ask in (
        lambda: commands.request_stop(actor=deployer, resource=used),
        lambda: commands.request_binding(actor=deployer, resource=used, application=hello),
        lambda: deleting.request_deletion(actor=deployer, resource=used, confirmed="main"),
        lambda: save_schedule(actor=deployer, resource=used, daily=1),
    ):
        with pytest.raises(Blocked, match="a last backup is being taken"):
            ask()
    assert take_due_backups() == 0
    row = deleting.request_deletion(actor=deployer, resource=used, confirmed="main", last_backup=False)
    assert row.wanted == "removed"
