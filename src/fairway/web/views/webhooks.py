"""The webhook of deploy on push at the forge: installing and removing it, what the forge sent, and sending that again."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Blocked
from fairway.pipelines.commands import hooks as commands
from fairway.pipelines.queries import get_trigger
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.errors import tell_blocked
from fairway.web.failure_words import in_words
from fairway.web.presenters.webhooks import Seen
from fairway.web.views.triggers import trigger_page


@needs(Act.VIEW)
def sent(request: HttpRequest, number: int) -> HttpResponse:
    """The page of the trigger, with what the forge sent to its webhook."""
    actor = actor_of(request)
    trigger = get_trigger(actor, number)
    if not trigger.hook:
        return trigger_page(request, actor, trigger)
    try:
        seen = Seen(commands.sent_to(actor=actor, trigger=trigger))
    except (Refused, Invalid) as problem:
        seen = Seen(failure=_sentence(problem))
    return trigger_page(request, actor, trigger, seen=seen)


@needs(Act.DEPLOY)
def install(request: HttpRequest, number: int) -> HttpResponse:
    """Install the webhook at the forge, or bring it up to date."""
    actor = actor_of(request)
    trigger = get_trigger(actor, number)
    return _done(
        request, number, lambda: commands.install_hook(actor=actor, trigger=trigger), _("The webhook is installed.")
    )


@require_POST
@needs(Act.DEPLOY)
def remove(request: HttpRequest, number: int) -> HttpResponse:
    """Delete the webhook at the forge, once the branch or tag was typed."""
    actor = actor_of(request)
    trigger = get_trigger(actor, number)
    if not is_confirmed(request, trigger.pattern):
        return redirect("trigger", number)
    return _done(request, number, lambda: commands.remove_hook(actor=actor, trigger=trigger), _("The webhook is removed."))


@require_POST
@needs(Act.DEPLOY)
def again(request: HttpRequest, number: int, sent: int) -> HttpResponse:
    """Have the forge send one request once more."""
    actor = actor_of(request)
    trigger = get_trigger(actor, number)
    return _done(
        request,
        number,
        lambda: commands.send_again(actor=actor, trigger=trigger, sent=str(sent)),
        _("The forge sends it again; it appears below in a moment."),
    )


def _done(request: HttpRequest, number: int, act: Callable[[], object], said: str) -> HttpResponse:
    try:
        act()
    except Blocked as problem:
        tell_blocked(request, problem)
    except (Refused, Invalid) as problem:
        messages.error(request, _sentence(problem))
    else:
        messages.success(request, said)
    return redirect("trigger", number)


def _sentence(problem: Refused | Invalid) -> str:
    if isinstance(problem, Refused):
        return in_words(problem.sentence)
    return f"{problem.field}: {problem.sentence}"
