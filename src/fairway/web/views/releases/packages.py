"""What is in a release: add, paste, edit, delete, look up again; and one package on one target."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.environments.queries import environment as environment_named
from fairway.environments.queries import place
from fairway.releases import queries
from fairway.releases.commands import packages as commands
from fairway.releases.commands import targets
from fairway.releases.gate_rules import reasons_together
from fairway.releases.manifest import PackageManifest, parse_pasted, refuse_strangers
from fairway.releases.models import Package, Release
from fairway.releases.target_state import goes_down, packages_of
from fairway.shared.names import Invalid
from fairway.shared.urls import without_secrets
from fairway.web.confirming import refuse_unconfirmed
from fairway.web.errors import tell_blocked
from fairway.web.forms import refuse
from fairway.web.pages import page
from fairway.web.presenters.releases import package_log_shown
from fairway.web.release_forms import PackageForm, PasteForm
from fairway.web.stale import as_of, tell_changed
from fairway.web.views.releases.finding import package_of
from fairway.web.views.releases.releases import detail_page

EXAMPLE = """name,version,needs,status
catalog-db,registry.example.com/shop/db:16.2,,ready
catalog-api,https://git.example.com/shop/api.git#v1.4,catalog-db,ready
storefront,registry.example.com/shop/web:2.0,catalog-api,testing
"""
SKIPPED_SHOWN = 5  # reasons in one message; the matrix says the rest

Doing = Callable[..., str]  # of the request, the actor, the package and what else stands in the address
View = Callable[..., HttpResponse]


@require_http_methods(["GET", "POST"])
@needs(Act.ADD_PACKAGE)
def new(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)
    release = queries.release(actor, number)
    form = PackageForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            package = commands.add_package(actor=actor, release=release, **_meant(form))
        except Invalid as problem:
            refuse(form, _in_this_form(problem))
        except Blocked as problem:
            tell_blocked(request, problem)
            status = 409
        else:
            messages.success(request, _("%(package)s is added.") % {"package": package.name})
            return redirect("release-detail", release.pk)
    return _form(request, release, None, form, status)


@require_http_methods(["GET", "POST"])
@needs(Act.EDIT_PACKAGE)
def edit(request: HttpRequest, number: int, package: int) -> HttpResponse:
    actor = actor_of(request)
    one = package_of(actor, number, package)
    form = PackageForm(request.POST or None, initial=_initial(one))
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            commands.edit_package(actor=actor, package=one, as_of=as_of(request), **_changed(actor, one, form))
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, _in_this_form(problem))
        except Blocked as problem:
            tell_blocked(request, problem)
            status = 409
        else:
            messages.success(request, _("Saved."))
            return redirect("release-detail", number)
    return _form(request, one.release, one, form, status)


def _initial(package: Package) -> dict[str, str]:
    return {
        "name": package.name,
        "stage": package.stage,
        "version": without_secrets(package.source_input) or package.version,
    }


def _changed(actor: Actor, package: Package, form: PackageForm) -> dict[str, Any]:
    """Only what differs: entering the same version again would look it up anew."""
    meant = _meant(form)
    if form.source() == package.version or commands.is_same_source(actor, package, form.source()):
        del meant["source"]
    return {name: value for name, value in meant.items() if value != getattr(package, name, None)}


def _meant(form: PackageForm) -> dict[str, Any]:
    stage = form.cleaned_data["stage"] or "registered"
    return {"name": form.cleaned_data["name"], "stage": stage, "source": form.source()}


def _in_this_form(problem: Invalid) -> Invalid:
    """The room says `source`, `url`, `image`, `ref`…; the form has one field for all of them."""
    if problem.field in {"source", "image", "url", "ref", "reference"}:
        problem.field = "version"
    return problem


def _form(request: HttpRequest, release: Release, package: Package | None, form: PackageForm, status: int) -> HttpResponse:
    context = {"release": release, "package": package, "form": form}
    return page(request, "releases/package.html", context, status=422 if form.errors else status)


@require_http_methods(["GET", "POST"])
@needs(Act.ADD_PACKAGE)
def paste(request: HttpRequest, number: int) -> HttpResponse:
    """Checks first and shows what would be added; adds all of it or nothing."""
    actor = actor_of(request)
    release = queries.release(actor, number)
    form = PasteForm(request.POST or None)
    found: tuple[PackageManifest, ...] = ()
    problems: list[str] = []
    if request.method == "POST" and form.is_valid():
        try:
            found = parse_pasted(form.cleaned_data["text"])
            refuse_strangers(found, [one.name for one in packages_of(release)])
            if request.POST.get("do") == "add":
                return _added(request, actor, release, found)
        except Invalid as problem:
            problems, found = [capfirst(problem.sentence)], ()
        except Blocked as problem:
            tell_blocked(request, problem)
    context = {"release": release, "form": form, "problems": problems, "plan": found, "example": EXAMPLE}
    return page(request, "releases/paste.html", context, status=422 if problems or form.errors else 200)


def _added(request: HttpRequest, actor: Actor, release: Release, found: tuple[PackageManifest, ...]) -> HttpResponse:
    meant = [commands.NewPackage.of(one) for one in found]
    made = commands.add_packages(actor=actor, release=release, packages=meant)
    sentence = ngettext("%(count)d package is added.", "%(count)d packages are added.", len(made))
    messages.success(request, sentence % {"count": len(made)})
    return redirect("release-detail", release.pk)


@require_GET
@needs(Act.VIEW)
def log(request: HttpRequest, number: int, package: int) -> HttpResponse:
    """What looking it up, building it and distributing it said."""
    actor = actor_of(request)
    one = package_of(actor, number, package)
    return page(request, "releases/package_log.html", package_log_shown(actor, one))


def _on_package(needed: Act) -> Callable[[Doing], View]:
    """Make a view of something done to a package; it returns what to say."""

    def decorate(doing: Doing) -> View:
        @require_POST
        @needs(needed)
        @wraps(doing)
        def view(request: HttpRequest, number: int, package: int, **where: str) -> HttpResponse:
            actor = actor_of(request)
            one = package_of(actor, number, package)
            try:
                sentence = doing(request, actor, one, **where)
            except Blocked as problem:
                tell_blocked(request, problem)
                return detail_page(request, actor, one.release, status=409)
            except Invalid as problem:
                messages.error(request, f"{problem.field}: {problem.sentence}")
                return detail_page(request, actor, one.release, status=422)
            messages.success(request, sentence)
            return redirect("release-detail", number)

        return view

    return decorate


@_on_package(Act.EDIT_PACKAGE)
def stage(request: HttpRequest, actor: Actor, package: Package) -> str:
    commands.edit_package(actor=actor, package=package, stage=request.POST.get("stage", ""))
    return _("Saved.")


@_on_package(Act.EDIT_PACKAGE)
def resolution(request: HttpRequest, actor: Actor, package: Package) -> str:
    commands.resolve_again(actor=actor, package=package)
    return _("%(package)s is being looked up again.") % {"package": package.name}


@_on_package(Act.DELETE_PACKAGE)
def deletion(request: HttpRequest, actor: Actor, package: Package) -> str:
    refuse_unconfirmed(request, package.name)
    commands.delete_package(actor=actor, package=package, confirmed=package.name)
    return _("%(package)s is deleted.") % {"package": package.name}


def _asked(request: HttpRequest) -> dict[str, str]:
    return {"reason": request.POST.get("reason", ""), "break_glass": request.POST.get("break_glass", "")}


@_on_package(Act.DISTRIBUTE)
def distribute(request: HttpRequest, actor: Actor, package: Package, environment: str) -> str:
    there = place(actor, package.application, environment)
    targets.distribute(actor=actor, package=package, environment=there, **_asked(request))
    return _("%(package)s is being distributed to %(target)s.") % {"package": package.name, "target": there.name}


@_on_package(Act.DISTRIBUTE)
def withdraw(request: HttpRequest, actor: Actor, package: Package, environment: str) -> str:
    there = place(actor, package.application, environment)
    targets.withdraw(actor=actor, package=package, environment=there, reason=request.POST.get("reason", ""))
    return _("%(package)s is withdrawn from %(target)s.") % {"package": package.name, "target": there.name}


@_on_package(Act.DEPLOY_PACKAGE)
def deploy(request: HttpRequest, actor: Actor, package: Package, environment: str) -> str:
    there = place(actor, package.application, environment)
    targets.deploy_package(actor=actor, package=package, environment=there, **_asked(request))
    return _("%(package)s is being deployed to %(target)s.") % {"package": package.name, "target": there.name}


@_on_package(Act.FALL_BACK)
def fall_back(request: HttpRequest, actor: Actor, package: Package, environment: str) -> str:
    there = place(actor, package.application, environment)
    on_target = queries.on_target_of(package, there)
    if on_target is not None and goes_down(on_target):
        refuse_unconfirmed(request, package.name)
    targets.fall_back_package(actor=actor, package=package, environment=there, **_asked(request))
    return _("%(package)s is falling back in %(target)s.") % {"package": package.name, "target": there.name}


@require_POST
@needs(Act.DISTRIBUTE)
def distribute_all(request: HttpRequest, number: int, environment: str) -> HttpResponse:
    actor = actor_of(request)
    release, there = queries.release(actor, number), environment_named(actor, environment)
    try:
        done = targets.distribute_all(actor=actor, release=release, environment=there)
    except Blocked as problem:
        tell_blocked(request, problem)
        return detail_page(request, actor, release, status=409)
    count = len(done.started)
    sentence = ngettext("%(count)d package is being distributed.", "%(count)d packages are being distributed.", count)
    messages.success(request, sentence % {"count": count})
    reasons = reasons_together((one.package.name, one.blockers[:1]) for one in done.skipped)
    for why in reasons[:SKIPPED_SHOWN]:
        messages.warning(request, _("Skipped: %(why)s") % {"why": why.sentence})
    return redirect("release-detail", release.pk)
