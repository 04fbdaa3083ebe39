"""Service accounts, their roles and their tokens."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from fairway.accounts.commands import set_active
from fairway.accounts.models import User
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.profiles import edit_person
from fairway.accounts.queries import get_service_account
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.accounts.service_accounts import create_service_account, create_service_token, revoke_service_token
from fairway.activity.changes import Changed
from fairway.applications.queries import get_application
from fairway.environments.queries import get_environment
from fairway.insights.rights import rights_for
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.errors import tell_blocked
from fairway.web.forms import ServiceAccountForm, ServiceTokenForm, refuse
from fairway.web.pages import page
from fairway.web.presenters.people import (
    grant_rows,
    grants_meant,
    person_choices,
    read_grants,
    service_account_acts,
    service_token_choices,
    service_tokens_shown,
    token_end,
)
from fairway.web.presenters.rights import rights_shown
from fairway.web.stale import as_of, tell_changed
from fairway.web.views.people import refuse_grants


@require_http_methods(["GET", "POST"])
@needs(Act.MANAGE_PEOPLE)
def new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = ServiceAccountForm(request.POST or None, is_new=True)
    rows = read_grants(request.POST) if request.method == "POST" else grant_rows(None)
    if request.method == "POST" and form.is_valid():
        try:
            account = create_service_account(actor=actor, grants=grants_meant(actor, rows), **form.cleaned_data)
        except Invalid as problem:
            refuse_grants(form, rows, problem)
        else:
            messages.success(request, _("Created. Now make a token for it."))
            return redirect(f"{reverse('service-account', args=[account.username])}#tokens")
    context = {
        "account": None,
        "form": form,
        "grants": rows,
        "choices": person_choices(actor),
        "acts": [],
        "tokens": [],
        "token_form": None,
        "created": None,
        "rights": None,
    }
    return page(request, "settings/service_account.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@needs(Act.MANAGE_PEOPLE)
def edit(request: HttpRequest, username: str) -> HttpResponse:
    actor, account = actor_of(request), get_service_account(username)
    if request.method == "GET":
        return _page(request, actor, account)
    form, rows = ServiceAccountForm(request.POST, is_new=False), read_grants(request.POST)
    if not form.is_valid():
        return _page(request, actor, account, form=form, rows=rows, status=422)
    try:
        purpose, grants = form.cleaned_data["purpose"], grants_meant(actor, rows)
        edit_person(actor=actor, user=account, name=purpose, email="", grants=grants, as_of=as_of(request))
    except Changed as problem:
        tell_changed(request, form, problem)
        return _page(request, actor, account, form=form, rows=rows, status=409)
    except Invalid as problem:
        refuse_grants(form, rows, problem)
        return _page(request, actor, account, form=form, rows=rows, status=422)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _page(request, actor, account, form=form, rows=rows, status=409)
    messages.success(request, _("Saved."))
    return redirect("people")


@never_cache
@require_POST
@needs(Act.MANAGE_PEOPLE)
def tokens(request: HttpRequest, username: str) -> HttpResponse:
    """Create a token, which is shown once."""
    actor, account = actor_of(request), get_service_account(username)
    form = ServiceTokenForm(request.POST, **service_token_choices(actor, account))
    if form.is_valid():
        values = form.cleaned_data
        try:
            token, text = create_service_token(
                actor=actor,
                account=account,
                name=values["name"],
                expires_at=token_end(values["expires"]),
                role=values["role"],
                application=get_application(actor, values["application"]) if values["application"] else None,
                environment=get_environment(actor, values["environment"]) if values["environment"] else None,
            )
        except Invalid as problem:
            refuse(form, problem)
        else:
            return _page(request, actor, account, created={"name": token.name, "secret": text}, status=201)
    return _page(request, actor, account, token_form=form, status=422)


@require_POST
@needs(Act.MANAGE_PEOPLE)
def token_revocation(request: HttpRequest, username: str, number: int) -> HttpResponse:
    account = get_service_account(username)
    revoke_service_token(actor=actor_of(request), account=account, token_id=number)
    messages.success(request, _("The token no longer works."))
    return redirect("service-account", account.username)


@require_POST
@needs(Act.MANAGE_PEOPLE)
def activation(request: HttpRequest, username: str) -> HttpResponse:
    """Deactivate a service account, which ends its tokens, or activate it again."""
    actor, account = actor_of(request), get_service_account(username)
    is_active = bool(request.POST.get("active"))
    if not is_active and not is_confirmed(request, account.username):
        return _page(request, actor, account, status=422)
    try:
        set_active(actor=actor, user=account, is_active=is_active)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _page(request, actor, account, status=409)
    return redirect("service-account", account.username)


def _page(
    request: HttpRequest,
    actor: Actor,
    account: User,
    *,
    form: ServiceAccountForm | None = None,
    rows: list[dict[str, Any]] | None = None,
    token_form: ServiceTokenForm | None = None,
    created: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    purpose = account.get_full_name()
    fresh = ServiceTokenForm(**service_token_choices(actor, account)) if account.is_active else None
    context = {
        "account": {"username": account.username, "purpose": purpose, "is_active": account.is_active},
        "form": form or ServiceAccountForm(initial={"purpose": purpose}, is_new=False),
        "grants": grant_rows(account) if rows is None else rows,
        "choices": person_choices(actor),
        "acts": service_account_acts(account),
        "tokens": service_tokens_shown(account),
        "token_form": token_form or fresh,
        "created": created,
        "rights": rights_shown(rights_for(actor, account)),
    }
    return page(request, "settings/service_account.html", context, status=status)
