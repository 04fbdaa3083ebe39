"""Disk usage and garbage collections."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from fairway.accounts.permissions import needs
from fairway.accounts.rules import Act
from fairway.web.pages import page
from fairway.web.presenters.storage import storage_shown


@require_GET
@needs(Act.MANAGE_SYSTEM)
def storage(request: HttpRequest) -> HttpResponse:
    return page(request, "settings/storage.html", storage_shown())
