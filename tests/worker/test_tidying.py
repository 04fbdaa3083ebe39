"""What piles up beside artifacts goes when nobody needs it, and says honestly that it went."""

from __future__ import annotations

import os
import time
from datetime import timedelta

import pytest
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.utils import timezone

from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.activity.models import Event
from fairway.applications.files import upload_file
from fairway.applications.models import Inspection, Upload
from fairway.deployments.commands.jobs import append_job_log
from fairway.deployments.commands.progress import append_log, removed
from fairway.deployments.models import Deployment, JobRun, LogChunk, Placement
from fairway.deployments.queries import job_log_lines, steps_of
from fairway.deployments.rules import Status
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.drivers.runtimes.contract import NullProgress
from fairway.engine.commands import enqueue
from fairway.engine.models import Run, RunStep, Worker
from fairway.insights.storage import COLLECTED, last_collections, stored_usage
from fairway.worker import cleaning, tidying
from fairway.workflows.outside import proxy, work_folder
from fairway.workflows.specs import instance_spec
from tests.conftest import make_environment

DAY = timedelta(days=1)


def _ended(deployment: Deployment, *, days: float, text: str = "a line", status: Status | None = None) -> Deployment:
    """With a log of one line and a run, over for so many days."""
    at = timezone.now() - timedelta(days=days)
    run = enqueue(kind="deploy", key=deployment.key, payload={"deployment": deployment.pk})
    Run.objects.filter(pk=run.pk).update(status="succeeded", finished_at=at)
    RunStep.objects.create(run=run, step="prepare", attempt=1, status="succeeded", started_at=at, owner="w", fence=1)
    append_log(deployment_id=deployment.pk, lines=[(1, time.time(), "prepare", "stdout", text)])
    values = {"run": run, "finished_at": at, "step": "retire"} | ({"status": status} if status else {})
    Deployment.objects.filter(pk=deployment.pk).update(**values)
    deployment.refresh_from_db()
    return deployment


def _have_logs():
    return set(LogChunk.objects.values_list("deployment", flat=True))


def test_old_logs_go_with_their_runs_and_the_row_says_when(deployed, settings):
    settings.LOG_DAYS = 30
    old = _ended(deployed(status=Status.FAILED), days=31, text="né")
    young = _ended(deployed(status=Status.FAILED), days=29)
    assert tidying.tidy_logs() == {"logs": 1, "log_bytes": 3}
    assert _have_logs() == {young.pk}
    old.refresh_from_db()
    assert old.log_collected_at is not None
    assert (old.run, old.log_lines, old.status) == (None, 1, "failed")
    assert not RunStep.objects.exclude(run=young.run).exists()
    assert tidying.tidy_logs() == {"logs": 0, "log_bytes": 0}


def test_what_old_jobs_printed_goes_and_their_rows_stay(deployed, settings):
    settings.LOG_DAYS = 30
    current = deployed()
    old, young = (_job_of(current, days=days) for days in (31, 29))
    assert tidying.tidy_logs() == {"logs": 1, "log_bytes": 5}
    old.refresh_from_db()
    assert old.log_collected_at is not None
    assert (old.log_lines, job_log_lines(old), [line["text"] for line in job_log_lines(young)]) == (1, [], ["hello"])
    assert tidying.tidy_logs()["logs"] == 0


def _job_of(current, days):
    job = JobRun.objects.create(
        application=current.application,
        environment=current.environment,
        deployment=current,
        command=["echo"],
        status="succeeded",
        requested_by="ada",
        door="cli",
        finished_at=timezone.now() - timedelta(days=days),
    )
    append_job_log(job_id=job.pk, lines=[(1, time.time(), "run", "stdout", "hello")])
    return job


def test_when_all_logs_are_too_large_the_oldest_go_first(deployed, settings):
    settings.LOG_BYTES = 250
    made = [_ended(deployed(status=Status.FAILED), days=10 - number, text="x" * 100) for number in range(4)]
    assert tidying.tidy_logs()["logs"] == 2
    assert _have_logs() == {one.pk for one in made[2:]}


def test_what_serves_and_what_a_rollback_returns_to_keep_their_logs(deployed, settings):
    settings.LOG_DAYS, settings.LOG_BYTES = 1, 0
    good = [_ended(deployed(), days=50 - number) for number in range(7)]
    Placement.objects.create(
        application=good[0].application, environment=good[0].environment, current=good[-1], previous_good=good[0]
    )
    running = _ended(deployed(status=Status.RUNNING), days=50)
    tidying.tidy_logs()
    assert _have_logs() == {one.pk for one in (good[0], *good[-5:], running)}


def test_the_page_the_api_and_the_raw_log_say_that_it_was_collected(deployed, settings, viewer, client):
    from fairway.accounts.models import User

    one = _ended(deployed(status=Status.FAILED), days=200)
    tidying.tidy_logs()
    client.force_login(User.objects.get(pk=viewer.id))
    page = client.get(f"/deployments/{one.pk}").content.decode()
    assert "The log was cleaned up" in page
    assert "It had 1 line." in page
    assert "data-log-view" not in page
    raw = client.get(f"/deployments/{one.pk}/log/raw")
    assert b"".join(raw).decode().startswith(f"[fairway] The log of #{one.pk} (1 lines) was collected at 20")
    log = client.get(f"/api/v1/deployments/{one.pk}/log").json()
    assert (log["lines"], log["is_complete"], log["collected_at"] is None) == ([], True, False)


@pytest.mark.parametrize(
    ("status", "step", "states"),
    [
        (Status.SUCCEEDED, "retire", ["done"] * 6),
        (Status.FAILED, "check", ["done"] * 3 + ["failed"] + ["skipped"] * 2),
        (Status.CANCELLED, "", ["skipped"] * 6),
    ],
)
def test_steps_without_times_still_say_how_far_it_came(deployed, status, step, states):
    one = _ended(deployed(status=status), days=200)
    Deployment.objects.filter(pk=one.pk).update(step=step)
    tidying.tidy_logs()
    one.refresh_from_db()
    assert [(view.name, view.state) for view in steps_of(one)] == list(zip(one.steps, states, strict=True))


def test_rows_that_nobody_asks_for_any_more_go(live, deployed):
    now = timezone.now()
    for kind, key in [("watch", "w"), ("adjust", live.key), ("adjust", "hello:gone"), ("rollout", "r")]:
        run = enqueue(kind=kind, key=key, payload={})
        Run.objects.filter(pk=run.pk).update(status="succeeded", finished_at=now - 2 * DAY)
    young = enqueue(kind="watch", key="w", payload={})
    Run.objects.filter(pk=young.pk).update(status="succeeded", finished_at=now - 0.9 * DAY)
    waiting = enqueue(kind="watch", key="w2", payload={})
    Placement.objects.filter(pk=live.pk).update(wanted="removed")  # what it was removed with stands in its run
    for name, days in [("gone", 2), ("here", 0)]:
        Worker.objects.create(name=name, host="h", pid=1, started_at=now, seen_at=now - days * DAY)
    Inspection.objects.create(source_kind="git", created_at=now - 2 * DAY)
    Session.objects.create(session_key="a", session_data="", expire_date=now - DAY)
    Session.objects.create(session_key="b", session_data="", expire_date=now + DAY)
    nothing = dict.fromkeys(
        ("alerts", "deliveries", "notices", "status reports", "exchanged CI tokens", "ended sessions", "expired tokens"), 0
    )
    assert tidying.tidy_rows() == {"runs": 2, "workers": 1, "inspections": 1, "sessions": 1, **nothing}
    left = Run.objects.values_list("kind", "key")
    assert sorted(left) == sorted([("adjust", live.key), ("rollout", "r"), ("watch", young.key), ("watch", waiting.key)])
    assert list(Worker.objects.values_list("name", flat=True)) == ["here"]


def test_a_run_that_others_are_children_of_goes_after_them(db):
    parent = enqueue(kind="watch", key="p", payload={})
    child = enqueue(kind="watch", key="c", payload={}, parent=parent)
    Run.objects.update(status="succeeded", finished_at=timezone.now() - 2 * DAY)
    assert tidying.tidy_rows()["runs"] == 1
    assert not Run.objects.filter(pk=child.pk).exists()
    assert tidying.tidy_rows()["runs"] == 1


def test_uploads_stay_while_an_application_or_a_deployment_uses_them(db, hello, deployed):
    names = {what: str(number) * 64 for number, what in enumerate(("used", "deploying", "fresh", "unused"), start=1)}
    for checksum in names.values():
        upload_file(checksum).parent.mkdir(parents=True, exist_ok=True)
        upload_file(checksum).write_bytes(b"archive")
        Upload.objects.create(checksum=checksum, size_bytes=7, created_at=timezone.now() - timedelta(days=2))
    Upload.objects.filter(checksum=names["fresh"]).update(created_at=timezone.now())
    hello.source_kind, hello.source = "archive", {"upload": names["used"]}
    hello.save()
    waiting = deployed(status=Status.QUEUED)
    Deployment.objects.filter(pk=waiting.pk).update(source_kind="archive", source={"upload": names["deploying"]})
    assert tidying.tidy_uploads() == {"uploads": 1}
    assert {what for what, checksum in names.items() if upload_file(checksum).exists()} == {"used", "deploying", "fresh"}
    assert not Upload.objects.filter(checksum=names["unused"]).exists()


def test_files_that_no_upload_names_go_when_they_are_old(db):
    old, young = upload_file(".half"), upload_file(".arriving")
    for place in (old, young):
        place.write_bytes(b"half")
    two_days_ago = time.time() - 2 * 86400
    os.utime(old, (two_days_ago, two_days_ago))
    assert tidying.tidy_uploads() == {"uploads": 1}
    assert (old.exists(), young.exists()) == (False, True)
    young.unlink()


def test_work_of_runs_that_are_over_goes(deployed):
    going, over = deployed(status=Status.RUNNING), deployed(status=Status.FAILED)
    for one in (going, over):
        (work_folder(f"deployment-{one.pk}") / "half").write_text("built")
    assert tidying.tidy_work() == {"work_folders": 1}
    assert work_folder(f"deployment-{going.pk}").joinpath("half").exists()
    assert not (configured.DATA.folder("work") / f"deployment-{over.pk}").exists()
    tidying.forget_work_folder(f"deployment-{going.pk}")


def test_routes_of_nobody_go_and_no_other(live):
    Placement.objects.filter(pk=live.pk).update(domains=["shop.example.com"])
    for host in ("shop.example.com", "forgotten.staging.localhost"):
        proxy().ensure_route(Route(host, RouteKind.OPEN, ("127.0.0.1:9",), "d1"))
    assert tidying.tidy_routes() == {"routes": 1}
    assert {route.host for route in proxy().routes()} == {live.host, "shop.example.com"}
    for host in (live.host, "shop.example.com"):
        proxy().ensure_no_route(host)


def test_instances_in_an_environment_that_was_deleted_go(live, fake, deployed):
    trial = make_environment("trial")
    lost = deployed()
    lost.environment = trial
    fake.ensure_started(instance_spec(lost, 0), NullProgress())
    assert tidying.tidy_deleted_environments() == {"instances": 0}
    trial.deleted_at = timezone.now()
    trial.save()
    assert tidying.tidy_deleted_environments() == {"instances": 1}
    assert {one.placement for one in fake.instances()} == {live.name}
    proxy().ensure_no_route(live.host)


def _home(name: str):
    place = configured.DATA.folder("process", "homes") / name
    place.mkdir()
    (place / "history").write_text("mine")
    return place


def test_a_home_goes_a_week_after_its_placement(staging, hello):
    staging.runtime = "process"
    staging.save()
    known = Placement.objects.create(application=hello, environment=staging)
    there, unknown = _home("hello.staging"), _home("never-heard-of.staging")
    assert tidying.tidy_homes() == {"homes": 0}
    removed(placement=known)
    assert tidying.tidy_homes() == {"homes": 0}
    Event.objects.filter(verb="placement.removed").update(at=timezone.now() - 8 * DAY)
    assert tidying.tidy_homes() == {"homes": 1}
    assert (there.exists(), unknown.exists()) == (False, True)
    (unknown / "history").unlink()
    unknown.rmdir()


def test_one_round_is_one_event_and_one_measurement(deployed, monkeypatch):
    _ended(deployed(status=Status.FAILED), days=200)
    monkeypatch.setattr(cleaning, "ROUNDS", (_breaks, *cleaning.ROUNDS))
    gone = cleaning.clean()
    assert gone["logs"] == 1
    [event] = last_collections()
    assert (event.verb, event.after) == (COLLECTED, gone)
    measured = stored_usage(configured.DATA.folder())
    assert measured is not None
    assert measured.free > 0
    cleaning.clean()
    assert last_collections() == [event]


def _breaks():
    raise RuntimeError("a disk that does not answer")


def test_the_operator_sees_the_disk_and_what_was_collected(admin, viewer, client, monkeypatch):
    from django.db import transaction

    from fairway.accounts.models import User
    from fairway.activity.rules import On
    from fairway.insights import storage

    with transaction.atomic():
        after = {"artifacts": 3, "logs": 1200, "log_bytes": 2**20}
        record(who=SYSTEM.who, verb=COLLECTED, on=On("storage", 0, "Fairway"), after=after)
    data = configured.DATA.folder()
    storage.store_usage(data, storage.measure(data))
    client.force_login(User.objects.get(pk=admin.id))
    page = client.get("/settings/storage").content.decode()
    assert str(data) in page
    assert "1,200" in page
    assert "nearly full" not in page
    monkeypatch.setattr(storage, "LOW_DISK", 2**80)
    assert "The disk is nearly full." in client.get("/settings/storage").content.decode()
    client.force_login(User.objects.get(pk=viewer.id))
    assert client.get("/settings/storage").status_code == 403
