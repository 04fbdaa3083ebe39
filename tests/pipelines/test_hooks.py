"""The webhook of a trigger is installed at the forge by Fairway: one, with the right secret, whoever dies in between."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.cache import cache

from fairway.accounts.rules import SYSTEM, Blocked
from fairway.activity.models import Event
from fairway.applications.models import Application
from fairway.environments.models import Environment
from fairway.pipelines.commands.forges import disconnect_forge
from fairway.pipelines.commands.hooks import hook_trouble, install_hook, remove_hook, send_again, sent_to
from fairway.pipelines.commands.triggers import delete_trigger, edit_trigger, renew_secret
from fairway.pipelines.models import Trigger
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from tests.pipelines.conftest import Sender, connect, push, sender_for
from tests.services.forge import FakeForge, Trick

pytestmark = pytest.mark.django_db
KINDS = pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])


def secret_at(forge: FakeForge) -> str:
    """The secret of the one webhook at the forge."""
    (one,) = forge.hooks.values()
    return str(one.get("token") or one["config"]["secret"])


def url_at(forge: FakeForge) -> str:
    (one,) = forge.hooks.values()
    return str(one.get("url") or one["config"]["url"])


def installed(sender: Sender) -> Trigger:
    return install_hook(actor=SYSTEM, trigger=sender.trigger)


@KINDS
def test_it_posts_to_the_trigger_and_signs_with_its_secret(
    forge: FakeForge, hook_app: Application, sender: Sender, kind: str
) -> None:
    connect(forge, hook_app, kind)
    trigger = installed(sender)
    assert (url_at(forge), secret_at(forge)) == (trigger.url, sender.secret)
    assert list(forge.hooks) == [int(trigger.hook)]
    event = Event.objects.latest("pk")
    assert (event.verb, event.after) == ("trigger.webhook_installed", {"webhook": trigger.hook})
    sender.secret = secret_at(forge)
    assert sender.send(push()).status_code == 202


@KINDS
def test_installed_twice_there_is_one(forge: FakeForge, hook_app: Application, sender: Sender, kind: str) -> None:
    connect(forge, hook_app, kind)
    first = installed(sender).hook
    assert installed(sender).hook == first
    assert len(forge.hooks) == 1


@KINDS
def test_one_that_was_made_but_not_remembered_is_found_by_its_address(
    forge: FakeForge, hook_app: Application, sender: Sender, kind: str
) -> None:
    connect(forge, hook_app, kind)
    forge.hooks |= {number: {"id": number, "config": {"url": f"https://a.test/{number}"}} for number in range(1000, 1150)}
    forge.will(Trick(method="POST", acts=True))
    with pytest.raises(Refused):
        installed(sender)
    assert sender.trigger.hook == ""
    trigger = installed(sender)
    assert len(forge.hooks) == 151
    assert int(trigger.hook) in forge.hooks


@KINDS
def test_one_that_somebody_deleted_there_is_made_again(
    forge: FakeForge, hook_app: Application, sender: Sender, kind: str
) -> None:
    connect(forge, hook_app, kind)
    first = installed(sender).hook
    forge.hooks.clear()
    assert installed(sender).hook != first
    assert secret_at(forge) == sender.secret


def test_the_events_are_those_that_are_needed_and_follow_the_trigger(
    forge: FakeForge, hook_app: Application, sender: Sender
) -> None:
    connect(forge, hook_app)
    trigger = installed(sender)
    assert forge.hooks[int(trigger.hook)]["events"] == ["push"]
    trigger = edit_trigger(actor=SYSTEM, trigger=trigger, ref_kind="request")
    assert hook_trouble(trigger=trigger) == ""
    assert forge.hooks[int(trigger.hook)]["events"] == ["pull_request"]


def test_a_renewed_secret_is_given_to_the_forge(forge: FakeForge, hook_app: Application, sender: Sender) -> None:
    connect(forge, hook_app)
    trigger, secret = renew_secret(actor=SYSTEM, trigger=installed(sender))
    assert hook_trouble(trigger=trigger) == ""
    assert secret_at(forge) == secret != sender.secret


@KINDS
def test_with_its_trigger_it_is_removed(forge: FakeForge, hook_app: Application, sender: Sender, kind: str) -> None:
    connect(forge, hook_app, kind)
    assert hook_trouble(trigger=delete_trigger(actor=SYSTEM, trigger=installed(sender))) == ""
    assert forge.hooks == {}


def test_a_forge_that_is_away_keeps_nobody_from_deleting_and_is_told_of(
    forge: FakeForge, hook_app: Application, sender: Sender
) -> None:
    connect(forge, hook_app)
    trigger = installed(sender)
    forge.will(Trick(status=502, method="DELETE"))
    assert "502" in hook_trouble(trigger=delete_trigger(actor=SYSTEM, trigger=trigger))


@KINDS
def test_it_can_be_removed_alone_also_if_it_is_gone(
    forge: FakeForge, hook_app: Application, sender: Sender, kind: str
) -> None:
    connect(forge, hook_app, kind)
    trigger = installed(sender)
    forge.hooks.clear()
    assert remove_hook(actor=SYSTEM, trigger=trigger).hook == ""
    assert Event.objects.latest("pk").verb == "trigger.webhook_removed"


@pytest.mark.parametrize(("kind", "expected"), [("github", [("9", 502), ("8", 202)]), ("gitlab", [("9", 0), ("8", 202)])])
def test_what_the_forge_sent_is_shown_and_sent_again(
    forge: FakeForge, hook_app: Application, sender: Sender, kind: str, expected: list[Any]
) -> None:
    connect(forge, hook_app, kind)
    trigger = installed(sender)
    found = sent_to(actor=SYSTEM, trigger=trigger)
    assert found is not None
    assert [(one.number, one.status) for one in found] == expected
    assert [one.is_taken for one in found] == [False, True]
    send_again(actor=SYSTEM, trigger=trigger, sent="9")
    assert forge.redelivered == ["9"]


@pytest.mark.parametrize("at", ["2026-12-01T10:00:00", "soon", "", 7, None])
def test_a_time_that_is_none_or_has_no_zone_is_left_out(
    forge: FakeForge, hook_app: Application, sender: Sender, at: Any
) -> None:
    connect(forge, hook_app)
    trigger = installed(sender)
    body = json.dumps([{"id": 9, "event": "push", "delivered_at": at, "status_code": 202}])
    forge.will(Trick(status=200, body=body, ending="/deliveries"))
    assert [one.at for one in sent_to(actor=SYSTEM, trigger=trigger) or []] == [None]


def test_a_forge_that_does_not_tell_is_no_error(forge: FakeForge, hook_app: Application, sender: Sender) -> None:
    connect(forge, hook_app, "gitea")
    assert sent_to(actor=SYSTEM, trigger=installed(sender)) is None


def test_a_webhook_deleted_by_hand_is_said(forge: FakeForge, hook_app: Application, sender: Sender) -> None:
    connect(forge, hook_app)
    trigger = installed(sender)
    forge.hooks.clear()
    with pytest.raises(Refused, match="no such repository or webhook"):
        sent_to(actor=SYSTEM, trigger=trigger)


def test_a_token_without_the_right_is_told_which_one_it_needs(
    forge: FakeForge, hook_app: Application, sender: Sender
) -> None:
    connect(forge, hook_app)
    forge.rights -= {"hooks"}
    with pytest.raises(Refused, match="admin:repo_hook"):
        installed(sender)
    assert Event.objects.filter(verb="trigger.webhook_installed").count() == 0


@pytest.mark.parametrize(
    ("trick", "words"),
    [
        (Trick(status=401), "does not accept the token"),
        (Trick(status=403, headers={"Retry-After": "60"}), "asks to wait"),
        (Trick(status=502), "could not take it"),
        (Trick(status=301, headers={"Location": "/repositories/1"}), "Was the repository renamed"),
        (Trick(), "cannot be reached"),
    ],
)
def test_what_goes_wrong_is_said_in_words(
    forge: FakeForge, hook_app: Application, sender: Sender, trick: Trick, words: str
) -> None:
    connect(forge, hook_app)
    forge.will(trick)
    with pytest.raises(Refused, match=words):
        installed(sender)
    assert forge.hooks == {}
    installed(sender)


def test_two_at_once_do_not_make_two(forge: FakeForge, hook_app: Application, sender: Sender) -> None:
    connect(forge, hook_app)
    cache.add(f"webhook:{sender.trigger.pk}", 1, 60)
    with pytest.raises(Refused, match="being changed already"):
        installed(sender)
    cache.delete(f"webhook:{sender.trigger.pk}")
    installed(sender)
    assert cache.get(f"webhook:{sender.trigger.pk}") is None


def test_a_trigger_that_is_deleted_meanwhile_leaves_no_webhook(
    forge: FakeForge, hook_app: Application, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fairway.pipelines.commands import hooks

    ensured = hooks._ensured

    def deleted_then(connection: Any, trigger: Trigger) -> str:
        number = ensured(connection, trigger)
        delete_trigger(actor=SYSTEM, trigger=trigger)
        return number

    connect(forge, hook_app)
    monkeypatch.setattr(hooks, "_ensured", deleted_then)
    with pytest.raises(Invalid, match="deleted meanwhile"):
        installed(sender)
    assert forge.hooks == {}


def test_without_a_connection_or_for_another_repository_nothing_is_asked(
    forge: FakeForge, hook_app: Application, sender: Sender
) -> None:
    with pytest.raises(Invalid, match="not connected"):
        installed(sender)
    connection = connect(forge, hook_app)
    trigger = installed(sender)
    asked = len(forge.asked)
    Application.objects.update(source={"url": "https://github.com/somebody/else.git", "ref": "main"})
    sender.trigger.refresh_from_db()
    with pytest.raises(Invalid, match="another repository"):
        install_hook(actor=SYSTEM, trigger=Trigger.objects.select_related("application", "environment").get())
    disconnect_forge(actor=SYSTEM, connection=connection)
    assert "not connected" in hook_trouble(trigger=trigger)
    assert len(forge.asked) == asked


def test_whoever_may_not_deploy_there_may_do_none_of_it(
    forge: FakeForge, hook_app: Application, staging: Environment, viewer: Any
) -> None:
    sender = sender_for(hook_app, staging)
    connect(forge, hook_app)
    trigger = installed(sender)
    asked = len(forge.asked)
    for act in (install_hook, remove_hook):
        with pytest.raises(Blocked):
            act(actor=viewer, trigger=trigger)
    with pytest.raises(Blocked):
        send_again(actor=viewer, trigger=trigger, sent="9")
    assert len(forge.asked) == asked
