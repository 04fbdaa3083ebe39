"""What comes to a webhook: only what is signed, of the right repository and new is accepted; everything is recorded."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db import OperationalError

from fairway.accounts.rules import SYSTEM
from fairway.activity.models import Event
from fairway.api import hooks
from fairway.deployments.commands.placements import delete_application
from fairway.deployments.models import Deployment
from fairway.engine.models import Run
from fairway.pipelines.commands import deliveries
from fairway.pipelines.commands.deliveries import MOST_REFUSED_IN_A_MINUTE
from fairway.pipelines.commands.triggers import delete_trigger, edit_trigger, renew_secret
from fairway.pipelines.models import WebhookDelivery
from tests.pipelines.conftest import NOTHING, REPOSITORY, Sender, commit_of, push, sender_for
from tests.services.github_payloads import payloads


def test_a_push_is_recorded_and_left_to_a_worker(sender: Sender) -> None:
    answer = sender.send(push(number=7), delivery="first")
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    one = sender.last()
    assert (one.forge, one.event, one.delivery, one.outcome) == ("github", "push", "first", "accepted")
    assert (one.ref_kind, one.ref, one.commit, one.pusher) == ("branch", "main", commit_of(7), "grace")
    assert one.message.startswith("Change 7")
    assert Run.objects.get(kind="push").payload == {"trigger": sender.trigger.pk}
    assert not Deployment.objects.exists(), "nothing is done while the sender waits"


@pytest.mark.parametrize(("times", "status"), [(1, 202), (2, 202), (3, 503)])
def test_a_busy_database_is_asked_again_because_nobody_sends_it_twice(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, times: int, status: int
) -> None:
    left = [OperationalError("database is locked")] * times

    def busy(**given: object) -> deliveries.Receipt:
        if left:
            raise left.pop()
        return deliveries.receive(**given)

    monkeypatch.setattr(hooks, "receive", busy)
    assert sender.send(push()).status_code == status
    assert WebhookDelivery.objects.filter(outcome="accepted").count() == (status == 202)


def test_a_form_is_read_as_github_sends_it(sender: Sender) -> None:
    answer = sender.send(push(number=8), form=True)
    assert answer.status_code == 202
    assert sender.last().commit == commit_of(8)


def test_a_large_form_is_read(sender: Sender) -> None:
    """Over what Django takes for a form."""
    assert sender.send(push(padding="x" * 3_000_000), form=True).status_code == 202


@pytest.mark.parametrize(
    ("headers", "code", "status"),
    [
        ({"X_Hub_Signature_256": None}, "unsigned", 403),
        ({"X_Hub_Signature_256": "sha256=" + "0" * 64}, "signature", 403),
        ({"X_Gitlab_Token": "guessed"}, "signature", 403),
    ],
    ids=["missing", "wrong", "one-of-two-wrong"],
)
def test_what_is_not_signed_is_refused_and_recorded(sender: Sender, headers, code: str, status: int) -> None:
    answer = sender.send(push(), **headers)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:fairway:problem:{code}")
    one = sender.last()
    assert (one.outcome, one.code, one.times, one.commit) == ("refused", code, 1, "")
    event = Event.objects.get(verb="trigger.refused")
    assert (event.after["reason"], event.comment) == (code, one.sentence)
    assert not Run.objects.filter(kind="push").exists()


def test_a_changed_body_is_refused(sender: Sender) -> None:
    signed = sender.send(push(number=9), X_Hub_Signature_256=None)
    assert signed.status_code == 403
    other = Sender(sender.trigger, "whsec_AAAA")
    assert other.send(push(number=9)).json()["type"].endswith(":signature")


def test_the_same_delivery_is_accepted_once(sender: Sender) -> None:
    told = push()
    assert sender.send(told, delivery="one").status_code == 202
    for again in (sender.send(told, delivery="one"), sender.send(told, delivery="two"), sender.send(push(), delivery="one")):
        assert (again.status_code, again.json()["type"]) == (409, "urn:fairway:problem:replayed")
    refused = WebhookDelivery.objects.get(outcome="refused")
    assert (refused.code, refused.times) == ("replayed", 3)
    assert WebhookDelivery.objects.filter(outcome="accepted").count() == 1


def test_an_ignored_push_is_not_accepted_later(sender: Sender) -> None:
    """Else whoever recorded it could bring an old commit back."""
    edit_trigger(actor=SYSTEM, trigger=sender.trigger, is_paused=True)
    told = push()
    assert sender.send(told).json() == {"status": "ignored", "detail": "It is paused."}
    edit_trigger(actor=SYSTEM, trigger=sender.trigger, is_paused=False)
    assert sender.send(told).status_code == 409


@pytest.mark.parametrize("body", [b"", b"push", b"\xff\xfe", b"[]", b"3", b"[" * 100_000, b'{"a":' * 50_000, b"1" * 5000])
def test_what_is_not_json_is_refused(sender: Sender, body: bytes) -> None:
    for kind in (False, True):
        if kind and not body.isascii():
            continue
        answer = sender.send(body, form=kind)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:fairway:problem:not_json")


def test_a_form_without_a_payload_is_refused(sender: Sender) -> None:
    assert sender.send(b"a=1&" * 100, **{"Content_Type": "application/x-www-form-urlencoded"}).status_code == 400


@pytest.mark.parametrize(
    ("ref", "status"),
    [
        ("refs/heads/$(touch /tmp/x)", 422),
        ("refs/heads/../../etc", 422),
        ("refs/heads/-upload-pack=x", 422),
        ("refs/heads/a\x00b", 422),
        ("refs/heads/\ud800", 422),
        ("refs/heads/a\u202egnp.exe", 422),
        ("refs/heads/a\nb", 422),
        ("refs/heads/" + "a" * 300, 422),
        ("refs/heads/", 422),
        ("", 422),
        (7, 422),
        ("refs/notes/commits", 200),
        ("refs/heads/<script>alert(1)</script>", 200),
        ("refs/heads/main;reboot", 200),
    ],
    ids=range(14),
)
def test_a_hostile_ref_deploys_nothing(sender: Sender, ref: object, status: int) -> None:
    edit_trigger(actor=SYSTEM, trigger=sender.trigger, pattern="main")
    assert sender.send(push(ref)).status_code == status
    assert not WebhookDelivery.objects.filter(outcome="accepted").exists()


def test_text_that_no_database_takes_is_cleaned(sender: Sender) -> None:
    told = push(pusher={"name": "a\x00\ud800\u202eb" + "c" * 500})
    told["head_commit"]["message"] = "m\x00\ud800" * 5000
    assert sender.send(told).status_code == 202
    assert sender.last().pusher.startswith("ab")


@pytest.mark.parametrize("after", ["", "main", "abc1234", commit_of(1)[:-1], 7, None])
def test_a_push_without_a_commit_is_refused(sender: Sender, after: object) -> None:
    assert sender.send(push(after=after, head_commit=None)).json()["type"].endswith(":no_commit")


def test_another_repository_is_refused(sender: Sender) -> None:
    other = {"clone_url": "https://github.com/Codertocat/Other.git", "homepage": REPOSITORY, "description": REPOSITORY}
    assert sender.send(push(repository=other)).json()["type"].endswith(":repository")
    assert "Codertocat/Other" in sender.last().sentence
    assert sender.send(push(repository=None)).status_code == 422
    assert sender.send({"repository": other, "zen": "Design for failure."}, "ping").status_code == 422


@pytest.mark.parametrize(
    "address",
    [
        "git@github.com:Codertocat/Hello-World.git",
        "ssh://git@github.com:22/codertocat/hello-world",
        "https://GitHub.com/Codertocat/Hello-World/",
        "git://github.com/Codertocat/Hello-World.git",
    ],
)
def test_one_repository_has_many_addresses(sender: Sender, address: str) -> None:
    assert sender.send(push(repository={"ssh_url": address})).status_code == 202


def test_ping_and_other_events_are_answered(sender: Sender) -> None:
    ping = sender.send({"zen": "Keep it logically awesome.", "repository": {"html_url": REPOSITORY}}, "ping")
    assert (ping.status_code, ping.json()["status"]) == (200, "ignored")
    assert "works" in ping.json()["detail"]
    for _ in range(3):
        other = sender.send({"action": "opened"}, "issues")
    assert (other.status_code, other.json()["detail"]) == (200, "Only pushes are deployed; this was “issues”.")
    assert WebhookDelivery.objects.get(event="issues").times == 3, "they are one row, so that pushes stay in sight"


def test_what_is_not_meant_is_ignored_with_its_reason(hook_app, staging) -> None:
    sender = sender_for(hook_app, staging, pattern="release/*", paths=["shop/"])
    gone = push("refs/heads/release/1", after=NOTHING, deleted=True, head_commit=None)
    assert "was deleted" in sender.send(gone).json()["detail"]
    assert "The branch main" in sender.send(push()).json()["detail"]
    assert "The tag release/1" in sender.send(push("refs/tags/release/1")).json()["detail"]
    assert "The branch release/1/2" in sender.send(push("refs/heads/release/1/2")).json()["detail"]
    skipped = push("refs/heads/release/1")
    skipped["head_commit"]["message"] = "Typo [Skip CI]"
    assert "asks not to" in sender.send(skipped).json()["detail"]
    elsewhere = push("refs/heads/release/1")
    elsewhere["commits"][0]["modified"] = ["shopping/app.py", "README.md"]
    assert sender.send(elsewhere).json()["detail"] == "Nothing changed in shop/."
    assert sender.send(push("refs/heads/release/1")).status_code == 202
    assert sender.send(push("refs/heads/release/2", created=True, commits=[])).status_code == 202, (
        "nobody knows what changed"
    )


def test_tags(hook_app, staging) -> None:
    sender = sender_for(hook_app, staging, pattern="v*", ref_kind="tag")
    annotated = push("refs/tags/v1.0", after=commit_of(99), commits=[])
    assert sender.send(annotated).status_code == 202
    one = sender.last()
    assert one.ref == "v1.0"
    assert one.commit == annotated["head_commit"]["id"], "the commit, not the object of the tag"


def test_a_webhook_that_is_gone_is_not_found(sender: Sender) -> None:
    assert sender.send(push(), path="/hooks/nobody").status_code == 404
    assert sender.send(push(), path="/hooks/%00").status_code == 404
    delete_application(actor=SYSTEM, application=sender.trigger.application, confirmed="hello")
    assert sender.send(push()).status_code == 404


def test_a_deleted_trigger_is_not_found(sender: Sender) -> None:
    delete_trigger(actor=SYSTEM, trigger=sender.trigger)
    assert sender.send(push()).status_code == 404


def test_only_the_newest_secret_counts(sender: Sender) -> None:
    assert sender.send(push()).status_code == 202
    _, secret = renew_secret(actor=SYSTEM, trigger=sender.trigger)
    assert sender.send(push()).status_code == 403
    assert Sender(sender.trigger, secret).send(push()).status_code == 202


def test_many_refused_ones_are_not_recorded_and_keep_nobody_out(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "time", SimpleNamespace(time=lambda: 1_800_000_000.0))  # all within one minute
    for _ in range(MOST_REFUSED_IN_A_MINUTE + 5):
        last = sender.send(push(), X_Hub_Signature_256="sha256=0")
    assert last.status_code == 429
    refused = WebhookDelivery.objects.get(outcome="refused")
    assert refused.times <= MOST_REFUSED_IN_A_MINUTE
    assert Event.objects.filter(verb="trigger.refused").count() <= 7
    assert sender.send(push()).status_code == 202, "what is signed is not kept out"


def test_only_post_is_answered(sender: Sender, client) -> None:
    assert client.get(f"/hooks/{sender.trigger.public_id}").status_code == 405


def test_gitlab(hook_app, staging) -> None:
    """The push event as docs.gitlab.com shows it, with this repository."""
    sender = sender_for(hook_app, staging)
    commit = "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"
    told = {
        "object_kind": "push",
        "event_name": "push",
        "before": "95790bf891e76fee5e1747ab589903a6a1f80f22",
        "after": commit,
        "ref": "refs/heads/main",
        "ref_protected": True,
        "checkout_sha": commit,
        "user_id": 4,
        "user_name": "John Smith",
        "user_username": "jsmith",
        "user_email": "john@example.com",
        "project_id": 15,
        "project": {
            "id": 15,
            "name": "Hello",
            "web_url": "https://github.com/Codertocat/Hello-World",
            "git_ssh_url": "git@github.com:Codertocat/Hello-World.git",
            "git_http_url": REPOSITORY,
            "default_branch": "main",
        },
        "commits": [
            {
                "id": "b6568db1bc1dcd7f8b4d5a946b0b91f9dacd7327",
                "message": "Update.",
                "added": [],
                "modified": [],
                "removed": [],
            },
            {"id": commit, "message": "fixed readme", "added": ["CHANGELOG"], "modified": ["app/x.rb"], "removed": []},
        ],
        "total_commits_count": 2,
    }
    headers = {"X_GitHub_Event": None, "X_GitHub_Delivery": None, "X_Hub_Signature_256": None}
    as_gitlab = {**headers, "X_Gitlab_Event": "Push Hook", "X_Gitlab_Token": sender.secret, "Idempotency_Key": "k1"}
    assert sender.send(told, **as_gitlab).status_code == 202
    one = sender.last()
    assert (one.forge, one.commit, one.pusher, one.message) == ("gitlab", commit, "jsmith", "fixed readme")
    assert (one.event, one.delivery) == ("Push Hook", "k1")
    assert sender.send({**told, "x": 1}, **as_gitlab).status_code == 409
    tag = {**told, "object_kind": "tag_push", "ref": "refs/tags/v1.0.0", "after": commit_of(5)}
    answer = sender.send(tag, **{**as_gitlab, "X_Gitlab_Event": "Tag Push Hook", "Idempotency_Key": "k2"})
    assert "The tag v1.0.0" in answer.json()["detail"]
    gone = {**told, "after": NOTHING, "checkout_sha": None, "commits": []}
    assert "was deleted" in sender.send(gone, **{**as_gitlab, "Idempotency_Key": "k3"}).json()["detail"]
    note = sender.send({"object_kind": "note"}, **{**as_gitlab, "X_Gitlab_Event": "Note Hook"})
    assert (note.status_code, note.json()["status"]) == (200, "ignored")
    assert sender.send(told, **{**as_gitlab, "X_Gitlab_Token": "guessed"}).status_code == 403


def test_gitea_and_forgejo(sender: Sender) -> None:
    told = push(pusher={"login": "grace", "username": "grace"}, total_commits=1)
    for name in ("deleted", "created", "forced"):
        del told[name]
    also = {"X_Gitea_Event": "push", "X_Gitea_Event_Type": "push", "X_Gitea_Delivery": "g1"}
    assert sender.send(told, **also).status_code == 202
    assert (sender.last().forge, sender.last().delivery) == ("gitea", "g1")
    assert sender.send(push(), **also, X_Gitea_Signature="0" * 64).status_code == 403


def test_every_payload_of_github_is_answered(sender: Sender) -> None:
    """All events and actions that GitHub documents, with a right signature; the repository is that of its examples."""
    statuses: dict[str, set[int]] = {}
    for event, example in payloads():
        answer = sender.send(example, event)
        statuses.setdefault(event, set()).add(answer.status_code)
    assert len(statuses) > 50
    pushes, pings = statuses.pop("push"), statuses.pop("ping")
    assert pushes <= {200, 409}, "to master, or of tags; some examples are the same"
    assert 200 in pushes
    assert pings <= {200, 422}, "some are of another repository"
    assert set.union(*statuses.values()) == {200}


def test_the_pushes_among_them_are_read(hook_app, staging) -> None:
    sender = sender_for(hook_app, staging, pattern="master")
    for event, example in payloads():
        if event == "push":
            sender.send(example, event)
    accepted = WebhookDelivery.objects.filter(outcome="accepted")
    assert accepted.exists()
    assert {one.commit for one in accepted} <= {"6113728f27ae82c7b1a177c8d03f9e96e0adf246", commit_of(0)} - {NOTHING}
