"""The output of an application's running instances."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor
from fairway.applications.models import Application
from fairway.applications.queries import get_application as application_named
from fairway.deployments.models import Placement
from fairway.deployments.output import masker_of_output
from fairway.deployments.queries import get_placement, placements_visible_to
from fairway.deployments.rules import has_own_image
from fairway.drivers.runtimes.contract import MAIN
from fairway.environments.models import Environment
from fairway.environments.queries import environments_for, get_environment_for
from fairway.environments.runtimes import runtime_of
from fairway.web import live
from fairway.web.log_followers import FOLLOWERS, FollowedInstance, InstanceLogStream, came_back
from fairway.web.pages import page
from fairway.web.presenters.applications import head
from fairway.web.viewers import viewer_of


@require_GET
@needs(Act.VIEW)
def logs(request: HttpRequest, slug: str) -> HttpResponse:
    """The page; the lines arrive through `log_stream`."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    environment = environment_shown(request, actor, application)
    there = placements_visible_to(actor).filter(application=application, environment=environment).first()
    instances = [_instance(one) for one in there.observed] if there else []
    chosen = request.GET.get("instance", "")
    chosen = chosen if any(instance["name"] == chosen for instance in instances) else ""
    context = {
        **head(actor, application),
        "environment": environment,
        "environments": environments_for(actor, application),
        "instances": instances,
        "instance": chosen,
        "log": _log(application, environment, instances, chosen) if instances and environment else None,
    }
    return page(request, "applications/logs.html", context)


def environment_shown(request: HttpRequest, actor: Actor, application: Application) -> Environment | None:
    """The requested environment, else the last one in promotion order where something runs, else the first."""
    if wanted := request.GET.get("environment"):
        return get_environment_for(actor, application, wanted)
    running = placements_visible_to(actor).filter(application=application).exclude(current=None).last()
    return running.environment if running else environments_for(actor, application).first()


def _instance(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": one["name"],
        "label": _label(one),
        "state": one["state"],
    }


def _label(one: dict[str, Any]) -> str:
    """Which instance printed a line, in a few letters: ``d42 · 1``, ``d42 · worker 1``, ``db``."""
    service = one.get("service", MAIN)
    if has_own_image(one.get("deployment", "")):
        return str(service)
    return f"{one.get('deployment', '')} · {'' if service == MAIN else f'{service} '}{one.get('replica', 0) + 1}"


def _log(application: Application, environment: Environment, instances: list[dict[str, Any]], chosen: str) -> dict[str, Any]:
    where, query = [application.slug, environment.slug], f"?instance={chosen}" if chosen else ""
    return {
        "url": reverse("instance-log", args=where) + query,
        "stream_url": reverse("instance-log-stream", args=where) + query,
        "raw_url": "",
        "is_complete": False,
        "step_words": {instance["name"]: instance["label"] for instance in instances},
        "name": f"{application.slug}-{environment.slug}",
    }


@require_GET
@needs(Act.VIEW)
def log_page(request: HttpRequest, slug: str, environment: str) -> JsonResponse:
    """An empty page of lines: the stream begins with past lines, so that none is lost in between."""
    actor = actor_of(request)
    _there(actor, slug, environment)
    return JsonResponse({"lines": [], "next": None, "is_complete": False})


@require_GET
@needs(Act.VIEW)
def log_stream(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """The last lines and then new ones, of ``?instance=`` or of all instances."""
    actor = actor_of(request)
    there = _there(actor, slug, environment)
    wanted = request.GET.get("instance", "")
    names = [one["name"] for one in there.observed if wanted in ("", one["name"])]
    count, since = came_back(request.headers.get("Last-Event-ID", ""))

    def sees(who: Actor) -> bool:
        return placements_visible_to(who).filter(pk=there.pk).exists()

    return live.admit(
        InstanceLogStream(FOLLOWERS, _followed_instances(there, names), viewer_of(request), sees, count, since)
    )


def _there(actor: Actor, slug: str, environment: str) -> Placement:
    application = application_named(actor, slug)
    return get_placement(actor, application, get_environment_for(actor, application, environment))


def _followed_instances(placement: Placement, names: list[str]) -> list[FollowedInstance]:
    if not names:
        return []
    masker = masker_of_output(placement, [one.get("deployment", "") for one in placement.observed if one["name"] in names])
    runtime = runtime_of(placement.environment)
    return [FollowedInstance((placement.environment.slug, name), runtime, masker) for name in names]
