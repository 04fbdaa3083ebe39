"""Contexts of people, their roles, tokens and credentials, for the settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.commands import INVITATION_LIFETIME
from fairway.accounts.models import ApiToken, RoleGrant, User
from fairway.accounts.queries import grants_of, has_two_steps, last_use_of_tokens, people, tokens_of
from fairway.accounts.rules import Act, Actor, Role, reach_of, roles_one_may_act_as
from fairway.applications.models import Application, Credential
from fairway.applications.queries import credentials, scope_of
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.environments.models import Environment
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.shared.names import Invalid
from fairway.web.presenters.acts import Button
from fairway.web.words import ROLE_LABELS, ROLE_SENTENCES

MOST_GRANTS = 200


def people_shown(actor: Actor) -> dict[str, Any]:
    service = Button(_("New service account"), reverse("service-account-new"), "plus", method="get")
    person = Button(_("New person"), reverse("person-new"), "plus", "primary", method="get")
    used = last_use_of_tokens()
    return {"people": [_person(one, actor, used) for one in people()], "acts": [service, person]}


def account_url(user: User) -> str:
    """The page of this person or service account."""
    return reverse("service-account" if user.is_service else "person-edit", args=[user.username])


def _person(user: User, actor: Actor, used: dict[int, datetime]) -> dict[str, Any]:
    return {
        "username": user.username,
        "url": account_url(user),
        "is_service": user.is_service,
        "name": user.shown_name,
        "email": user.email,
        "is_email_confirmed": bool(user.confirmed_email),
        "is_active": user.is_active,
        "is_you": user.pk == actor.id,
        "last_seen": used.get(user.pk) if user.is_service else user.last_login,
        "is_invited": user.last_login is None and not user.is_service,
        "two_step": getattr(user, "two_step", False),
        "grants": grants_shown(user.role_grants.all()),
    }


def grants_shown(grants: Iterable[RoleGrant]) -> list[dict[str, Any]]:
    """Grants for ``parts/grants.html``."""
    return [
        {
            "role_label": ROLE_LABELS[grant.role],
            "environment": grant.environment.name if grant.environment else "",
            "application": grant.application.name if grant.application else "",
        }
        for grant in grants
    ]


def grant_rows(user: User | None) -> list[dict[str, Any]]:
    """The rows of the form; a new person starts with the role Viewer."""
    if user is None:
        return [{"role": Role.VIEWER, "environment": "", "application": "", "error": ""}]
    return [
        {
            "role": grant.role,
            "environment": grant.environment.slug if grant.environment else "",
            "application": grant.application.slug if grant.application else "",
            "error": "",
        }
        for grant in user.role_grants.select_related("environment", "application")
    ]


def read_grants(posted: QueryDict) -> list[dict[str, Any]]:
    """The posted rows of the form."""
    text = posted.get("rows", "0")
    count = min(int(text), MOST_GRANTS) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    return [
        {
            "role": posted.get(f"role-{number}", ""),
            "environment": posted.get(f"environment-{number}", ""),
            "application": posted.get(f"application-{number}", ""),
            "error": "",
        }
        for number in range(count)
        if posted.get(f"role-{number}")
    ]


def grants_meant(actor: Actor, rows: Iterable[dict[str, Any]]) -> list[tuple[str, int | None, int | None]]:
    """The rows for the command. Raises `Invalid` for an environment or application that does not exist."""
    environments = dict(environments_visible_to(actor).values_list("slug", "pk"))
    applications = dict(applications_visible_to(actor).values_list("slug", "pk"))
    return [
        (
            row["role"],
            _number(row["environment"], environments, "environment"),
            _number(row["application"], applications, "application"),
        )
        for row in rows
    ]


def _number(slug: str, known: dict[str, int], field: str) -> int | None:
    if not slug:
        return None
    if slug not in known:
        raise Invalid(field, _("“%(name)s” does not exist.") % {"name": slug[:40]})
    return known[slug]


def person_choices(actor: Actor) -> dict[str, Any]:
    roles = [{"key": role.value, "label": ROLE_LABELS[role], "sentence": ROLE_SENTENCES[role]} for role in Role]
    environments: Iterable[Environment] = environments_visible_to(actor)
    applications: Iterable[Application] = applications_visible_to(actor)
    return {"roles": roles, "environments": environments, "applications": applications}


def service_account_acts(account: User) -> list[Button]:
    url = reverse("service-account-activation", args=[account.username])
    if not account.is_active:
        return [Button(_("Activate"), url, "play", fields=[("active", "1")])]
    consequence = _("Its tokens stop working at once, and for good.")
    fields = [("active", "")]
    return [Button(_("Deactivate"), url, "stop", "danger", fields=fields, confirm=account.username, consequence=consequence)]


def person_acts(user: User) -> list[Button]:
    found = [Button(_("New link"), reverse("person-link", args=[user.username]), "link")]
    if user.email and not user.confirmed_email:
        found.append(_confirm_email(user))
    if has_two_steps(user):
        found.append(_reset_two_step(user))
    url = reverse("person-activation", args=[user.username])
    if user.is_active:
        deactivate = Button(
            _("Deactivate"),
            url,
            "stop",
            "danger",
            fields=[("active", "")],
            confirm=user.username,
            consequence=_(
                "They are signed out everywhere at once. Their tokens, calendar feed and links are revoked for good."
            ),
        )
        return [*found, deactivate]
    return [*found, Button(_("Activate"), url, "play", fields=[("active", "1")])]


def _reset_two_step(user: User) -> Button:
    url = reverse("person-two-step-reset", args=[user.username])
    consequence = _("Their password alone lets them in until they set it up again. They are signed out everywhere at once.")
    return Button(_("Reset two-step sign-in"), url, "shield", "danger", confirm=user.username, consequence=consequence)


def _confirm_email(user: User) -> Button:
    url = reverse("person-email-confirmation", args=[user.username])
    consequence = _("They can then sign in with it, and applications receive it as theirs.")
    return Button(_("Confirm the address"), url, "check", fields=[("email", user.email)], consequence=consequence)


def link_shown(url: str) -> dict[str, Any]:
    return {"url": url, "expires_at": timezone.now() + INVITATION_LIFETIME, "mailed_to": "", "failure": ""}


def token_choices(actor: Actor) -> dict[str, list[tuple[str, Any]]]:
    """To which role, application and environment a new token can be limited."""
    return {
        "roles": [(role.value, ROLE_LABELS[role]) for role in roles_one_may_act_as(actor.active_grants)],
        "applications": [(one.slug, one.name) for one in applications_visible_to(actor)],
        "environments": [(one.slug, one.name) for one in environments_visible_to(actor)],
    }


def service_token_choices(actor: Actor, account: User) -> dict[str, list[tuple[str, Any]]]:
    """To which role, application and environment a new token of a service account can be limited."""
    held = roles_one_may_act_as(grants_of(account))
    return {**token_choices(actor), "roles": [(role.value, ROLE_LABELS[role]) for role in held]}


def tokens_shown(actor: Actor) -> list[dict[str, Any]]:
    return [_token(token, reverse("token-revocation", args=[token.pk])) for token in tokens_of(actor.id)]


def service_tokens_shown(account: User) -> list[dict[str, Any]]:
    name = account.username
    return [
        _token(token, reverse("service-account-token-revocation", args=[name, token.pk])) for token in tokens_of(account.pk)
    ]


def _token(api_token: ApiToken, url: str) -> dict[str, Any]:
    revoke = Button(
        _("Revoke"),
        url,
        "trash",
        "danger",
        confirm=api_token.name,
        consequence=_("Whatever uses it stops working immediately."),
    )
    return {
        "name": api_token.name,
        "prefix": api_token.prefix,
        "role_label": ROLE_LABELS.get(api_token.role, ""),
        "application": api_token.application.name if api_token.application else "",
        "environment": api_token.environment.name if api_token.environment else "",
        "created_at": api_token.created_at,
        "last_used_at": api_token.last_used_at,
        "expires_at": api_token.expires_at,
        "revoke": revoke,
    }


def token_end(days: str) -> Any:
    """The expiry of a token that is to last `days` days; None: never."""
    return timezone.now() + timedelta(days=int(days)) if days else None


def credentials_shown(actor: Actor) -> list[dict[str, Any]]:
    reach = reach_of(actor, Act.MANAGE_CREDENTIALS)
    return [_credential(credential, may_delete=reach.holds(scope_of(credential))) for credential in credentials(actor)]


def scope_choices(actor: Actor, applications: Sequence[str], environments: Sequence[str]) -> dict[str, Any]:
    """The choices for a credential's scopes, and the chosen pairs; at least one row."""
    pairs = list(zip_longest(applications, environments, fillvalue="")) or [("", "")]
    return {
        "applications": applications_visible_to(actor),
        "environments": environments_visible_to(actor),
        "chosen": [{"application": application, "environment": environment} for application, environment in pairs],
    }


def _scopes(credential: Credential) -> list[dict[str, str]]:
    return [
        {
            "application": each.application.name if each.application else "",
            "environment": each.environment.name if each.environment else "",
        }
        for each in credential.scopes.all()
    ]


def _credential(credential: Credential, *, may_delete: bool) -> dict[str, Any]:
    delete = Button(
        _("Delete %(name)s") % {"name": credential.name},
        reverse("credential-deletion", args=[credential.name]),
        "trash",
        "danger",
        confirm=credential.name,
        consequence=_("Sources that need it can no longer be fetched."),
    )
    return {
        "name": credential.name,
        "kind": credential.kind,
        "host": credential.host,
        "username": credential.username,
        "public_key": credential.public_key,
        "created_at": credential.created_at,
        "actor": {"name": credential.created_by},
        "scopes": _scopes(credential),
        "delete": delete if may_delete else None,
    }
