"""Statuses at the forge: connecting it, trying it, pausing it, and what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.applications.models import Application
from fairway.applications.queries import get_application as application_named
from fairway.pipelines.commands import forges as commands
from fairway.pipelines.forge_queries import find_forge, get_forge, get_report
from fairway.pipelines.report_rules import parse_token
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.errors import tell_blocked
from fairway.web.forms import PLAIN, refuse
from fairway.web.pages import page
from fairway.web.presenters.forges import FORGES, credentials_shown, forge_shown, initial_for
from fairway.web.stale import as_of, tell_changed


class ForgeForm(forms.Form):
    """Which forge it is, where its API is, and the token, which is never shown."""

    kind = forms.ChoiceField(label=gettext_lazy("Forge"), choices=[(one.value, word) for one, word in FORGES.items()])
    api_url = forms.CharField(
        label=gettext_lazy("Address of its API"), max_length=300, required=False, widget=forms.TextInput(attrs=PLAIN)
    )
    credential = forms.ChoiceField(label=gettext_lazy("Stored credential"), required=False)
    token = forms.CharField(
        label=gettext_lazy("Token"),
        max_length=500,
        required=False,
        widget=forms.PasswordInput(attrs={**PLAIN, "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, credentials: Sequence[str] = (), **values: Any) -> None:
        super().__init__(*args, **values)
        if not credentials:
            del self.fields["credential"]
            return
        field = self.fields["credential"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("none: the token below")), *((name, name) for name in credentials)]


@require_GET
@needs(Act.VIEW)
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """The connection, what was sent last, and the form."""
    actor = actor_of(request)
    return _page(request, actor, application_named(actor, slug))


@sensitive_post_parameters("token")
@require_POST
@needs(Act.EDIT_APPLICATION)
def save(request: HttpRequest, slug: str) -> HttpResponse:
    """Connect the forge, or change the connection."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    connection = find_forge(actor, application)
    form, status = ForgeForm(request.POST, credentials=credentials_shown(application, connection)), 422
    if form.is_valid():
        given = form.cleaned_data
        try:
            if connection is None:
                commands.connect_forge(actor=actor, application=application, **given)
            else:
                if connection.credential and not given.get("credential"):
                    parse_token(given["token"])  # whoever chooses no credential any more enters a token
                commands.edit_forge(actor=actor, connection=connection, as_of=as_of(request), **given)
        except Changed as problem:
            tell_changed(request, form, problem)
            status = 409
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            form.add_error(None, str(problem))
            status = 409
        else:
            messages.success(request, _("Saved. Try it to see whether it works."))
            return redirect("forge", application.slug)
    return _page(request, actor, application, form=form, status=status)


@require_POST
@needs(Act.EDIT_APPLICATION)
def trial(request: HttpRequest, slug: str) -> HttpResponse:
    """Find out whether the forge can be told, and say what is wrong."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    try:
        commands.try_forge(actor=actor, connection=get_forge(actor, application))
    except Refused as problem:
        return _page(request, actor, application, failure=problem.sentence, status=409)
    except Blocked as problem:
        tell_blocked(request, problem)
        return redirect("forge", slug)
    return _page(request, actor, application, works=True)


@require_POST
@needs(Act.EDIT_APPLICATION)
def pause(request: HttpRequest, slug: str) -> HttpResponse:
    return _set_paused(request, slug, is_paused=True)


@require_POST
@needs(Act.EDIT_APPLICATION)
def resume(request: HttpRequest, slug: str) -> HttpResponse:
    return _set_paused(request, slug, is_paused=False)


def _set_paused(request: HttpRequest, slug: str, *, is_paused: bool) -> HttpResponse:
    actor = actor_of(request)
    connection = get_forge(actor, application_named(actor, slug))
    try:
        commands.edit_forge(actor=actor, connection=connection, is_paused=is_paused)
    except Blocked as problem:
        tell_blocked(request, problem)
    except Invalid as problem:
        messages.error(request, problem.sentence[:1].upper() + problem.sentence[1:])
    else:
        said = _("It is told nothing until you resume it.") if is_paused else _("It hears of what happens from now on.")
        messages.success(request, said)
    return redirect("forge", slug)


@require_POST
@needs(Act.EDIT_APPLICATION)
def again(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Send a status again."""
    actor = actor_of(request)
    connection = get_forge(actor, application_named(actor, slug))
    try:
        commands.send_report_again(actor=actor, connection=connection, report=get_report(actor, connection, number))
    except Blocked as problem:
        tell_blocked(request, problem)
    except Invalid as problem:
        messages.error(request, problem.sentence[:1].upper() + problem.sentence[1:])
    else:
        messages.success(request, _("It is sent again."))
    return redirect("forge", slug)


@require_POST
@needs(Act.EDIT_APPLICATION)
def disconnect(request: HttpRequest, slug: str) -> HttpResponse:
    """Disconnect it, once the repository's name was typed."""
    actor = actor_of(request)
    connection = get_forge(actor, application_named(actor, slug))
    if is_confirmed(request, connection.project):
        try:
            commands.disconnect_forge(actor=actor, connection=connection)
        except Blocked as problem:
            tell_blocked(request, problem)
        else:
            messages.success(request, _("%(name)s is disconnected; its token is forgotten.") % {"name": connection.project})
    return redirect("forge", slug)


def _page(
    request: HttpRequest,
    actor: Actor,
    application: Application,
    *,
    form: ForgeForm | None = None,
    failure: str = "",
    works: bool = False,
    status: int = 200,
) -> HttpResponse:
    connection = find_forge(actor, application)
    context: dict[str, Any] = forge_shown(actor, application, connection, failure=failure, works=works)
    credentials = credentials_shown(application, connection)
    shown = form or ForgeForm(initial=initial_for(application, connection), credentials=credentials)
    return page(request, "forges/page.html", {**context, "form": shown}, status=status)
