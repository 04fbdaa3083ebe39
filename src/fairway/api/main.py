"""The REST API, version 1: its routers, its error responses, and its OpenAPI description."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, URLResolver, path, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

from fairway import __version__
from fairway.accounts.permissions import public
from fairway.api import (
    alerts,
    applications,
    artifacts,
    backups,
    blockers,
    catalog,
    channels,
    ci,
    configurations,
    costs,
    credentials,
    deployments,
    environments,
    events,
    evidence,
    forges,
    freezes,
    health,
    insights,
    inspections,
    jobs,
    mail,
    me,
    metrics,
    packages,
    people,
    placement_metrics,
    placements,
    previews,
    releases,
    resources,
    rights,
    rollouts,
    scaling,
    schedules,
    security,
    service_accounts,
    sign_in,
    stages,
    tokens,
    triggers,
    uploads,
)
from fairway.api.problems import Problem, answer_problems, not_found

PREFIX = "api/v1/"
ROOMS = (
    me, people, service_accounts, rights, security, sign_in, mail, channels, tokens, environments, freezes, applications,
    inspections, uploads, credentials, configurations, deployments, placements, scaling, placement_metrics, alerts, jobs,
    schedules, triggers, previews, stages, ci, forges, resources, backups, catalog, artifacts, blockers, releases, packages,
    rollouts, events, evidence, insights, costs, health, metrics,
)  # fmt: skip
DESCRIPTION = (
    "Everything Fairway does, by HTTP. Send `Authorization: Bearer <token>`; make a token under your profile or with "
    "`fairway tokens create`. Every refusal is `application/problem+json`: `detail` says what was wrong and what to do."
)


class NoPages(DocsBase):
    """The description is served as JSON only."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **values: Any) -> HttpResponse:
        return not_found(request)


api = NinjaAPI(
    title="Fairway", version=__version__, description=DESCRIPTION, openapi_url=None, docs=NoPages(), docs_url=None,
    urls_namespace="api",
)  # fmt: skip
answer_problems(api)
for room in ROOMS:
    api.add_router("", room.router)


@cache
def description() -> dict[str, Any]:
    """The OpenAPI 3.1 description, error answers included."""
    schema = api.get_openapi_schema(path_prefix=PREFIX)
    shapes = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schema["components"]["schemas"] |= {**shapes.pop("$defs", {}), "Problem": shapes}
    return dict(schema)


@public("it describes the API and holds nothing of anybody's")
def show_description(request: HttpRequest) -> HttpResponse:
    """The OpenAPI description."""
    return JsonResponse(description())


@csrf_exempt
@public("it only says that there is nothing here")
def show_nothing(request: HttpRequest) -> HttpResponse:
    """The response for unknown paths below the API's path."""
    return not_found(request)


urlpatterns: list[URLPattern | URLResolver] = [
    path("openapi.json", show_description, name="openapi"),
    *(pattern for pattern in api.urls[0] if getattr(pattern, "name", "") != "api-root"),
    re_path("", show_nothing, name="nothing"),
]
