"""People, their roles and their access."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fairway.accounts.commands import invite_again, set_active
from fairway.accounts.mail_commands import send_invitation
from fairway.accounts.mailing import can_send_mail
from fairway.accounts.models import User
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.profiles import confirm_email, edit_person, invite
from fairway.accounts.queries import get_human, get_person, has_two_steps, may_use_password
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.accounts.signing_in import disconnect_person
from fairway.accounts.two_step import reset_two_step
from fairway.activity.changes import Changed
from fairway.insights.rights import rights_for
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.errors import tell_blocked
from fairway.web.forms import PersonForm, refuse
from fairway.web.pages import page
from fairway.web.presenters.people import (
    account_url,
    grant_rows,
    grants_meant,
    link_shown,
    people_shown,
    person_acts,
    person_choices,
    read_grants,
)
from fairway.web.presenters.rights import rights_shown
from fairway.web.presenters.sign_in import connected_to
from fairway.web.stale import as_of, tell_changed


@require_GET
@needs(Act.MANAGE_PEOPLE)
def people(request: HttpRequest) -> HttpResponse:
    return page(request, "settings/people.html", people_shown(actor_of(request)))


@never_cache
@require_http_methods(["GET", "POST"])
@needs(Act.MANAGE_PEOPLE)
def new(request: HttpRequest) -> HttpResponse:
    """Create a person; shows their invitation link once."""
    actor = actor_of(request)
    form = PersonForm(request.POST or None, is_new=True)
    rows = read_grants(request.POST) if request.method == "POST" else grant_rows(None)
    if request.method == "POST" and form.is_valid():
        try:
            user, secret = invite(actor=actor, grants=grants_meant(actor, rows), **form.cleaned_data)
        except Invalid as problem:
            refuse_grants(form, rows, problem)
        else:
            link = _sent_if_possible(actor, user, _link(request, secret))
            return _edit_page(request, actor, user, link=link, status=201)
    context: dict[str, Any] = {"person": None, "form": form, "grants": rows, "choices": person_choices(actor)}
    context |= {
        "link": None,
        "acts": [],
        "has_password": False,
        "uses_password": True,
        "has_two_steps": False,
        "identities": [],
        "rights": None,
    }
    return page(request, "settings/person.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@needs(Act.MANAGE_PEOPLE)
def edit(request: HttpRequest, username: str) -> HttpResponse:
    actor, user = actor_of(request), get_person(username)
    if user.is_service:
        return redirect(account_url(user))
    if request.method == "GET":
        return _edit_page(request, actor, user)
    form, rows = PersonForm(request.POST, is_new=False), read_grants(request.POST)
    if not form.is_valid():
        return _edit_page(request, actor, user, form, rows, status=422)
    try:
        edit_person(actor=actor, user=user, grants=grants_meant(actor, rows), as_of=as_of(request), **form.cleaned_data)
    except Changed as problem:
        tell_changed(request, form, problem)
        return _edit_page(request, actor, user, form, rows, status=409)
    except Invalid as problem:
        refuse_grants(form, rows, problem)
        return _edit_page(request, actor, user, form, rows, status=422)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _edit_page(request, actor, user, form, rows, status=409)
    messages.success(request, _("Saved."))
    return redirect("people")


def _edit_page(
    request: HttpRequest,
    actor: Actor,
    user: User,
    form: PersonForm | None = None,
    rows: list[dict[str, Any]] | None = None,
    *,
    link: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "person": {
            "username": user.username,
            "name": user.shown_name,
            "email": user.email,
            "is_email_confirmed": bool(user.confirmed_email),
            "is_active": user.is_active,
            "is_you": user.pk == actor.id,
        },
        "form": form or PersonForm(initial={"name": user.get_full_name(), "email": user.email}, is_new=False),
        "grants": grant_rows(user) if rows is None else rows,
        "choices": person_choices(actor),
        "link": link,
        "acts": person_acts(user),
        "has_password": user.has_usable_password(),
        "uses_password": may_use_password(user),
        "has_two_steps": has_two_steps(user),
        "identities": connected_to(user),
        "rights": rights_shown(rights_for(actor, user)),
    }
    return page(request, "settings/person.html", context, status=status)


@never_cache
@require_POST
@needs(Act.MANAGE_PEOPLE)
def link(request: HttpRequest, username: str) -> HttpResponse:
    """Create a new one-time link to sign in or to choose a new password; older ones stop working."""
    actor, user = actor_of(request), get_human(username)
    link = _sent_if_possible(actor, user, _link(request, invite_again(actor=actor, user=user)))
    return _edit_page(request, actor, user, link=link, status=201)


@require_POST
@needs(Act.MANAGE_PEOPLE)
def identity_disconnection(request: HttpRequest, username: str, number: int) -> HttpResponse:
    """Disconnect somebody from a provider and end their sessions."""
    user = get_human(username)
    disconnect_person(actor=actor_of(request), user=user, number=number)
    messages.success(request, _("Disconnected, and their sessions ended."))
    return redirect("person-edit", user.username)


@require_POST
@needs(Act.MANAGE_PEOPLE)
def email_confirmation(request: HttpRequest, username: str) -> HttpResponse:
    """Confirm the mail address that the page showed, and no other."""
    actor, user = actor_of(request), get_human(username)
    if request.POST.get("email", "") != user.email:
        messages.error(request, _("The address was changed in the meantime; check it again."))
        return _edit_page(request, actor, user, status=409)
    try:
        confirm_email(actor=actor, user=user)
    except Invalid as problem:
        messages.error(request, problem.sentence)
        return _edit_page(request, actor, user, status=422)
    messages.success(request, _("%(email)s is confirmed.") % {"email": user.email})
    return redirect("person-edit", user.username)


@require_POST
@needs(Act.MANAGE_PEOPLE)
def two_step_reset(request: HttpRequest, username: str) -> HttpResponse:
    """Turn two-step sign-in off for somebody who lost their phone, and end their sessions."""
    actor, user = actor_of(request), get_human(username)
    if not is_confirmed(request, user.username):
        return _edit_page(request, actor, user, status=422)
    if reset_two_step(actor=actor, user=user):
        messages.success(request, _("Their two-step sign-in is reset, and their sessions ended."))
    else:
        messages.info(request, _("Their two-step sign-in was off already."))
    return redirect("person-edit", user.username)


@require_POST
@needs(Act.MANAGE_PEOPLE)
def activation(request: HttpRequest, username: str) -> HttpResponse:
    """Deactivate a person, or activate them again."""
    actor, user = actor_of(request), get_human(username)
    is_active = bool(request.POST.get("active"))
    if not is_active and not is_confirmed(request, user.username):
        return _edit_page(request, actor, user, status=422)
    try:
        set_active(actor=actor, user=user, is_active=is_active)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _edit_page(request, actor, user, status=409)
    return redirect("people")


def _sent_if_possible(actor: Actor, user: User, link: str) -> dict[str, Any]:
    """The link for the page, and whether it was sent by mail, which needs a mail server and a confirmed address."""
    shown = link_shown(link)
    if user.confirmed_email and can_send_mail():
        try:
            send_invitation(actor=actor, user=user, link=link)
        except Refused as problem:
            shown["failure"] = problem.sentence
        else:
            shown["mailed_to"] = user.confirmed_email
    return shown


def _link(request: HttpRequest, secret: str) -> str:
    return request.build_absolute_uri(reverse("invitation", args=[secret]))


def refuse_grants(form: Form, rows: list[dict[str, Any]], problem: Invalid) -> None:
    """Show the error in the form; an error of a role is shown beside its row."""
    for row in rows:
        if problem.field in row and row[problem.field] and row[problem.field][:40] in problem.sentence:
            row["error"] = problem.sentence
            form.add_error(None, problem.sentence)
            return
    refuse(form, problem)
