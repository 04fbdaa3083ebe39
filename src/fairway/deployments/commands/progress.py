"""What the deploy workflow records while it runs. Workflows call it, and the engine's watcher inside its transactions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.db.models import F

from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.applications.models import Artifact
from fairway.deployments.lost import WrittenFiles, has_new_entry
from fairway.deployments.models import Deployment, HealthyStretch, LogChunk, Placement
from fairway.deployments.rules import Health, Kind, Status, Wanted
from fairway.deployments.subjects import deployment_facts, on_deployment, on_placement
from fairway.drivers.proxy.contract import ProbeFigure
from fairway.engine import clock
from fairway.engine.models import Run

Line = tuple[int, float, str, str, str]  # number, unix time, step, stream, text


def started(deployment: Deployment) -> None:
    """Record that a worker has started the deployment, or has started it again after a wait."""
    if deployment.status in {Status.QUEUED, Status.WAITING}:
        values = {} if deployment.started_at else {"started_at": clock.now()}
        deployment.move_to(Status.RUNNING, **values)
        record(who=SYSTEM.who, verb="deployment.started", on=on_deployment(deployment))


def waiting(deployment: Deployment, reason: str) -> None:
    if deployment.status == Status.RUNNING:
        deployment.move_to(Status.WAITING)
    record(who=SYSTEM.who, verb="deployment.waiting", on=on_deployment(deployment), comment=reason)


def step_started(deployment: Deployment, step: str, attempt: int) -> None:
    if deployment.status == Status.WAITING:
        deployment.move_to(Status.RUNNING)
    Deployment.objects.filter(pk=deployment.pk).update(step=step)
    record(
        who=SYSTEM.who,
        verb="deployment.step_started",
        on=on_deployment(deployment),
        after={"step": step, "attempt": attempt},
    )


def step_finished(deployment: Deployment, step: str, status: str, sentence: str) -> None:
    after = {"step": step, "status": status}
    record(who=SYSTEM.who, verb="deployment.step_finished", on=on_deployment(deployment), comment=sentence, after=after)


def ended(deployment: Deployment, status: Status, sentence: str, detail: str) -> None:
    """Record how the deployment ended."""
    if deployment.status in {Status.QUEUED, Status.WAITING} and status in {Status.SUCCEEDED, Status.FAILED}:
        deployment.move_to(Status.RUNNING)
    deployment.move_to(status, sentence=sentence, detail=detail)
    record(
        who=SYSTEM.who,
        verb=f"deployment.{status}",
        on=on_deployment(deployment),
        comment=sentence,
        after=deployment_facts(deployment) | {"requested_by": deployment.requested_by},
    )


@transaction.atomic
def artifact_settled(*, deployment: Deployment, artifact: Artifact) -> None:
    """Record the artifact that the source has become."""
    if deployment.artifact_id == artifact.pk:
        return
    Deployment.objects.filter(pk=deployment.pk).update(artifact=artifact)
    deployment.artifact = artifact
    after = {"version": artifact.version, "digest": artifact.digest, "commit": artifact.commit}
    record(who=SYSTEM.who, verb="deployment.artifact_settled", on=on_deployment(deployment), after=after)


def replicas_settled(
    *, deployment: Deployment, replicas: int, scales: Mapping[str, int], limits: Mapping[str, Any] | None = None
) -> None:
    """Record how many instances of each service the deployment runs, and within which limits."""
    wanted = {"replicas": replicas, "scales": dict(scales), "limits": dict(limits or {})}
    if any(getattr(deployment, name) != value for name, value in wanted.items()):
        Deployment.objects.filter(pk=deployment.pk).update(**wanted)
        for name, value in wanted.items():
            setattr(deployment, name, value)


def strategy_settled(*, deployment: Deployment, strategy: str) -> None:
    """Record how the version really gets the requests."""
    Deployment.objects.filter(pk=deployment.pk).update(strategy=strategy)
    deployment.strategy = strategy


@transaction.atomic
def switched(
    *,
    deployment: Deployment,
    placement: Placement,
    served_digest: str,
    observed: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Record that the route serves this deployment now. If it is called again, it changes nothing.

    If a person has stopped or scaled the placement since they requested this deployment, and that still waits for its turn,
    it stays as that person wanted it.
    """
    row = Placement.objects.select_for_update(no_key=True).get(pk=placement.pk)
    if row.current_id == deployment.pk:
        return
    before = {"deployment": row.current_id}
    if row.current_id is not None and deployment.kind != Kind.RESTART:
        row.previous_good_id = _good_before(row, deployment)
    later = _asked_since(deployment)
    row.current, row.health, row.drift, row.asleep_since = deployment, Health.HEALTHY, [], None
    row.wanted = row.wanted if "wanted" in later else Wanted.RUNNING
    row.replicas = row.replicas if "replicas" in later else deployment.replicas
    if observed is not None:
        row.observed, row.observed_at = [dict(instance) for instance in observed], clock.now()
    changed = (
        "current",
        "previous_good",
        "wanted",
        "replicas",
        "health",
        "drift",
        "observed",
        "observed_at",
        "asleep_since",
    )
    row.save(update_fields=changed)
    healthy_or_not(row)
    Deployment.objects.filter(pk=deployment.pk).update(
        switched_at=clock.now(), served_digest=served_digest, replaces_id=before["deployment"]
    )
    record(
        who=SYSTEM.who,
        verb="placement.switched",
        on=on_placement(row),
        before=before,
        after={"deployment": deployment.pk, "digest": served_digest},
    )


def _good_before(row: Placement, deployment: Deployment) -> int | None:
    """The deployment that a later rollback returns to: the one that served before; if this is a rollback itself, the newest
    good one that is older than the one it returns to."""
    if deployment.kind in {Kind.ROLLBACK, Kind.AUTOMATIC_ROLLBACK} and deployment.returns_to is not None:
        older = Deployment.objects.filter(
            application=row.application_id,
            environment=row.environment_id,
            status=Status.SUCCEEDED,
            pk__lt=deployment.returns_to.pk,
            artifact__bad_at=None,
        ).exclude(artifact=deployment.artifact_id, configuration=deployment.configuration_id)
        return older.order_by("-pk").values_list("pk", flat=True).first()
    return row.current_id


def _asked_since(deployment: Deployment) -> set[str]:
    """The fields of the placement that people changed since this deployment was requested, by runs that have not ended."""
    pending = Run.objects.filter(key=deployment.key, pk__gt=deployment.run_id or 0, finished_at=None)
    return {name for payload in pending.values_list("payload", flat=True) for name in payload.get("asked", ())}


@transaction.atomic
def switched_back(*, deployment: Deployment, placement: Placement, to: Deployment | None, before: Mapping[str, Any]) -> None:
    """Record that a cancelled or failed deployment gave the traffic back. `before` has the fields that the placement had
    before: ``previous_good``, ``wanted``, ``replicas``."""
    row = Placement.objects.select_for_update(no_key=True).get(pk=placement.pk)
    if row.current_id != deployment.pk:
        return
    later = _asked_since(deployment)
    row.current, row.previous_good_id = to, before["previous_good"]
    row.wanted = row.wanted if "wanted" in later else before["wanted"]
    row.replicas = row.replicas if "replicas" in later else before["replicas"]
    row.save(update_fields=["current", "previous_good", "wanted", "replicas"])
    healthy_or_not(row)
    after = {"deployment": to.pk if to else None}
    record(
        who=SYSTEM.who,
        verb="placement.switched_back",
        on=on_placement(row),
        before={"deployment": deployment.pk},
        after=after,
    )


def healthy_or_not(row: Placement) -> None:
    """Begin, continue or end the `HealthyStretch` of what a placement serves.

    Call it with the placement locked, whenever its health or what it serves has changed.
    """
    open_stretches = HealthyStretch.objects.filter(
        application=row.application_id, environment=row.environment_id, until=None
    )
    is_served = row.current is not None and row.current.artifact is not None and row.wanted == Wanted.RUNNING
    digest = row.current.artifact.digest if is_served and row.current and row.current.artifact else ""
    # Its health cannot be observed, so a stretch neither begins nor ends.
    if row.health in {Health.UNKNOWN, Health.SLEEPING} and digest:
        open_stretches.exclude(digest=digest).update(until=clock.now())
        return
    digest = digest if row.health == Health.HEALTHY else ""
    open_stretches.exclude(digest=digest).update(until=clock.now())
    if digest and not open_stretches.exists():
        HealthyStretch.objects.create(
            application_id=row.application_id, environment_id=row.environment_id, digest=digest, since=clock.now()
        )


@transaction.atomic
def probed(*, deployment: Deployment, figure: ProbeFigure) -> None:
    Deployment.objects.filter(pk=deployment.pk).update(probe=asdict(figure))
    record(who=SYSTEM.who, verb="deployment.probed", on=on_deployment(deployment), after=asdict(figure))


@transaction.atomic
def judged(*, deployment: Deployment, judgement: Mapping[str, Any], is_worse: bool, is_final: bool) -> None:
    """Record how the deployment's version answers, compared with the one before. That it is worse is told once; otherwise
    only the final judgement is an event."""
    row = Deployment.objects.select_for_update(no_key=True).get(pk=deployment.pk)
    was_told = row.judgement is not None and row.judgement.get("told", False)
    row.judgement = {**judgement, "told": was_told or is_worse}
    row.save(update_fields=["judgement"])
    deployment.judgement = row.judgement
    if is_worse and not was_told:
        sentence = str(judgement.get("sentence", ""))
        record(
            who=SYSTEM.who, verb="deployment.judged_worse", on=on_deployment(row), comment=sentence, after=dict(judgement)
        )
    elif is_final and not was_told:
        record(who=SYSTEM.who, verb="deployment.judged", on=on_deployment(row), after=dict(judgement))


@transaction.atomic
def data_seen(*, placement: Placement, volumes: Iterable[str]) -> None:
    """Record that these volumes hold data. From now on nothing is started on one of them if it is empty."""
    row = Placement.objects.select_for_update(no_key=True).get(pk=placement.pk)
    row.stored = sorted({*row.stored, *volumes})
    row.save(update_fields=["stored"])
    placement.stored = row.stored


@transaction.atomic
def writes_seen(*, placement: Placement, entries: Sequence[WrittenFiles]) -> None:
    """Record what the placement's instances wrote outside its volumes. There is an event only if an entry is new."""
    row = Placement.objects.select_for_update(no_key=True).get(pk=placement.pk)
    before, after = row.writes, list(entries)
    if before == after:
        return
    row.writes = after
    row.save(update_fields=["writes"])
    placement.writes = after
    if has_new_entry(before, after):
        names = [entry["name"] for entry in after]
        record(who=SYSTEM.who, verb="placement.writes_seen", on=on_placement(row), after={"places": names})


def was_away(*, deployment: Deployment, seconds: float) -> None:
    """Record for how long visitors saw the starting page, because the old version had to stop before the new one started."""
    Deployment.objects.filter(pk=deployment.pk).update(away_seconds=round(max(0.0, seconds), 2))


def gate_used(*, deployment: Deployment, gate: str) -> None:
    """Record how readiness was decided; the page shows it."""
    Deployment.objects.filter(pk=deployment.pk).update(gate_used=gate[:200])


@transaction.atomic
def append_log(*, deployment_id: int, lines: Sequence[Line]) -> None:
    """Append numbered lines, in which secrets are already masked. Raises `IntegrityError` if another worker has written
    lines with these numbers."""
    if not lines:
        return
    LogChunk.objects.create(
        deployment_id=deployment_id, first=lines[0][0], last=lines[-1][0], lines=[list(line) for line in lines]
    )
    size = sum(len(line[4].encode()) for line in lines)
    Deployment.objects.filter(pk=deployment_id).update(log_lines=lines[-1][0], log_bytes=F("log_bytes") + size)


def removed(*, placement: Placement) -> None:
    """Delete the placement after everything of it was removed. Its history stays."""
    with transaction.atomic():
        record(who=SYSTEM.who, verb="placement.removed", on=on_placement(placement))
        HealthyStretch.objects.filter(
            application=placement.application_id, environment=placement.environment_id, until=None
        ).update(until=clock.now())
        placement.delete()


def adjusted(placement: Placement, verb: str, after: Mapping[str, Any], sentence: str = "") -> None:
    record(who=SYSTEM.who, verb=verb, on=on_placement(placement), comment=sentence, after=after)
