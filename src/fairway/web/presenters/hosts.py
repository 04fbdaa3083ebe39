"""The context of an environment's remote Docker host: its state, both keys, and the buttons."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may
from fairway.drivers.hosts.keys import fingerprint
from fairway.drivers.hosts.reasons import Reason
from fairway.environments.host_rules import HostState
from fairway.environments.models import Environment, Host
from fairway.environments.queries import host_of
from fairway.web.presenters.acts import Button

TONES = {HostState.CONNECTED: "ok", HostState.ASKING: "", HostState.UNCONFIRMED: "warn"}


def host_shown(actor: Actor, environment: Environment) -> dict[str, Any]:
    """The context of the fragment ``host``; `host` is None if the environment runs on this machine."""
    host = host_of(environment)
    if host is None:
        return {"environment": environment, "host": None}
    state, may_edit = host.state, may(actor, Act.EDIT_ENVIRONMENT, environment=environment.slug)
    look = Button(_("Check now"), reverse("environment-host-look", args=[environment.slug]), "restart")
    return {
        "environment": environment,
        "host": {
            "address": host.address,
            "state": state,
            "tone": TONES.get(state, "bad"),
            "sentence": host.sentence,
            "detail": "" if state == HostState.CONNECTED else host.detail,
            "public_key": host.public_key,
            "is_to_let_in": state in {HostState.ASKING, HostState.UNCONFIRMED} or host.reason == Reason.DENIED,
            "fingerprint": fingerprint(host.host_key),
            "confirmed_by": {"name": host.confirmed_by},
            "confirmed_at": host.confirmed_at,
            "look": look if may_edit else None,
            **_to_confirm(host, environment, state, may_edit),
        },
    }


def _to_confirm(host: Host, environment: Environment, state: HostState, may_edit: bool) -> dict[str, Any]:
    """The key that is to be confirmed; the button confirms only this fingerprint."""
    if state not in {HostState.UNCONFIRMED, HostState.CHANGED}:
        return {"shown_fingerprint": "", "confirm": None}
    shown = fingerprint(host.offered_key)
    is_new = state == HostState.UNCONFIRMED
    confirm = Button(
        _("It is the host's key") if is_new else _("Trust the new key"),
        reverse("environment-host-key", args=[environment.slug]),
        "check",
        "primary" if is_new else "danger",
        fields=[("fingerprint", shown)],
        confirm="" if is_new else environment.slug,
        consequence=""
        if is_new
        else _("Only if you know why it changed, for example because the machine was replaced or reinstalled."),
    )
    return {"shown_fingerprint": shown, "confirm": confirm if may_edit else None}
