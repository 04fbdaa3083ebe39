"""Renders a page, or only the requested fragment of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme


def page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    fragments: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page; for an htmx request whose target is in `fragments` (element id → partial template), only that partial."""
    target = request.headers.get("HX-Target", "") if request.headers.get("HX-Request") == "true" else ""
    partial = (fragments or {}).get(target)
    response = render(request, f"{template}#{partial}" if partial else template, dict(context), status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    response.headers["Cache-Control"] = "private, no-store" if request.method == "POST" else "private, no-cache"
    return response


def safe_next(request: HttpRequest, otherwise: str = "/") -> str:
    """The URL to which a form asked to return, if it is on this site; else `otherwise`."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    here = {request.get_host()}
    is_ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, here, require_https=request.is_secure())
    return wanted if is_ours else otherwise
