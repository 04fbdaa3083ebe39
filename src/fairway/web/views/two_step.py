"""One's own two-step sign-in: set it up, make new recovery codes, turn it off."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.mailing import seal
from fairway.accounts.models import User
from fairway.accounts.passkeys import why_not_at
from fairway.accounts.permissions import actor_of, forget_actor, lacks_second_step, needs
from fairway.accounts.rules import Act, Blocked
from fairway.accounts.sessions import stay_signed_in
from fairway.accounts.two_step import APP, has_app, make_recovery_codes, new_secret, turn_off, turn_on
from fairway.shared.names import Invalid
from fairway.web.errors import tell_blocked
from fairway.web.forms import refuse
from fairway.web.pages import page, safe_next
from fairway.web.password_forms import PasskeyForm, PasswordAgainForm, TwoStepForm
from fairway.web.presenters.two_step import codes_shown, set_up_shown, two_step_shown

SECRET = "two_step_secret"  # noqa: S105 -- the session's key for the sealed secret that is being set up


@never_cache
@require_GET
@needs(Act.CHANGE_ACCOUNT, before_second_step=True)
def two_step(request: HttpRequest) -> HttpResponse:
    """Whether it is on, and what can be changed. Whoever must set it up finds only that here."""
    return two_step_page(request, _owner(request))


@sensitive_post_parameters("code", "password")
@never_cache
@require_POST
@needs(Act.CHANGE_ACCOUNT, before_second_step=True)
def on(request: HttpRequest) -> HttpResponse:
    """Turn it on with the first code; shows the recovery codes once."""
    user = _owner(request)
    if has_app(user) or SECRET not in request.session:
        return redirect("two-step")
    form = TwoStepForm(request.POST, user=user)
    if form.is_valid():
        secret = seal().open(request.session[SECRET])
        try:
            codes = turn_on(actor=actor_of(request), secret=secret, code=form.cleaned_data["code"])
        except Invalid as problem:
            refuse(form, problem)
        else:
            del request.session[SECRET]
            user.refresh_from_db()
            stay_signed_in(request, user, APP)
            forget_actor(request)
            return two_step_page(request, user, codes=codes, status=201)
    return two_step_page(request, user, form=form, status=422)


@sensitive_post_parameters("password")
@never_cache
@require_POST
@needs(Act.CHANGE_ACCOUNT)
def codes(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes; shows them once."""
    user = _owner(request)
    form = PasswordAgainForm(request.POST, user=user, auto_id="codes-%s")
    if form.is_valid():
        try:
            made = make_recovery_codes(actor=actor_of(request))
        except Invalid as problem:
            refuse(form, problem)
        else:
            return two_step_page(request, user, codes=made, status=201)
    return two_step_page(request, user, codes_form=form, status=422)


@sensitive_post_parameters("password")
@never_cache
@require_POST
@needs(Act.CHANGE_ACCOUNT)
def off(request: HttpRequest) -> HttpResponse:
    """Turn it off."""
    user = _owner(request)
    form = PasswordAgainForm(request.POST, user=user, auto_id="off-%s")
    if not form.is_valid():
        return two_step_page(request, user, off_form=form, status=422)
    try:
        turn_off(actor=actor_of(request))
    except Blocked as problem:
        tell_blocked(request, problem)
        return two_step_page(request, user, status=409)
    messages.success(request, _("Two-step sign-in is off."))
    return redirect("two-step")


def _owner(request: HttpRequest) -> User:
    return User.objects.get(pk=actor_of(request).id or 0)


def two_step_page(
    request: HttpRequest,
    user: User,
    *,
    form: TwoStepForm | None = None,
    codes_form: PasswordAgainForm | None = None,
    off_form: PasswordAgainForm | None = None,
    codes: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page, which also shows passkeys; in a frame of its own to whoever must set a second step up first."""
    shown = two_step_shown(user)
    context: dict[str, Any] = {
        **shown,
        "codes": codes_shown(codes) if codes else None,
        "next": safe_next(request, ""),
        "codes_form": codes_form or PasswordAgainForm(user=user, auto_id="codes-%s"),
        "off_form": off_form or PasswordAgainForm(user=user, auto_id="off-%s"),
        "form": form or TwoStepForm(user=user),
        "passkey_form": PasskeyForm(user=user, auto_id="passkey-%s"),
        "why_no_passkeys": why_not_at(request.get_host()),
        "set_up": None if shown["has_app"] or not shown["uses_password"] else set_up_shown(user.username, _secret(request)),
    }
    if lacks_second_step(request, actor_of(request)):
        return render(request, "account/two_step_needed.html", context, status=status)
    return page(request, "settings/two_step.html", context, status=status)


def _secret(request: HttpRequest) -> str:
    """The secret that this session sets up; a new one is sealed in it if there is none."""
    if SECRET not in request.session:
        request.session[SECRET] = seal().seal(new_secret())
    return seal().open(request.session[SECRET])
