"""Each request with a preview has one comment, which is brought up to date, whatever the forge answers and whoever dies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from fairway.applications.models import Application, Artifact
from fairway.deployments.rules import Status
from fairway.drivers.forges.github import GitHub
from fairway.environments.models import Environment
from fairway.pipelines.commands.previews import advance_previews, approve_preview
from fairway.pipelines.commands.remarks import note_remarks, remarks_due, send_remarks
from fairway.pipelines.commands.reports import make_reports, send_reports
from fairway.pipelines.models import ForgeConnection, Preview
from fairway.pipelines.remarks import remark_of
from fairway.shared.retrying import MOST_TRIES
from tests.pipelines.conftest import Sender, commit_of, connect, sender_for
from tests.pipelines.requests import FORK, pull, tell, the_preview
from tests.pipelines.test_previews import go_live, remove_what_is_there
from tests.services.forge import FakeForge, Trick
from tests.web.conftest import finish

pytestmark = pytest.mark.django_db


@pytest.fixture
def requests(hook_app: Application, staging: Environment) -> Sender:
    return sender_for(hook_app, staging, ref_kind="request")


@pytest.fixture
def connection(forge: FakeForge, hook_app: Application) -> ForgeConnection:
    return connect(forge, hook_app)


def sent() -> int:
    """What the worker's sender does once."""
    note_remarks()
    return sum(send_remarks(number) for number in remarks_due())


def said(forge: FakeForge) -> str:
    (one,) = forge.comments.values()
    return str(one["body"])


def due_again() -> None:
    Preview.objects.exclude(tell_at=None).update(tell_at=timezone.now())
    ForgeConnection.objects.update(rests_until=None)


def test_the_comment_follows_the_preview(requests: Sender, forge: FakeForge, connection: ForgeConnection) -> None:
    tell(requests, pull(commit=7))
    assert sent() == 1
    assert "is being deployed" in said(forge)
    assert commit_of(7)[:12] in said(forge)
    assert sent() == 0, "nothing new is to be said"
    go_live(the_preview())
    assert sent() == 1
    assert f"http://pr-12--hello.{the_preview().environment.host}" in said(forge)
    assert f"/deployments/{the_preview().deployment_id}" in said(forge)
    tell(requests, pull(action="synchronize", commit=8))
    sent()
    assert "shows an earlier commit" in said(forge)
    finish(the_preview().deployment, Status.FAILED)
    sent()
    assert "could not be deployed" in said(forge)
    tell(requests, pull(action="closed"))
    sent()
    assert "The request was closed." in said(forge)
    assert [one["request"] for one in forge.comments.values()] == [12]


@pytest.mark.parametrize("kind", ["gitlab", "gitea"])
def test_at_other_forges(requests: Sender, forge: FakeForge, hook_app: Application, kind: str) -> None:
    connect(forge, hook_app, kind)
    tell(requests, pull())
    assert sent() == 1
    tell(requests, pull(action="closed"))
    assert sent() == 1
    assert "The request was closed." in said(forge)


def test_it_repeats_nothing_that_others_wrote(requests: Sender, forge: FakeForge, connection: ForgeConnection) -> None:
    evil = "](javascript:alert(1)) <img src=x onerror=alert(1)> @everyone"
    tell(requests, pull(title=evil, branch="evil`branch", user={"login": "@mallory"}))
    sent()
    for word in ("javascript", "<img", "@everyone", "evil`branch", "@mallory"):
        assert word not in said(forge)


def test_a_fork_waits_for_a_person(requests: Sender, forge: FakeForge, connection: ForgeConnection, deployer: Any) -> None:
    tell(requests, pull(repository=FORK))
    sent()
    assert "comes from a fork" in said(forge)
    approve_preview(actor=deployer, preview=the_preview(), commit=commit_of(1))
    advance_previews()
    sent()
    assert "is being deployed" in said(forge)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"PREVIEW_DAYS": 3}, "Nothing was pushed for 3 days"), ({"PREVIEWS": 1}, "There were more than 1 previews")],
)
def test_it_says_why_it_ended_by_itself(
    requests: Sender, forge: FakeForge, connection: ForgeConnection, settings: Any, change: dict[str, int], words: str
) -> None:
    tell(requests, pull())
    for name, value in change.items():
        setattr(settings, name, value)
    if "PREVIEWS" in change:
        tell(requests, pull(13))
    else:
        Preview.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
        advance_previews()
    sent()
    assert any(words in one["body"] for one in forge.comments.values())


def test_one_that_was_made_before_the_worker_died_is_found_again(
    requests: Sender, forge: FakeForge, connection: ForgeConnection
) -> None:
    for number in range(150):
        forge.comments[number + 1] = {"id": number + 1, "request": 12, "body": "Another one."}
    forge.will(Trick(acts=True, method="POST", ending="/comments"))
    tell(requests, pull())
    assert sent() == 0
    assert the_preview().comment == ""
    due_again()
    assert sent() == 1
    ours = [one for one in forge.comments.values() if "fairway preview" in one["body"]]
    assert [str(one["id"]) for one in ours] == [the_preview().comment]


def test_a_mark_that_somebody_copied_is_not_taken_for_ours(
    requests: Sender, forge: FakeForge, connection: ForgeConnection
) -> None:
    tell(requests, pull())
    sent()
    ours = the_preview().comment
    forge.comments[900] = {"id": 900, "request": 12, "body": said(forge)}
    Preview.objects.update(comment="", told="")
    sent()
    assert the_preview().comment == ours


def test_one_that_somebody_deleted_is_made_again(requests: Sender, forge: FakeForge, connection: ForgeConnection) -> None:
    tell(requests, pull())
    sent()
    forge.comments.clear()
    go_live(the_preview())
    sent()
    assert "is live" in said(forge)


def test_a_token_that_may_not_comment_holds_no_status_up(
    requests: Sender, forge: FakeForge, connection: ForgeConnection
) -> None:
    forge.rights = {"statuses", "deployments"}
    tell(requests, pull())
    assert sent() == 0
    preview = the_preview()
    assert (preview.trouble, preview.tell_at) == ("forbidden", None)
    connection.refresh_from_db()
    assert connection.stopped_at is None


def test_a_token_that_is_refused_stops_the_connection(
    requests: Sender, forge: FakeForge, connection: ForgeConnection
) -> None:
    forge.token = "another"
    tell(requests, pull())
    sent()
    connection.refresh_from_db()
    assert connection.trouble == "token_refused"
    assert remarks_due() == []


def test_what_fails_again_and_again_is_given_up(requests: Sender, forge: FakeForge, connection: ForgeConnection) -> None:
    tell(requests, pull())
    forge.will(*[Trick(status=500)] * 20)
    for _ in range(MOST_TRIES + 2):
        sent()
        due_again()
    preview = the_preview()
    assert (preview.tell_at, preview.trouble, preview.comment) == (None, "failed", "")
    assert sum(path.endswith("/comments") for _method, path in forge.asked) == MOST_TRIES


def test_two_senders_write_one_comment(
    requests: Sender, forge: FakeForge, connection: ForgeConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(requests, pull())
    note_remarks()
    write, inside = GitHub.remark, []

    def slowly(self: GitHub, *given: Any) -> str:
        if not inside:
            inside.append(True)
            send_remarks(connection.pk)  # another worker, meanwhile
        return write(self, *given)

    monkeypatch.setattr(GitHub, "remark", slowly)
    send_remarks(connection.pk)
    assert len(forge.comments) == 1


def test_without_a_connection_nothing_is_marked(requests: Sender) -> None:
    tell(requests, pull())
    assert note_remarks() == 0


def test_the_mark_cannot_be_guessed_from_another(requests: Sender) -> None:
    tell(requests, pull(12))
    tell(requests, pull(13))
    assert remark_of(the_preview(12)).mark != remark_of(the_preview(13)).mark


# Statuses


def statuses(connection: ForgeConnection, forge: FakeForge) -> list[tuple[str, str]]:
    make_reports()
    while send_reports(connection.pk):
        pass
    return [(forge.deployments[number]["environment"], state) for number, state in forge.told]


def settle(preview: Preview) -> None:
    """A version that a worker built of the request's commit is live."""
    deployment = go_live(preview)
    source = {"commit": deployment.source["ref"], "source": deployment.source}
    Artifact.objects.filter(pk=deployment.artifact_id).update(**source)


def test_the_commits_of_requests_have_a_status(requests: Sender, forge: FakeForge, connection: ForgeConnection) -> None:
    tell(requests, pull(12, commit=1))
    tell(requests, pull(13, commit=2))
    settle(the_preview(12))
    settle(the_preview(13))
    assert sorted(set(statuses(connection, forge))) == [
        ("staging/pr-12", "in_progress"), ("staging/pr-12", "queued"), ("staging/pr-12", "success"),
        ("staging/pr-13", "in_progress"), ("staging/pr-13", "queued"), ("staging/pr-13", "success"),
    ]  # fmt: skip
    assert all(one["transient_environment"] for one in forge.deployments.values())
    assert {(one["context"], one["sha"]) for one in forge.statuses} == {
        ("fairway/preview", commit_of(1)), ("fairway/preview", commit_of(2)),
    }  # fmt: skip
    copy = the_preview(12).copy
    tell(requests, pull(12, "closed"))
    remove_what_is_there(copy)
    advance_previews()
    assert statuses(connection, forge)[-1] == ("staging/pr-12", "inactive")
