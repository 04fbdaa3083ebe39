"""Contexts of sign-in providers and of what people are connected to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.group_roles import shown as mappings
from fairway.accounts.models import SignInProvider, User
from fairway.accounts.password_policy import emergency_accounts
from fairway.accounts.queries import administrators, is_two_step_required, who_may_use_passwords
from fairway.accounts.sign_in_providers import identities_of, offered_providers, providers
from fairway.web.forms import PasswordPolicyForm
from fairway.web.presenters.acts import Button


def providers_shown(rows: Iterable[SignInProvider], form: PasswordPolicyForm | None = None) -> dict[str, Any]:
    create = Button(_("New provider"), reverse("sign-in-provider-new"), "plus", "primary", method="get")
    return {"providers": [provider_shown(row) for row in rows], "create": create, "form": password_form_of(form)}


@dataclass(frozen=True)
class Known:
    """A provider that many have: what is entered for it, and where Fairway is registered there."""

    title: str
    issuer: str
    registered_at: str
    kind: str = SignInProvider.OPENID
    groups_claim: str = ""


KNOWN = {
    "github": Known("GitHub", "https://github.com", "https://github.com/settings/applications/new", SignInProvider.GITHUB),
    "gitlab": Known(
        "GitLab", "https://gitlab.com", "https://gitlab.com/-/user_settings/applications", groups_claim="groups_direct"
    ),
    "google": Known("Google", "https://accounts.google.com", "https://console.cloud.google.com/auth/clients"),
    "microsoft": Known(
        "Microsoft", "https://login.microsoftonline.com/TENANT-ID/v2.0", "https://entra.microsoft.com", groups_claim="groups"
    ),
}


def new_provider_shown(chosen: str) -> dict[str, Any]:
    """What can be chosen on the page of a new provider, and what is entered for the chosen one; any other if it is none."""
    here = reverse("sign-in-provider-new")
    choices = [
        *(
            {"title": known.title, "url": f"{here}?provider={slug}", "is_current": slug == chosen}
            for slug, known in KNOWN.items()
        ),
        {"title": _("Another one"), "url": here, "is_current": chosen not in KNOWN},
    ]
    known = KNOWN.get(chosen)
    if known is None:
        return {"choices": choices, "registered_at": "", "is_github": False, "initial": {}}
    entered = {"name": known.title, "slug": chosen, "issuer": known.issuer, "groups_claim": known.groups_claim}
    return {
        "choices": choices,
        "registered_at": known.registered_at,
        "is_github": known.kind == SignInProvider.GITHUB,
        "initial": {**entered, "kind": known.kind},
    }


def password_form_of(form: PasswordPolicyForm | None = None) -> PasswordPolicyForm:
    """The form of who may use a password, as it is stored, or as it was sent."""
    if form is not None:
        return form
    emergency = list(emergency_accounts().values_list("username", flat=True))
    initial = {
        "passwords": who_may_use_passwords(),
        "emergency": emergency,
        "two_step_required": is_two_step_required(),
    }
    return PasswordPolicyForm(initial=initial, accounts=accounts_for_emergencies())


def accounts_for_emergencies() -> list[tuple[str, str]]:
    """The administrators who could help in an emergency: user names with how they are shown."""
    able = [user for user in administrators() if user.has_usable_password()]
    return [
        (user.username, user.username if user.shown_name == user.username else f"{user.username} ({user.shown_name})")
        for user in able
    ]


def provider_shown(row: SignInProvider) -> dict[str, Any]:
    return {
        "slug": row.slug,
        "name": row.name,
        "issuer": row.issuer,
        "is_enabled": row.is_enabled,
        "admits": row.admits,
        "domains": row.domains,
        "required_groups": row.required_groups,
        "is_github": row.kind == SignInProvider.GITHUB,
        "is_from_environment": row.is_from_environment,
        "has_secret": bool(row.sealed_secret),
        "delete": Button(
            _("Remove"),
            reverse("sign-in-provider-delete", args=[row.slug]),
            "trash",
            "danger",
            confirm=row.name,
            consequence=_("Nobody can sign in with it any more, and the roles that its groups gave end."),
        ),
    }


def form_values(row: SignInProvider) -> dict[str, Any]:
    """What the form shows of a provider: never its secret."""
    names = ("name", "issuer", "client_id", "scopes", "admits", "default_role", "groups_claim", "is_enabled")
    return {
        **{name: getattr(row, name) for name in names},
        "domains": "\n".join(row.domains),
        "required_groups": "\n".join(row.required_groups),
        "roles": "\n".join(f"{one.group} = {one.grant}" for one in mappings(row)),
    }


def connected_to(user: User) -> list[dict[str, Any]]:
    """What the person is connected to, by the names that the providers have here."""
    names = {provider.issuer: provider.name for provider in providers().order_by("-name")}
    return [
        {
            "number": row.pk,
            "issuer": row.issuer,
            "name": names.get(row.issuer, row.issuer),
            "email": row.email,
            "last_used_at": row.last_used_at,
        }
        for row in identities_of(user)
    ]


def identities_shown(user: User) -> dict[str, Any]:
    """What the person is connected to, and what else they can connect."""
    offered, rows = list(offered_providers()), connected_to(user)
    connected = {row["issuer"] for row in rows}
    return {
        "identities": rows,
        "connectable": [
            {"slug": provider.slug, "name": provider.name} for provider in offered if provider.issuer not in connected
        ],
    }
