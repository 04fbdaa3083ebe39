"""Combines one view per HTTP method, each with its own permission, into the view of one URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from fairway.accounts.permissions import declared_permission

View = Callable[..., HttpResponse]


def by_method(**views: View) -> View:
    """A view that dispatches by method: ``by_method(GET=shown, POST=saved)``. HEAD is treated like GET."""

    def view(request: HttpRequest, *args: Any, **values: Any) -> HttpResponse:
        chosen = views.get("GET" if request.method == "HEAD" else request.method or "")
        return chosen(request, *args, **values) if chosen else HttpResponseNotAllowed(sorted(views))

    view.fairway_permission = {name: declared_permission(one) for name, one in views.items()}  # type: ignore[attr-defined]
    return view
