"""Reading deployments and placements; every lookup starts at `visible_to(actor)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from fairway.accounts.queries import reached
from fairway.accounts.rules import Actor, NotVisible, reach_of
from fairway.applications.models import Application, Artifact
from fairway.deployments.models import Deployment, JobLogChunk, JobRun, LogChunk, Placement, ScheduledJob
from fairway.deployments.rules import ACTIVE, CANARY, Status, Volumes, Wanted, expected_seconds, volumes_in_common
from fairway.drivers.builders.services import backing_services_of
from fairway.engine.models import RunStep
from fairway.engine.queries import queue_position
from fairway.environments.models import Environment

AWAITS_APPROVAL = Q(status__in=ACTIVE - {Status.CANCELLING}, approve_by__isnull=False, approved_at=None)


def _scope(actor: Actor) -> Q:
    return reached(reach_of(actor), application="application__slug", environment="environment__slug")


def visible_to(actor: Actor) -> QuerySet[Deployment]:
    """The deployments this actor may see, newest first."""
    related = ("application", "environment", "artifact", "configuration")
    return Deployment.objects.filter(_scope(actor)).select_related(*related).order_by("-pk")


def placements_visible_to(actor: Actor) -> QuerySet[Placement]:
    related = ("application", "environment", "current__artifact", "current__configuration", "previous_good__artifact")
    return (
        Placement.objects.filter(_scope(actor))
        .select_related(*related)
        .order_by("environment__position", "application__name")
    )


def get_deployment(actor: Actor, number: int) -> Deployment:
    """The deployment with this number. Raises `NotVisible`."""
    deployment = visible_to(actor).filter(pk=number).first()
    if deployment is None:
        raise NotVisible("deployment", number)
    return deployment


def get_placement(actor: Actor, application: Application, environment: Environment) -> Placement:
    """The placement of an application in an environment. Raises `NotVisible`."""
    placement = placements_visible_to(actor).filter(application=application, environment=environment).first()
    if placement is None:
        raise NotVisible("placement", f"{application.slug} in {environment.slug}")
    return placement


@dataclass(frozen=True)
class HistoryFilter:
    """Filters for the history; empty fields match everything. `status` may also be ``live``, ``superseded``, ``active``
    or ``awaiting_approval``."""

    application: str = ""
    environment: str = ""
    status: str = ""
    person: str = ""
    since: datetime | None = None
    until: datetime | None = None


def history(actor: Actor, wanted: HistoryFilter | None = None) -> QuerySet[Deployment]:
    """The deployments that this actor may see and that match the filter, newest first."""
    wanted = wanted or HistoryFilter()
    chosen = visible_to(actor)
    if wanted.application:
        chosen = chosen.filter(application=_the(Application, wanted.application))
    if wanted.environment:
        chosen = chosen.filter(environment=_the(Environment, wanted.environment))
    if wanted.person:
        chosen = chosen.filter(requested_by=wanted.person)
    if wanted.since:
        chosen = chosen.filter(created_at__gte=wanted.since)
    if wanted.until:
        chosen = chosen.filter(created_at__lt=wanted.until)
    return _with_status(chosen, wanted.status)


def _the(model: type[Application] | type[Environment], slug: str) -> Subquery:
    """A subquery for the id of a slug. Compared with one id, an index returns the newest rows in order; with a join by slug
    the database would sort all rows."""
    return Subquery(model.objects.filter(slug=slug).values("pk")[:1])


def _with_status(chosen: QuerySet[Deployment], status: str) -> QuerySet[Deployment]:
    current = Placement.objects.exclude(current=None).values("current")
    if status == "live":
        return chosen.filter(status=Status.SUCCEEDED, pk__in=current)
    if status == "superseded":
        return chosen.filter(status=Status.SUCCEEDED).exclude(pk__in=current)
    if status == "active":
        return chosen.filter(status__in=ACTIVE)
    if status == "awaiting_approval":
        return chosen.filter(AWAITS_APPROVAL)
    return chosen.filter(status=status) if status else chosen


def active(actor: Actor) -> QuerySet[Deployment]:
    """Deployments that are queued or running. None of them has ended, so a small index finds them; a search by status
    would read every row."""
    return visible_to(actor).filter(status__in=ACTIVE, finished_at=None, log_collected_at=None)


def awaiting_approval(actor: Actor) -> QuerySet[Deployment]:
    """Deployments that wait for approval, newest first."""
    return active(actor).filter(AWAITS_APPROVAL).select_related("run")


def live_numbers(deployments: Sequence[Deployment]) -> set[int]:
    """Which of these deployments are live; one query for a whole page."""
    numbers = [deployment.pk for deployment in deployments if deployment.status == Status.SUCCEEDED]
    return set(Placement.objects.filter(current__in=numbers).values_list("current_id", flat=True)) if numbers else set()


@dataclass(frozen=True)
class StepView:
    """One step as the page shows it. `state`: waiting, running, done, failed, errored, cancelled, skipped."""

    name: str
    state: str
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    expected_seconds: float | None
    attempt: int
    sentence: str


def canaries() -> list[Deployment]:
    """The deployments whose version gets a share of the requests now."""
    active = Deployment.objects.filter(status__in=sorted(ACTIVE), step=CANARY)
    return list(active.select_related("application", "environment", "run"))


def steps_of(deployment: Deployment) -> list[StepView]:
    """The workflow's steps in order, with the times of their latest attempts and the medians of earlier deployments."""
    rows: dict[str, RunStep] = {}
    first_start: dict[str, datetime] = {}
    for row in RunStep.objects.filter(run_id=deployment.run_id).order_by("pk") if deployment.run_id else []:
        rows[row.step] = row
        first_start.setdefault(row.step, row.started_at)
    if not rows and deployment.log_collected_at:
        return _steps_without_times(deployment)
    expected = expected_step_seconds(deployment)
    return [
        _step_view(deployment, name, rows.get(name), first_start.get(name), expected.get(name)) for name in deployment.steps
    ]


def _steps_without_times(deployment: Deployment) -> list[StepView]:
    """The steps as far as the deployment's row still knows them after their times were collected with the log."""
    steps = deployment.steps
    reached = steps.index(deployment.step) if deployment.step in steps else -1
    last = {Status.SUCCEEDED: "done", Status.FAILED: "failed", Status.ERRORED: "errored"}.get(
        Status(deployment.status), "cancelled"
    )
    states = ["done" if index < reached else last if index == reached else "skipped" for index in range(len(steps))]
    return [StepView(name, state, None, None, None, None, 0, "") for name, state in zip(steps, states, strict=True)]


def _step_view(
    deployment: Deployment, name: str, row: RunStep | None, started: datetime | None, expected: float | None
) -> StepView:
    if row is None or started is None:
        state = "skipped" if not deployment.is_active else "waiting"
        return StepView(name, state, None, None, None, expected, 0, "")
    end = row.finished_at or timezone.now()
    state = {"succeeded": "done", "retrying": "running", "waiting": "running"}.get(row.status, row.status)
    return StepView(
        name, state, started, row.finished_at, (end - started).total_seconds(), expected, row.attempt, row.sentence
    )


def _recent_good_runs(deployment: Deployment) -> list[int]:
    alike = Deployment.objects.filter(
        application=deployment.application_id,
        environment=deployment.environment_id,
        status=Status.SUCCEEDED,
        kind=deployment.kind,
    )
    return [run for run in alike.exclude(pk=deployment.pk).order_by("-pk").values_list("run_id", flat=True)[:10] if run]


def expected_step_seconds(deployment: Deployment) -> dict[str, float]:
    """The median time of each step over the last ten good deployments like this one."""
    times: dict[str, list[float]] = {}
    done = RunStep.objects.filter(run_id__in=_recent_good_runs(deployment), status="succeeded", finished_at__isnull=False)
    for name, begun, end in done.values_list("step", "started_at", "finished_at"):
        if end is not None:
            times.setdefault(name, []).append((end - begun).total_seconds())
    return {name: median for name, values in times.items() if (median := expected_seconds(values)) is not None}


def expected_total_seconds(deployment: Deployment) -> float | None:
    """The median duration of the last ten good deployments like this one."""
    alike = Deployment.objects.filter(
        application=deployment.application_id,
        environment=deployment.environment_id,
        status=Status.SUCCEEDED,
        kind=deployment.kind,
    )
    ends = alike.exclude(started_at=None).order_by("-pk").values_list("started_at", "finished_at")[:10]
    return expected_seconds([(end - begun).total_seconds() for begun, end in ends if begun and end])


@dataclass(frozen=True)
class Absence:
    """An interruption between two versions that store data in the same `volumes`. `seconds` is about how long it lasts,
    None if that is not known yet."""

    volumes: tuple[str, ...]
    seconds: float | None


def absence(placement: Placement, artifact: Artifact | None = None) -> Absence | None:
    """What a deployment of `artifact` (None: of the next version) means for visitors; None if there is no interruption."""
    current = placement.current
    if current is None or current.artifact is None or placement.wanted != Wanted.RUNNING:
        return None
    old = current.artifact.parsed_spec.volumes
    common = volumes_in_common(old, _volumes_of(artifact, placement.application, old))
    return Absence(common, _expected_away_seconds(placement)) if common else None


def restarting_services(placement: Placement, artifact: Artifact | None) -> tuple[str, ...]:
    """The services with an image of their own that run now and that a deployment of `artifact` changes."""
    current = placement.current
    if artifact is None or current is None or current.artifact is None or placement.wanted != Wanted.RUNNING:
        return ()
    old = {service.name: service for service in backing_services_of(current.artifact.parsed_spec)}
    new = backing_services_of(artifact.parsed_spec)
    return tuple(service.name for service in new if service.name in old and old[service.name] != service)


def _volumes_of(artifact: Artifact | None, application: Application, unless_known: Volumes) -> Volumes:
    if artifact is not None:
        return artifact.parsed_spec.volumes
    given = (application.spec or {}).get("volumes")
    return unless_known if given is None else [(str(name), str(target)) for name, target in given]


def _expected_away_seconds(placement: Placement) -> float | None:
    """The median of the last ten interruptions; before the first one, how long start and check took here."""
    succeeded = Deployment.objects.filter(
        application=placement.application_id, environment=placement.environment_id, status=Status.SUCCEEDED
    ).order_by("-pk")
    known = [seconds for seconds in succeeded.values_list("away_seconds", flat=True)[:10] if seconds is not None]
    run = placement.current.run_id if placement.current else None
    if known or run is None:
        return expected_seconds(known)
    times = RunStep.objects.filter(run_id=run, step__in=("start", "check"), status="succeeded", finished_at__isnull=False)
    took = [(end - begun).total_seconds() for begun, end in times.values_list("started_at", "finished_at") if end]
    return sum(took) if len(took) == 2 else None


def place_in_queue(deployment: Deployment) -> int | None:
    """The number of deployments ahead of it; None if it does not wait for its turn."""
    return queue_position(deployment.run) if deployment.run and deployment.status == Status.QUEUED else None


def log_lines(deployment: Deployment, *, after: int = 0, limit: int = 2000) -> list[dict[str, Any]]:
    """Up to `limit` lines after line number `after`, as ``{n, at, step, stream, text}``."""
    return _lines_in(LogChunk.objects.filter(deployment=deployment, last__gt=after), after, limit)


def _lines_in(chunks: QuerySet[Any], after: int, limit: int) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for chunk in chunks.order_by("first").iterator(chunk_size=50):
        for number, at, step, stream, text in chunk.lines:
            if number > after:
                lines.append({"n": number, "at": at, "step": step, "stream": stream, "text": text})
        if len(lines) >= limit:
            break
    return lines[:limit]


def collected_note(deployment: Deployment | JobRun) -> str:
    """The line that replaces a log whose lines were collected."""
    at = deployment.log_collected_at.isoformat(timespec="seconds") if deployment.log_collected_at else "never"
    return f"[fairway] The log of #{deployment.pk} ({deployment.log_lines} lines) was collected at {at}.\n"


def last_log_text(deployment: Deployment, lines: int = 20) -> list[str]:
    """The last lines of the log, to be shown next to a failure."""
    return [line["text"] for line in log_lines(deployment, after=max(0, deployment.log_lines - lines), limit=lines)]


def rollback_targets(placement: Placement, limit: int = 5) -> list[Deployment]:
    """Earlier deployments that were live here, newest first, without the current artifact and configuration."""
    current = placement.current
    if current is None:
        return []
    served = Deployment.objects.filter(
        application=placement.application_id, environment=placement.environment_id, status=Status.SUCCEEDED
    ).exclude(artifact=current.artifact_id, configuration=current.configuration_id)
    return list(served.select_related("artifact", "configuration", "application", "environment").order_by("-pk")[:limit])


def is_stale(placement: Placement, *, now: datetime, after: timedelta = timedelta(minutes=2)) -> bool:
    """Whether the last observation is too old to be trusted."""
    return placement.observed_at is None or now - placement.observed_at > after


def has_proved_itself(artifact: Artifact) -> bool:
    """Whether a deployment of this artifact succeeded anywhere and nobody has marked it bad since."""
    return artifact.bad_at is None and Deployment.objects.filter(artifact=artifact, status=Status.SUCCEEDED).exists()


def jobs_visible_to(actor: Actor) -> QuerySet[JobRun]:
    """The jobs that this actor may see, newest first."""
    related = ("application", "environment", "deployment__artifact")
    return JobRun.objects.filter(_scope(actor)).select_related(*related, "scheduled_job").order_by("-pk")


def get_job(actor: Actor, number: int) -> JobRun:
    """The job with this number. Raises `NotVisible`."""
    job = jobs_visible_to(actor).filter(pk=number).first()
    if job is None:
        raise NotVisible("job", number)
    return job


def job_log_lines(job: JobRun, *, after: int = 0, limit: int = 2000) -> list[dict[str, Any]]:
    """Up to `limit` lines after line number `after`, in the form of `log_lines`."""
    return _lines_in(JobLogChunk.objects.filter(job=job, last__gt=after), after, limit)


def scheduled_jobs_visible_to(actor: Actor) -> QuerySet[ScheduledJob]:
    """The scheduled jobs that this actor may see, by name."""
    return ScheduledJob.objects.filter(_scope(actor), deleted_at=None).select_related("application", "environment")


def get_scheduled_job(actor: Actor, number: int) -> ScheduledJob:
    """The scheduled job with this number. Raises `NotVisible`."""
    job = scheduled_jobs_visible_to(actor).filter(pk=number).first()
    if job is None:
        raise NotVisible("scheduled job", number)
    return job


def troubled_jobs(actor: Actor) -> QuerySet[ScheduledJob]:
    """The scheduled jobs whose last due time was skipped, or whose last run that ended has failed. Each has `last_id`,
    `last_at` and `last_sentence` of that run. Paused ones do not count."""
    ended = JobRun.objects.filter(scheduled_job=OuterRef("pk")).exclude(status__in=ACTIVE).order_by("-pk")
    found = scheduled_jobs_visible_to(actor).filter(is_paused=False)
    found = found.annotate(
        last_id=Subquery(ended.values("pk")[:1]),
        last_at=Subquery(ended.values("finished_at")[:1]),
        last_status=Subquery(ended.values("status")[:1]),
        last_sentence=Subquery(ended.values("sentence")[:1]),
    )
    return found.filter(~Q(skipped_because="") | Q(last_status__in=[Status.FAILED, Status.ERRORED]))


def last_runs_of(jobs: Sequence[ScheduledJob]) -> dict[int, JobRun]:
    """The newest run of each of these jobs, by the job's id; two queries, however many there are."""
    newest = (
        JobRun.objects.filter(scheduled_job__in=jobs)
        .values("scheduled_job")
        .annotate(newest=Max("pk"))
        .values_list("newest", flat=True)
    )
    return {run.scheduled_job_id: run for run in JobRun.objects.filter(pk__in=list(newest)) if run.scheduled_job_id}
