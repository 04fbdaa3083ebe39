"""An environment's remote Docker host: confirm its key, check it now."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.environments.hosts import confirm_host_key, request_check
from fairway.environments.queries import get_environment as environment_named
from fairway.shared.names import Invalid


@require_POST
@needs(Act.EDIT_ENVIRONMENT)
def confirm_key(request: HttpRequest, slug: str) -> HttpResponse:
    """Confirm the host's key after the person compared the fingerprints."""
    actor = actor_of(request)
    one = environment_named(actor, slug)
    try:
        confirm_host_key(actor=actor, environment=one, fingerprint_seen=request.POST.get("fingerprint", ""))
    except Invalid as problem:
        messages.error(request, f"{problem.field}: {problem.sentence}")
    else:
        messages.success(request, _("The key is confirmed. From now on the host must show this one."))
    return redirect("environment-detail", one.slug)


@require_POST
@needs(Act.EDIT_ENVIRONMENT)
def look(request: HttpRequest, slug: str) -> HttpResponse:
    """Let a worker check the host now; the page shows the result."""
    actor = actor_of(request)
    one = environment_named(actor, slug)
    try:
        request_check(actor=actor, environment=one)
    except Invalid as problem:
        messages.error(request, f"{problem.field}: {problem.sentence}")
    return redirect("environment-detail", one.slug)
