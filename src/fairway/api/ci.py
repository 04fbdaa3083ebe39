"""CI jobs that deploy without a stored secret: which are trusted, and the exchange of a job's token for an API token."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.http import HttpRequest
from ninja import Query, Schema, Status
from pydantic import Field, SecretStr

from fairway.accounts.permissions import actor_of, needs, public
from fairway.accounts.rules import Act
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Asked, Given, Named, Number, Slug, Text
from fairway.applications.queries import get_application
from fairway.drivers.forges.contract import RefKind
from fairway.environments.queries import get_environment_for
from fairway.pipelines.commands import ci_trusts as commands
from fairway.pipelines.models import CiTrust
from fairway.pipelines.queries import ci_trusts_visible_to, get_ci_trust
from fairway.pipelines.rules import LONGEST_PATTERN
from fairway.shared.names import LONGEST_APPLICATION

router = PermissionRouter(tags=["ci"])


class TrustShown(Schema):
    """CI jobs of one repository that may deploy here. `audience` is for whom a job must ask its token; `repository` is its
    name, as the last job said it."""

    id: int
    application: Named
    environment: Named
    ci: Literal["github", "gitlab"]
    issuer: str
    repository_id: str
    repository: str
    ref_kind: RefKind
    pattern: str
    ci_environment: str
    audience: str
    saved_by: str
    created_at: datetime
    last_used_at: datetime | None


class TrustWanted(Given):
    """`repository_id` is the number of the repository (GitHub) or project (GitLab); names are given to others when they
    become free. `ci_environment`: only jobs of this environment of the CI. `issuer`: of a server of your own."""

    ci: Literal["github", "gitlab"]
    repository_id: Text = Field(max_length=30)
    pattern: str = Field(min_length=1, max_length=LONGEST_PATTERN)
    ref_kind: Literal[RefKind.BRANCH, RefKind.TAG] = RefKind.BRANCH
    ci_environment: Text = Field("", max_length=200)
    issuer: Text = Field("", max_length=300)


class TrustsAsked(Asked):
    """Only those of this application, and of this environment."""

    application: Text = Field("", max_length=LONGEST_APPLICATION)
    environment: Text = Field("", max_length=40)


class JobToken(Given):
    """The token that GitHub Actions or GitLab CI gave the job. `application` and `environment` choose where several places
    trust it."""

    token: SecretStr = Field(max_length=16_000)
    application: Text = Field("", max_length=LONGEST_APPLICATION)
    environment: Text = Field("", max_length=40)


class CiToken(Schema):
    """An API token for this application in this environment, for a quarter of an hour."""

    token: str
    expires_at: datetime
    application: str
    environment: str


@router.get("/ci-trusts", response=list[TrustShown])
@needs(Act.VIEW)
def list_ci_trusts(request: HttpRequest, asked: Query[TrustsAsked]) -> list[TrustShown]:
    """The CI jobs that are trusted, by application and environment."""
    found = ci_trusts_visible_to(actor_of(request))
    if asked.application:
        found = found.filter(application__slug=asked.application)
    if asked.environment:
        found = found.filter(environment__slug=asked.environment)
    return [_shown(one) for one in found]


@router.post("/applications/{app}/environments/{env}/ci-trusts", response={201: TrustShown})
@needs(Act.DEPLOY)
def make_ci_trust(request: HttpRequest, app: Slug, env: Slug, given: TrustWanted) -> Status[TrustShown]:
    """Let CI jobs of a repository deploy the application here with your rights, as they are at that time."""
    actor = actor_of(request)
    application = get_application(actor, app)
    environment = get_environment_for(actor, application, env)
    made = commands.trust_ci(actor=actor, application=application, environment=environment, **given.dict())
    return Status(201, _shown(made))


@router.delete("/ci-trusts/{number}", response={204: None})
@needs(Act.DEPLOY)
def delete_ci_trust(request: HttpRequest, number: Number) -> Status[None]:
    """Trust these jobs no more."""
    actor = actor_of(request)
    commands.end_trust(actor=actor, trust=get_ci_trust(actor, number))
    return Status(204, None)


@router.post("/ci-tokens", response={201: CiToken})
@public("the job's token, which GitHub or GitLab signed, is the permission; it works once")
def make_ci_token(request: HttpRequest, given: JobToken) -> Status[CiToken]:
    """Exchange the token of a CI job for an API token. The job asks for it with this installation's address as audience."""
    made = commands.exchange(
        token=given.token.get_secret_value(),
        application=given.application,
        environment=given.environment,
        address=request.META.get("REMOTE_ADDR", "")[:60],
        client=request.headers.get("User-Agent", "")[:200],
    )
    assert made.token.expires_at is not None
    return Status(
        201,
        CiToken(
            token=made.text,
            expires_at=made.token.expires_at,
            application=made.trust.application.slug,
            environment=made.trust.environment.slug,
        ),
    )


def _shown(one: CiTrust) -> TrustShown:
    names = (
        "ci", "issuer", "repository_id", "repository", "ref_kind", "pattern", "ci_environment", "saved_by", "created_at",
        "last_used_at",
    )  # fmt: skip
    return TrustShown(
        id=one.pk,
        application=Named(slug=one.application.slug, name=one.application.name),
        environment=Named(slug=one.environment.slug, name=one.environment.name),
        audience=commands.audience(),
        **{name: getattr(one, name) for name in names},
    )
