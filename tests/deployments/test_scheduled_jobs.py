"""Scheduled jobs: each due time is run at most once, never two of one job at a time, and never with rights that are gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.rules import SYSTEM, Blocked, Role
from fairway.accounts.tokens import create_token, revoke_token
from fairway.activity.models import Event
from fairway.applications.commands import save_configuration
from fairway.deployments.commands.jobs import cancel_job
from fairway.deployments.commands.placements import delete_application
from fairway.deployments.commands.scheduled_jobs import MISSED, create_job, delete_job, edit_job, run_due_jobs, run_job_now
from fairway.deployments.models import JobRun, Placement, ScheduledJob
from fairway.deployments.rules import Wanted
from fairway.engine import clock
from fairway.environments.commands import delete_environment, lock_environment
from fairway.environments.freeze_commands import create_freeze
from fairway.shared.names import Invalid
from fairway.workflows import register_all
from tests.conftest import make_artifact, make_person
from tests.web.conftest import live


@pytest.fixture(autouse=True)
def workflows() -> None:
    register_all()


def made(hello, staging, actor=SYSTEM, **more) -> ScheduledJob:
    values = {"name": "Nightly", "command": ["echo", "x"], "schedule": "* * * * *", "zone": "Europe/Paris"}
    return create_job(actor=actor, application=hello, environment=staging, **{**values, **more})


def was_due(job: ScheduledJob, **ago: float) -> datetime:
    """Let its next due time be so long ago."""
    at = (clock.now() - timedelta(**ago)).replace(second=0, microsecond=0)
    ScheduledJob.objects.filter(pk=job.pk).update(next_at=at)
    return at


def end(one: JobRun) -> None:
    cancel_job(actor=SYSTEM, job=one)
    one.refresh_from_db()
    assert not one.is_active


def test_what_is_due_is_run_once_and_has_a_next_time(hello, staging):
    live(hello, staging)
    job = made(hello, staging)
    assert job.next_at is not None
    assert job.next_at > clock.now()
    assert run_due_jobs() == 0
    was_due(job, seconds=70)
    assert run_due_jobs() == 1
    assert run_due_jobs() == 0
    one = JobRun.objects.get()
    assert (one.scheduled_job_id, one.command, one.requested_by, one.status) == (job.pk, ["echo", "x"], "Fairway", "queued")
    assert one.due_at is not None
    job.refresh_from_db()
    assert job.next_at > clock.now()
    assert job.skipped_because == ""
    assert Event.objects.filter(verb="job.requested").get().after["schedule"] == "Nightly"


def test_of_missed_times_only_the_newest_is_run(hello, staging):
    live(hello, staging)
    job = made(hello, staging)
    was_due(job, days=3)
    assert run_due_jobs() == 1
    due = JobRun.objects.get().due_at
    assert clock.now() - due < timedelta(minutes=2)


def test_what_was_missed_for_more_than_an_hour_is_skipped(hello, staging):
    live(hello, staging)
    now = clock.now()
    job = made(hello, staging, schedule=f"{now.minute} {(now.hour - 3) % 24} * * *", zone="UTC")
    was_due(job, hours=3)
    assert run_due_jobs() == 0
    job.refresh_from_db()
    assert "within an hour" in job.skipped_because
    assert job.next_at > now
    event = Event.objects.get(verb="schedule.skipped")
    assert event.comment == job.skipped_because
    assert not JobRun.objects.exists()


def test_two_of_one_job_never_run_at_a_time(hello, staging):
    live(hello, staging)
    job = made(hello, staging)
    was_due(job, minutes=2)
    run_due_jobs()
    first = JobRun.objects.get()
    JobRun.objects.filter(pk=first.pk).update(due_at=clock.now() - timedelta(hours=1))  # that was another due time
    was_due(job, minutes=1)
    assert run_due_jobs() == 0
    job.refresh_from_db()
    assert job.skipped_because == f"Its run {first.pk} has not ended yet."
    with pytest.raises(Blocked, match="has not ended yet"):
        run_job_now(actor=SYSTEM, job=job)
    end(first)
    now = run_job_now(actor=SYSTEM, job=job)
    assert (now.scheduled_job_id, now.due_at) == (job.pk, None)
    end(now)
    was_due(job, seconds=1)
    assert run_due_jobs() == 1
    job.refresh_from_db()
    assert job.skipped_because == "", "it says how its last due time went"


def test_the_same_due_time_is_never_run_twice(hello, staging):
    live(hello, staging)
    job = made(hello, staging)
    at = was_due(job, minutes=0)
    assert run_due_jobs() == 1
    end(JobRun.objects.get())
    ScheduledJob.objects.filter(pk=job.pk).update(next_at=at)  # as another worker would have read it before
    assert run_due_jobs() == 0
    job.refresh_from_db()
    assert job.next_at > clock.now()
    assert JobRun.objects.filter(due_at=JobRun.objects.earliest("pk").due_at).count() == 1


def test_why_it_was_not_run_is_said(hello, staging):
    job = made(hello, staging)
    was_due(job, minutes=1)
    assert run_due_jobs() == 0
    job.refresh_from_db()
    assert job.skipped_because == "Nothing is deployed here yet."
    live(hello, staging)
    lock_environment(actor=SYSTEM, environment=staging, reason="counting")
    was_due(job, minutes=1)
    run_due_jobs()
    job.refresh_from_db()
    assert "is locked by" in job.skipped_because
    assert not JobRun.objects.exists()


def test_it_runs_with_the_present_rights_of_who_saved_it(hello, staging):
    live(hello, staging)
    dora = make_person("dora", Role.DEPLOYER)
    job = made(hello, staging, dora)
    was_due(job, minutes=1)
    assert run_due_jobs() == 1
    one = JobRun.objects.get()
    assert (one.requested_by, one.door) == ("dora", "schedule")
    end(one)
    JobRun.objects.filter(pk=one.pk).update(due_at=clock.now() - timedelta(hours=1))
    RoleGrant.objects.filter(user_id=dora.id).update(role=Role.VIEWER)
    was_due(job, minutes=0)
    assert run_due_jobs() == 0
    job.refresh_from_db()
    assert "needs the role" in job.skipped_because
    edit_job(actor=make_person("ada", Role.ADMIN), job=job, name="Hourly")
    was_due(job, minutes=0)
    ScheduledJob.objects.filter(pk=job.pk).update(next_at=clock.now())
    run_due_jobs()
    assert JobRun.objects.latest("pk").requested_by == "ada"


def test_it_is_changed_paused_and_deleted(hello, staging):
    live(hello, staging)
    job = made(hello, staging)
    job = edit_job(actor=SYSTEM, job=job, schedule="30  2 * * MON", command=["echo", "y"])
    assert (job.schedule, job.command) == ("30 2 * * MON", ["echo", "y"])
    edit_job(actor=SYSTEM, job=job, schedule="30 2 * * MON")
    assert Event.objects.filter(verb="schedule.edited").count() == 1, "nothing was changed the second time"
    job = edit_job(actor=SYSTEM, job=job, is_paused=True)
    assert job.next_at is None
    job = edit_job(actor=SYSTEM, job=job, is_paused=False)
    assert job.next_at is not None
    was_due(job, minutes=1)
    delete_job(actor=SYSTEM, job=job)
    delete_job(actor=SYSTEM, job=job)
    assert Event.objects.filter(verb="schedule.deleted").count() == 1
    assert run_due_jobs() == 0
    with pytest.raises(Invalid, match="was deleted meanwhile"):
        run_job_now(actor=SYSTEM, job=job)
    assert made(hello, staging).pk != job.pk, "its name is free again"


def test_who_may_not_run_commands_may_not_schedule_them(hello, staging):
    job, viewer = made(hello, staging), make_person("vera", Role.VIEWER)
    for act in (
        lambda: made(hello, staging, viewer, name="Mine"),
        lambda: edit_job(actor=viewer, job=job, name="Mine"),
        lambda: delete_job(actor=viewer, job=job),
        lambda: run_job_now(actor=viewer, job=job),
    ):
        with pytest.raises(Blocked, match="needs the role"):
            act()


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"name": " "}, "name", "required|empty|must"),
        ({"name": "Nightly"}, "name", "is taken"),
        ({"command": []}, "command", "is empty"),
        ({"schedule": "61 * * * *"}, "schedule", "must be from 0 to 59"),
        ({"zone": "Mars/Olympus"}, "zone", "is not a time zone"),
    ],
)
def test_bad_input_is_refused_and_named(hello, staging, wrong, field, words):
    made(hello, staging)
    with pytest.raises(Invalid, match=words) as caught:
        made(hello, staging, **{"name": "Other", **wrong})
    assert caught.value.field == field
    assert ScheduledJob.objects.count() == 1


def test_a_secret_in_its_command_is_refused(hello, staging):
    save_configuration(
        actor=SYSTEM, application=hello, environment=staging, variables={}, secrets={"TOKEN": "s3cret-of-ours"}
    )
    live(hello, staging)
    with pytest.raises(Invalid, match="contains the value of a secret"):
        made(hello, staging, command=["login", "--token=s3cret-of-ours"])


def test_times_are_on_the_clock_of_its_zone(hello, staging):
    job = made(hello, staging, schedule="30 2 1 1 *", zone="Asia/Tokyo")
    assert (job.next_at.astimezone(UTC).hour, job.next_at.minute) == (17, 30)


def test_times_that_passed_while_no_worker_ran_are_recorded_and_only_the_newest_is_run(hello, staging):
    live(hello, staging)
    first = was_due(made(hello, staging), minutes=30)
    assert run_due_jobs() == 1
    event = Event.objects.get(verb="schedule.skipped")
    assert (event.comment, event.after["due"]) == (MISSED, first.isoformat())
    assert JobRun.objects.count() == 1
    assert ScheduledJob.objects.get().skipped_because == "", "its newest due time was run"


def test_the_same_reason_is_recorded_once(hello, staging):
    job = made(hello, staging)
    for minutes in (3, 2, 1):
        was_due(job, minutes=minutes)
        run_due_jobs()
    assert Event.objects.filter(verb="schedule.skipped").count() == 1
    live(hello, staging)
    was_due(job, minutes=0)
    assert run_due_jobs() == 1
    end(JobRun.objects.get())
    lock_environment(actor=SYSTEM, environment=staging, reason="counting")
    JobRun.objects.update(due_at=clock.now() - timedelta(hours=1))
    was_due(job, minutes=0)
    run_due_jobs()
    assert Event.objects.filter(verb="schedule.skipped").count() == 2, "this is another reason"


def test_a_stopped_application_runs_nothing_by_itself(hello, staging):
    live(hello, staging)
    job = made(hello, staging)
    Placement.objects.update(wanted=Wanted.STOPPED)
    was_due(job, minutes=1)
    assert run_due_jobs() == 0
    job.refresh_from_db()
    assert job.skipped_because == "The application is stopped."
    assert run_job_now(actor=SYSTEM, job=job).is_active, "a person may"


def test_a_freeze_window_stops_no_scheduled_job(hello, staging):
    live(hello, staging)
    job = made(hello, staging)
    now = clock.now().astimezone(UTC)
    create_freeze(
        actor=SYSTEM, starts=f"{now - timedelta(days=1):%Y-%m-%dT%H:%M}", ends=f"{now + timedelta(days=1):%Y-%m-%dT%H:%M}",
        zone="UTC", name="Sale", reason="No new versions",
    )  # fmt: skip
    was_due(job, minutes=1)
    assert run_due_jobs() == 1, "it brings no new version"


def test_a_new_version_leaves_a_run_with_the_one_it_began_with(hello, staging):
    first = live(hello, staging)
    job = made(hello, staging)
    was_due(job, minutes=1)
    run_due_jobs()
    live(hello, staging, make_artifact(hello, "2.0"))
    run = JobRun.objects.get()
    assert (run.deployment_id, run.is_active) == (first.pk, True)


def test_the_jobs_of_a_deleted_application_or_environment_are_deleted(hello, staging, production):
    made(hello, staging)
    delete_environment(actor=SYSTEM, environment=staging)
    assert list(Event.objects.filter(verb="schedule.deleted").values_list("environment", flat=True)) == ["staging"]
    made(hello, production)
    delete_application(actor=SYSTEM, application=hello, confirmed="hello")
    assert not ScheduledJob.objects.filter(deleted_at=None).exists()
    assert not ScheduledJob.objects.exclude(next_at=None).exists()


def test_one_that_was_created_while_its_application_was_deleted_is_deleted_when_it_is_due(hello, staging):
    live(hello, staging)
    job = made(hello, staging)
    type(hello).objects.update(deleted_at=clock.now())
    was_due(job, minutes=1)
    assert run_due_jobs() == 0
    job.refresh_from_db()
    assert (job.deleted_at is None, job.next_at) == (False, None)


def test_the_jobs_of_people_and_tokens_that_lost_access_are_refused_and_say_so(hello, staging):
    live(hello, staging)
    dora = make_person("dora", Role.DEPLOYER)
    token, _ = create_token(actor=dora, name="ci")
    job = made(hello, staging, replace(dora, authentication=replace(dora.authentication, token=token.pk)))
    revoke_token(actor=dora, token_id=token.pk)
    was_due(job, minutes=1)
    assert run_due_jobs() == 0
    job.refresh_from_db()
    assert "needs the role" in job.skipped_because
    edit_job(actor=dora, job=job, command=["echo", "mine"])
    User.objects.filter(pk=dora.id).update(is_active=False)
    was_due(job, minutes=0)
    assert run_due_jobs() == 0
    assert not JobRun.objects.exists()


def test_pausing_takes_nothing_over_and_resuming_does(hello, staging):
    dora, ada = make_person("dora", Role.DEPLOYER), make_person("ada", Role.ADMIN)
    job = made(hello, staging, dora)
    job = edit_job(actor=ada, job=job, is_paused=True)
    assert (job.saved_by, job.next_at) == ("dora", None)
    job = edit_job(actor=ada, job=job, is_paused=False)
    assert (job.saved_by, job.next_at is None) == ("ada", False)
    verbs = Event.objects.filter(subject_kind="schedule").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["schedule.created", "schedule.paused", "schedule.resumed"]


def test_a_new_name_loses_no_due_time(hello, staging):
    job = made(hello, staging)
    at = was_due(job, minutes=1)
    assert edit_job(actor=SYSTEM, job=job, name="Often").next_at == at
    assert edit_job(actor=SYSTEM, job=job, schedule="@daily").next_at > clock.now()
