# ruff: noqa: E501 - sample data reads best one thing a line
"""The addresses and names the templates use, each answering with sample data."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt

from fairway.web import urls as addresses
from tests.web.gallery import metrics, samples
from tests.web.gallery.pages import PAGES, Page

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def content_policy(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """The content policy the product sends, so that a breach shows in the gallery already; also ?theme= and ?lang=."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "theme" in request.GET:
            request.COOKIES["fairway_theme"] = request.GET["theme"]
        if "lang" in request.GET:
            translation.activate(request.GET["lang"])
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return middleware


def show(page: Page) -> Callable[..., HttpResponse]:
    def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204)  # nothing changes here
        return render(request, page.template, page.context(), status=page.status)

    return view


@csrf_exempt
def nothing(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return HttpResponse("", status=204)


def palette(request: HttpRequest) -> JsonResponse:
    items = [
        {
            "group": "Applications",
            "label": app["name"],
            "hint": "",
            "url": f"/applications/{app['slug']}",
            "icon": app["kind_icon"],
        }
        for app in samples.APPS
    ]
    items += [
        {
            "group": "Environments",
            "label": env["name"],
            "hint": env["status"],
            "url": f"/environments/{env['slug']}",
            "icon": "layers",
        }
        for env in samples.ENVIRONMENTS
    ]
    items += [
        {"group": "Acts", "label": f"Deploy {app['name']} to {env['name']}", "url": "/deployments/new", "icon": "deploy"}
        for app in samples.APPS
        for env in samples.ENVIRONMENTS
    ]
    return JsonResponse({"items": items})


TEXTS = [
    ("prepare", "stdout", "\x1b[1mStep 4/9\x1b[0m : RUN uv sync --frozen --no-dev"),
    ("prepare", "stdout", "\x1b[32m ✓\x1b[0m Resolved \x1b[1m61 packages\x1b[0m in 412ms"),
    ("prepare", "stderr", "\x1b[33mwarning\x1b[0m: `VIRTUAL_ENV=/opt/venv` does not match the project environment path"),
    ("prepare", "stdout", " \x1b[32m+\x1b[0m django\x1b[2m==5.2.7\x1b[0m"),
    ("distribute", "fairway", "Digest verified: sha256:8b7c1d0e"),
    ("start", "fairway", "Started 2 instances beside the old ones"),
    ("check", "stdout", '127.0.0.1 - - "GET /healthz HTTP/1.1" \x1b[36m200\x1b[0m 12 \x1b[35m1.2ms\x1b[0m'),
    ("check", "stderr", "\x1b[31mERROR\x1b[0m    django.db.backends: \x1b[38;5;208mconnection refused\x1b[0m at 10.0.0.5:5432, retrying"),
    ("check", "stdout", "A very long line: " + "GET /api/v1/orders?expand=lines,customer,shipping&page=1&per_page=250 " * 5),
]  # fmt: skip


def log_lines(first: int, last: int, total: int) -> list[dict[str, Any]]:
    start = datetime.now(UTC) - timedelta(minutes=6)
    lines = []
    for n in range(first, last + 1):
        kind = min(n * len(samples.STEPS) // max(total, 1), 3)
        candidates = [text for text in TEXTS if text[0] == samples.STEPS[kind]]
        step, stream, text = candidates[n % len(candidates)]
        lines.append(
            {
                "n": n,
                "at": (start + timedelta(milliseconds=40 * n)).isoformat(),
                "step": step,
                "stream": stream,
                "text": text,
            }
        )
    return lines


def deployment_log(request: HttpRequest, **kwargs: Any) -> JsonResponse:
    after, total = int(request.GET.get("after", 0)), int(request.GET.get("lines", 400))
    last = min(after + 5000, total)
    return JsonResponse(
        {
            "lines": log_lines(after + 1, last, total),
            "next": last if last < total else None,
            "is_complete": request.GET.get("open") is None,
        }
    )


def log_stream(request: HttpRequest) -> StreamingHttpResponse:
    """Lines for ten seconds, then the end."""

    def lines() -> Iterator[str]:
        n = int(request.GET.get("after", 0))
        for _ in range(20):
            fresh = log_lines(n + 1, n + random.randint(1, 5), 400)
            n = fresh[-1]["n"]
            yield f"id: {n}\nevent: log\ndata: {json.dumps(fresh)}\n\n"
            time.sleep(0.5)
        yield "event: complete\ndata: {}\n\n"

    return StreamingHttpResponse(lines(), content_type="text/event-stream")


def live(request: HttpRequest) -> StreamingHttpResponse:
    """Stands for half a minute and says nothing."""

    def quiet() -> Iterator[str]:
        yield "event: hello\ndata: {}\n\n"
        time.sleep(30)

    return StreamingHttpResponse(quiet(), content_type="text/event-stream")


def placement_metrics(request: HttpRequest, **kwargs: Any) -> JsonResponse:
    return JsonResponse(metrics.full()["chart_data"])


def index(request: HttpRequest) -> HttpResponse:
    links = "".join(f'<li><a href="{page.address}">{page.name}</a></li>' for page in PAGES)
    return HttpResponse(f"<!doctype html><title>Gallery</title><h1>Gallery</h1><ul>{links}</ul>")


urlpatterns = [
    path("gallery", index),
    path("gallery/act", nothing),
    path("gallery/raw", nothing),
    path("gallery/log-stream", log_stream, name="gallery-log-stream"),
    path("palette", palette),
    path("live", live),
    path("deployments/<int:number>/log", deployment_log),
    path("applications/<slug:slug>/in/<slug:environment>/metrics", placement_metrics),
    *(path(page.address.lstrip("/"), show(page)) for page in PAGES),
    # the product's own addresses, so that links have somewhere to go; what stands above answers first
    *(
        URLPattern(known.pattern, nothing, name=known.name)
        for known in addresses.urlpatterns
        if isinstance(known, URLPattern)
    ),
]
