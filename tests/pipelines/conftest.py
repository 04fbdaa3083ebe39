"""An application from GitHub's example repository, a trigger of it, and a sender of signed deliveries."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from fairway.accounts.rules import SYSTEM, Actor
from fairway.applications.commands import create_application
from fairway.applications.models import Application
from fairway.engine.models import Run
from fairway.environments.models import Environment
from fairway.pipelines.commands.deliveries import deploy_newest
from fairway.pipelines.commands.forges import connect_forge
from fairway.pipelines.commands.triggers import create_trigger
from fairway.pipelines.models import ForgeConnection, Trigger, WebhookDelivery
from fairway.workflows import register_all
from tests.services.forge import TOKEN, FakeForge, fake_forge

REPOSITORY = "https://github.com/Codertocat/Hello-World.git"
NOTHING = "0" * 40
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def workflows() -> None:
    register_all()


@pytest.fixture
def hook_app(db: None) -> Application:
    return create_application(
        actor=SYSTEM, name="Hello", slug="hello", source_kind="git", source={"url": REPOSITORY, "ref": "main"}
    )


def commit_of(number: int) -> str:
    return f"{number:040x}"


def push(ref: str = "refs/heads/main", number: int = 0, **more: Any) -> dict[str, Any]:
    """A push as GitHub tells of it, each of another commit."""
    number = number or next(_numbers)
    commit = commit_of(number)
    told = {
        "ref": ref,
        "before": commit_of(10**6 + number),
        "after": commit,
        "deleted": False,
        "created": False,
        "forced": False,
        "pusher": {"name": "grace"},
        "repository": {"clone_url": REPOSITORY, "ssh_url": "git@github.com:Codertocat/Hello-World.git"},
        "head_commit": {"id": commit, "message": f"Change {number}\n\nBecause."},
        "commits": [{"id": commit, "message": f"Change {number}", "added": [], "removed": [], "modified": ["shop/app.py"]}],
    }
    return {**told, **more}


@dataclass
class Sender:
    """Sends deliveries to the webhook of one trigger, as GitHub does unless told otherwise."""

    trigger: Trigger
    secret: str

    def send(
        self, payload: Any, event: str = "push", *, delivery: str = "", form: bool = False, path: str = "", **headers: str
    ) -> Any:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        kind = "application/json"
        if form:
            body, kind = urlencode({"payload": body.decode()}).encode(), "application/x-www-form-urlencoded"
        given = {
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery or f"delivery-{next(_numbers)}",
            "X-Hub-Signature-256": "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        sent = {name: value for name, value in given.items() if value is not None}
        client = Client(enforce_csrf_checks=True)
        return client.post(path or f"/hooks/{self.trigger.public_id}", body, content_type=kind, headers=sent)

    def last(self) -> WebhookDelivery:
        return WebhookDelivery.objects.filter(trigger=self.trigger).latest("pk")

    def work(self) -> Any:
        """Do what the worker's run would do."""
        Run.objects.filter(kind="push").delete()
        return deploy_newest(number=self.trigger.pk)


def sender_for(application: Application, environment: Environment, actor: Actor = SYSTEM, **more: Any) -> Sender:
    values = {"pattern": "main", **more}
    return Sender(*create_trigger(actor=actor, application=application, environment=environment, **values))


@pytest.fixture
def forge(db: None, settings: Any) -> Iterator[FakeForge]:
    settings.SOURCE_ADDRESSES = "any"
    with fake_forge() as found:
        yield found


def connect(forge: FakeForge, application: Application, kind: str = "github", **more: Any) -> ForgeConnection:
    api = {"github": "", "gitlab": "/api/v4", "gitea": "/api/v1"}[kind]
    values = {"token": TOKEN, "kind": kind, "api_url": f"{forge.address}{api}", **more}
    return connect_forge(actor=SYSTEM, application=application, **values)


@pytest.fixture
def sender(hook_app: Application, staging: Environment) -> Sender:
    return sender_for(hook_app, staging)


@pytest.fixture
def hello_image(db: None) -> Application:
    return create_application(actor=SYSTEM, name="Image", source_kind="image", source={"image": "registry.test/hello:1"})
