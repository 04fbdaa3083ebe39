"""The pages of scheduled jobs: the list on the Commands tab, the form that says what a cron line means, and the acts."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from fairway.accounts.rules import SYSTEM, Act, Role, role_blocker
from fairway.activity.models import Event
from fairway.applications.models import Application
from fairway.deployments.commands.jobs import append_job_log, job_ended, job_exited, job_started
from fairway.deployments.commands.scheduled_jobs import create_job, edit_job, run_due_jobs, run_job_now
from fairway.deployments.models import JobRun, ScheduledJob
from fairway.deployments.rules import Status
from fairway.environments.models import Environment
from fairway.workflows import register_all
from tests.conftest import make_person
from tests.web.conftest import Browser, live

TAB = "/applications/hello/commands?environment=staging"
NEW = "/applications/hello/in/staging/schedules/new"
GIVEN = {"name": "Report", "command": "python report.py --all", "schedule": "30 2 * * MON-FRI", "zone": "Europe/Paris"}


@pytest.fixture(autouse=True)
def workflows() -> None:
    register_all()


@pytest.fixture
def deployer(db: None, browse: Browser) -> Client:
    return browse(make_person("dora", Role.DEPLOYER))


@pytest.fixture
def looker(db: None, browse: Browser) -> Client:
    return browse(make_person("vera", Role.VIEWER))


@pytest.fixture
def job(hello: Application, staging: Environment) -> ScheduledJob:
    live(hello, staging)
    return create_job(
        actor=SYSTEM, application=hello, environment=staging, name="Report", command=["echo", "x"], schedule="@daily"
    )


def text_of(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return unescape(answer.content.decode())


def ended(run: JobRun, code: int) -> None:
    job_started(run)
    append_job_log(job_id=run.pk, lines=[(1, 1.0, "run", "stdout", "hello from it")])
    job_exited(job=run, code=code)
    run.refresh_from_db()
    job_ended(run, Status.FAILED if code else Status.SUCCEEDED, f"It ended with code {code}." if code else "")


def test_a_command_is_scheduled_and_listed_in_words(deployer, looker, hello, staging):
    live(hello, staging)
    assert NEW in text_of(deployer, TAB)
    assert "Schedule a command of Hello in Staging" in text_of(deployer, NEW)
    answer = deployer.post(NEW, GIVEN)
    assert (answer.status_code, answer["Location"]) == (302, TAB)
    job = ScheduledJob.objects.get()
    assert (job.command, job.zone, job.saved_by) == (["python", "report.py", "--all"], "Europe/Paris", "dora")
    for client in (deployer, looker):
        page = text_of(client, TAB)
        assert "From Monday to Friday at 02:30" in page
        assert "Europe/Paris" in page
    assert f"/schedules/{job.pk}" not in page, "who only looks is offered nothing"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"schedule": "61 * * * *"}, "The minute “61” must be from 0 to 59."),
        ({"schedule": "nightly"}, "Needs five fields, and has 1"),
        ({"schedule": ""}, "required"),
        ({"command": "a | b"}, "Uses “|”"),
        ({"name": ""}, "required"),
        ({"zone": "Mars/Olympus"}, "Mars/Olympus"),
    ],
)
def test_a_wrong_field_is_told_beside_it_and_what_was_typed_is_kept(deployer, hello, staging, wrong, words):
    answer = deployer.post(NEW, {**GIVEN, **wrong})
    page = unescape(answer.content.decode())
    assert answer.status_code == 422
    assert words in page
    (field,) = wrong
    assert f'aria-describedby="id_{field}' in page or f'id="id_{field}' in page
    assert 'value="Report"' in page or field == "name"
    assert not ScheduledJob.objects.exists()


def test_the_form_says_what_a_line_means_and_when_it_comes(deployer, looker):
    answer = deployer.post("/schedules/preview", {"schedule": "0 3 * * SUN", "zone": "Asia/Tokyo"})
    page = answer.content.decode()
    assert "Every Sunday at 03:00" in page
    assert page.count("UTC+09:00") == 5
    assert page.count("for you") == 5, "the reader's zone is another one"
    wrong = deployer.post("/schedules/preview", {"schedule": "0 25 * * *", "zone": "UTC"}).content.decode()
    assert "The hour “25” must be from 0 to 23." in unescape(wrong)
    assert "not a time zone" in deployer.post("/schedules/preview", {"schedule": "@daily", "zone": ""}).content.decode()
    assert "Enter a schedule" in deployer.post("/schedules/preview", {"schedule": "", "zone": "UTC"}).content.decode()
    french = deployer.post(
        "/schedules/preview", {"schedule": "0 25 * * *", "zone": "UTC"}, headers={"Accept-Language": "fr"}
    )
    assert "L’heure « 25 » doit être" in unescape(french.content.decode()).replace("\N{NO-BREAK SPACE}", " ")
    assert looker.post("/schedules/preview", {"schedule": "@daily", "zone": "UTC"}).status_code == 403


def test_one_is_changed_paused_resumed_run_and_deleted(deployer, job):
    here = f"/schedules/{job.pk}"
    assert "Every day at 00:00" in text_of(deployer, here)
    assert deployer.post(here, {**GIVEN, "schedule": "@hourly"})["Location"] == TAB
    assert "Every hour" in text_of(deployer, TAB)
    deployer.post(f"{here}/pause")
    assert "Paused" in text_of(deployer, TAB)
    deployer.post(f"{here}/resume")
    job.refresh_from_db()
    assert (job.is_paused, job.saved_by, job.next_at is None) == (False, "dora", False)
    run = deployer.post(f"{here}/run")
    assert run["Location"] == f"/commands/{JobRun.objects.get().pk}"
    assert "Report" in text_of(deployer, run["Location"])
    assert "has not ended yet" in text_of(deployer, TAB), "why it cannot run twice stands beside the button"
    deployer.post(f"{here}/run")
    assert JobRun.objects.count() == 1
    deployer.post(f"{here}/deletion", {"confirm": "report"})
    assert not ScheduledJob.objects.exclude(deleted_at=None).exists()
    deployer.post(f"{here}/deletion", {"confirm": "Report"})
    assert ScheduledJob.objects.exclude(deleted_at=None).exists()
    text_of(deployer, here, 404)


def test_who_only_looks_can_do_nothing(looker, job):
    for path in ("", "/run", "/pause", "/resume", "/deletion"):
        assert looker.post(f"/schedules/{job.pk}{path}", {**GIVEN, "confirm": "Report"}).status_code == 403
    job.refresh_from_db()
    assert (job.name, job.is_paused, job.deleted_at) == ("Report", False, None)


def test_who_may_elsewhere_reads_why_not_here(browse, job, production):
    page = text_of(browse(_deployer_of(production)), f"/schedules/{job.pk}")
    assert "needs the role" in page
    assert 'name="schedule"' not in page
    assert "echo x" in page


def _deployer_of(environment: Environment):
    from fairway.accounts.models import RoleGrant

    eve = make_person("eve", Role.DEPLOYER, environment=environment)
    RoleGrant.objects.create(user_id=eve.id, role=Role.VIEWER)
    return eve


def test_two_people_who_edit_one_lose_nothing(deployer, job):
    seen = Event.objects.latest("pk").pk
    edit_job(actor=SYSTEM, job=job, schedule="@weekly")
    answer = deployer.post(f"/schedules/{job.pk}", {**GIVEN, "as_of": str(seen)})
    assert answer.status_code == 422
    assert "changed this on" in answer.content.decode()
    job.refresh_from_db()
    assert job.schedule == "@weekly"


def test_the_last_run_and_why_one_was_skipped_are_listed(deployer, job):
    run = run_job_now(actor=SYSTEM, job=job)
    ended(run, 3)
    page = text_of(deployer, TAB)
    assert f"/commands/{run.pk}" in page.split('id="command-history"')[0]
    ScheduledJob.objects.update(skipped_at=timezone.now(), skipped_because="The application is stopped.")
    assert "The application is stopped." in text_of(deployer, TAB)
    french = deployer.get(TAB, headers={"Accept-Language": "fr"}).content.decode()
    assert "L’application est arrêtée." in unescape(french)


def test_the_home_page_names_jobs_that_failed_or_were_skipped(deployer, looker, job):
    title = "Report "
    assert title not in text_of(deployer, "/")
    run = run_job_now(actor=SYSTEM, job=job)
    ended(run, 3)
    page = text_of(deployer, "/")
    assert "Report failed" in page
    assert "Hello in Staging: It ended with code 3." in page
    assert title not in text_of(looker, "/"), "who can do nothing about it is left alone"
    ended(run_job_now(actor=SYSTEM, job=job), 0)
    assert title not in text_of(deployer, "/"), "it went well since"
    ScheduledJob.objects.update(skipped_at=timezone.now(), skipped_because="Its run 4 has not ended yet.")
    assert "Report was skipped" in text_of(deployer, "/")
    edit_job(actor=SYSTEM, job=job, is_paused=True)
    assert title not in text_of(deployer, "/")


def test_every_reason_for_skipping_is_said_in_french(hello, staging):
    from django.utils import translation

    from fairway.deployments.commands import scheduled_jobs
    from fairway.web.failure_words import in_words

    job = create_job(
        actor=SYSTEM, application=hello, environment=staging, name="Often", command=["echo", "x"], schedule="* * * * *"
    )
    ScheduledJob.objects.update(next_at=timezone.now())
    run_due_jobs()
    job.refresh_from_db()
    reasons = [scheduled_jobs.MISSED, scheduled_jobs.TOO_LATE, scheduled_jobs.STOPPED, job.skipped_because]
    reasons += [scheduled_jobs.still_runs(JobRun(pk=7)).sentence, role_blocker(Act.RUN_COMMAND).sentence]
    reasons.append("command: contains the value of a secret; write ${NAME} with its name instead.")
    with translation.override("fr"):
        assert [one for one in reasons if in_words(one) == one] == []


def test_the_number_of_queries_does_not_grow_with_the_jobs(deployer, job, django_assert_max_num_queries, hello, staging):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            text_of(deployer, TAB)
        return len(caught)

    queries()
    few = queries()
    for number in range(5):
        create_job(actor=SYSTEM, application=hello, environment=staging, name=f"n{number}", command=["x"], schedule="@daily")
    assert queries() == few
