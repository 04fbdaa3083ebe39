"""Triggers: a push to a matching branch or tag deploys an application to an environment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.http import HttpRequest
from ninja import Query, Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Asked, Given, Named, Number, Slug, Text
from fairway.applications.queries import get_application
from fairway.drivers.forges.contract import Forge, RefKind
from fairway.environments.queries import get_environment_for
from fairway.pipelines.commands import hooks
from fairway.pipelines.commands import triggers as commands
from fairway.pipelines.models import Trigger, WebhookDelivery
from fairway.pipelines.queries import deliveries_of, get_trigger, last_deliveries_of, visible_to
from fairway.pipelines.rules import LONGEST_PATTERN, MOST_PATHS, Outcome
from fairway.pipelines.subjects import lost_rights
from fairway.shared.names import LONGEST_APPLICATION

router = PermissionRouter(tags=["triggers"])
Pattern = Field(
    min_length=1, max_length=LONGEST_PATTERN, description="A name; * stands for anything but a slash, ** for anything."
)
MOST_SHOWN = 200


class DeliveryShown(Schema):
    """One request to the webhook, and what became of it. `times` counts refused ones of the same reason, and other events
    than pushes. `sentence` says why it was not deployed; `deployment` is its deployment's number."""

    id: int
    received_at: datetime
    times: int
    forge: Forge
    event: str
    delivery: str
    address: str
    ref_kind: str
    ref: str
    commit: str
    pusher: str
    message: str
    outcome: Outcome
    code: str
    sentence: str
    deployment: int | None


class TriggerShown(Schema):
    """Deploy on push. `url` is what the repository's webhook posts to; `has_webhook`: Fairway
    installed it there. `lost_right` says why its pushes are not deployed any
    more: whoever saved it may no longer deploy here; empty while they may."""

    id: int
    application: Named
    environment: Named
    ref_kind: RefKind
    pattern: str
    paths: list[str]
    is_paused: bool
    url: str
    has_webhook: bool
    secret_made_at: datetime
    saved_by: str
    lost_right: str
    last_delivery: DeliveryShown | None
    created_at: datetime


class TriggerSaved(TriggerShown):
    """The same. `webhook_trouble` says why the installed webhook could not follow the change; empty if it did."""

    webhook_trouble: str


class TriggerMade(TriggerShown):
    """The same with the webhook's secret, which is not shown again."""

    secret: str


class SecretRenewed(TriggerSaved):
    """The same with the new secret, which is not shown again. A webhook that Fairway installed has it already."""

    secret: str


class SentShown(Schema):
    """One request that the forge sent to the webhook. `status` is what Fairway answered, 0 if the forge got no answer."""

    number: str
    at: datetime | None
    event: str
    status: int


class WebhookShown(Schema):
    """What the forge sent to the webhook that Fairway installed, newest first. `tells` is false if it does not say."""

    is_installed: bool
    tells: bool
    sent: list[SentShown]


class TriggerWanted(Given):
    """`paths`: only if something changed below one of them; empty: whatever changed."""

    pattern: str = Pattern
    ref_kind: RefKind = RefKind.BRANCH
    paths: list[str] = Field([], max_length=MOST_PATHS)


class TriggerChanges(Given):
    """What is left out does not change. It then deploys with your rights, unless you only pause it."""

    pattern: str | None = Field(None, min_length=1, max_length=LONGEST_PATTERN)
    ref_kind: RefKind | None = None
    paths: list[str] | None = Field(None, max_length=MOST_PATHS)
    is_paused: bool | None = None


class TriggersAsked(Asked):
    """Only those of this application, and of this environment."""

    application: Text = Field("", max_length=LONGEST_APPLICATION)
    environment: Text = Field("", max_length=40)


@router.get("/triggers", response=list[TriggerShown])
@needs(Act.VIEW)
def list_triggers(request: HttpRequest, asked: Query[TriggersAsked]) -> list[TriggerShown]:
    """The triggers, by application and environment."""
    found = visible_to(actor_of(request))
    if asked.application:
        found = found.filter(application__slug=asked.application)
    if asked.environment:
        found = found.filter(environment__slug=asked.environment)
    triggers = list(found)
    last, lost = last_deliveries_of(triggers), lost_rights(triggers)
    return [_shown(trigger, last, lost[trigger.pk]) for trigger in triggers]


@router.post("/applications/{app}/environments/{env}/triggers", response={201: TriggerMade})
@needs(Act.DEPLOY)
def make_trigger(request: HttpRequest, app: Slug, env: Slug, given: TriggerWanted) -> Status[TriggerMade]:
    """Deploy on push, with the rights that you have at that time. The secret is for the repository's webhook."""
    actor = actor_of(request)
    application = get_application(actor, app)
    environment = get_environment_for(actor, application, env)
    trigger, secret = commands.create_trigger(actor=actor, application=application, environment=environment, **given.dict())
    return Status(201, TriggerMade(**_one(trigger).dict(), secret=secret))


@router.get("/triggers/{number}", response=TriggerShown)
@needs(Act.VIEW)
def show_trigger(request: HttpRequest, number: Number) -> TriggerShown:
    """One trigger."""
    return _one(get_trigger(actor_of(request), number))


@router.patch("/triggers/{number}", response=TriggerSaved)
@needs(Act.DEPLOY)
def change_trigger(request: HttpRequest, number: Number, given: TriggerChanges, as_of: AsOf) -> TriggerSaved:
    """Change, pause or resume a trigger; fields that are left out do not change."""
    actor = actor_of(request)
    changes = {name: value for name, value in given.dict(exclude_unset=True).items() if value is not None}
    row = commands.edit_trigger(actor=actor, trigger=get_trigger(actor, number), as_of=as_of, **changes)
    trouble = hooks.hook_trouble(trigger=row) if "ref_kind" in changes else ""
    return TriggerSaved(**_one(row).dict(), webhook_trouble=trouble)


@router.post("/triggers/{number}/secret", response={201: SecretRenewed})
@needs(Act.DEPLOY)
def renew_trigger_secret(request: HttpRequest, number: Number) -> Status[SecretRenewed]:
    """A new secret for the webhook, which is not shown again; the one before is refused from now on."""
    actor = actor_of(request)
    trigger, secret = commands.renew_secret(actor=actor, trigger=get_trigger(actor, number))
    trouble = hooks.hook_trouble(trigger=trigger)
    return Status(201, SecretRenewed(**_one(trigger).dict(), webhook_trouble=trouble, secret=secret))


@router.delete("/triggers/{number}", response={204: None})
@needs(Act.DEPLOY)
def remove_trigger(request: HttpRequest, number: Number) -> Status[None]:
    """Delete a trigger; its webhook is unknown from then on, and removed at the forge if Fairway installed it and the forge
    lets it."""
    actor = actor_of(request)
    hooks.hook_trouble(trigger=commands.delete_trigger(actor=actor, trigger=get_trigger(actor, number)))
    return Status(204, None)


@router.post("/triggers/{number}/webhook", response=TriggerShown)
@needs(Act.DEPLOY)
def install_webhook(request: HttpRequest, number: Number) -> TriggerShown:
    """Install the webhook at the forge, with the token of the application's connection, or bring it up to date."""
    actor = actor_of(request)
    return _one(hooks.install_hook(actor=actor, trigger=get_trigger(actor, number)))


@router.get("/triggers/{number}/webhook", response=WebhookShown)
@needs(Act.VIEW)
def show_webhook(request: HttpRequest, number: Number) -> WebhookShown:
    """What the forge sent to the webhook last, as the forge tells it: 20 at most."""
    actor = actor_of(request)
    trigger = get_trigger(actor, number)
    found = hooks.sent_to(actor=actor, trigger=trigger) if trigger.hook else None
    shown = [SentShown(number=one.number, at=one.at, event=one.event, status=one.status) for one in found or []]
    return WebhookShown(is_installed=bool(trigger.hook), tells=found is not None, sent=shown)


@router.delete("/triggers/{number}/webhook", response=TriggerShown)
@needs(Act.DEPLOY)
def remove_webhook(request: HttpRequest, number: Number) -> TriggerShown:
    """Delete the webhook at the forge; the trigger stays."""
    actor = actor_of(request)
    return _one(hooks.remove_hook(actor=actor, trigger=get_trigger(actor, number)))


@router.post("/triggers/{number}/webhook/sent/{sent}", response={204: None})
@needs(Act.DEPLOY)
def send_webhook_again(request: HttpRequest, number: Number, sent: Number) -> Status[None]:
    """Have the forge send one of the requests once more."""
    actor = actor_of(request)
    hooks.send_again(actor=actor, trigger=get_trigger(actor, number), sent=str(sent))
    return Status(204, None)


@router.get("/triggers/{number}/deliveries", response=list[DeliveryShown])
@needs(Act.VIEW)
def list_deliveries(request: HttpRequest, number: Number) -> list[DeliveryShown]:
    """What came to its webhook last, newest first: 200 at most."""
    return [_delivery(one) for one in deliveries_of([get_trigger(actor_of(request), number)])[:MOST_SHOWN]]


def _one(trigger: Trigger) -> TriggerShown:
    return _shown(trigger, last_deliveries_of([trigger]), lost_rights([trigger])[trigger.pk])


def _shown(trigger: Trigger, last: Mapping[int, WebhookDelivery], lost: str) -> TriggerShown:
    same = ("ref_kind", "pattern", "paths", "is_paused", "url", "secret_made_at", "saved_by", "created_at")
    delivery = last.get(trigger.pk)
    return TriggerShown(
        **{name: getattr(trigger, name) for name in same},
        id=trigger.pk,
        has_webhook=bool(trigger.hook),
        application=Named(slug=trigger.application.slug, name=trigger.application.name),
        environment=Named(slug=trigger.environment.slug, name=trigger.environment.name),
        lost_right=lost,
        last_delivery=_delivery(delivery) if delivery else None,
    )


def _delivery(one: WebhookDelivery) -> DeliveryShown:
    same = set(DeliveryShown.model_fields) - {"id", "deployment"}
    return DeliveryShown(**{name: getattr(one, name) for name in same}, id=one.pk, deployment=one.deployment_id)
