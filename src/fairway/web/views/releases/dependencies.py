"""The dependencies of a release, as a drawing and as a list."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked, NotVisible
from fairway.releases import queries
from fairway.releases.commands.dependencies import add_dependency, remove_dependency
from fairway.releases.models import Package, Release
from fairway.shared.names import Invalid
from fairway.web.errors import tell_blocked
from fairway.web.pages import page
from fairway.web.presenters.release_dependencies import dependencies_shown
from fairway.web.views.releases.finding import package_of


@require_GET
@needs(Act.VIEW)
def dependencies(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    return _page(request, actor, queries.get_release(actor, number), {"package": request.GET.get("package", "")})


def _page(
    request: HttpRequest,
    actor: Actor,
    release: Release,
    typed: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = dependencies_shown(actor, release, request.GET.get("target", ""), typed, errors or {})
    return page(request, "releases/dependencies.html", context, fragments={"release-graph": "graph"}, status=status)


@require_POST
@needs(Act.DEPEND)
def add(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    release = queries.get_release(actor, number)
    typed = {name: request.POST.get(name, "")[:100] for name in ("package", "needs")}
    try:
        one, needed = (_chosen(actor, release, name, typed[name]) for name in ("package", "needs"))
        add_dependency(actor=actor, package=one, needs=needed)
    except Invalid as problem:
        return _page(request, actor, release, typed, {problem.field: capfirst(problem.sentence)}, status=422)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _page(request, actor, release, typed, status=409)
    messages.success(request, _("%(package)s needs %(needs)s.") % {"package": one.name, "needs": needed.name})
    return redirect("release-dependencies", release.pk)


def _chosen(actor: Actor, release: Release, field: str, text: str) -> Package:
    """The package of this release with this id. Raises `Invalid` for the field."""
    try:
        return package_of(actor, release.pk, int(text))
    except (NotVisible, ValueError, OverflowError):
        raise Invalid(field, _("choose a package of this release.")) from None


@require_POST
@needs(Act.DEPEND)
def remove(request: HttpRequest, number: int, package: int, needed: int) -> HttpResponse:
    actor = actor_of(request)
    one, other = package_of(actor, number, package), package_of(actor, number, needed)
    try:
        remove_dependency(actor=actor, package=one, needs=other)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _page(request, actor, one.release, {}, status=409)
    words = {"package": one.name, "needs": other.name}
    messages.success(request, _("%(package)s no longer needs %(needs)s.") % words)
    return redirect("release-dependencies", number)
