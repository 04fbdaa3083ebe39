"""Sign-in, the first administrator's link, invitations, the acting role, and the language."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from allauth.account.stages import LoginStageController
from allauth.account.utils import perform_login
from allauth.account.views import LoginView
from allauth.account.views import password_reset as allauth_reset
from allauth.core import ratelimit
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login as login_as
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.i18n import set_language

from fairway.accounts.access import ACTING_AS
from fairway.accounts.acting import act_as
from fairway.accounts.adapter import SecondStep
from fairway.accounts.commands import accept_invitation, record_sign_in
from fairway.accounts.demo_people import demo_people, may_switch
from fairway.accounts.mailing import can_send_mail
from fairway.accounts.models import OneTimeLink, User
from fairway.accounts.passkeys import PASSKEY, passkeys_of, why_not_at
from fairway.accounts.permissions import actor_of, needs, public
from fairway.accounts.profiles import first_administrator
from fairway.accounts.queries import actor_for, asks_for_code, may_use_password, usable_link, who_may_use_passwords
from fairway.accounts.rules import Act, roles_one_may_act_as
from fairway.accounts.sign_in_providers import offered_providers
from fairway.accounts.two_step import has_app, take_code
from fairway.activity.rules import Door
from fairway.deployments.models import public_url
from fairway.insights.hosts import placement_at
from fairway.shared.names import Invalid
from fairway.web.forms import FirstAdministratorForm, NewPasswordForm, refuse
from fairway.web.middleware import policy
from fairway.web.pages import safe_next
from fairway.web.password_forms import CodeForm
from fairway.web.views.passkeys import taken_as_second_step

DEAD = 410  # Gone: there was such a link


@public("signing in")
def login(request: HttpRequest) -> HttpResponse:
    """allauth's page. Browsers apply the policy's `form-action` to redirects after a form, so it also allows the URL of the
    application for which the person signs in."""
    shown = {
        "providers": offered_providers,
        "who_may_use_passwords": who_may_use_passwords,
        "has_passkeys": not why_not_at(request.get_host()),
    }
    response: HttpResponse = LoginView.as_view(extra_context=shown)(request)
    return _may_lead_to(response, safe_next(request, ""))


@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "POST"])
@public("whoever gave their password is not signed in yet; tries are limited for each person")
def second_step(request: HttpRequest) -> HttpResponse:
    """Ask whoever gave their password for a code of their authenticator app, or a recovery code."""
    stage = None if request.user.is_authenticated else LoginStageController.enter(request, SecondStep.key)
    user = User.objects.filter(pk=stage.login.user.pk, is_active=True).first() if stage else None
    if stage is None or user is None or user.generation != stage.state.get("generation"):
        return redirect("account_login")
    is_passkey = "credential" in request.POST
    form = CodeForm(None if is_passkey else request.POST or None)
    if request.method == "POST" and (is_passkey or form.is_valid()):
        tries = {"action": "login_failed", "key": f"second-step:{user.pk}"}
        if not ratelimit.consume(request, **tries):
            messages.error(request, _("Too many wrong codes. Wait some minutes, then try again."))
            return _asked_for_code(request, form, user, stage.login.redirect_url, status=429)
        try:
            where = {"address": request.META.get("REMOTE_ADDR", ""), "client": request.headers.get("User-Agent", "")[:200]}
            if is_passkey:
                taken_as_second_step(request, user)
                request.second_step = PASSKEY  # type: ignore[attr-defined]
            else:
                request.second_step = take_code(user=user, code=form.cleaned_data["code"], **where)  # type: ignore[attr-defined]
        except Invalid as problem:
            if is_passkey:
                messages.error(request, _("The passkey %(what)s") % {"what": problem.sentence})
                return _asked_for_code(request, form, user, stage.login.redirect_url, status=422)
            refuse(form, problem)
        else:
            ratelimit.clear(request, **tries)
            response: HttpResponse = stage.exit()
            return response
    return _asked_for_code(request, form, user, stage.login.redirect_url, status=422 if form.errors else 200)


def _asked_for_code(request: HttpRequest, form: CodeForm, user: User, next_url: str | None, status: int) -> HttpResponse:
    context = {
        "form": form,
        "has_app": has_app(user),
        "has_passkey": bool(passkeys_of(user)),
        "why_no_passkeys": why_not_at(request.get_host()),
    }
    return _may_lead_to(render(request, "account/second_step.html", context, status=status), next_url or "")


def _may_lead_to(response: HttpResponse, next_url: str) -> HttpResponse:
    """Let the page's form lead to the application for which the person signs in."""
    wanted = urlsplit(next_url)
    if wanted.path == reverse("openid-authorize"):
        from fairway.catalog.openid import placement_of_client

        placement = placement_of_client(parse_qs(wanted.query).get("client_id", [""])[0])
        if placement is not None:
            response.headers["Content-Security-Policy"] = policy(form_action=" ".join(["'self'", *placement.urls]))
    elif wanted.path == reverse("access-enter"):
        host = parse_qs(wanted.query).get("host", [""])[0]
        if placement_at(host) is not None:
            response.headers["Content-Security-Policy"] = policy(form_action=f"'self' {public_url(host)}")
    return response


@public("whoever forgot a password cannot sign in; allauth limits how often it may be asked")
def forgotten(request: HttpRequest) -> HttpResponse:
    """allauth's page, if mail can be sent; else a page that says how to get a new password."""
    if not can_send_mail():
        return render(request, "account/password_reset.html", {"has_mail": False})
    response: HttpResponse = allauth_reset(request)
    return response


@sensitive_post_parameters("password1", "password2")
@never_cache
@require_http_methods(["GET", "POST"])
@public("nobody exists yet; the link's secret, printed at the first start, is the permission")
def first_run(request: HttpRequest, secret: str) -> HttpResponse:
    """Create the first administrator and sign them in."""
    if usable_link(secret, OneTimeLink.FIRST_ADMINISTRATOR) is None:
        return _entrance(request, None, "first")
    form = FirstAdministratorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            user = first_administrator(
                link=secret,
                username=values["username"],
                name=values["name"],
                password=values["password1"],
                address=request.META.get("REMOTE_ADDR", ""),
            )
        except Invalid as problem:
            refuse(form, _as_typed(problem))
        else:
            return _go_in(request, user)
    return _entrance(request, form, "first")


@sensitive_post_parameters("password1", "password2")
@never_cache
@require_http_methods(["GET", "POST"])
@public("the link's secret is the permission; it is bound to one person and works once")
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Let an invited person choose a password, and sign them in."""
    link = usable_link(secret, OneTimeLink.INVITATION)
    if link is None or link.user is None or not link.user.is_active:
        return _entrance(request, None, "invitation")
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        address = request.META.get("REMOTE_ADDR", "")
        try:
            user = accept_invitation(link=secret, password=form.cleaned_data["password1"], address=address)
        except Invalid as problem:
            refuse(form, _as_typed(problem))
        else:
            return _go_in(request, user)
    return _entrance(request, form, "invitation", link.user, secret)


def _entrance(
    request: HttpRequest, form: NewPasswordForm | None, purpose: str, user: User | None = None, secret: str = ""
) -> HttpResponse:
    person = (
        {"username": user.username, "name": user.shown_name, "has_password": user.has_usable_password()} if user else None
    )
    status = DEAD if form is None else 422 if form.errors else 200
    uses_password = user is None or may_use_password(user)
    may_connect = bool(secret) and (user is None or not asks_for_code(user))  # a link must not go around the code
    providers = [
        {"name": one.name, "url": reverse("invitation-connect", args=[secret, one.slug])}
        for one in (offered_providers() if may_connect else ())
    ]
    context = {"form": form, "purpose": purpose, "person": person, "providers": providers, "uses_password": uses_password}
    return render(request, "first_run.html", context, status=status)


def _go_in(request: HttpRequest, user: User) -> HttpResponse:
    """Sign in whoever chose a password; who turned two-step sign-in on is asked for a code first."""
    response: HttpResponse = perform_login(request, user, redirect_url=reverse("home"))
    return response


def _as_typed(problem: Invalid) -> Invalid:
    """The error for the form, which asks for the password twice: errors of the password belong to its first field."""
    return Invalid("password1", problem.sentence) if problem.field == "password" else problem


@require_GET
@public("says that accounts are made by administrators")
def signup_closed(request: HttpRequest) -> HttpResponse:
    return render(request, "account/signup_closed.html", status=403)


@require_POST
@needs(Act.CHANGE_ACCOUNT)
def acting_as(request: HttpRequest) -> HttpResponse:
    """Set the acting role, or return to all roles."""
    actor, role = actor_of(request), request.POST.get("role", "")
    if role and role not in roles_one_may_act_as(actor.grants):
        raise Invalid("role", _("you do not hold this role."))
    act_as(actor=actor, role=role)
    request.session[ACTING_AS] = role
    messages.success(
        request, _("You are acting with all your roles again.") if not role else _("You are now acting in this role.")
    )
    return redirect(safe_next(request))


@require_POST
@needs(Act.CHANGE_ACCOUNT)
def demo_person(request: HttpRequest) -> HttpResponse:
    """In a demo, sign in as another of its four people. Otherwise 404."""
    actor = actor_of(request)
    wanted = demo_people().filter(username=request.POST.get("username", "")).first()
    if wanted is None or not may_switch(actor):
        raise Http404
    login_as(request, wanted, backend=settings.AUTHENTICATION_BACKENDS[0])
    how = f"demo menu, after {actor.name}"
    other = actor_for(wanted, door=Door.WEB, identified_by=how, address=actor.address, client=actor.client)
    record_sign_in(who=other.who, signed_in=True)
    return redirect("home")


@require_POST
@public("anybody may choose the language of the pages, the sign-in page too")
def language(request: HttpRequest) -> HttpResponse:
    """Set the language: Django's view sets the cookie, and the choice is also stored in the person's profile."""
    response = set_language(request)
    chosen = request.POST.get("language", "")
    if isinstance(request.user, User) and chosen in dict(settings.LANGUAGES):
        User.objects.filter(pk=request.user.pk).update(language=chosen)
    return response
