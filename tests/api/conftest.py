"""People of every role, their tokens, and things to act on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Actor, Role
from fairway.accounts.tokens import create_token
from fairway.activity.rules import Door
from fairway.applications.commands import create_application, record_artifact
from fairway.applications.models import Application, Artifact
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Health, Kind, Status
from fairway.drivers.builders.contract import Spec
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef
from fairway.environments.commands import ensure_default_environments
from fairway.environments.models import Environment

DIGEST = "sha256:" + "a" * 64


class Api:
    """A client of the API with one person's token."""

    def __init__(self, token: str = "", client: Client | None = None) -> None:
        self.client = client or Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        options: dict[str, Any] = {"headers": {**self.headers, **headers}}
        if body is not None:
            options |= {"data": body, "content_type": "application/json"}
        return getattr(self.client, method.lower())(f"/api/v1{path}", **options)

    def get(self, path: str) -> Any:
        return self("get", path)

    def post(self, path: str, body: Any = None) -> Any:
        return self("post", path, {} if body is None else body)

    def put(self, path: str, body: Any) -> Any:
        return self("put", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self("patch", path, body)

    def delete(self, path: str) -> Any:
        return self("delete", path)


def person_with(role: Role, name: str = "") -> User:
    user = User.objects.create_user(username=name or role.value, password="correct horse battery")
    RoleGrant.objects.create(user=user, role=role)
    return user


def token_of(user: User, role: str = "") -> str:
    actor = actor_for(user, door=Door.WEB)
    return create_token(actor=actor, name="test", role=role)[1]


@pytest.fixture
def as_role(db: None) -> Callable[[Role], Api]:
    """A client for each role, each its own person."""
    made: dict[Role, Api] = {}

    def api(role: Role) -> Api:
        if role not in made:
            made[role] = Api(token_of(person_with(role)))
        return made[role]

    return api


@pytest.fixture
def admin(as_role: Callable[[Role], Api]) -> Api:
    return as_role(Role.ADMIN)


@pytest.fixture
def deployer(as_role: Callable[[Role], Api]) -> Api:
    return as_role(Role.DEPLOYER)


@pytest.fixture
def viewer(as_role: Callable[[Role], Api]) -> Api:
    return as_role(Role.VIEWER)


@pytest.fixture
def places(db: None) -> dict[str, Environment]:
    """Development, staging and production, on the runtime that ships for tests."""
    ensure_default_environments()
    Environment.objects.update(runtime="fake")
    return {one.slug: one for one in Environment.objects.all()}


@pytest.fixture
def someone(db: None) -> Actor:
    return actor_for(person_with(Role.ADMIN, "ada"), door=Door.WEB)


@pytest.fixture
def hello(places: dict[str, Environment], someone: Actor) -> Application:
    return create_application(
        actor=someone, name="Hello", source_kind="git", source={"url": "https://example.com/hello.git", "ref": "main"}
    )


def artifact_of(application: Application, version: str = "1.0", digest: str = DIGEST, **spec: Any) -> Artifact:
    return record_artifact(
        application=application,
        ref=ArtifactRef(ArtifactKind.IMAGE, digest, f"example.com/{application.slug}@{digest}"),
        spec=Spec(kind="image", **spec),
        version=version,
        source_kind="image",
        source={"image": f"example.com/{application.slug}:{version}"},
        created_by="ada",
    )


def live_in(application: Application, environment: Environment, artifact: Artifact) -> Placement:
    """A placement that serves a finished deployment, as the worker leaves it."""
    deployment = Deployment.objects.create(
        application=application,
        environment=environment,
        artifact=artifact,
        kind=Kind.DEPLOY,
        status=Status.SUCCEEDED,
        source_kind=artifact.source_kind,
        source=artifact.source,
        requested_by="ada",
        door="web",
    )
    placement, _ = Placement.objects.update_or_create(
        application=application, environment=environment, defaults={"current": deployment, "health": Health.HEALTHY}
    )
    return placement


@pytest.fixture
def placed(hello: Application, places: dict[str, Environment]) -> Placement:
    """Hello 1.0, live in development."""
    return live_in(hello, places["development"], artifact_of(hello))
