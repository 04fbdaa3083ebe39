"""The page of statuses at the forge, the line on a deployment's page, and what a deployment changes."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client

from fairway.accounts.rules import SYSTEM, Role
from fairway.applications.commands import save_configuration
from fairway.applications.credential_commands import save_credential
from fairway.applications.models import Application, Artifact
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.models import Deployment
from fairway.environments.models import Environment
from fairway.pipelines import repositories
from fairway.pipelines.commands.forges import edit_forge
from fairway.pipelines.models import ForgeConnection, StatusReport
from tests.conftest import make_artifact, make_person
from tests.pipelines.conftest import commit_of, forge, hook_app, workflows
from tests.pipelines.test_reports import asked_for, connection, ran, work
from tests.services.forge import TOKEN, FakeForge, Trick
from tests.web.conftest import Browser, finish

__all__ = ["connection", "forge", "hook_app", "workflows"]  # fixtures
HERE = "/applications/hello/forge"
TAB = "/applications/hello/deployments"


@pytest.fixture
def dora(db: None, browse: Browser) -> Client:
    return browse(make_person("dora", Role.DEPLOYER))


@pytest.fixture
def vera(db: None, browse: Browser) -> Client:
    return browse(make_person("vera", Role.VIEWER))


def text_of(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return unescape(answer.content.decode())


def test_a_forge_is_connected_tried_paused_and_disconnected(
    dora: Client, vera: Client, forge: FakeForge, hook_app: Application
) -> None:
    assert HERE in text_of(dora, TAB)
    assert 'value="https://api.github.com"' in text_of(dora, HERE)
    wrong = dora.post(HERE, {"kind": "github", "api_url": forge.address, "token": ""})
    assert wrong.status_code == 422
    assert "s missing; make one" in unescape(wrong.content.decode())
    given = {"kind": "github", "api_url": forge.address, "token": TOKEN}
    assert dora.post(HERE, given).status_code == 302
    one = ForgeConnection.objects.get()
    assert (one.kind, one.api_url, one.saved_by) == ("github", forge.address, "dora")
    assert "It works" in dora.post(f"{HERE}/trial").content.decode()
    forge.rights.clear()
    refused = dora.post(f"{HERE}/trial")
    assert (refused.status_code, "may not do this" in unescape(refused.content.decode())) == (409, True)
    assert TOKEN not in text_of(dora, HERE)
    assert vera.post(f"{HERE}/trial").status_code == 403
    assert "This needs the role" in text_of(vera, HERE)
    moved = dora.post(HERE, {**given, "api_url": "http://127.0.0.1:9", "token": ""})
    assert (moved.status_code, "ust be entered again" in moved.content.decode()) == (422, True)
    dora.post(f"{HERE}/pause")
    assert "It is paused" in text_of(dora, HERE)
    dora.post(f"{HERE}/resume")
    assert "It is paused" not in text_of(dora, HERE)
    dora.post(f"{HERE}/disconnection", {"confirm": "other"})
    assert ForgeConnection.objects.filter(deleted_at=None).exists()
    dora.post(f"{HERE}/disconnection", {"confirm": "Codertocat/Hello-World"})
    assert not ForgeConnection.objects.filter(deleted_at=None).exists()


def test_the_pages_say_what_was_sent_and_what_went_wrong(
    dora: Client, forge: FakeForge, connection: ForgeConnection, hook_app: Application, staging: Environment
) -> None:
    deployment = ran(asked_for(hook_app, staging))
    work()
    page = text_of(dora, f"/deployments/{deployment.pk}")
    assert "<dt>GitHub</dt>" in page
    assert "“success” was sent" in page
    last = StatusReport.objects.latest("pk")
    again = f"{HERE}/reports/{last.pk}/again"
    assert again in text_of(dora, HERE)
    forge.will(Trick(401, '{"message": "Bad credentials"}'))
    assert dora.post(again).status_code == 302
    work()
    shown = text_of(dora, HERE)
    assert "Nothing is sent until somebody has looked." in shown
    assert "does not accept the token (401): Bad credentials" in shown
    assert "“success” is to be sent" in text_of(dora, f"/deployments/{deployment.pk}")
    edit_forge(actor=SYSTEM, connection=connection, token=TOKEN)
    work()
    assert "Nothing is sent until" not in text_of(dora, HERE)


def of_commit(application: Application, number: int) -> Artifact:
    made = make_artifact(application)
    Artifact.objects.filter(pk=made.pk).update(commit=commit_of(number), source=application.source, source_kind="git")
    made.refresh_from_db()
    return made


def test_a_deployment_says_what_it_changes(dora: Client, hook_app: Application, staging: Environment) -> None:
    where = {"actor": SYSTEM, "application": hook_app, "environment": staging}
    save_configuration(**where, variables={"PLAIN": "before", "SAME": "1"}, secrets={})
    finish(request_deployment(**where, artifact=of_commit(hook_app, 1)))
    save_configuration(**where, variables={"PLAIN": "afterwards", "SAME": "1"}, secrets={"HIDDEN": "hush hush"})
    then = request_deployment(**where, artifact=of_commit(hook_app, 2))
    page = text_of(dora, f"/deployments/{then.pk}")
    compare = "https://github.com/Codertocat/Hello-World/compare"
    assert f"{compare}/{commit_of(1)}...{commit_of(2)}" in page
    assert [word in page for word in ("PLAIN", "HIDDEN", "SAME", "afterwards", "hush")] == [True, True, False, False, False]
    choose = text_of(dora, "/applications/hello/in/staging/deploy")
    assert f"{compare}/{commit_of(1)}...main" in choose
    assert f"{compare}/{commit_of(1)}...{commit_of(2)}" in choose
    assert [word in choose for word in ("PLAIN", "HIDDEN", "hush")] == [True, True, False]
    assert Deployment.objects.count() == 2


def test_without_a_repository_there_is_nothing_to_tell(dora: Client, hello: Application) -> None:
    assert "no Git repository" in text_of(dora, HERE)
    assert HERE not in text_of(dora, TAB)


def test_a_stored_credential_is_chosen_instead_of_a_token(
    dora: Client, hook_app: Application, forge: FakeForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Stored credential" not in text_of(dora, HERE), "there is none"
    monkeypatch.setattr(repositories, "api_url_at", lambda *_: "https://api.github.com")
    save_credential(actor=SYSTEM, kind="https", name="bot", host="github.com", username="bot", secret=TOKEN)
    assert '<option value="bot" selected>' in text_of(dora, HERE)
    given = {"kind": "github", "api_url": "https://api.github.com", "token": "", "credential": "bot"}
    assert "Saved" in dora.post(HERE, given, follow=True).content.decode()
    connection = ForgeConnection.objects.get()
    assert (connection.credential, connection.sealed_token) == ("bot", "")
    assert dora.post(HERE, {**given, "credential": ""}).status_code == 422, "nothing would be left to sign in with"
    connection.refresh_from_db()
    assert connection.credential == "bot"
    both = unescape(dora.post(HERE, {**given, "token": TOKEN}).content.decode())
    assert "beside a stored credential" in both
    dora.post(HERE, {**given, "token": TOKEN, "credential": ""})
    connection.refresh_from_db()
    assert (connection.credential, bool(connection.sealed_token)) == ("", True)
    assert dora.post(HERE, {**given, "credential": "another"}).status_code == 422
