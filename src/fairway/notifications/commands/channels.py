"""Adding, changing, pausing, testing and deleting channels, and sending a notice again."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from fairway.accounts.commands import require
from fairway.accounts.emails import parse_email
from fairway.accounts.rules import Act, Actor
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.queries import latest_number
from fairway.applications.models import Application
from fairway.applications.secrets import seal
from fairway.drivers.forges.signatures import new_secret
from fairway.drivers.messengers.contract import Kind, NotTaken, Trouble
from fairway.drivers.messengers.smtp import Trouble as MailTrouble
from fairway.engine import clock
from fairway.environments.models import Environment
from fairway.notifications.models import Channel, Notice
from fairway.notifications.outside import send, trouble_of
from fairway.notifications.rules import (
    LONGEST_NAME,
    MOST_ADDRESSES,
    MOST_CHANNELS,
    Route,
    State,
    default_routes,
    parse_kind,
    parse_routes,
    parse_url,
    shown_url,
)
from fairway.notifications.subjects import on_channel
from fairway.notifications.troubles import sentence_of
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid, parse_text
from fairway.shared.urls import without_secrets

CHANGEABLE = ("name", "url", "addresses", "routes", "language", "is_paused")
ONE_REFUSED = f"{Trouble.MAIL}.{MailTrouble.RECIPIENT_REFUSED}"  # a trouble of one address only
EDITED = ("channel.edited", "channel.paused", "channel.resumed", "channel.disabled")


@transaction.atomic
def create_channel(
    *,
    actor: Actor,
    kind: str,
    name: str,
    url: str = "",
    addresses: Iterable[str] = (),
    routes: Iterable[Mapping[str, Any]] | None = None,
    language: str = "",
) -> tuple[Channel, str]:
    """Add a channel, which hears of what happens from now on; without `routes`, of failures and what waits for people, and
    of successes in production.

    Returns the channel, and for a webhook the secret that signs what is sent, which is not shown again. Raises `Blocked` or
    `Invalid`.
    """
    require(actor, Act.MANAGE_SYSTEM)
    if Channel.objects.filter(deleted_at=None, is_personal=False).count() >= MOST_CHANNELS:
        raise Invalid("name", "there are {count} channels already; delete one first.", count=MOST_CHANNELS)
    channel = Channel(kind=parse_kind(kind), created_at=clock.now())
    wanted = routes if routes is not None else [route.stored() for route in usual_routes()]
    _fill(actor, channel, {"name": name, "url": url, "addresses": addresses, "routes": wanted, "language": language})
    secret = _make_secret(channel) if channel.kind == Kind.WEBHOOK else ""
    channel.after_event = latest_number()
    channel.save()
    record(who=actor.who, verb="channel.created", on=on_channel(channel), after=_facts(channel))
    return channel, secret


def usual_routes() -> list[Route]:
    """What a new channel hears. Production is the environment that is called so, else the last one."""
    slugs = list(Environment.objects.filter(deleted_at=None).order_by("position", "pk").values_list("slug", flat=True))
    return default_routes("production" if "production" in slugs else slugs[-1] if slugs else "")


@transaction.atomic
def edit_channel(*, actor: Actor, channel: Channel, as_of: int | None = None, **changes: Any) -> Channel:
    """Change any of `CHANGEABLE`; an empty `url` keeps the stored one. One that is resumed, or gets a new URL, is no longer
    disabled, and hears of what happens from then on; what waited to be sent is sent.

    Raises `Blocked`, `Invalid`, or `Changed` if it was changed after event `as_of`.
    """
    require(actor, Act.MANAGE_SYSTEM)
    if unknown := set(changes) - set(CHANGEABLE):
        raise Invalid(sorted(unknown)[0], "cannot be changed; only {names} can.", names=", ".join(CHANGEABLE))
    row = _locked(channel)
    refuse_stale(as_of, *EDITED, subject_kind="channel", subject_id=str(row.pk))
    before, was_on = _facts(row), row.is_on
    _fill(actor, row, {**_kept(row), **changes})
    row.is_paused = bool(changes.get("is_paused", row.is_paused))
    if changes.get("url") or changes.get("is_paused") is False:
        row.disabled_at, row.disabled_because, row.rests_until = None, "", None
    if row.is_on and not was_on:
        row.after_event = latest_number()
    row.save()
    after = _facts(row)
    if before != after:
        record(who=actor.who, verb=_verb_of(before, after), on=on_channel(row), before=before, after=after)
    return row


def _verb_of(before: dict[str, Any], after: dict[str, Any]) -> str:
    changed = {name for name in after if before[name] != after[name]}
    if changed - {"is_paused", "is_disabled"}:
        return "channel.edited"
    return "channel.paused" if after["is_paused"] else "channel.resumed"


@transaction.atomic
def renew_secret(*, actor: Actor, channel: Channel) -> tuple[Channel, str]:
    """Make a new secret for a webhook, which is not shown again; what is sent from now on is signed with it. Raises
    `Blocked` or `Invalid`."""
    require(actor, Act.MANAGE_SYSTEM)
    row = _locked(channel)
    if row.kind != Kind.WEBHOOK:
        raise Invalid("kind", "has no secret; only what is sent to a webhook is signed.")
    secret = _make_secret(row)
    row.save(update_fields=["sealed_secret", "secret_made_at"])
    record(who=actor.who, verb="channel.secret_renewed", on=on_channel(row))
    return row, secret


@transaction.atomic
def delete_channel(*, actor: Actor, channel: Channel) -> None:
    """Delete it: its URL and secret are forgotten, and what waited is not sent. Raises `Blocked`."""
    require(actor, Act.MANAGE_SYSTEM)
    row = Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
    if row.deleted_at is None:
        before = _facts(row)
        Notice.objects.filter(channel=row, state=State.WAITING).delete()
        row.deleted_at, row.sealed_url, row.sealed_secret = clock.now(), "", ""
        row.save(update_fields=["deleted_at", "sealed_url", "sealed_secret"])
        record(who=actor.who, verb="channel.deleted", on=on_channel(row), before=before)


def try_channel(*, actor: Actor, channel: Channel) -> list[Notice]:
    """Send a test now, also if it is paused; returns the notices, one for each address. Once the mail server itself fails,
    the other addresses are left out. Raises `Blocked`, or `Refused`, which says in words what the receiver answered. Not in
    a transaction, because a receiver may be slow."""
    require(actor, Act.MANAGE_SYSTEM)
    notices: list[Notice] = []
    for address in channel.places:
        notices.append(_sent_test(channel, address))
        if notices[-1].trouble not in ("", ONE_REFUSED):
            break
    with transaction.atomic():
        after = {"delivered": sum(notice.state == State.DELIVERED for notice in notices), "of": len(notices)}
        record(who=actor.who, verb="channel.tested", on=on_channel(channel), after=after)
    if failed := [notice for notice in notices if notice.state != State.DELIVERED]:
        raise Refused(" ".join(dict.fromkeys(sentence_of(notice) for notice in failed)))
    return notices


def _sent_test(channel: Channel, address: str) -> Notice:
    now = clock.now()
    notice = Notice(**new_notice(channel, address), tries=1, tried_at=now, next_at=now, created_at=now)
    try:
        notice.answer = send(notice)
    except NotTaken as problem:
        notice.state = State.GIVEN_UP
        notice.trouble, notice.said = trouble_of(notice, problem)
    else:
        notice.state, notice.delivered_at = State.DELIVERED, clock.now()
    notice.save()
    return notice


@transaction.atomic
def send_again(*, actor: Actor, channel: Channel, notice: Notice) -> Notice:
    """Send a notice that was delivered or given up again, as soon as the worker comes to it; it keeps its id. Raises
    `Blocked` or `Invalid`."""
    require(actor, Act.MANAGE_SYSTEM)
    row = _locked(channel)
    one = Notice.objects.select_for_update(of=("self",), no_key=True).select_related("event").get(pk=notice.pk, channel=row)
    if one.event is None:
        raise Invalid("notice", "was a test; send another one.")
    if one.address and one.address not in row.addresses:
        raise Invalid("notice", "went to {address}, which is no longer in this channel.", address=one.address)
    if one.state != State.WAITING:
        one.state, one.tries, one.next_at = State.WAITING, 0, clock.now()
        one.save(update_fields=["state", "tries", "next_at"])
        after = {"notice": one.public_id, "event": one.event_id}
        record(who=actor.who, verb="channel.sent_again", on=on_channel(row), after=after)
    return one


def new_notice(channel: Channel, address: str) -> dict[str, Any]:
    """The columns of a new notice, with an id of its own."""
    return {"channel": channel, "address": address, "public_id": f"msg_{secrets.token_urlsafe(18)}"}


@transaction.atomic
def reseal_channels() -> int:
    """Seal URLs and secrets with the newest key; returns how many channels have one. For use after a key was added."""
    rows = list(Channel.objects.filter(deleted_at=None).exclude(sealed_url="").select_for_update(no_key=True))
    for row in rows:
        row.sealed_url = seal().reseal(row.sealed_url)
        row.sealed_secret = seal().reseal(row.sealed_secret) if row.sealed_secret else ""
        row.save(update_fields=["sealed_url", "sealed_secret"])
    return len(rows)


def _locked(channel: Channel) -> Channel:
    """Raises `Invalid` if it was deleted meanwhile."""
    row = Channel.objects.select_for_update(no_key=True).filter(pk=channel.pk, deleted_at=None).first()
    if row is None:
        raise Invalid("channel", "was deleted meanwhile.")
    return row


def _make_secret(channel: Channel) -> str:
    secret = new_secret()
    channel.sealed_secret, channel.secret_made_at = seal().seal(secret), clock.now()
    return secret


def _kept(channel: Channel) -> dict[str, Any]:
    return {
        "name": channel.name,
        "url": "",
        "addresses": channel.addresses,
        "routes": channel.routes,
        "language": channel.language,
    }


def _fill(actor: Actor, channel: Channel, values: Mapping[str, Any]) -> None:
    """Raises `Invalid`."""
    channel.name = parse_text(values["name"], field="name", longest=LONGEST_NAME, required=True)
    if Channel.objects.filter(name=channel.name, deleted_at=None).exclude(pk=channel.pk).exists():
        raise Invalid("name", "“{name}” is taken.", name=channel.name)
    kind = Kind(channel.kind)
    if kind is Kind.MAIL:
        channel.addresses = _parsed_addresses(values["addresses"])
        if values["url"]:
            raise Invalid("url", "is of no use; mail goes to addresses.")
    else:
        if list(values["addresses"]):
            raise Invalid("addresses", "are of no use; only mail goes to addresses.")
        if values["url"] or not channel.sealed_url:
            url = parse_url(values["url"], allows_http=settings.NOTIFY_ADDRESSES == "any")
            channel.sealed_url, channel.shown_url = seal().seal(url), shown_url(kind, url)
    channel.routes = [route.stored() for route in _known(parse_routes(values["routes"]), channel.heard)]
    channel.language = _parsed_language(values["language"])
    channel.saved_by = actor.name


def _parsed_addresses(given: Iterable[str]) -> list[str]:
    addresses = list(dict.fromkeys(filter(None, (parse_email(one, field="addresses") for one in given))))
    if not addresses:
        raise Invalid("addresses", "are missing; name at least one.")
    if len(addresses) > MOST_ADDRESSES:
        raise Invalid("addresses", "are {count}; give at most {most}.", count=len(addresses), most=MOST_ADDRESSES)
    return addresses


def _parsed_language(text: str) -> str:
    known = [code for code, _name in settings.LANGUAGES]
    if text and text not in known:
        raise Invalid("language", "use one of {names}, or none for this installation's.", names=", ".join(known))
    return text


def _known(routes: list[Route], before: list[Route]) -> list[Route]:
    """The routes, if what they name exists, or was named `before`: it may have been deleted since. Raises `Invalid`."""
    for field, model in (("environments", Environment), ("applications", Application)):
        named = {slug for route in routes for slug in getattr(route, field)}
        named -= {slug for route in before for slug in getattr(route, field)}
        found = set(model.objects.filter(slug__in=named, deleted_at=None).values_list("slug", flat=True))
        if missing := sorted(named - found):
            raise Invalid("routes", "“{name}” does not exist.", name=missing[0][:60])
    return routes


def _facts(channel: Channel) -> dict[str, Any]:
    """The channel as events show it; of the URL of a chat only a mark that tells whether it changed."""
    is_shown = channel.kind == Kind.WEBHOOK
    url = seal().open(channel.sealed_url) if channel.sealed_url and not is_shown else ""
    return {
        "kind": str(channel.kind),
        "name": channel.name,
        "url": without_secrets(channel.shown_url) if is_shown else seal().mark(url) if url else "",
        "addresses": channel.addresses,
        "routes": channel.routes,
        "language": channel.language,
        "is_paused": channel.is_paused,
        "is_disabled": channel.disabled_at is not None,
    }
