"""Choosing a repository for a new application among those that a stored credential may read."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.pipelines.repositories import LONGEST_SEARCH, repositories_of
from fairway.shared.failures import Refused
from fairway.web.failure_words import in_words
from fairway.web.pages import page


@needs(Act.CREATE_APPLICATION)
def repositories(request: HttpRequest, name: str) -> HttpResponse:
    """The repositories, or why they cannot be listed."""
    search = request.GET.get("search", "").strip()[:LONGEST_SEARCH]
    context: dict[str, Any] = {"credential": name, "search": search, "failure": "", "repositories": [], "is_all": True}
    try:
        found = repositories_of(actor_of(request), name, search)
    except Refused as problem:
        context["failure"] = in_words(problem.sentence) or _("The forge did not answer.")
    else:
        context |= {"repositories": found.repositories, "is_all": found.is_all}
    return page(request, "applications/repositories.html", context)
