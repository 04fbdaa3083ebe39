"""The webhook of a trigger at the forge: installed, kept as it shall be, looked at and removed, with the connection's token.

None of this runs in a transaction, because a forge may be slow. Whoever is cut in between leaves a webhook that is found
again by its URL, which no other trigger has.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache
from django.db import transaction
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor
from fairway.activity.commands import record
from fairway.applications.secrets import seal
from fairway.drivers.forges.contract import RefKind
from fairway.drivers.forges.hooks import Hook, Sent
from fairway.drivers.taking import NotTaken
from fairway.pipelines.models import ForgeConnection, Trigger
from fairway.pipelines.report_words import webhook_sentence
from fairway.pipelines.reporters import hooks_for
from fairway.pipelines.subjects import on_trigger
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid

LONGEST_CHANGE = 120  # seconds for which one change of a webhook keeps others out; a request takes at most 30


def install_hook(*, actor: Actor, trigger: Trigger) -> Trigger:
    """Have the forge post to this trigger from now on; one that is there already is brought up to date.

    Raises `Blocked`, `Invalid`, or `Refused`, which says what is wrong.
    """
    _may(actor, trigger)
    connection = _connection_of(trigger)
    with _alone(trigger):
        row = _fresh(trigger)
        number = _ensured(connection, row)
        try:
            return _noted(actor, row, number, "trigger.webhook_installed")
        except Invalid:  # deleted meanwhile: nothing must post there
            _removed(connection, row, number)
            raise


def remove_hook(*, actor: Actor, trigger: Trigger) -> Trigger:
    """Delete the webhook at the forge; the trigger stays. Raises `Blocked`, `Invalid` or `Refused`."""
    _may(actor, trigger)
    connection = _connection_of(trigger)
    with _alone(trigger):
        row = _fresh(trigger)
        if problem := _removed(connection, row, row.hook):
            raise Refused(webhook_sentence(problem))
        return _noted(actor, row, "", "trigger.webhook_removed")


def sent_to(*, actor: Actor, trigger: Trigger) -> list[Sent] | None:
    """What the forge sent to the webhook last, newest first; None if this forge does not tell.

    Raises `Blocked`, `Invalid` or `Refused`.
    """
    require(actor, Act.VIEW, application=trigger.application.slug, environment=trigger.environment.slug)
    connection = _connection_of(trigger, needs_hook=True)
    try:
        return hooks_for(connection).sent(trigger.hook)
    except NotTaken as problem:
        raise Refused(webhook_sentence(problem)) from problem


def send_again(*, actor: Actor, trigger: Trigger, sent: str) -> None:
    """Have the forge send one of them once more. Raises `Blocked`, `Invalid` or `Refused`."""
    _may(actor, trigger)
    connection = _connection_of(trigger, needs_hook=True)
    if not (sent.isascii() and sent.isdigit()):
        raise Invalid("sent", "is no number of a request that the forge sent.")
    try:
        hooks_for(connection).send_again(trigger.hook, sent)
    except NotTaken as problem:
        raise Refused(webhook_sentence(problem)) from problem


def hook_trouble(*, trigger: Trigger) -> str:
    """Make the installed webhook follow a trigger that was changed, or was deleted. Returns "", or what went wrong: the
    change counts all the same, and the webhook has to be changed by hand."""
    if not trigger.hook:
        return ""
    try:
        connection = _connection_of(trigger)
        with _alone(trigger):
            if trigger.deleted_at is None:
                _ensured(connection, trigger)
                return ""
            problem = _removed(connection, trigger, trigger.hook)
            return webhook_sentence(problem) if problem else ""
    except Refused as refused:
        return refused.sentence
    except Invalid as invalid:
        return _("It is not connected to its forge any more: %(why)s") % {"why": invalid.sentence}


def _may(actor: Actor, trigger: Trigger) -> None:
    require(actor, Act.DEPLOY, application=trigger.application.slug, environment=trigger.environment.slug)


def _connection_of(trigger: Trigger, *, needs_hook: bool = False) -> ForgeConnection:
    """Raises `Invalid`."""
    if needs_hook and not trigger.hook:
        raise Invalid("trigger", "has no webhook that Fairway installed.")
    row = ForgeConnection.objects.filter(application=trigger.application_id, deleted_at=None).first()
    if row is None:
        raise Invalid(
            "application", "is not connected to its forge; connect it first, with a token that may write webhooks."
        )
    if row.repository != str(trigger.application.source.get("url", "")):
        raise Invalid("application", "has another repository than the one it was connected for; save the connection again.")
    return row


@contextmanager
def _alone(trigger: Trigger) -> Iterator[None]:
    """Keep others from changing this webhook meanwhile; two that look at once would make two. Raises `Refused`."""
    key = f"webhook:{trigger.pk}"
    if not cache.add(key, 1, LONGEST_CHANGE):
        raise Refused("This webhook is being changed already. Try again in a moment.")
    try:
        yield
    finally:
        cache.delete(key)


def _fresh(trigger: Trigger) -> Trigger:
    """Raises `Invalid` if it was deleted meanwhile."""
    row = Trigger.objects.select_related("application", "environment").filter(pk=trigger.pk, deleted_at=None).first()
    if row is None:
        raise Invalid("trigger", "was deleted meanwhile.")
    return row


def _ensured(connection: ForgeConnection, trigger: Trigger) -> str:
    """Raises `Refused`."""
    try:
        return hooks_for(connection).ensure(_hook_of(trigger, seal().open(trigger.sealed_secret)), trigger.hook)
    except NotTaken as problem:
        raise Refused(webhook_sentence(problem)) from problem


def _removed(connection: ForgeConnection, trigger: Trigger, number: str) -> NotTaken | None:
    try:
        hooks_for(connection).remove(_hook_of(trigger, ""), number)
    except NotTaken as problem:
        return problem
    return None


def _hook_of(trigger: Trigger, secret: str) -> Hook:
    return Hook(trigger.url, secret, is_of_requests=trigger.ref_kind == RefKind.REQUEST)


@transaction.atomic
def _noted(actor: Actor, trigger: Trigger, number: str, verb: str) -> Trigger:
    """Raises `Invalid` if the trigger was deleted meanwhile."""
    row = Trigger.objects.select_for_update(of=("self",), no_key=True).filter(pk=trigger.pk, deleted_at=None).first()
    if row is None:
        raise Invalid("trigger", "was deleted meanwhile.")
    if row.hook != number or verb == "trigger.webhook_installed":
        record(who=actor.who, verb=verb, on=on_trigger(trigger), before={"webhook": row.hook}, after={"webhook": number})
    row.hook = number
    row.save(update_fields=["hook"])
    return _fresh(row)
