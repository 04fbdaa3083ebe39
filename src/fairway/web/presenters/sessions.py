"""Contexts of the list of one's sessions."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from fairway.accounts.adapter import PASSWORD, PROVIDER
from fairway.accounts.clients import client_words
from fairway.accounts.mailing import has_mail_server
from fairway.accounts.models import SignInProvider, User
from fairway.accounts.rules import Actor
from fairway.accounts.sessions import sessions_of
from fairway.accounts.two_step import APP, RECOVERY


def sessions_shown(actor: Actor, user: User) -> dict[str, Any]:
    """The section of the profile."""
    rows = sessions_of(user)
    names = dict(SignInProvider.objects.values_list("slug", "name")) if rows else {}
    shown = [
        {
            "number": row.pk,
            "client": client_words(row.client),
            "address": row.address,
            "with": _method(row.method, names),
            "began_at": row.began_at,
            "last_seen_at": row.last_seen_at,
            "is_this": row.session_key == actor.authentication.session,
        }
        for row in rows
    ]
    told_at = user.confirmed_email if has_mail_server() else ""
    return {"sessions": sorted(shown, key=lambda one: not one["is_this"]), "told_at": told_at}


def _method(method: str, names: dict[str, str]) -> str:
    known = {PASSWORD: _("password"), f"{PASSWORD} and {APP}": _("password and code")}
    known[f"{PASSWORD} and {RECOVERY}"] = _("password and recovery code")
    if method in known:
        return known[method]
    slug = method.removeprefix(PROVIDER)
    return names.get(slug, slug)
