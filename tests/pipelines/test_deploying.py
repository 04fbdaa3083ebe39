"""From an accepted push to its deployment: the newest wins, with the rights of whoever set it up, through the gate."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.rules import SYSTEM, Act, Blocked, Role, may
from fairway.accounts.tokens import create_token, revoke_token
from fairway.activity.models import Event
from fairway.applications.commands import edit_application
from fairway.deployments.commands.placements import hold
from fairway.deployments.models import Deployment
from fairway.deployments.rules import Status
from fairway.deployments.subjects import placement_of
from fairway.engine.models import Run
from fairway.environments.commands import delete_environment, edit_environment, lock_environment
from fairway.environments.freeze_commands import create_freeze
from fairway.pipelines.commands.deliveries import forget_deliveries, take_up_left_pushes
from fairway.pipelines.commands.triggers import create_trigger, delete_trigger, edit_trigger, reseal_triggers
from fairway.pipelines.models import Trigger, WebhookDelivery
from fairway.pipelines.subjects import lost_right, runner_of
from fairway.shared.names import Invalid
from tests.conftest import make_person
from tests.pipelines.conftest import Sender, commit_of, push, sender_for
from tests.web.conftest import finish, live


def test_the_pushed_commit_is_requested(sender: Sender) -> None:
    sender.send(push(number=41))
    deployment = sender.work()
    assert deployment.source == {**sender.trigger.application.source, "ref": commit_of(41)}
    assert (deployment.door, deployment.status, deployment.artifact) == ("webhook", "queued", None)
    assert deployment.reason == "Push to main by grace: Change 41"
    one = sender.last()
    assert (one.outcome, one.deployment) == ("requested", deployment)
    sender.trigger.application.refresh_from_db()
    assert sender.trigger.application.source["ref"] == "main", "the application's own source stays"
    assert sender.work() is None
    assert Deployment.objects.count() == 1


def test_of_many_pushes_the_newest_is_requested(sender: Sender) -> None:
    for number in range(1, 201):
        assert sender.send(push(number=number)).status_code == 202
    assert Run.objects.filter(kind="push").count() == 1, "one run sees them all"
    deployment = sender.work()
    assert deployment.source["ref"] == commit_of(200)
    assert Deployment.objects.count() == 1
    older = WebhookDelivery.objects.filter(outcome="superseded")
    assert older.count() == 199
    assert "A newer push" in older.first().sentence


def test_one_that_has_not_begun_is_superseded_and_one_that_runs_goes_on(sender: Sender) -> None:
    sender.send(push())
    running = sender.work()
    running.move_to(Status.RUNNING)
    sender.send(push())
    second = sender.work()
    sender.send(push())
    third = sender.work()
    running.refresh_from_db()
    second.refresh_from_db()
    assert (running.status, third.status) == (Status.RUNNING, Status.QUEUED)
    assert second.status == Status.CANCELLED
    assert second.sentence == f"Superseded by #{third.pk}, requested later by Fairway."


@pytest.mark.parametrize(("step", "status"), [("canary", Status.WAITING), ("prepare", Status.CANCELLED)])
def test_a_canary_that_waits_for_its_next_share_has_begun(sender: Sender, step: str, status: Status) -> None:
    sender.send(push())
    first = sender.work()
    first.move_to(Status.RUNNING)
    first.move_to(Status.WAITING, step=step)
    Run.objects.filter(pk=first.run_id).update(awaits_signal=True)
    sender.send(push())
    sender.work()
    first.refresh_from_db()
    assert first.status == status


def test_a_deployment_of_somebody_else_is_left_alone(sender: Sender) -> None:
    by_hand = live(sender.trigger.application, sender.trigger.environment)
    from fairway.deployments.commands.requests import request_deployment

    waits = request_deployment(
        actor=SYSTEM,
        application=sender.trigger.application,
        environment=sender.trigger.environment,
        artifact=by_hand.artifact,
    )
    sender.send(push())
    sender.work()
    waits.refresh_from_db()
    assert waits.status == Status.QUEUED


def test_it_waits_for_approval_like_any_other(hook_app, staging, admin, deployer) -> None:
    edit_environment(actor=admin, environment=staging, approvals_needed=1)
    staging.refresh_from_db()
    sender = sender_for(hook_app, staging, deployer)
    sender.send(push())
    first = sender.work()
    assert first.awaits_approval
    assert first.requested_by == "dora"
    sender.send(push())
    second = sender.work()
    first.refresh_from_db()
    assert (first.status, second.awaits_approval) == (Status.CANCELLED, True)


def test_it_waits_for_a_freeze_and_a_lock_to_end(hook_app, staging, deployer, admin) -> None:
    sender = sender_for(hook_app, staging, deployer)
    lock_environment(actor=admin, environment=staging, reason="counting", until=timezone.now() + timedelta(hours=1))
    sender.send(push())
    assert sender.work().status == Status.QUEUED


def test_what_no_waiting_opens_is_said(hook_app, staging, deployer, admin) -> None:
    sender = sender_for(hook_app, staging, deployer)
    lock_environment(actor=admin, environment=staging, reason="counting")
    sender.send(push())
    assert sender.work() is None
    one = sender.last()
    assert (one.outcome, one.sentence) == ("blocked", "Staging is locked by ada: counting")
    event = Event.objects.get(verb="trigger.blocked")
    assert (event.actor_name, event.door, event.comment) == ("dora", "webhook", one.sentence)


def test_a_hold_stops_it(hook_app, staging, deployer) -> None:
    live(hook_app, staging)
    sender = sender_for(hook_app, staging, deployer)
    hold(actor=SYSTEM, placement=placement_of(hook_app, staging), reason="it was rolled back")
    sender.send(push())
    assert sender.work() is None
    assert "on hold" in sender.last().sentence


def test_it_acts_with_rights_for_this_place_only(hook_app, staging, production, admin) -> None:
    sender = sender_for(hook_app, staging, admin)
    actor = runner_of(sender.trigger)
    assert (actor.name, actor.door, actor.is_system) == ("ada", "webhook", False)
    assert may(actor, Act.DEPLOY, application="hello", environment="staging")
    assert not may(actor, Act.DEPLOY, application="hello", environment="production")
    assert not may(actor, Act.DEPLOY, application="other", environment="staging")
    for act in (Act.MANAGE_PEOPLE, Act.CREATE_APPLICATION, Act.MANAGE_SYSTEM):
        assert not may(actor, act)


@pytest.mark.parametrize("how", ["deactivated", "no-grant", "another-environment", "token-revoked", "viewer"])
def test_whoever_lost_the_right_deploys_nothing(hook_app, staging, production, how: str) -> None:
    person = make_person("dora", Role.DEPLOYER)
    if how == "token-revoked":
        from fairway.accounts.queries import actor_for
        from fairway.activity.rules import Door

        token, _ = create_token(actor=person, name="ci", role="", expires_at=None)
        person = actor_for(User.objects.get(username="dora"), door=Door.API, token=token)
    sender = sender_for(hook_app, staging, person)
    assert lost_right(sender.trigger) == ""
    grant = RoleGrant.objects.filter(user__username="dora")
    match how:
        case "deactivated":
            User.objects.filter(username="dora").update(is_active=False)
        case "no-grant":
            grant.delete()
        case "another-environment":
            grant.update(environment=production)
        case "token-revoked":
            revoke_token(actor=person, token_id=token.pk)
        case "viewer":
            grant.update(role=Role.VIEWER)
    assert sender.send(push()).status_code == 202
    assert sender.work() is None
    assert not Deployment.objects.exists()
    one = sender.last()
    assert (one.outcome, one.sentence) == ("blocked", lost_right(sender.trigger))
    assert one.sentence.startswith("dora, who set this up, may no longer deploy here")


def test_saving_it_takes_it_over_and_pausing_does_not(hook_app, staging, deployer, admin) -> None:
    sender = sender_for(hook_app, staging, deployer)
    edit_trigger(actor=admin, trigger=sender.trigger, is_paused=True)
    sender.trigger.refresh_from_db()
    assert sender.trigger.saved_by == "dora"
    edit_trigger(actor=admin, trigger=sender.trigger, is_paused=False)
    sender.trigger.refresh_from_db()
    assert sender.trigger.saved_by == "ada"
    verbs = list(Event.objects.filter(subject_kind="trigger").order_by("pk").values_list("verb", flat=True))
    assert verbs == ["trigger.created", "trigger.paused", "trigger.resumed"]


@pytest.mark.parametrize("what", ["paused", "deleted", "environment"])
def test_what_ended_before_the_worker_came_is_not_deployed(sender: Sender, what: str) -> None:
    sender.send(push())
    match what:
        case "paused":
            edit_trigger(actor=SYSTEM, trigger=sender.trigger, is_paused=True)
        case "deleted":
            delete_trigger(actor=SYSTEM, trigger=sender.trigger)
        case "environment":
            delete_environment(actor=SYSTEM, environment=sender.trigger.environment)
    assert sender.work() is None
    assert sender.last().outcome == "blocked"
    assert not Deployment.objects.exists()


def test_who_may_not_deploy_sets_nothing_up(hook_app, staging, production, viewer, admin) -> None:
    here = make_person("hal", Role.DEPLOYER, environment=staging)
    with pytest.raises(Blocked):
        sender_for(hook_app, staging, viewer)
    with pytest.raises(Blocked):
        sender_for(hook_app, production, here)
    edit_environment(actor=admin, environment=production, deploy_roles=["admin"])
    production.refresh_from_db()
    with pytest.raises(Blocked, match="Only an Admin may deploy"):
        sender_for(hook_app, production, make_person("dan", Role.DEPLOYER))
    sender = sender_for(hook_app, staging, here)
    with pytest.raises(Blocked):
        edit_trigger(actor=viewer, trigger=sender.trigger, is_paused=True)
    with pytest.raises(Blocked):
        delete_trigger(actor=viewer, trigger=sender.trigger)


def test_one_trigger_for_each_place_and_only_for_git(hook_app, hello_image, staging) -> None:
    sender_for(hook_app, staging)
    with pytest.raises(Invalid, match="already"):
        sender_for(hook_app, staging)
    with pytest.raises(Invalid, match="Git"):
        create_trigger(actor=SYSTEM, application=hello_image, environment=staging, pattern="main")


def test_a_source_that_changed_is_another_repository(sender: Sender) -> None:
    app = sender.trigger.application
    edit_application(actor=SYSTEM, application=app, source={"url": "https://example.com/other.git"})
    assert sender.send(push()).status_code == 422


def test_old_deliveries_are_forgotten_but_none_of_a_day(sender: Sender, monkeypatch) -> None:
    import fairway.pipelines.commands.deliveries as commands

    monkeypatch.setattr(commands, "MOST_KEPT", 2)
    for _ in range(5):
        sender.send(push())
    sender.work()
    assert forget_deliveries() == 0
    rows = list(WebhookDelivery.objects.order_by("pk"))
    WebhookDelivery.objects.filter(pk__in=[rows[0].pk, rows[1].pk]).update(received_at=timezone.now() - timedelta(days=2))
    assert forget_deliveries() == 2
    WebhookDelivery.objects.filter(pk=rows[2].pk).update(received_at=timezone.now() - timedelta(days=31))
    assert forget_deliveries() == 1
    assert finish(WebhookDelivery.objects.latest("pk").deployment).status == Status.SUCCEEDED


def test_secrets_are_sealed_and_recorded_nowhere(sender: Sender) -> None:
    row = Trigger.objects.get()
    assert sender.secret not in row.sealed_secret
    for event in Event.objects.all():
        assert sender.secret not in f"{event.before}{event.after}{event.comment}"
    assert row.public_id not in f"{[event.after for event in Event.objects.all()]}"


def test_a_freeze_delays_it(hook_app, staging, deployer, admin) -> None:
    now = timezone.now()
    create_freeze(
        actor=admin,
        name="Audit",
        reason="audit",
        starts=f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}",
        ends="2h",
        zone="UTC",
        environments=["staging"],
    )
    sender = sender_for(hook_app, staging, deployer)
    sender.send(push())
    assert sender.work().status == Status.QUEUED


def test_secrets_outlive_a_new_key(sender: Sender, settings) -> None:
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_KEYS]
    before = Trigger.objects.get().sealed_secret
    assert reseal_triggers() == 1
    assert Trigger.objects.get().sealed_secret != before
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    assert sender.send(push()).status_code == 202


def test_what_a_broken_run_left_is_taken_up(sender: Sender) -> None:
    sender.send(push())
    Run.objects.filter(kind="push").delete()
    assert take_up_left_pushes() == 0, "one that came just now is on its way"
    WebhookDelivery.objects.update(received_at=timezone.now() - timedelta(minutes=2))
    assert take_up_left_pushes() == 1
    assert take_up_left_pushes() == 0
    assert Run.objects.filter(kind="push").count() == 1
    assert sender.work().status == Status.QUEUED
    assert take_up_left_pushes() == 0
