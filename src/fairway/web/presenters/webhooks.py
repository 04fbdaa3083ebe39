"""The webhook of a trigger at the forge: whether Fairway installed it, what can be done about it, what the forge sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may
from fairway.drivers.forges.contract import Forge
from fairway.drivers.forges.hooks import Sent
from fairway.pipelines.forge_queries import kind_of
from fairway.pipelines.models import Trigger
from fairway.web.presenters.acts import Button
from fairway.web.presenters.forges import FORGES


@dataclass(frozen=True)
class Seen:
    """What somebody who asked the forge is shown: what it sent, None if it does not tell, or why it could not be asked."""

    sent: Sequence[Sent] | None = None
    failure: str = ""
    was_asked: bool = True


NOT_ASKED = Seen(was_asked=False)


def webhook_shown(actor: Actor, trigger: Trigger, seen: Seen = NOT_ASKED) -> dict[str, Any]:
    """The context `webhook` of ``triggers/form.html``."""
    application = trigger.application
    forge = kind_of(application)
    may_change = may(actor, Act.DEPLOY, application=application.slug, environment=trigger.environment.slug)
    return {
        "is_installed": bool(trigger.hook),
        "forge": FORGES.get(forge, "") if forge else "",
        "connect": reverse("forge", args=[application.slug]),
        "acts": _acts(trigger, forge, may_change=may_change) if forge else [],
        "failure": seen.failure,
        "was_asked": seen.was_asked and not seen.failure,
        "tells": seen.sent is not None,
        "sent": [_sent(trigger, one, may_change=may_change) for one in seen.sent or ()],
    }


def _acts(trigger: Trigger, forge: Forge, *, may_change: bool) -> list[Button]:
    url, named = reverse("trigger-webhook", args=[trigger.pk]), {"forge": FORGES.get(forge, forge.value)}
    look = Button(_("What %(forge)s sent") % named, url, "events", method="get")
    if not may_change:
        return [look] if trigger.hook else []
    if not trigger.hook:
        return [Button(_("Install it at %(forge)s") % named, url, "plus", "primary")]
    remove = Button(
        _("Remove it at %(forge)s") % named,
        reverse("trigger-webhook-removal", args=[trigger.pk]),
        "trash",
        confirm=trigger.pattern,
        consequence=_("Pushes are no longer told of, until a webhook is added again."),
    )
    return [look, Button(_("Install it again"), url, "restart"), remove]


def _sent(trigger: Trigger, one: Sent, *, may_change: bool) -> dict[str, Any]:
    again = Button(_("Send again"), reverse("trigger-webhook-again", args=[trigger.pk, one.number]), "restart")
    return {
        "at": one.at,
        "event": one.event,
        "status": one.status,
        "is_taken": one.is_taken,
        "again": again if may_change else None,
    }
