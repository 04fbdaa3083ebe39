"""The person's own profile and tokens; credentials for registries and repositories."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fairway.accounts.models import User
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.profiles import edit_profile
from fairway.accounts.queries import has_two_steps, may_use_password
from fairway.accounts.rules import Act, Blocked
from fairway.accounts.sessions import end_other_sessions, end_session
from fairway.accounts.tokens import create_token, revoke_token
from fairway.activity.changes import Changed
from fairway.applications.credential_commands import delete_credential, save_credential
from fairway.applications.models import Credential
from fairway.applications.queries import get_application, get_credential
from fairway.environments.queries import get_environment
from fairway.insights.rights import own_rights
from fairway.shared.keypairs import new_key_pair, public_half
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.cookies import remember_display
from fairway.web.errors import tell_blocked
from fairway.web.forms import HttpsForm, KeyForm, ProfileForm, RegistryForm, TokenForm, refuse
from fairway.web.pages import page
from fairway.web.presenters.people import (
    credentials_shown,
    grants_shown,
    scope_choices,
    token_choices,
    token_end,
    tokens_shown,
)
from fairway.web.presenters.rights import rights_shown
from fairway.web.presenters.sessions import sessions_shown
from fairway.web.presenters.sign_in import identities_shown
from fairway.web.stale import as_of, tell_changed


@require_GET
@needs(Act.CHANGE_ACCOUNT)
def settings_home(request: HttpRequest) -> HttpResponse:
    return redirect("profile")


@require_http_methods(["GET", "POST"])
@needs(Act.CHANGE_ACCOUNT)
def profile(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    user = User.objects.get(pk=actor.id or 0)
    initial = {"name": user.get_full_name(), "email": user.email, "language": user.language, "theme": user.theme}
    form = ProfileForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            edit_profile(actor=actor, as_of=as_of(request), **form.cleaned_data)
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, problem)
        else:
            messages.success(request, _("Saved."))
            return remember_display(redirect("profile"), form.cleaned_data["language"], form.cleaned_data["theme"])
    grants = user.role_grants.select_related("environment", "application")
    context = {
        "form": form,
        "grants": grants_shown(grants),
        "is_email_unconfirmed": bool(user.email and not user.confirmed_email),
        **identities_shown(user),
        "uses_password": may_use_password(user),
        "has_two_steps": has_two_steps(user),
        **sessions_shown(actor, user),
        "rights": rights_shown(own_rights(actor, user)),
    }
    return page(request, "settings/profile.html", context, status=422 if form.errors else 200)


@require_POST
@needs(Act.OWN_ACCOUNT)
def session_end(request: HttpRequest, number: int) -> HttpResponse:
    """Sign oneself out in another browser."""
    if end_session(actor=actor_of(request), number=number):
        messages.success(request, _("You are signed out there."))
    else:
        messages.info(request, _("That session had ended already."))
    return redirect(f"{reverse('profile')}#sessions")


@require_POST
@needs(Act.OWN_ACCOUNT)
def sessions_end_others(request: HttpRequest) -> HttpResponse:
    """Sign oneself out everywhere but here."""
    end_other_sessions(actor=actor_of(request))
    messages.success(request, _("You are signed out everywhere but here."))
    return redirect(f"{reverse('profile')}#sessions")


@never_cache
@require_http_methods(["GET", "POST"])
@needs(Act.CHANGE_ACCOUNT)
def tokens(request: HttpRequest) -> HttpResponse:
    """The person's tokens; a new one is shown once."""
    actor, created = actor_of(request), None
    choices = token_choices(actor)
    form = TokenForm(request.POST or None, **choices)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            token, text = create_token(
                actor=actor,
                name=values["name"],
                role=values["role"],
                application=get_application(actor, values["application"]) if values["application"] else None,
                environment=get_environment(actor, values["environment"]) if values["environment"] else None,
                expires_at=token_end(values["expires"]),
            )
        except Invalid as problem:
            refuse(form, problem)
        else:
            created, form = {"name": token.name, "secret": text}, TokenForm(**choices)
    context = {"tokens": tokens_shown(actor), "form": form, "created": created}
    return page(request, "settings/tokens.html", context, status=201 if created else 422 if form.errors else 200)


@require_POST
@needs(Act.CHANGE_ACCOUNT)
def token_revocation(request: HttpRequest, number: int) -> HttpResponse:
    revoke_token(actor=actor_of(request), token_id=number)
    messages.success(request, _("The token no longer works."))
    return redirect("tokens")


@sensitive_post_parameters("password", "private_key")
@require_http_methods(["GET", "POST"])
@needs(Act.MANAGE_CREDENTIALS)
def credentials(request: HttpRequest) -> HttpResponse:
    actor, kind = actor_of(request), request.POST.get("kind", "")
    registry = RegistryForm(request.POST if kind == Credential.REGISTRY else None, prefix="", auto_id="registry-%s")
    key = KeyForm(request.POST if kind == Credential.DEPLOY_KEY else None, auto_id="key-%s")
    https = HttpsForm(request.POST if kind == Credential.HTTPS else None, auto_id="https-%s")
    form: Any = {Credential.REGISTRY: registry, Credential.DEPLOY_KEY: key, Credential.HTTPS: https}.get(kind)
    if form is not None and form.is_valid():
        values = _key(form.cleaned_data) if kind == Credential.DEPLOY_KEY else _sign_in(form.cleaned_data)
        try:
            save_credential(actor=actor, kind=kind, scopes=_pairs(request), **values)
        except Invalid as problem:
            fields = {"secret": "private_key" if kind == Credential.DEPLOY_KEY else "password"}
            refuse(form, Invalid(fields.get(problem.field, problem.field), problem.sentence))
        except Blocked as problem:
            tell_blocked(request, problem)
        else:
            messages.success(request, _("Stored. It is never shown again."), extra_tags="stays")
            return redirect("credentials")
    context = {
        "credentials": credentials_shown(actor),
        "registry_form": registry,
        "key_form": key,
        "https_form": https,
        "open": kind,
        **scope_choices(actor, request.POST.getlist("application"), request.POST.getlist("environment")),
    }
    return page(request, "settings/credentials.html", context, status=422 if form is not None else 200)


def _pairs(request: HttpRequest) -> list[tuple[str, str]] | None:
    """The chosen pairs, row by row; None if the form has no rows for them. Raises `Invalid`."""
    applications, environments = request.POST.getlist("application"), request.POST.getlist("environment")
    if "places" not in request.POST and not applications and not environments:
        return None
    if len(applications) != len(environments):
        raise Invalid("scopes", "is incomplete; choose an application and an environment in every row.")
    return list(zip(applications, environments, strict=True))


def _sign_in(values: dict[str, Any]) -> dict[str, Any]:
    return {**{name: values[name] for name in ("name", "host", "username")}, "secret": values["password"]}


def _key(values: dict[str, Any]) -> dict[str, Any]:
    private, comment = values["private_key"], f"fairway-{values['name']}"
    public = public_half(private, comment) if private.strip() else ""
    if not private.strip():
        private, public = new_key_pair(comment)
    common = {name: values[name] for name in ("name", "host", "known_hosts")}
    return {**common, "secret": private, "public_key": public}


@require_POST
@needs(Act.MANAGE_CREDENTIALS)
def credential_deletion(request: HttpRequest, name: str) -> HttpResponse:
    actor = actor_of(request)
    get_credential(actor, name)
    if not is_confirmed(request, name):
        return redirect("credentials")
    try:
        delete_credential(actor=actor, name=name)
    except Invalid as problem:
        messages.error(request, f"{name} {problem.sentence}")
    except Blocked as problem:
        tell_blocked(request, problem)
    return redirect("credentials")
