"""What of the installation's security is on, what is weak, and how to fix it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.web.pages import page
from fairway.web.presenters.security import security_shown


@require_GET
@needs(Act.MANAGE_SYSTEM)
def security(request: HttpRequest) -> HttpResponse:
    return page(request, "settings/security.html", security_shown(actor_of(request)))
