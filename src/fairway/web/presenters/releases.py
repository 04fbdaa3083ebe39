"""Contexts of the list of releases, and of a release's head and matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from fairway.accounts.models import User
from fairway.accounts.rules import Act, Actor, Blocker, NotVisible, may, role_blocker
from fairway.deployments.gate import blockers
from fairway.environments import queries as environments
from fairway.environments.models import Environment
from fairway.insights import desk
from fairway.releases import queries
from fairway.releases.commands.guards import closed_to_changes
from fairway.releases.commands.targets import withdrawal_blockers
from fairway.releases.gate_rules import rollout_in_the_way
from fairway.releases.models import Package, Release, Rollout
from fairway.releases.rules import OnTarget, Resolution, Stage
from fairway.releases.target_state import TargetState, goes_down, subject_of, target_state_seen
from fairway.shared.urls import without_secrets
from fairway.web.errors import shown
from fairway.web.failure_words import in_words
from fairway.web.presenters.acts import Button
from fairway.web.presenters.applications import KIND_ICONS
from fairway.web.presenters.filters import who

OPEN = ("draft", "sealed", "scheduled", "in_progress")
ENDED = ("partly_served", "no_longer_served", "failed", "fallen_back", "cancelled")
MOST_LOGS = 20  # shown at once, the newest first
GROUPS = {"open": OPEN, "released": ("released",), "ended": ENDED}


def list_shown(actor: Actor, *, status: str = "", query: str = "") -> dict[str, Any]:
    """The context of ``releases/list.html``."""
    everything = desk.overview(actor)
    found = [one for one in everything if _is_wanted(one, status, query)]
    labels = {
        "": pgettext("releases", "All"),
        "open": pgettext("releases", "Open"),
        "released": pgettext("releases", "Released"),
        "ended": pgettext("releases", "Ended"),
    }
    return {
        "releases": [_line(one) for one in found],
        "states": [
            {
                "key": key,
                "label": label,
                "count": sum(_is_wanted(one, key, "") for one in everything),
                "is_current": key == status,
            }
            for key, label in labels.items()
        ],
        "query": query,
        "total": len(everything),
        "create": _create(actor),
        "from_what_runs": _from_what_runs(actor),
    }


def _is_wanted(one: desk.Overview, status: str, query: str) -> bool:
    words = f"{one.release.name} {one.release.version} {' '.join(one.packages)}".lower()
    return (not status or one.status in GROUPS.get(status, (status,))) and query.lower() in words


def _line(one: desk.Overview) -> dict[str, Any]:
    release, planned = one.release, one.planned
    return {
        "id": release.pk,
        "name": release.name,
        "version": release.version,
        "status": one.status,
        "manager": _person(release.manager),
        "deputy": _person(release.deputy) if release.deputy else None,
        "planned_at": planned.planned_at if planned else None,
        "target": planned.environment.name if planned else "",
        "packages": len(one.packages),
        "targets": [
            {"name": each.environment.name, "deployed": each.deployed, "total": each.total, "state": each.state}
            for each in one.targets
        ],
    }


def _person(user: User) -> dict[str, str]:
    return who(user.username, {user.username: user.shown_name} if user.shown_name != user.username else {})


def _create(actor: Actor) -> Button | None:
    if not may(actor, Act.CREATE_RELEASE):
        return None
    return Button(_("New release"), reverse("release-new"), "plus", "primary", method="get")


def _from_what_runs(actor: Actor) -> list[Button]:
    if not may(actor, Act.CREATE_RELEASE):
        return []
    return [
        Button(
            _("Release what runs on %(name)s") % {"name": one.name},
            f"{reverse('release-new')}?from={one.slug}",
            "layers",
            method="get",
        )
        for one in environments.visible_to(actor)
    ]


def head_shown(actor: Actor, release: Release) -> dict[str, Any]:
    """The context of ``releases/base.html``, for every tab."""
    status, planned, active = (
        queries.status_of(release),
        desk.next_planned(release, actor),
        desk.running_rollout(release, actor),
    )
    return {
        "release": {
            "id": release.pk,
            "name": release.name,
            "version": release.version,
            "status": status,
            "description": release.description,
            "manager": _person(release.manager),
            "deputy": _person(release.deputy) if release.deputy else None,
            "planned_at": planned.planned_at if planned else None,
            "planned_wall": planned.wall_time.replace("T", " ") if planned else "",
            "zone": planned.zone if planned else "",
            "target": planned.environment.name if planned else "",
            "fingerprint": release.fingerprint,
            "sealed_at": release.sealed_at,
            "sealed_by": release.sealed_by,
            "cancelled_by": release.cancelled_by,
            "cancel_reason": release.cancel_reason,
            "rollout": _active(active),
        },
        "acts": _main_acts(actor, release),
        "more": _more_acts(actor, release),
    }


def _active(rollout: Rollout | None) -> dict[str, Any] | None:
    if rollout is None:
        return None
    return {"id": rollout.pk, "status": rollout.status, "target": rollout.environment.name}


def _main_acts(actor: Actor, release: Release) -> list[Button]:
    if release.cancelled_at is not None or not may(actor, Act.SCHEDULE_RELEASE):
        return []
    return [Button(_("Schedule"), f"{reverse('release-plan', args=[release.pk])}#schedule", "clock", method="get")]


def _more_acts(actor: Actor, release: Release) -> list[Button]:
    number = [release.pk]
    found = [
        (Act.EDIT_RELEASE, Button(_("Edit"), reverse("release-edit", args=number), "settings", method="get")),
        (Act.CREATE_RELEASE, Button(_("Clone"), reverse("release-clone", args=number), "copy", method="get")),
        (Act.VIEW, _download(actor, release)),
        (Act.VIEW, _evidence(actor, release)),
        (Act.CANCEL_RELEASE, _cancel(release)),
        (Act.DELETE_RELEASE, _delete(release)),
    ]
    return [button for act, button in found if button is not None and (act == Act.VIEW or may(actor, act))]


def _evidence(actor: Actor, release: Release) -> Button | None:
    """The button to download evidence, if there is a version that it could be about."""
    if all(package.artifact_id is None for package in queries.visible_packages(release, actor)):
        return None
    return Button(_("Download evidence"), f"/api/v1/releases/{release.pk}/evidence", "download", method="get")


def _download(actor: Actor, release: Release) -> Button | None:
    """The button to download release.yaml, only if the actor may see the whole release: applying a part would remove the
    rest."""
    try:
        queries.require_full_visibility(release, actor)
    except NotVisible:
        return None
    return Button(_("Download release.yaml"), reverse("release-file", args=[release.pk]), "download", method="get")


def _cancel(release: Release) -> Button | None:
    if release.cancelled_at is not None:
        return None
    url = reverse("release-cancellation", args=[release.pk])
    return Button(_("Cancel the release"), url, "x", "danger", method="get")


def _delete(release: Release) -> Button:
    url = reverse("release-deletion", args=[release.pk])
    consequence = _("Its packages are deleted with it. What it deployed keeps running, and its history is kept.")
    return Button(_("Delete"), url, "trash", "danger", confirm=str(release), consequence=consequence)


def detail_shown(actor: Actor, release: Release) -> dict[str, Any]:
    """The context of ``releases/detail.html``."""
    here = reverse("release-detail", args=[release.pk])
    return {**matrix_shown(actor, release), **head_shown(actor, release), "here": here}


def matrix_shown(actor: Actor, release: Release) -> dict[str, Any]:
    """Packages × targets."""
    states = [target_state_seen(release, target, actor) for target in queries.visible_targets(release, actor)]
    packages = queries.visible_packages(release, actor)
    names = {package.pk: package.name for package in packages}
    needs = states[0].needs if states else {}
    closed = shown(closed_to_changes(release))
    return {
        "release": release,
        "targets": [_target(actor, state) for state in states],
        "packages": [_package(actor, one, states, names, needs, closed) for one in packages],
        **_adding(actor, release, closed),
    }


Closed = Sequence[dict[str, object]]  # why nothing of a release can be changed now


def _adding(actor: Actor, release: Release, closed: Closed) -> dict[str, Any]:
    if not may(actor, Act.ADD_PACKAGE):
        return {"add": None, "paste": None}
    number = [release.pk]
    return {
        "add": Button(
            _("Add a package"), reverse("package-new", args=number), "plus", "primary", method="get", blockers=closed
        ),
        "paste": Button(_("Paste packages"), reverse("packages-paste", args=number), "file", method="get", blockers=closed),
    }


def _target(actor: Actor, state: TargetState) -> dict[str, Any]:
    environment = state.environment
    lock = environment.lock
    return {
        "slug": environment.slug,
        "name": environment.name,
        "status": environment.status,
        "lock_reason": lock.reason if lock else "",
        "deployed": sum(state.is_deployed(one) for one in state.seen),
        "total": len(state.seen),
        "acts": list(_target_acts(actor, state)),
    }


def _target_acts(actor: Actor, state: TargetState) -> Iterable[Button]:
    release, environment = state.release, state.environment
    number = [release.pk, environment.slug]
    where = {"environment": environment.slug}
    if may(actor, Act.DISTRIBUTE, **where) and any(state.shown(one) == OnTarget.ABSENT for one in state.seen):
        yield Button(_("Distribute all"), reverse("release-distribute", args=number), "download")
    running = shown(rollout_in_the_way(state))
    if may(actor, Act.ROLL_OUT, **where):
        url = reverse("release-roll-out", args=number)
        yield Button(_("Roll out"), url, "promote", method="get", blockers=running)
    if may(actor, Act.FALL_BACK_RELEASE, **where) and any(map(state.can_fall_back, state.seen)):
        url = reverse("release-fall-back", args=number)
        yield Button(_("Fall back"), url, "rollback", method="get", blockers=running)


def _package(
    actor: Actor,
    package: Package,
    states: Sequence[TargetState],
    names: dict[int, str],
    needs: dict[int, frozenset[int]],
    closed: Closed,
) -> dict[str, Any]:
    application = package.application
    return {
        "id": package.pk,
        "name": package.name,
        "stage": package.stage,
        "version": package.version or without_secrets(package.source_input),
        "resolution": package.resolution,
        "sentence": in_words(package.sentence),
        "digest": package.artifact.digest if package.artifact else "",
        "application": {
            "slug": application.slug,
            "name": application.name,
            "kind_icon": KIND_ICONS[package.source_kind or application.source_kind],
        },
        "needs": sorted(names[number] for number in needs.get(package.pk, ()) if number in names),
        "stage_acts": [replace(stage_act, blockers=closed) for stage_act in _stage_acts(actor, package)],
        "acts": _package_acts(actor, package, closed),
        "cells": [_cell(actor, package, state) if package in state.seen else NOT_SEEN for state in states],
    }


STAGE_ACTS = {Stage.REGISTERED: "pause", Stage.TESTING: "play", Stage.READY: "check"}


def _stage_acts(actor: Actor, package: Package) -> list[Button]:
    """The buttons for the package's stage."""
    if not may(actor, Act.EDIT_PACKAGE, application=package.application.slug):
        return []
    words = {
        Stage.REGISTERED: pgettext("package", "Registered"),
        Stage.TESTING: pgettext("package", "Testing"),
        Stage.READY: pgettext("package", "Ready"),
    }
    url = reverse("package-stage", args=[package.release_id, package.pk])
    return [
        Button(_("Set to %(stage)s") % {"stage": words[stage]}, url, STAGE_ACTS[stage], fields=[("stage", stage.value)])
        for stage in Stage
        if stage != package.stage
    ]


def _package_acts(actor: Actor, package: Package, closed: Closed) -> list[Button]:
    application = package.application.slug
    number = [package.release_id, package.pk]
    found: list[tuple[Act, Button]] = []
    if package.source_kind and package.resolution != Resolution.RESOLVING:
        url = reverse("package-resolution", args=number)
        found.append((Act.EDIT_PACKAGE, Button(_("Resolve again"), url, "restart")))
    found.append((Act.VIEW, Button(_("What was found"), reverse("package-log", args=number), "terminal", method="get")))
    found.append((Act.EDIT_PACKAGE, Button(_("Edit"), reverse("package-edit", args=number), "settings", method="get")))
    url = reverse("package-deletion", args=number)
    consequence = _("It is removed from the release together with its dependencies. What it deployed keeps running.")
    found.append(
        (
            Act.DELETE_PACKAGE,
            Button(_("Delete"), url, "trash", "danger", confirm=package.name, consequence=consequence),
        )
    )
    return [
        button if act == Act.VIEW else replace(button, blockers=closed)
        for act, button in found
        if may(actor, act, application=application)
    ]


NEXT_ACTS: dict[str, tuple[Act, ...]] = {
    OnTarget.ABSENT: (Act.DISTRIBUTE,),
    OnTarget.DISTRIBUTED: (Act.DEPLOY_PACKAGE,),
    OnTarget.DEPLOYED: (Act.FALL_BACK,),
    "replaced": (Act.DEPLOY_PACKAGE,),
}


NOT_SEEN: dict[str, Any] = {"status": "", "sentence": "", "deployment_id": None, "at": None, "url": "", "acts": []}


def _cell(actor: Actor, package: Package, state: TargetState) -> dict[str, Any]:
    on_target = state.on_targets.get(package.pk)
    status = state.shown(package)
    placement = state.placements.get(package.application_id)
    deployment = on_target.deployment if on_target else None
    return {
        "status": status,
        "sentence": in_words(on_target.sentence) if on_target else "",
        "deployment_id": deployment.pk if deployment else None,
        "at": (on_target.deployed_at or on_target.distributed_at) if on_target else None,
        "url": placement.url if placement and status == OnTarget.DEPLOYED else "",
        "acts": [
            *(_cell_act(actor, act, package, state) for act in NEXT_ACTS.get(status, ())),
            *_withdraw(actor, package, state),
        ],
    }


def _withdraw(actor: Actor, package: Package, state: TargetState) -> list[Button]:
    if state.shown(package) != OnTarget.DISTRIBUTED:
        return []
    url = reverse("package-withdraw", args=[package.release_id, package.pk, state.environment.slug])
    return [Button(_("Withdraw"), url, "x", blockers=shown(withdrawal_blockers(actor, package, state)))]


def _cell_act(actor: Actor, act: Act, package: Package, state: TargetState) -> Button:
    label, name, icon = {
        Act.DISTRIBUTE: (_("Distribute"), "package-distribute", "download"),
        Act.DEPLOY_PACKAGE: (_("Deploy"), "package-deploy", "deploy"),
        Act.FALL_BACK: (_("Fall back"), "package-fall-back", "rollback"),
    }[act]
    url = reverse(name, args=[package.release_id, package.pk, state.environment.slug])
    reasons = shown(why_not(actor, act, package, state))
    confirm, consequence = _takes_away(package, state) if act == Act.FALL_BACK else ("", "")
    return Button(label, url, icon, blockers=reasons, confirm=confirm, consequence=consequence)


def _takes_away(package: Package, state: TargetState) -> tuple[str, str]:
    """The name to type and the reason, if falling back removes the application from the target; else ("", "")."""
    on_target = state.on_targets.get(package.pk)
    if not goes_down(on_target):
        return "", ""
    words = {"package": package.name, "environment": state.environment.name}
    if on_target is not None and on_target.before_id is not None:
        sentence = _("What ran before %(package)s in %(environment)s was stopped, and will be stopped again.")
    else:
        sentence = _("Nothing ran before %(package)s in %(environment)s: it is taken away, its address too.")
    return package.name, sentence % words


def why_not(actor: Actor, act: Act, package: Package, state: TargetState) -> list[Blocker]:
    """The gate's blockers; only the blocker about the role, if the actor has no right to the act."""
    where = {"application": package.application.slug, "environment": state.environment.slug}
    if not may(actor, act, **where):
        return [role_blocker(act)]
    return blockers(act, subject_of(package, state), actor)


def healthy_there(actor: Actor, environment: Environment) -> list[dict[str, Any]]:
    """The healthy placements in an environment, from which a release can be created."""
    found = desk.healthy_in(actor, environment)
    return [
        {"name": one.application.name, "version": one.current.version, "digest": one.current.artifact.digest}
        for one in found
        if one.current is not None and one.current.artifact is not None
    ]


def package_log_shown(actor: Actor, package: Package) -> dict[str, Any]:
    """The context of ``releases/package_log.html``: the logs of resolving and distributing a package."""
    logs = queries.visible_logs(package, actor)[:MOST_LOGS]
    return {
        "release": package.release,
        "package": package,
        "logs": [
            {
                "title": log.environment.name if log.environment else "",
                "at": log.created_at,
                "lines": [{"at": at, "stream": stream, "text": text} for at, stream, text in log.lines],
            }
            for log in logs
        ],
    }
