"""Contexts of the list of environments and of one environment's page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from fairway.accounts.rules import Act, Actor, may
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.queries import active, placements_visible_to
from fairway.drivers.runtimes.contract import Availability
from fairway.drivers.runtimes.registry import runtime_names
from fairway.environments.commands import deletion_blockers
from fairway.environments.models import Environment
from fairway.environments.protection import protection_sentences
from fairway.environments.queries import proof_name, visible_to
from fairway.environments.runtimes import availability_of
from fairway.insights.matrix import placement_state
from fairway.web.errors import shown
from fairway.web.failure_words import in_words
from fairway.web.presenters.acts import Button
from fairway.web.presenters.applications import KIND_ICONS
from fairway.web.presenters.freezes import environment_freeze
from fairway.web.presenters.hosts import host_shown
from fairway.web.presenters.placements import lock_shown
from fairway.web.words import STEP_LABELS, WALL_NAMES

# Sentences of the process runtime and its walls, which must be translated here.
PROCESS = gettext_noop("Runs applications as processes of this machine, behind the walls that can be put up here.")
WALLS = (
    gettext_noop("Each application runs as a user of its own, without any rights of Fairway's."),
    gettext_noop(
        "Applications run as Fairway's own user, so only the walls below stand between them; where Fairway runs as"
        " root, each gets a user of its own."
    ),
    gettext_noop(
        "An application reaches only its own files and this machine's programs, and neither memory nor environment"
        " of others (Landlock)."
    ),
    gettext_noop(
        "This kernel has no Landlock (it needs Linux 5.13 or newer): files are kept apart by the other walls only."
    ),
    gettext_noop("Fairway's data, its sockets and the folders of others are out of an application's view; /tmp is its own."),
    gettext_noop(
        "Applications see this machine's folders and have no /tmp of their own, because neither root nor user "
        "namespaces are allowed here: sockets and file modes of Fairway's user are within their reach."
    ),
    gettext_noop(
        "The ports of other applications and of Fairway's pages are closed to an application; what "
        "another one opens beside its own port is not."
    ),
    gettext_noop(
        "Applications reach each other's ports and Fairway's on this machine; closing them needs Linux 6.7 or "
        "newer with Landlock."
    ),
    gettext_noop(
        "The TCP ports of other applications and of Fairway's pages are closed to an application; UDP ports are not, and "
        "neither is what another one opens beside its own port. Where Fairway runs as root, UDP is closed, too."
    ),
    gettext_noop("This environment requires the wall “{layer}”, which cannot be put up here. {sentence}"),
    gettext_noop("The process runtime has no option “{name}”; it knows “require” and “reads”."),
    gettext_noop("The option “{name}” must be a list of words, e.g. {example}."),
    gettext_noop("The option “require” names “{word}”, which is no wall; there are {walls}."),
    gettext_noop("The option “reads” names “{word}”; write a whole path of a folder, e.g. “/srv/data”."),
    gettext_noop("The option “reads” names “{place}”, where Fairway's own data lies; move yours elsewhere."),
)


def list_shown(actor: Actor) -> dict[str, Any]:
    """The context of ``environments/list.html``; four queries."""
    placed = list(placements_visible_to(actor).exclude(current=None))
    moving = list(active(actor))
    create = Button(_("New environment"), reverse("environment-new"), "plus", "primary", method="get")
    return {
        "alerts": Button(_("Alerts"), reverse("alert-list"), "bell", method="get"),
        "freezes": Button(_("Freeze windows"), reverse("freeze-list"), "calendar", method="get"),
        "environments": [_line(one, placed, moving) for one in visible_to(actor)],
        "create": create if may(actor, Act.CREATE_ENVIRONMENT) else None,
    }


def _line(environment: Environment, placed: list[Placement], moving: list[Deployment]) -> dict[str, Any]:
    here = [placement for placement in placed if placement.environment_id == environment.pk]
    return {
        "slug": environment.slug,
        "name": environment.name,
        "host": environment.host,
        "status": environment.status,
        "lock": lock_shown(environment.lock),
        "runtime": environment.runtime,
        "availability": availability_shown(environment),
        "placements": len(here),
        "unhealthy": sum(placement_state(placement) in {"unhealthy", "down"} for placement in here),
        "running": sum(deployment.environment_id == environment.pk for deployment in moving),
    }


def environment_shown(actor: Actor, environment: Environment) -> dict[str, Any]:
    """The context of ``environments/detail.html``."""
    return {
        **state_shown(actor, environment),
        **placements_here(actor, environment),
        **host_shown(actor, environment),
        **protection_shown(actor, environment),
        **_management(actor, environment),
        "alerts": Button(_("Alerts"), reverse("environment-alerts", args=[environment.slug]), "bell", method="get"),
        "prices": Button(_("Prices"), reverse("environment-prices", args=[environment.slug]), "pulse", method="get"),
    }


def protection_shown(actor: Actor, environment: Environment) -> dict[str, Any]:
    """The environment's protection in sentences, and the URL to change it."""
    change = Button(_("Change"), reverse("environment-protection", args=[environment.slug]), "settings", method="get")
    return {
        "environment": environment,
        "protection": protection_sentences(environment, proof_name(environment)),
        "protect": change if may(actor, Act.EDIT_ENVIRONMENT, environment=environment.slug) else None,
    }


def state_shown(actor: Actor, environment: Environment, lock_form: dict[str, Any] | None = None) -> dict[str, Any]:
    """The lock, and the form or button to change it."""
    may_lock = may(actor, Act.LOCK_ENVIRONMENT, environment=environment.slug)
    url = reverse("environment-lock", args=[environment.slug])
    unlock = Button(_("Unlock"), reverse("environment-unlock", args=[environment.slug]), "unlock")
    return {
        "environment": environment,
        "lock": lock_shown(environment.lock),
        "lock_form": {"url": url, "blockers": [], "reason": "", "until": "", "errors": {}, **(lock_form or {})}
        if may_lock
        else None,
        "unlock": unlock if may_lock and environment.lock else None,
        "zone": str(timezone.get_current_timezone_name() or settings.TIME_ZONE),
        "availability": availability_shown(environment),
        "walls": walls_shown(environment),
        "freeze": environment_freeze(environment),
    }


def placements_here(actor: Actor, environment: Environment) -> dict[str, Any]:
    """The placements in the environment, in two queries."""
    moving = {
        deployment.application_id: deployment for deployment in reversed(list(active(actor).filter(environment=environment)))
    }
    found = placements_visible_to(actor).filter(environment=environment).exclude(current=None)
    return {"environment": environment, "placements": [_placement(placement, moving) for placement in found]}


def _placement(placement: Placement, moving: dict[int, Deployment]) -> dict[str, Any]:
    current, running = placement.current, moving.get(placement.application_id)
    assert current is not None
    application = placement.application
    return {
        "application": {
            "slug": application.slug,
            "name": application.name,
            "kind_icon": KIND_ICONS[application.source_kind],
        },
        "state": placement_state(placement),
        "version": current.version,
        "digest": current.artifact.digest if current.artifact else "",
        "at": current.switched_at or current.created_at,
        "actor": {"name": current.requested_by},
        "deployment_id": current.pk,
        "url": placement.url if placement.wanted == "running" else "",
        "running": {
            "id": running.pk,
            "status": running.status,
            "step": STEP_LABELS.get(running.step, running.step) or f"#{running.pk}",
        }
        if running
        else None,
    }


def _management(actor: Actor, environment: Environment) -> dict[str, Any]:
    edit = Button(_("Edit"), reverse("environment-edit", args=[environment.slug]), "settings", method="get")
    delete = Button(
        _("Delete"),
        reverse("environment-delete", args=[environment.slug]),
        "trash",
        "danger",
        blockers=shown(deletion_blockers(environment))
        if may(actor, Act.DELETE_ENVIRONMENT, environment=environment.slug)
        else [],
        confirm=environment.slug,
        consequence=_("Its name and addresses become available again. Its history is kept."),
    )
    return {
        "edit": edit if may(actor, Act.EDIT_ENVIRONMENT, environment=environment.slug) else None,
        "delete": delete if may(actor, Act.DELETE_ENVIRONMENT, environment=environment.slug) else None,
    }


def availability_shown(environment: Environment) -> Availability:
    """Whether its runtime can be used. The answer is cached for some seconds, so it is translated here, for each reader."""
    answer = availability_of(environment)
    return replace(answer, sentence=in_words(_(answer.sentence))) if answer.sentence else answer


def walls_shown(environment: Environment) -> list[dict[str, Any]]:
    """The walls around applications there; empty if the runtime has none."""
    return [
        {"name": WALL_NAMES.get(layer.name, layer.name), "stands": layer.stands, "sentence": _(layer.sentence)}
        for layer in availability_of(environment).layers
    ]


def runtimes_shown() -> list[dict[str, Any]]:
    """The runtimes on this machine, available or not."""
    found = []
    for name in runtime_names():
        answer = availability_shown(Environment(runtime=name))
        found.append({"name": name, "is_available": answer.is_available, "sentence": answer.sentence})
    return found
