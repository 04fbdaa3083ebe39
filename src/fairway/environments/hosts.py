"""Commands on Docker hosts reached over SSH: register, check, confirm the key. One transaction, one event per
environment."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from fairway.accounts.commands import require
from fairway.accounts.rules import SYSTEM, Act, Actor
from fairway.activity.commands import record
from fairway.applications.secrets import seal
from fairway.drivers.hosts.keys import fingerprint
from fairway.drivers.hosts.tunnel import Access
from fairway.environments.models import Environment, Host
from fairway.environments.queries import environments_on, ssh_address
from fairway.environments.subjects import on_environment
from fairway.shared.keypairs import new_key_pair
from fairway.shared.names import Invalid


def ensure_host_of(environment: Environment) -> Host | None:
    """Create, with a key pair of its own, the host that the environment's options name, or return it; None if they name
    none."""
    address = ssh_address(environment)
    if not address:
        return None
    known = Host.objects.filter(address=address).first()
    if known is not None:
        return known
    private, public = new_key_pair("fairway")
    made, _is_new = Host.objects.get_or_create(
        address=address, defaults={"public_key": public, "sealed_key": seal().seal(private)}
    )
    return made


def access_to(host: Host) -> Access:
    """What the SSH tunnel to the host needs, the private key included; for the worker only."""
    return Access(seal().open(host.sealed_key), host.host_key)


@transaction.atomic
def request_check(*, actor: Actor, environment: Environment) -> Host:
    """Let a worker check the environment's host now: its key, the connection, the Docker Engine. Raises `Blocked` or
    `Invalid`."""
    require(actor, Act.EDIT_ENVIRONMENT, environment=environment.slug)
    host = _locked(environment)
    Host.objects.filter(pk=host.pk).update(look_wanted_at=timezone.now())
    host.refresh_from_db()
    record(who=actor.who, verb="environment.host_look_requested", on=on_environment(environment))
    return host


@transaction.atomic
def confirm_host_key(*, actor: Actor, environment: Environment, fingerprint_seen: str) -> Host:
    """Confirm the key that the host offers; from now on only this key is accepted.

    `fingerprint_seen` is the one that the person compared, so that another key offered meanwhile is not confirmed. Raises
    `Blocked` or `Invalid`.
    """
    require(actor, Act.EDIT_ENVIRONMENT, environment=environment.slug)
    host = _locked(environment)
    shown = fingerprint(host.offered_key)
    if not shown:
        raise Invalid("fingerprint", "cannot be confirmed: the host has not shown its key yet.")
    if fingerprint_seen.strip() != shown:
        raise Invalid("fingerprint", "is not the one the host shows now: {shown}. Compare again.", shown=shown)
    if host.host_key == host.offered_key:
        return host
    before = {"host": host.address, "fingerprint": fingerprint(host.host_key)}
    host.host_key, host.confirmed_by, host.confirmed_at = host.offered_key, actor.name, timezone.now()
    host.look_wanted_at, host.seen_at, host.reason, host.detail = timezone.now(), None, "", ""
    host.save()
    after = {"host": host.address, "fingerprint": shown}
    record(who=actor.who, verb="environment.host_key_confirmed", on=on_environment(environment), before=before, after=after)
    return host


@transaction.atomic
def record_offered_key(*, host: Host, key: str) -> None:
    """Record the key that the host offered to a worker; an event if it is a new one."""
    row = Host.objects.select_for_update(no_key=True).get(pk=host.pk)
    if row.offered_key == key:
        return
    if row.host_key != key:
        before = {"fingerprint": fingerprint(row.offered_key)}
        _tell(row, "environment.host_key_shown", before, {"fingerprint": fingerprint(key), "host": row.address})
    row.offered_key = key
    row.save(update_fields=["offered_key"])


@transaction.atomic
def record_check(*, host: Host, is_connected: bool, reason: str = "", detail: str = "", version: str = "") -> None:
    """Record the result of a check; an event if it differs from the last one."""
    row = Host.objects.select_for_update(no_key=True).get(pk=host.pk)
    is_news = (row.is_connected, row.reason, row.version if is_connected else "") != (
        is_connected,
        reason,
        version if is_connected else "",
    )
    before = {"is_connected": row.is_connected, "reason": row.reason}
    row.is_connected, row.reason, row.detail = is_connected, reason, detail[-1000:]
    row.version, row.seen_at = version or row.version, timezone.now()
    row.save(update_fields=["is_connected", "reason", "detail", "version", "seen_at"])
    if is_news:
        verb = "environment.host_connected" if is_connected else "environment.host_away"
        _tell(row, verb, before, {"host": row.address, "is_connected": is_connected, "reason": reason})


def finish_check(*, host: Host) -> None:
    """Record that the requested check is done; a check requested since then stays pending."""
    Host.objects.filter(pk=host.pk, look_wanted_at=host.look_wanted_at).update(look_wanted_at=None)


def _locked(environment: Environment) -> Host:
    host = Host.objects.select_for_update(no_key=True).filter(address=ssh_address(environment) or None).first()
    if host is None:
        raise Invalid("host", "this environment runs on no host over SSH.")
    return host


def _tell(host: Host, verb: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    for environment in environments_on(host):
        record(who=SYSTEM.who, verb=verb, on=on_environment(environment), before=before, after=after)
