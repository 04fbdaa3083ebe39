"""What people do with a preview: approve a commit of a fork, keep it longer, remove it now."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Blocked
from fairway.pipelines.commands import previews as commands
from fairway.pipelines.models import Preview
from fairway.pipelines.preview_queries import get_preview
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.errors import tell_blocked


@require_POST
@needs(Act.DEPLOY)
def approve(request: HttpRequest, number: int) -> HttpResponse:
    """Let the commit of a fork that the page showed be built and run."""
    actor, preview = actor_of(request), get_preview(actor_of(request), number)
    commit = request.POST.get("commit", "")
    return _done(
        request,
        preview,
        lambda: commands.approve_preview(actor=actor, preview=preview, commit=commit),
        _("It will be deployed, without any secret."),
    )


@require_POST
@needs(Act.DEPLOY)
def keep(request: HttpRequest, number: int) -> HttpResponse:
    actor, preview = actor_of(request), get_preview(actor_of(request), number)
    return _done(
        request, preview, lambda: commands.keep_preview(actor=actor, preview=preview), _("It lasts as long as a new one.")
    )


@require_POST
@needs(Act.REMOVE)
def remove(request: HttpRequest, number: int) -> HttpResponse:
    """Remove it, once its request was typed."""
    actor, preview = actor_of(request), get_preview(actor_of(request), number)
    if not is_confirmed(request, preview.sign):
        return redirect(_back(preview))
    return _done(request, preview, lambda: commands.remove_preview(actor=actor, preview=preview), _("It is being removed."))


def _done(request: HttpRequest, preview: Preview, act: Callable[[], object], said: str) -> HttpResponse:
    try:
        act()
    except Blocked as problem:
        tell_blocked(request, problem)
    except Invalid as problem:
        messages.error(request, f"{problem.field}: {problem.sentence}")
    else:
        messages.success(request, said)
    return redirect(_back(preview))


def _back(preview: Preview) -> str:
    return reverse("application-deployments", args=[preview.application.slug]) + "#previews"
