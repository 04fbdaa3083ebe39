"""Records what workflows did, and what an ended deployment means for its package.

Called inside the engine's transactions, with the run locked; this room's rows are locked next, and `record` comes last.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.applications.models import Artifact
from fairway.deployments.commands.placements import stop
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Wanted
from fairway.engine.models import Run
from fairway.releases.models import Package, PackageOnTarget
from fairway.releases.rules import OnTarget, Resolution
from fairway.releases.subjects import on_package, package_facts
from fairway.releases.target_state import serves


@transaction.atomic
def resolved(*, package: Package, run_id: int, artifact: Artifact) -> None:
    """The package's source was resolved to this artifact; ignored if the package was changed or deleted meanwhile."""
    row = _mine(package.pk, run_id)
    if row is None or row.resolution == Resolution.RESOLVED:
        return
    row.resolve_to(Resolution.RESOLVED, artifact=artifact, sentence="")
    record(who=SYSTEM.who, verb="package.resolved", on=on_package(row), after=package_facts(row))


def unresolvable(*, package_id: int, run_id: int, sentence: str) -> None:
    """The package's source cannot be resolved; the sentence says why."""
    row = _mine(package_id, run_id)
    if row is not None and row.resolution == Resolution.RESOLVING:
        row.resolve_to(Resolution.UNRESOLVABLE, sentence=sentence)
        record(who=SYSTEM.who, verb="package.unresolvable", on=on_package(row), comment=sentence, after=package_facts(row))


def _mine(package_id: int, run_id: int) -> Package | None:
    chosen = Package.objects.select_related("application", "artifact", "release")
    return chosen.filter(pk=package_id, run=run_id, deleted_at=None).first()


@transaction.atomic
def distributed(*, on_target: PackageOnTarget, digest: str) -> None:
    """The artifact is on the target; `digest` was read back there."""
    row = _row(on_target.pk)
    if row.status != OnTarget.DISTRIBUTING:
        return
    row.move_to(OnTarget.DISTRIBUTED, digest=digest, distributed_at=timezone.now(), sentence="")
    _tell(row, "package.distributed", after={"digest": digest})


def distribution_ended(run: Run, sentence: str) -> None:
    """The distribution's run has ended; unless it succeeded, the package is absent on the target."""
    row = _of_run(run, OnTarget.DISTRIBUTING)
    if row is not None:
        row.move_to(OnTarget.ABSENT, artifact=None, distributed_at=None, sentence=sentence)
        _tell(row, "package.distribution_failed", sentence)


def deployment_ended(deployment: Deployment, run: Run, *, is_good: bool, sentence: str) -> None:
    """A package's deployment has ended: the package is Deployed, or in the state it had before."""
    row = PackageOnTarget.objects.filter(deployment=deployment, status=OnTarget.DEPLOYING).first()
    if row is not None:
        (_deployed if is_good else _not_deployed)(_row(row.pk), deployment, run, sentence)
        return
    row = PackageOnTarget.objects.filter(fallback=deployment, status=OnTarget.FALLING_BACK).first()
    if row is not None:
        (_fallen_back if is_good else _not_fallen_back)(_row(row.pk), run, sentence)


def adjustment_ended(run: Run, *, is_good: bool, sentence: str) -> None:
    """The run that stops or removes a placement for a fallback has ended."""
    row = _of_run(run, OnTarget.FALLING_BACK)
    if row is None:
        return
    if is_good:
        _is_distributed_again(row)
    else:
        _not_fallen_back(row, run, sentence)


def _deployed(row: PackageOnTarget, deployment: Deployment, run: Run, sentence: str) -> None:
    """Mark the package as Deployed and store what served until the switch as its fallback target; it is known only now."""
    deployment.refresh_from_db(fields=["replaces"])
    ran: dict[str, Any] = run.state.get("before") or {}
    before: dict[str, Any] = {
        "before": deployment.replaces,
        "before_stopped": ran.get("wanted") == Wanted.STOPPED,
        "before_replicas": ran.get("replicas", 1),
    }
    if row.deployed_at is not None and deployment.replaces and deployment.replaces.artifact_id == row.artifact_id:
        before = {}  # it replaced itself with other settings: the fallback target stays what served before the release
    row.move_to(OnTarget.DEPLOYED, deployed_at=timezone.now(), fallback=None, sentence="", **before)
    after = {"deployment": deployment.pk, "before": deployment.replaces_id}
    _tell(row, "package.deployed", after=after)


def _not_deployed(row: PackageOnTarget, deployment: Deployment, run: Run, sentence: str) -> None:
    served = Placement.objects.filter(application=row.package.application_id, environment=row.environment_id).first()
    if row.deployed_at is not None and serves(served, row.artifact_id):  # it still serves, with its previous settings
        row.move_to(OnTarget.DEPLOYED, deployment=served.current if served else None, sentence=sentence)
    else:
        row.move_to(OnTarget.DISTRIBUTED, deployment=None, deployed_at=None, sentence=sentence)
    _tell(row, "package.deployment_failed", sentence, after={"deployment": deployment.pk})


def _fallen_back(row: PackageOnTarget, run: Run, sentence: str) -> None:
    """If the placement was stopped before the release, stop it again; only then has the package fallen back."""
    if not row.before_stopped:
        _is_distributed_again(row)
        return
    placement = Placement.objects.select_related("application", "environment").get(
        application=row.package.application_id, environment=row.environment_id
    )
    stop(actor=SYSTEM, placement=placement, reason="It was stopped before, too.", parent=run.parent)
    newest = Run.objects.filter(key=placement.key, kind="adjust").order_by("-pk").first()
    PackageOnTarget.objects.filter(pk=row.pk).update(run=newest)


def _is_distributed_again(row: PackageOnTarget) -> None:
    before = row.before_id
    row.move_to(
        OnTarget.DISTRIBUTED,
        deployment=None,
        before=None,
        before_stopped=False,
        before_replicas=1,
        deployed_at=None,
        sentence="",
    )
    _tell(row, "package.fallen_back", after={"returned_to": before})


def _not_fallen_back(row: PackageOnTarget, run: Run, sentence: str) -> None:
    row.move_to(OnTarget.DEPLOYED, sentence=sentence)
    _tell(row, "package.fallback_failed", sentence)


def _of_run(run: Run, status: OnTarget) -> PackageOnTarget | None:
    found = PackageOnTarget.objects.filter(run=run, status=status).first()
    return _row(found.pk) if found else None


def _row(number: int) -> PackageOnTarget:
    chosen = PackageOnTarget.objects.select_for_update(of=("self",), no_key=True)
    return chosen.select_related("package__application", "package__artifact", "package__release", "environment").get(
        pk=number
    )


def _tell(row: PackageOnTarget, verb: str, comment: str = "", after: dict[str, Any] | None = None) -> None:
    record(who=SYSTEM.who, verb=verb, on=on_package(row.package, row.environment), comment=comment, after=after)
