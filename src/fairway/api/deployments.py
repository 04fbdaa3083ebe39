"""Deployments: request, promote, roll back, approve, cancel; show them, their steps and their logs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Query, Schema
from ninja import Status as Answer
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.applications import SourceGiven
from fairway.api.placement_schemas import DeploymentDetail, DeploymentShown, deployment_detail, deployments_shown
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import LARGEST, Asked, Given, Moment, Number, Page, Paged, Reason, Text, page_of
from fairway.api.streaming import stream
from fairway.applications import queries as applications
from fairway.deployments.commands import approvals, requests
from fairway.deployments.models import Deployment
from fairway.deployments.queries import HistoryFilter, collected_note, get_deployment, history, log_lines
from fairway.environments import queries as environments
from fairway.environments.rules import Strategy
from fairway.shared.names import LONGEST_APPLICATION

router = PermissionRouter(tags=["deployments"])
LINES_AT_ONCE = 2000


class DeploymentWanted(Given):
    """A given `source` becomes the application's source; an `artifact` (its number) is deployed without building.

    `break_glass` is the reason for deploying in spite of a lock or freeze; it needs a role and is recorded as an event. With
    `when_open` the request is accepted during a freeze, or a lock that ends, and waits for its end, at most until `start_by`
    (default: seven days). `access` (``public`` or ``signed_in``) says who may open it from its first deployment there on.
    `strategy` is how the new version gets the requests (default: as the environment says).
    """

    application: str = Field(max_length=LONGEST_APPLICATION)
    environment: str = Field(max_length=40)
    source: SourceGiven | None = None
    artifact: int | None = Field(None, ge=1, le=LARGEST)
    replicas: int | None = Field(None, ge=1, le=8)
    access: str | None = Field(None, max_length=20)
    reason: str = Field("", max_length=500)
    break_glass: str = Field("", max_length=500)
    when_open: bool = False
    start_by: Moment | None = None
    strategy: Strategy | None = None


class PromotionWanted(Given):
    """Deploy what runs in `from_environment` to `environment`, without a rebuild, with the configuration of the latter.

    `when_open`, `start_by` and `strategy` as for deployments.
    """

    application: str = Field(max_length=LONGEST_APPLICATION)
    from_environment: str = Field(max_length=40)
    environment: str = Field(max_length=40)
    reason: str = Field("", max_length=500)
    break_glass: str = Field("", max_length=500)
    when_open: bool = False
    start_by: Moment | None = None
    strategy: Strategy | None = None


class RollbackWanted(Given):
    """`to` is the deployment to restore; default: the last good one before the present one."""

    application: str = Field(max_length=LONGEST_APPLICATION)
    environment: str = Field(max_length=40)
    to: int | None = Field(None, ge=1, le=LARGEST)
    reason: str = Field("", max_length=500)
    break_glass: str = Field("", max_length=500)


class HistoryAsked(Paged):
    """Filters; without them, everything is listed. `status` may also be ``active`` or ``awaiting_approval``."""

    application: Text = Field("", max_length=LONGEST_APPLICATION)
    environment: Text = Field("", max_length=40)
    status: Literal[
        "", "active", "awaiting_approval",
        "queued", "running", "waiting", "cancelling", "succeeded", "live", "superseded", "failed", "errored",
        "cancelled",
    ] = ""  # fmt: skip
    person: Text = Field("", max_length=200)
    since: Moment | None = None
    until: Moment | None = None


class DeploymentAnswer(Given):
    """Approve or reject. `fingerprint` is the one in the deployment's `approvals` that the person saw. A rejection needs a
    `comment` and ends the deployment."""

    decision: Literal["approve", "reject"]
    fingerprint: str = Field(max_length=64)
    comment: str = Field("", max_length=500)


class LogAsked(Asked):
    after: int = Field(0, ge=0, le=LARGEST)
    limit: int = Field(500, ge=1, le=LINES_AT_ONCE)


class LogLine(Schema):
    """`n` counts from 1; `at` is a Unix time in seconds; the text may contain ANSI colours."""

    n: int
    at: float
    step: str
    stream: str
    text: str


class LogShown(Schema):
    """`next` is the `after` of the following call. `is_complete`: the deployment has ended, and there are no more lines.
    `collected_at`: when its lines were removed; null while they are stored."""

    lines: list[LogLine]
    next: int
    is_complete: bool
    collected_at: datetime | None


@router.get("/deployments", response=Page[DeploymentShown])
@needs(Act.VIEW)
def list_deployments(request: HttpRequest, asked: Query[HistoryAsked]) -> object:
    """Every deployment you may see, newest first."""
    wanted = HistoryFilter(**asked.model_dump(exclude={"cursor", "limit"}))
    return page_of(history(actor_of(request), wanted), asked, deployments_shown)


@router.post("/deployments", response={201: DeploymentDetail})
@needs(Act.DEPLOY)
def deploy(request: HttpRequest, given: DeploymentWanted) -> Answer[DeploymentDetail]:
    """Deploy an application to an environment.

    The response is the queued deployment; follow it at `/deployments/{number}`. If the environment requires approvals, it
    waits for them (`awaits_approval`).
    """
    actor = actor_of(request)
    one = applications.get_application(actor, given.application)
    made = requests.request_deployment(
        actor=actor,
        application=one,
        environment=environments.get_environment_for(actor, one, given.environment),
        artifact=applications.get_artifact(one, given.artifact) if given.artifact is not None else None,
        source_kind=given.source.kind if given.source else "",
        source=given.source.values() if given.source else None,
        reason=given.reason,
        break_glass=given.break_glass,
        when_open=given.when_open,
        start_by=given.start_by,
        replicas=given.replicas,
        access=given.access,
        strategy=given.strategy,
    )
    return Answer(201, deployment_detail(made))


@router.post("/promotions", response={201: DeploymentDetail})
@needs(Act.PROMOTE)
def promote(request: HttpRequest, given: PromotionWanted) -> Answer[DeploymentDetail]:
    """Promote the artifact that runs in one environment to another."""
    actor = actor_of(request)
    one = applications.get_application(actor, given.application)
    made = requests.promote(
        actor=actor,
        application=one,
        environment=environments.get_environment_for(actor, one, given.environment),
        from_environment=environments.get_environment_for(actor, one, given.from_environment),
        reason=given.reason,
        break_glass=given.break_glass,
        when_open=given.when_open,
        start_by=given.start_by,
        strategy=given.strategy,
    )
    return Answer(201, deployment_detail(made))


@router.post("/rollbacks", response={201: DeploymentDetail})
@needs(Act.ROLL_BACK)
def roll_back(request: HttpRequest, given: RollbackWanted) -> Answer[DeploymentDetail]:
    """Restore an earlier artifact and its configuration, as a new deployment."""
    actor = actor_of(request)
    one = applications.get_application(actor, given.application)
    made = requests.roll_back(
        actor=actor,
        application=one,
        environment=environments.get_environment_for(actor, one, given.environment),
        to=get_deployment(actor, given.to) if given.to is not None else None,
        reason=given.reason,
        break_glass=given.break_glass,
    )
    return Answer(201, deployment_detail(made))


@router.get("/deployments/{number}", response=DeploymentDetail)
@needs(Act.VIEW)
def show_deployment(request: HttpRequest, number: Number) -> DeploymentDetail:
    """One deployment: its steps with elapsed and expected seconds, its queue position, its probe."""
    return deployment_detail(get_deployment(actor_of(request), number))


@router.post("/deployments/{number}/cancellation", response={201: DeploymentDetail})
@needs(Act.CANCEL)
def cancel_deployment(request: HttpRequest, number: Number, given: Reason) -> Answer[DeploymentDetail]:
    """Cancel a deployment. Until its status is cancelled, it is still cleaning up."""
    actor = actor_of(request)
    row = requests.cancel(actor=actor, deployment=get_deployment(actor, number), reason=given.reason)
    return Answer(201, deployment_detail(row))


@router.post("/deployments/{number}/approvals", response={201: DeploymentDetail})
@needs(Act.APPROVE)
def answer_deployment(request: HttpRequest, number: Number, given: DeploymentAnswer) -> Answer[DeploymentDetail]:
    """Approve or reject a deployment that waits for approval. After the last approval that is needed, it continues."""
    actor = actor_of(request)
    say = approvals.approve if given.decision == "approve" else approvals.reject
    row = say(actor=actor, deployment=get_deployment(actor, number), fingerprint=given.fingerprint, comment=given.comment)
    return Answer(201, deployment_detail(row))


@router.get("/deployments/{number}/log", response=LogShown)
@needs(Act.VIEW)
def show_log(request: HttpRequest, number: Number, asked: Query[LogAsked]) -> LogShown:
    """Some lines of a deployment's log; secrets are masked."""
    # read before its lines, because an ended deployment has written all of them
    one = get_deployment(actor_of(request), number)
    lines = log_lines(one, after=asked.after, limit=asked.limit)
    last = lines[-1]["n"] if lines else asked.after
    return LogShown(
        lines=[LogLine(**line) for line in lines],
        next=last,
        is_complete=not one.is_active and len(lines) < asked.limit,
        collected_at=one.log_collected_at,
    )


@router.get(
    "/deployments/{number}/log/raw",
    openapi_extra={
        "responses": {200: {"description": "The log.", "content": {"text/plain": {"schema": {"type": "string"}}}}}
    },
)
@needs(Act.VIEW)
def show_raw_log(request: HttpRequest, number: Number) -> HttpResponseBase:
    """The whole log as plain text."""
    return stream(request, _raw_lines(get_deployment(actor_of(request), number)), content_type="text/plain; charset=utf-8")


def _raw_lines(deployment: Deployment) -> Iterator[str]:
    if deployment.log_collected_at:
        yield collected_note(deployment)
    after = 0
    while lines := log_lines(deployment, after=after, limit=LINES_AT_ONCE):
        yield "".join(f"{line['text']}\n" for line in lines)
        after = lines[-1]["n"]
