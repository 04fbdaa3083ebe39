"""One address, one view per method, each with its own declared permission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from fairway.accounts.permissions import declared_permission

View = Callable[..., HttpResponse]


def by_method(**views: View) -> View:
    """A view that chooses by method: ``by_method(GET=shown, POST=saved)``. HEAD is answered as GET is."""

    def view(request: HttpRequest, *args: Any, **values: Any) -> HttpResponse:
        chosen = views.get("GET" if request.method == "HEAD" else request.method or "")
        return chosen(request, *args, **values) if chosen else HttpResponseNotAllowed(sorted(views))

    view.fairway_permission = {name: declared_permission(one) for name, one in views.items()}  # type: ignore[attr-defined]
    return view
