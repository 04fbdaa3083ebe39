"""Requests of people: deploy, promote, roll back, restart, cancel. Each creates or changes a row, and a worker runs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, Blocked, Blocker, may
from fairway.activity.commands import record
from fairway.applications.commands import checked_source, edit_application
from fairway.applications.models import Application, Artifact, Configuration
from fairway.applications.queries import latest_configuration
from fairway.applications.rules import SourceKind
from fairway.deployments.commands.approvals import end_waiting, locked_waiting, superseded_by
from fairway.deployments.gate import Subject, ask
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.protection import may_wait_until, needs_approval
from fairway.deployments.rules import BRINGS_SOMETHING_NEW, MOST_REPLICAS, Access, Kind, Status, Wanted, most_replicas
from fairway.deployments.subjects import deployment_facts, on_deployment, on_placement, placement_of
from fairway.engine.commands import enqueue, request_cancel
from fairway.engine.models import Run
from fairway.environments.models import Environment
from fairway.environments.rules import Strategy, parse_choice
from fairway.shared.names import Invalid, parse_git_ref, parse_text

STORY = "deploy"
ACT_OF = {
    Kind.DEPLOY: Act.DEPLOY,
    Kind.PROMOTE: Act.PROMOTE,
    Kind.ROLLBACK: Act.ROLL_BACK,
    Kind.AUTOMATIC_ROLLBACK: Act.ROLL_BACK,
    Kind.RESTART: Act.RESTART,
}


@transaction.atomic
def request_deployment(
    *,
    actor: Actor,
    application: Application,
    environment: Environment,
    artifact: Artifact | None = None,
    source_kind: str = "",
    source: Mapping[str, Any] | None = None,
    reason: str = "",
    break_glass: str = "",
    replicas: int | None = None,
    when_open: bool = False,
    start_by: datetime | None = None,
    access: str | None = None,
    commit: str = "",
    strategy: str | None = None,
) -> Deployment:
    """Request that the application's source (or a given artifact) goes live in an environment with its latest configuration.

    With `commit`, a full commit id, that commit of its Git repository is deployed, whatever its branch is at. A given
    `source` first becomes the application's own; if the actor may deploy here and not change the application, it is deployed
    here only, and the application keeps its own. If the environment requires approvals, the deployment waits for
    them, and supersedes whatever waited there before. With `when_open` it is accepted during a freeze or a lock that ends,
    and waits for that until `start_by` (None: `START_BY` from now). `access` says who may open an application that is
    deployed here for the first time, so that even the first visitor is checked. `strategy` says how the version gets the
    requests (`environments.rules.Strategy`; None: as the environment says). Raises `Blocked` or `Invalid`.
    """
    if access is not None:
        set_first_access(actor=actor, application=application, environment=environment, access=access)
    only_here: dict[str, Any] | None = None
    if source is not None and may(actor, Act.EDIT_APPLICATION, application=application.slug):
        application = edit_application(actor=actor, application=application, source_kind=source_kind, source=source)
    elif source is not None:
        require(actor, Act.DEPLOY, application=application.slug, environment=environment.slug)
        source_kind = source_kind or application.source_kind
        only_here = checked_source(actor, source_kind, source, application.slug)
    return _request(
        kind=Kind.DEPLOY,
        actor=actor,
        application=application,
        environment=environment,
        artifact=artifact,
        configuration=latest_configuration(application, environment),
        reason=reason,
        break_glass=break_glass,
        replicas=replicas,
        when_open=when_open,
        start_by=start_by,
        commit=commit,
        strategy=strategy,
        source=None if only_here is None else (source_kind, only_here),
    )


@transaction.atomic
def promote(
    *,
    actor: Actor,
    application: Application,
    environment: Environment,
    from_environment: Environment,
    reason: str = "",
    break_glass: str = "",
    when_open: bool = False,
    start_by: datetime | None = None,
    strategy: str | None = None,
) -> Deployment:
    """Request that the artifact which runs in one environment goes live in another: it is not built again, and it gets the
    configuration of that other environment. Raises `Blocked` or `Invalid`."""
    origin = placement_of(application, from_environment)
    if origin is None or origin.current is None:
        sentence = _("Nothing runs in %(environment)s that could be promoted.") % {"environment": from_environment.name}
        raise Blocked([Blocker(code="nothing_there", sentence=sentence, who=_("a Deployer, by deploying there first"))])
    return _request(
        kind=Kind.PROMOTE,
        actor=actor,
        application=application,
        environment=environment,
        artifact=origin.current.artifact,
        configuration=latest_configuration(application, environment),
        reason=reason,
        break_glass=break_glass,
        when_open=when_open,
        start_by=start_by,
        strategy=strategy,
    )


@transaction.atomic
def roll_back(
    *,
    actor: Actor,
    application: Application,
    environment: Environment,
    to: Deployment | None = None,
    reason: str = "",
    break_glass: str = "",
    is_automatic: bool = False,
) -> Deployment:
    """Request a new deployment of an earlier artifact *and* its configuration. `to` is the deployment to return to; by
    default the last good one before the current one.

    Raises `Blocked`, also if there is none or it never served here, or `Invalid`.
    """
    placement = placement_of(application, environment)
    target = to or (placement.previous_good if placement else None)
    if (
        target is None
        or target.artifact is None
        or (target.application_id, target.environment_id) != (application.pk, environment.pk)
    ):
        sentence = _("There is no earlier version here to go back to.")
        raise Blocked([Blocker(code="nothing_to_roll_back_to", sentence=sentence)])
    if target.switched_at is None and target.status != Status.SUCCEEDED:
        sentence = _("#%(number)s never served here, so going there would not be going back.") % {"number": target.pk}
        raise Blocked([Blocker(code="never_served", sentence=sentence, who=_("a Deployer, by deploying that version"))])
    return _request(
        kind=Kind.AUTOMATIC_ROLLBACK if is_automatic else Kind.ROLLBACK,
        actor=actor,
        application=application,
        environment=environment,
        artifact=target.artifact,
        configuration=target.configuration,
        returns_to=target,
        reason=reason,
        break_glass=break_glass,
    )


@transaction.atomic
def restart(*, actor: Actor, application: Application, environment: Environment, reason: str = "") -> Deployment:
    """Request fresh instances of the version that runs: a deployment like any other, without an interruption unless the
    application stores data. Raises `Blocked` or `Invalid`."""
    placement = placement_of(application, environment)
    current = placement.current if placement else None
    return _request(
        kind=Kind.RESTART,
        actor=actor,
        application=application,
        environment=environment,
        artifact=current.artifact if current else None,
        configuration=current.configuration if current else None,
        reason=reason,
    )


def request_under(
    act: Act,
    *,
    actor: Actor,
    application: Application,
    environment: Environment,
    artifact: Artifact | None,
    configuration: Configuration | None = None,
    returns_to: Deployment | None = None,
    reason: str = "",
    break_glass: str = "",
    replicas: int | None = None,
    parent: Run | None = None,
) -> Deployment:
    """Request a deployment for a room above, under an act of that room; the gate is asked about the same act when it starts.

    With `returns_to` it is a rollback. The run `parent` is signalled when it ends. It runs inside the caller's transaction.
    Raises `Blocked` or `Invalid`.
    """
    return _request(
        kind=Kind.ROLLBACK if returns_to else Kind.DEPLOY,
        act=act,
        actor=actor,
        application=application,
        environment=environment,
        artifact=artifact,
        configuration=configuration,
        returns_to=returns_to,
        reason=reason,
        break_glass=break_glass,
        replicas=replicas,
        parent=parent,
    )


def act_of(deployment: Deployment) -> Act:
    """The act under which a deployment was requested."""
    return Act(deployment.asked_as) if deployment.asked_as else ACT_OF[Kind(deployment.kind)]


@transaction.atomic
def cancel(*, actor: Actor, deployment: Deployment, reason: str = "") -> Deployment:
    """Ask a deployment to stop. If it is queued, it is cancelled at once; if it runs, it is cancelling until it has been
    cleaned up. Raises `Blocked` or `Invalid`."""
    if deployment.run_id is not None:
        # Lock the run before the deployment, as the engine does.
        Run.objects.select_for_update(no_key=True).get(pk=deployment.run_id)
    chosen = Deployment.objects.select_for_update(of=("self",), no_key=True).select_related("application", "environment")
    row = chosen.get(pk=deployment.pk)
    ask(Act.CANCEL, Subject(row.application, row.environment, deployment=row), actor)
    why = parse_text(reason, field="reason", longest=500)
    if row.status == Status.CANCELLING:
        return row
    if row.run_id is None:
        row.move_to(Status.CANCELLED, sentence=cancelled_by(actor, why))
    else:
        request_cancel(run_id=row.run_id, reason=cancelled_by(actor, why))
    row.refresh_from_db()
    if row.is_active and row.status != Status.CANCELLING:
        row.move_to(Status.CANCELLING)
    record(who=actor.who, verb="deployment.cancel_requested", on=on_deployment(row), comment=why)
    return row


def cancelled_by(actor: Actor, why: str) -> str:
    words = {"person": actor.name, "reason": why}
    return _("Cancelled by %(person)s: %(reason)s") % words if why else _("Cancelled by %(person)s.") % words


def _request(
    *,
    kind: Kind,
    actor: Actor,
    application: Application,
    environment: Environment,
    artifact: Artifact | None,
    configuration: Configuration | None,
    reason: str,
    break_glass: str = "",
    replicas: int | None = None,
    returns_to: Deployment | None = None,
    act: Act | None = None,
    parent: Run | None = None,
    when_open: bool = False,
    start_by: datetime | None = None,
    commit: str = "",
    strategy: str | None = None,
    source: tuple[str, dict[str, Any]] | None = None,
) -> Deployment:
    source_kind, source_given = source or (application.source_kind, None)
    is_new = act is None and kind in BRINGS_SOMETHING_NEW
    waiting = locked_waiting(application=application, environment=environment) if is_new else []
    placement = _placement_to_be(application, environment)
    glass = parse_text(break_glass, field="break_glass", longest=500)
    asked = parse_replicas(replicas) if replicas is not None else placement.replicas
    wanted = replicas_for(kind, artifact, asked)
    subject = Subject(application, environment, placement, artifact, configuration, replicas=wanted)
    ask(act or ACT_OF[kind], subject, actor, breaks_glass=bool(glass), may_wait=when_open)
    start_by = _parse_start_by(start_by)
    waits = needs_approval(act or ACT_OF[kind], environment, breaks_glass=bool(glass))
    if waits and artifact is not None:
        _refuse_twice(waiting, artifact, configuration, replicas)
    deployment = Deployment.objects.create(
        application=application,
        environment=environment,
        kind=kind,
        artifact=artifact,
        configuration=configuration,
        source_kind=artifact.source_kind if artifact else source_kind,
        source=artifact.source if artifact else source_given or _source_at(application, commit),
        spec=None if artifact else application.spec,
        replicas=wanted,
        strategy=_strategy(kind, environment, strategy),
        replaces=placement.current,
        returns_to=returns_to,
        requested_by_id=actor.id,
        requested_by=actor.name,
        acting_role=actor.acting_as or "",
        requested_with_id=actor.authentication.token,
        door=actor.door,
        asked_as=act or "",
        reason=parse_text(reason, field="reason", longest=500),
        broke_glass=glass,
        start_by=start_by,
        approve_by=may_wait_until(environment, timezone.now(), start_by) if waits else None,
    )
    payload = {"deployment": deployment.pk, "replicas": replicas}
    deployment.run = enqueue(kind=STORY, key=deployment.key, payload=payload, lane=environment.lane, parent=parent)
    deployment.save(update_fields=["run"])
    if glass:
        record(who=actor.who, verb="gate.glass_broken", on=on_deployment(deployment), comment=glass)
    record(
        who=actor.who,
        verb="deployment.requested",
        on=on_deployment(deployment),
        comment=deployment.reason,
        after=deployment_facts(deployment),
    )
    end_waiting(waiting, superseded_by(deployment))
    return deployment


def _strategy(kind: Kind, environment: Environment, asked: str | None) -> str:
    """How the version gets the requests. What goes back or starts again gets all of them at once. Raises `Invalid`."""
    if kind not in BRINGS_SOMETHING_NEW:
        return Strategy.ALL
    return environment.strategy if asked is None else parse_choice(asked, Strategy, field="strategy")


def _source_at(application: Application, commit: str) -> dict[str, Any]:
    """The application's source, at this commit if one is given. Raises `Invalid` if it has no Git repository."""
    if not commit:
        return dict(application.source)
    if application.source_kind != SourceKind.GIT:
        raise Invalid("commit", "can be deployed from a Git repository only; this application has another source.")
    return {**application.source, "ref": parse_git_ref(commit, field="commit")}


def _refuse_twice(
    waiting: Iterable[Deployment], artifact: Artifact, configuration: Configuration | None, replicas: int | None
) -> None:
    """Raises `Blocked` if exactly the same waits already: superseding it would only lose the approvals that it has."""
    wanted = (artifact.pk, configuration.pk if configuration else None, replicas)
    for deployment in waiting:
        asked = deployment.run.payload.get("replicas") if deployment.run else None
        if (deployment.artifact_id, deployment.configuration_id, asked) == wanted:
            words = {"number": deployment.pk, "person": deployment.requested_by}
            sentence = _("#%(number)s, requested by %(person)s, is already waiting for approval of exactly this.") % words
            raise Blocked([Blocker(code="waits_already", sentence=sentence, details={"deployment": deployment.pk})])


def replicas_for(kind: Kind, artifact: Artifact | None, asked: int) -> int:
    """How many instances a deployment starts: `asked`; for a rollback no more than the earlier version may have, so that it
    cannot fail because of a number that only the newer version allows."""
    if artifact is None or kind not in {Kind.ROLLBACK, Kind.AUTOMATIC_ROLLBACK}:
        return asked
    return min(asked, most_replicas(artifact.parsed_spec.volumes))


def _placement_to_be(application: Application, environment: Environment) -> Placement:
    """The placement, created if there is none. The environment is locked, so that two requests at the same time are handled
    one after the other. Raises `Blocked` while the application is being removed."""
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    placement = placement_of(application, environment)
    if placement is None:
        placement = Placement.objects.create(application=application, environment=environment)
    elif placement.wanted == Wanted.REMOVED:
        raise Blocked([Blocker(code="removing", sentence=_("It is being removed from here."), clears_at=None)])
    return placement


@transaction.atomic
def set_first_access(*, actor: Actor, application: Application, environment: Environment, access: str) -> None:
    """Set who may open an application before it is deployed for the first time. Raises `Blocked`, or `Invalid` if something
    is live already."""
    if access not in set(Access):
        raise Invalid("access", "use one of {names}.", names=", ".join(Access))
    require(actor, Act.ROUTE, application=application.slug, environment=environment.slug)
    placement = _placement_to_be(application, environment)
    if placement.access == access:
        return
    if placement.current is not None:
        raise Invalid("access", "can be given with the first deployment only; it is live here already, so change it there.")
    before = {"access": placement.access}
    placement.access = access
    placement.save(update_fields=["access"])
    record(who=actor.who, verb="placement.access_set", on=on_placement(placement), before=before, after={"access": access})


def _parse_start_by(start_by: datetime | None) -> datetime | None:
    if start_by is not None and start_by <= timezone.now():
        raise Invalid("start_by", "is in the past; leave it empty or give a later time.")
    return start_by


def parse_replicas(replicas: int) -> int:
    """A number of replicas. Raises `Invalid` unless it is from 1 to 8."""
    if isinstance(replicas, bool) or not 1 <= int(replicas) <= MOST_REPLICAS:
        raise Invalid("replicas", "must be a number from 1 to {most}.", most=MOST_REPLICAS)
    return int(replicas)
