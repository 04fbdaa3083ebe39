"""Sign-in providers in the settings: list, add, change, try, remove."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fairway.accounts.models import SignInProvider
from fairway.accounts.password_policy import set_password_policy
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.provider_commands import remove_provider, save_provider, try_provider
from fairway.accounts.rules import Act, Blocked
from fairway.accounts.sign_in_providers import get_provider, providers, redirect_uri
from fairway.accounts.sign_in_rules import parse_role_lines
from fairway.activity.changes import Changed
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.errors import tell_blocked
from fairway.web.forms import PasswordPolicyForm, SignInProviderForm, refuse
from fairway.web.pages import page
from fairway.web.presenters.sign_in import (
    accounts_for_emergencies,
    form_values,
    new_provider_shown,
    provider_shown,
    providers_shown,
)
from fairway.web.stale import as_of, tell_changed


@require_GET
@needs(Act.MANAGE_SYSTEM)
def provider_list(request: HttpRequest) -> HttpResponse:
    return page(request, "settings/sign_in.html", providers_shown(providers()))


@require_POST
@needs(Act.MANAGE_SYSTEM)
def passwords(request: HttpRequest) -> HttpResponse:
    """Save who may sign in with a password."""
    form = PasswordPolicyForm(request.POST, accounts=accounts_for_emergencies())
    status = 422
    if form.is_valid():
        try:
            set_password_policy(actor=actor_of(request), as_of=as_of(request), **form.cleaned_data)
        except Changed as problem:
            tell_changed(request, form, problem)
            status = 409
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            form.add_error(None, str(problem))
            status = 409
        else:
            messages.success(request, _("Saved."))
            return redirect("sign-in-providers")
    return page(request, "settings/sign_in.html", providers_shown(providers(), form), status=status)


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "POST"])
@needs(Act.MANAGE_SYSTEM)
def new(request: HttpRequest) -> HttpResponse:
    shown = new_provider_shown(request.GET.get("provider", ""))
    form = SignInProviderForm(request.POST or None, initial=shown["initial"])
    if request.method == "POST" and form.is_valid():
        found = _saved(request, form, form.cleaned_data["slug"], is_new=True)
        if found is not None:
            return redirect("sign-in-provider", found.slug)
    short = shown["initial"].get("slug", "…")
    there = redirect_uri("short-name").replace("short-name", short)
    context = {**shown, "provider": None, "form": form, "short": short, "redirect_uri": there}
    return page(request, "settings/sign_in_provider.html", context, status=422 if form.errors else 200)


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "POST"])
@needs(Act.MANAGE_SYSTEM)
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    provider = get_provider(slug)
    if request.method == "GET":
        return _page(request, provider)
    form = _without_slug(SignInProviderForm({**request.POST.dict(), "kind": provider.kind}))
    if form.is_valid() and _saved(request, form, slug) is not None:
        return redirect("sign-in-provider", slug)
    return _page(request, provider, form=form, status=422)


@require_POST
@needs(Act.MANAGE_SYSTEM)
def trial(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask the provider, and show what it said."""
    provider = get_provider(slug)
    try:
        there = try_provider(actor=actor_of(request), slug=slug)
    except Refused as problem:
        return _page(request, provider, failure=problem.sentence, status=409)
    return _page(request, provider, answered_at=there)


@require_POST
@needs(Act.MANAGE_SYSTEM)
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    provider = get_provider(slug)
    if not is_confirmed(request, provider.name):
        return redirect("sign-in-provider", slug)
    try:
        remove_provider(actor=actor_of(request), slug=slug)
    except Blocked as problem:
        tell_blocked(request, problem)
        return redirect("sign-in-provider", slug)
    except Invalid as problem:
        messages.error(request, problem.sentence[:1].upper() + problem.sentence[1:])
        return redirect("sign-in-provider", slug)
    messages.success(request, _("%(name)s is removed.") % {"name": provider.name})
    return redirect("sign-in-providers")


def _saved(request: HttpRequest, form: SignInProviderForm, slug: str, *, is_new: bool = False) -> SignInProvider | None:
    """The saved provider; None if the form shows why it was not saved."""
    form.cleaned_data["kind"] = form.cleaned_data["kind"] or SignInProvider.OPENID
    values = {name: value for name, value in form.cleaned_data.items() if name != "slug"}
    try:
        values["roles"] = parse_role_lines(values["roles"])
        values["domains"] = values["domains"].replace(",", " ").split()
        values["required_groups"] = values["required_groups"].splitlines()
        values["secret"] = values["secret"] or None
        found = save_provider(actor=actor_of(request), slug=slug, as_of=as_of(request), is_new=is_new, **values)
    except Changed as problem:
        tell_changed(request, form, problem)
    except Invalid as problem:
        refuse(form, problem)
    except Blocked as problem:
        form.add_error(None, str(problem))
    else:
        messages.success(request, _("Saved. Try it to see whether the provider answers as it should."))
        return found
    return None


def _page(
    request: HttpRequest,
    provider: SignInProvider,
    *,
    form: SignInProviderForm | None = None,
    failure: str = "",
    answered_at: str = "",
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {
        "provider": provider_shown(provider),
        "choices": [],
        "registered_at": "",
        "short": "",
        "is_github": provider.kind == SignInProvider.GITHUB,
        "form": form or _without_slug(SignInProviderForm(initial=form_values(provider))),
        "redirect_uri": redirect_uri(provider.slug),
        "failure": failure,
        "answered_at": answered_at,
    }
    return page(request, "settings/sign_in_provider.html", context, status=status)


def _without_slug(form: SignInProviderForm) -> SignInProviderForm:
    del form.fields["slug"]
    return form
