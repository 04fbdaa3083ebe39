"""Passkeys: adding and removing one's own, and signing in with one. Scripts fetch what to ask the browser; forms send what
it answered."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.stages import LoginStageController
from allauth.core import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from fairway.accounts.adapter import SecondStep
from fairway.accounts.models import User
from fairway.accounts.passkeys import (
    PASSKEY,
    Asked,
    add_passkey,
    ask_for_new,
    ask_for_one,
    passkeys_of,
    remove_passkey,
    take_passkey,
    why_not_at,
)
from fairway.accounts.permissions import actor_of, forget_actor, needs, public
from fairway.accounts.rules import Act
from fairway.accounts.sessions import stay_signed_in
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.pages import safe_next
from fairway.web.password_forms import PasskeyForm
from fairway.web.views.two_step import two_step_page

ASKED = "passkey_asked"  # the session's key for what the browser was asked; one at a time


@sensitive_post_parameters("password")
@never_cache
@require_POST
@needs(Act.CHANGE_ACCOUNT, before_second_step=True)
def new_options(request: HttpRequest) -> JsonResponse:
    """What to ask the browser, for a script; it needs the password."""
    user = _owner(request)
    form = PasskeyForm(request.POST, user=user)
    if not form.is_valid():
        return _refused(" ".join(str(one) for errors in form.errors.values() for one in errors))
    if why := why_not_at(request.get_host()):
        return _refused(why)
    try:
        options, asked = ask_for_new(user, form.cleaned_data["name"])
    except Invalid as problem:
        return _refused(_sentence(problem))
    return _asked(request, options, asked)


@never_cache
@require_POST
@needs(Act.CHANGE_ACCOUNT, before_second_step=True)
def new(request: HttpRequest) -> HttpResponse:
    """Keep the passkey that the browser made. The first one shows recovery codes."""
    user = _owner(request)
    try:
        codes = add_passkey(actor=actor_of(request), asked=_taken(request), answer=request.POST.get("credential", ""))
    except Invalid as problem:
        messages.error(request, _sentence(problem))
        return two_step_page(request, user, status=422)
    if codes is None:
        messages.success(request, _("The passkey is added: you can sign in with it from now on."))
        return redirect("two-step")
    user.refresh_from_db()
    stay_signed_in(request, user, PASSKEY)
    forget_actor(request)
    return two_step_page(request, user, codes=codes, status=201)


@require_POST
@needs(Act.CHANGE_ACCOUNT)
def removal(request: HttpRequest, number: int) -> HttpResponse:
    found = next((row for row in _passkeys(request) if row.pk == number), None)
    if found is None or not is_confirmed(request, found.data["name"]):
        return redirect("two-step")
    try:
        remove_passkey(actor=actor_of(request), number=number)
    except Invalid as problem:
        messages.error(request, _sentence(problem))
    else:
        messages.success(request, _("The passkey is removed."))
    return redirect("two-step")


@never_cache
@require_POST
@public("whoever signs in with a passkey is not signed in yet; allauth limits how often it may be asked")
def sign_in_options(request: HttpRequest) -> JsonResponse:
    """What to ask the browser of somebody who signs in, for a script."""
    if not ratelimit.consume(request, action="login"):
        return _refused(_("Too many sign-ins were begun from here. Wait a minute."), status=429)
    return _options_for(request, None)


@never_cache
@require_POST
@public("whoever signs in with a passkey is not signed in yet; what it signed is the permission")
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in whose passkey signed what this browser was asked."""
    if not ratelimit.consume(request, action="login"):
        messages.error(request, _("Too many sign-ins were begun from here. Wait a minute."))
        return redirect("account_login")
    try:
        user = take_passkey(asked=_taken(request), answer=request.POST.get("credential", ""), **_where_from(request))
    except Invalid as problem:
        messages.error(request, _sentence(problem))
        return redirect("account_login")
    get_adapter().login_by(request, user, PASSKEY)
    return redirect(safe_next(request))


@never_cache
@require_POST
@public("whoever gave their password is not signed in yet; tries are limited for each person")
def second_step_options(request: HttpRequest) -> JsonResponse:
    """What to ask the browser of somebody who gave their password, for a script."""
    stage = None if request.user.is_authenticated else LoginStageController.enter(request, SecondStep.key)
    if stage is None:
        return _refused(_("This sign-in has ended; begin again."), status=403)
    return _options_for(request, stage.login.user)


def taken_as_second_step(request: HttpRequest, user: User) -> None:
    """Take the passkey that was sent as the second step of this person. Raises `Invalid`."""
    take_passkey(asked=_taken(request), answer=request.POST["credential"], user=user, **_where_from(request))


def _options_for(request: HttpRequest, user: User | None) -> JsonResponse:
    if why := why_not_at(request.get_host()):
        return _refused(why)
    options, asked = ask_for_one(user)
    return _asked(request, options, asked)


def _asked(request: HttpRequest, options: dict[str, Any], asked: Asked) -> JsonResponse:
    request.session[ASKED] = asked.as_kept()
    return JsonResponse(_plain(options))


def _taken(request: HttpRequest) -> dict[str, Any] | None:
    """What this browser was asked; forgotten at once."""
    found: dict[str, Any] | None = request.session.pop(ASKED, None)
    return found


def _plain(value: Any) -> Any:
    """The options as JSON: fido2 gives mappings of its own."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return {key: _plain(one) for key, one in dict(value).items()} if hasattr(value, "keys") else value


def _refused(sentence: str, status: int = 422) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=status)


def _sentence(problem: Invalid) -> str:
    if problem.field == "name":
        return f"{_('Name')}: {problem.sentence}"
    text = problem.sentence
    return text if text[:1].isupper() else _("The passkey %(what)s") % {"what": text}


def _owner(request: HttpRequest) -> User:
    return User.objects.get(pk=actor_of(request).id or 0)


def _passkeys(request: HttpRequest) -> list[Any]:
    return passkeys_of(_owner(request))


def _where_from(request: HttpRequest) -> dict[str, Any]:
    return {"address": request.META.get("REMOTE_ADDR", ""), "client": request.headers.get("User-Agent", "")[:200]}
