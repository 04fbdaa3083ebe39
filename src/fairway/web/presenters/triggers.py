"""Contexts of deploy on push: the triggers of an application, what was pushed last, and the page of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may, role_blocker
from fairway.applications.models import Application
from fairway.applications.rules import SourceKind
from fairway.deployments.queries import live_numbers
from fairway.deployments.rules import shown_status
from fairway.drivers.forges.contract import Forge, RefKind
from fairway.environments.models import Environment
from fairway.environments.queries import environments_for
from fairway.pipelines.commands.triggers import trigger_blockers
from fairway.pipelines.models import Trigger, WebhookDelivery
from fairway.pipelines.queries import deliveries_of, last_deliveries_of, visible_to
from fairway.pipelines.rules import Outcome
from fairway.pipelines.subjects import lost_right, lost_rights
from fairway.web.errors import shown
from fairway.web.failure_words import in_words
from fairway.web.presenters.acts import Button
from fairway.web.presenters.forges import FORGES
from fairway.web.presenters.webhooks import NOT_ASKED, Seen, webhook_shown

BOTH = 2  # triggers of one application in one environment: one of pushes, one of requests
RECENT = 8  # deliveries on the tab of the application
SHOWN = 50  # deliveries on the page of one trigger


def triggers_shown(actor: Actor, application: Application) -> dict[str, Any] | None:
    """The section of the Deployments tab; None if the application has no Git repository."""
    if application.source_kind != SourceKind.GIT:
        return None
    triggers = list(visible_to(actor).filter(application=application))
    last = last_deliveries_of(triggers) if triggers else {}
    lost = lost_rights(triggers) if triggers else {}
    return {
        "rows": [_row(trigger, last.get(trigger.pk), lost[trigger.pk]) for trigger in triggers],
        "recent": _deliveries(list(deliveries_of(triggers)[:RECENT])) if triggers else [],
        "add": _add(actor, application),
    }


def _add(actor: Actor, application: Application) -> Button | None:
    if not free_environments(actor, application):
        return None
    return Button(_("Set up"), reverse("trigger-new", args=[application.slug]), "plus", method="get")


def free_environments(actor: Actor, application: Application) -> list[tuple[str, str]]:
    """The environments, as choices of a form, where this actor may deploy the application and not both pushes and
    requests have a trigger yet."""
    if application.preview_of_id is not None:
        return []
    there = Trigger.objects.filter(application=application, deleted_at=None).values_list("environment_id", "ref_kind")
    kinds = Counter(place for place, _kind in there)
    taken = {place for place, count in kinds.items() if count == BOTH}
    return [
        (one.slug, one.name)
        for one in environments_for(actor, application)
        if one.pk not in taken and may(actor, Act.DEPLOY, application=application.slug, environment=one.slug)
    ]


def _row(trigger: Trigger, last: WebhookDelivery | None, lost: str) -> dict[str, Any]:
    return {
        "id": trigger.pk,
        "pattern": trigger.pattern,
        "is_tag": trigger.ref_kind == RefKind.TAG,
        "is_request": trigger.ref_kind == RefKind.REQUEST,
        "paths": trigger.paths,
        "environment": trigger.environment,
        "is_paused": trigger.is_paused,
        "lost_right": in_words(lost),
        "saved_by": trigger.saved_by,
        "last": _deliveries([last])[0] if last else None,
    }


def _deliveries(found: Sequence[WebhookDelivery]) -> list[dict[str, Any]]:
    live = live_numbers([one.deployment for one in found if one.deployment])
    return [_delivery(one, live) for one in found]


def _delivery(one: WebhookDelivery, live: set[int]) -> dict[str, Any]:
    deployment = one.deployment
    status = shown_status(deployment.status, is_current=deployment.pk in live) if deployment else f"push_{one.outcome}"
    return {
        "at": one.received_at,
        "times": one.times,
        "forge": FORGES.get(Forge(one.forge), _("another Git server")),
        "event": one.event,
        "ref": one.ref,
        "commit": one.commit,
        "subject": one.message.partition("\n")[0],
        "pusher": one.pusher,
        "environment": one.trigger.environment,
        "status": status,
        "sentence": in_words(deployment.sentence if deployment else one.sentence),
        "deployment": deployment.pk if deployment else None,
        "is_refused": one.outcome == Outcome.REFUSED,
    }


def new_shown(actor: Actor, application: Application) -> dict[str, Any]:
    """The context of ``triggers/form.html`` for a new one, without the form."""
    reasons = [] if free_environments(actor, application) else [role_blocker(Act.DEPLOY)]
    if application.source_kind == SourceKind.GIT and not reasons:
        return {**_common(application), "blockers": []}
    return {
        **_common(application),
        "blockers": shown(reasons),
        "has_no_repository": application.source_kind != SourceKind.GIT,
    }


def _common(application: Application) -> dict[str, Any]:
    back = reverse("application-deployments", args=[application.slug])
    return {
        "application": application,
        "trigger": None,
        "back": back,
        "created": None,
        "webhook": None,
        "acts": [],
        "deliveries": [],
    }


def trigger_shown(actor: Actor, trigger: Trigger, secret: str = "", seen: Seen = NOT_ASKED) -> dict[str, Any]:
    """The context of ``triggers/form.html`` for one that exists, without the form. `secret` is shown this one time."""
    may_change = may(actor, Act.DEPLOY, application=trigger.application.slug, environment=trigger.environment.slug)
    return {
        **_common(trigger.application),
        "trigger": {
            **_row(trigger, None, lost_right(trigger)),
            "url": trigger.url,
            "is_local": is_local(settings.PUBLIC_URL),
            "secret_made_at": trigger.secret_made_at,
            "created_at": trigger.created_at,
        },
        "environment": trigger.environment,
        "created": {"secret": secret} if secret else None,
        "webhook": webhook_shown(actor, trigger, seen),
        "blockers": _why_not(actor, trigger.application, trigger.environment),
        "acts": _acts(trigger) if may_change else [],
        "renew": _renew(trigger) if may_change else None,
        "deliveries": _deliveries(list(deliveries_of([trigger])[:SHOWN])),
    }


def is_local(url: str) -> bool:
    """Whether only this machine can reach the URL."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "127.0.0.1", "::1"} or host.endswith(".localhost")


def _why_not(actor: Actor, application: Application, environment: Environment) -> list[dict[str, object]]:
    return shown(trigger_blockers(actor, application, environment))


def _acts(trigger: Trigger) -> list[Button]:
    number = [trigger.pk]
    paused = (
        Button(_("Resume"), reverse("trigger-resume", args=number), "restart")
        if trigger.is_paused
        else Button(_("Pause"), reverse("trigger-pause", args=number), "pause")
    )
    delete = Button(
        _("Delete"),
        reverse("trigger-delete", args=number),
        "trash",
        "danger",
        confirm=trigger.pattern,
        consequence=_("Its webhook is unknown from then on, and pushes are not deployed. What runs stays as it is."),
    )
    return [paused, delete]


def _renew(trigger: Trigger) -> Button:
    return Button(
        _("Renew the secret"),
        reverse("trigger-secret", args=[trigger.pk]),
        "key",
        confirm=trigger.pattern,
        consequence=_(
            "The secret in use now is refused at once; enter the new one where the repository’s webhook is set up."
        )
        if not trigger.hook
        else _("The secret in use now is refused at once; the forge is given the new one."),
    )
