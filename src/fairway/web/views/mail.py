"""By which server mail is sent, and whether that works."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from fairway.accounts.mail_commands import send_test, set_mail
from fairway.accounts.mailing import mailing
from fairway.accounts.models import User
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor
from fairway.activity.changes import Changed
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from fairway.web.forms import MailForm, TestMailForm, refuse
from fairway.web.pages import page
from fairway.web.stale import as_of, tell_changed


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@needs(Act.MANAGE_SYSTEM)
def mail(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    if request.method == "GET":
        return _page(request, actor)
    form = MailForm(request.POST)
    if form.is_valid():
        values = form.cleaned_data
        try:
            set_mail(actor=actor, as_of=as_of(request), **{**values, "password": values["password"] or None})
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, problem)
        except Refused as problem:
            form.add_error(None, problem.sentence)
        else:
            messages.success(request, _("Saved. Send a test mail to see whether it works."))
            return redirect("mail")
    return _page(request, actor, form=form, status=422)


@require_POST
@needs(Act.MANAGE_SYSTEM)
def test(request: HttpRequest) -> HttpResponse:
    """Really send one, and say what came of it."""
    actor, form = actor_of(request), TestMailForm(request.POST)
    if not form.is_valid():
        return _page(request, actor, test_form=form, status=422)
    to = form.cleaned_data["to"]
    try:
        send_test(actor=actor, to=to)
    except Invalid as problem:
        refuse(form, problem)
        return _page(request, actor, test_form=form, status=422)
    except Refused as problem:
        return _page(request, actor, test_form=form, failure=problem.sentence, status=409)
    return _page(request, actor, test_form=form, sent_to=to)


def _page(
    request: HttpRequest,
    actor: Actor,
    *,
    form: MailForm | None = None,
    test_form: TestMailForm | None = None,
    failure: str = "",
    sent_to: str = "",
    status: int = 200,
) -> HttpResponse:
    found = mailing()
    initial = {"sender_name": "Fairway"}
    if found is not None:
        server = found.server
        initial = {
            "host": server.host,
            "port": str(server.port),
            "security": server.security.value,
            "username": server.username,
            "sender_name": found.sender_name,
            "sender": found.sender,
        }
    own = User.objects.get(pk=actor.id or 0).email
    context = {
        "mailing": found,
        "has_password": bool(found and found.server.password),
        "form": form or MailForm(initial=initial),
        "test_form": test_form or TestMailForm(initial={"to": own}),
        "failure": failure,
        "sent_to": sent_to,
    }
    return page(request, "settings/mail.html", context, status=status)
