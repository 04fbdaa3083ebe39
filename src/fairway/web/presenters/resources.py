"""Resources: the list, one with its bindings and backups, and what can be done with them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may, may_somewhere, why_not
from fairway.applications.models import Application
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.environments.models import Environment
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.resources.models import Backup, Binding, Resource
from fairway.resources.queries import backups_of, bindings_of, bindings_visible_to, log_of, may_see_all_of, visible_to
from fairway.resources.rules import KIND_WORDS, RUNTIME, BackupState, BindingState, Kind, State, Wanted, variable_names
from fairway.web.errors import shown
from fairway.web.failure_words import in_words
from fairway.web.presenters.acts import Button

LOG_LINES = 100
MOST_BACKUPS = 50
# state → (word of `vocabulary.STATUSES`, whether work is under way)
LOOKS = {
    State.PREPARING: "starting",
    State.RUNNING: "resource_healthy",
    State.DOWN: "down",
    State.STOPPED: "resource_stopped",
    State.FAILED: "resource_failed",
    State.REMOVING: "cancelling",
}
BINDING_LOOKS = {
    BindingState.BINDING: "starting",
    BindingState.BOUND: "bound",
    BindingState.FAILED: "resource_failed",
    BindingState.UNBINDING: "cancelling",
}
BACKUP_LOOKS = {
    BackupState.TAKING: "running",
    BackupState.VERIFIED: "verified",
    BackupState.FAILED: "resource_failed",
}


def list_shown(actor: Actor) -> dict[str, Any]:
    """The context of ``resources/list.html``; two queries."""
    bound: dict[int, list[str]] = {}
    for one in bindings_visible_to(actor):
        bound.setdefault(one.resource_id, []).append(one.application.name)
    create = Button(_("New resource"), reverse("resource-new"), "plus", "primary", method="get")
    return {
        "resources": [{**_line(one), "bound": bound.get(one.pk, [])} for one in visible_to(actor)],
        "create": create if may_somewhere(actor, Act.CREATE_RESOURCE) else None,
    }


def places_for(actor: Actor) -> list[Environment]:
    """Where this actor may create one, those first in which Fairway can run it."""
    found = [one for one in environments_visible_to(actor) if may(actor, Act.CREATE_RESOURCE, environment=one.slug)]
    return sorted(found, key=lambda one: one.runtime != RUNTIME)


def _line(one: Resource) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": KIND_WORDS[Kind(one.kind)],
        "version": one.observed.get("version") or one.version,
        "environment": one.environment,
        "state": LOOKS[State(one.state)],
        "sentence": in_words(one.sentence),
        "size_bytes": one.observed.get("size_bytes"),
        "connections": one.observed.get("connections"),
        "most_connections": one.observed.get("most_connections"),
        "observed_at": one.observed_at,
        "port": one.port,
        "created_by": one.created_by,
        "created_at": one.created_at,
        "url": reverse("resource-detail", args=[one.environment.slug, one.name]),
    }


def _url(one: Resource, act: str, *more: object) -> str:
    return reverse(f"resource-{act}", args=[one.environment.slug, one.name, *more])


def state_shown(actor: Actor, one: Resource) -> dict[str, Any]:
    """Its state and the acts on it."""
    where = one.environment.slug
    acts = []
    if one.wanted != Wanted.REMOVED and may(actor, Act.CREATE_RESOURCE, environment=where):
        if one.wanted == Wanted.STOPPED:
            acts.append(Button(_("Start"), _url(one, "start"), "play"))
        elif one.state == State.FAILED:
            acts.append(Button(_("Try again"), _url(one, "start"), "restart"))
        else:
            acts.append(
                Button(
                    _("Stop"),
                    _url(one, "stop"),
                    "stop",
                    confirm=one.name,
                    consequence=_("Applications that are bound to it cannot use it until it is started again."),
                )
            )
    is_tried = one.wanted == Wanted.RUNNING and may(actor, Act.TRY_RESOURCE, environment=where)
    trial = Button(_("Try it"), _url(one, "trial"), "pulse") if is_tried else None
    return {"resource": _line(one), "acts": acts, "trial": trial}


def bindings_shown(actor: Actor, one: Resource) -> dict[str, Any]:
    """Who is bound, and the applications that could be."""
    found = bindings_of(actor, one)
    bound = {binding.application_id for binding in found}
    places = [app for app in applications_visible_to(actor) if app.pk not in bound and _may_bind(actor, one, app)]
    return {
        "resource": _line(one),
        "bindings": [_binding(actor, one, binding) for binding in found],
        "applications": places if one.wanted != Wanted.REMOVED else [],
        "bind_url": _url(one, "bind"),
    }


def _may_bind(actor: Actor, one: Resource, application: Application) -> bool:
    return may(actor, Act.BIND_RESOURCE, application=application.slug, environment=one.environment.slug)


def _binding(actor: Actor, one: Resource, binding: Binding) -> dict[str, Any]:
    acts: list[Button] = []
    slug = binding.application.slug
    if _may_bind(actor, one, binding.application):
        if binding.state == BindingState.BOUND and not binding.previous_login:
            acts.append(Button(_("New password"), _url(one, "password", slug), "key"))
        if binding.state == BindingState.BOUND and binding.previous_login:
            acts.append(
                Button(
                    _("End the old password"),
                    _url(one, "end-previous", slug),
                    "lock",
                    confirm=slug,
                    consequence=_(
                        "Whatever still uses it loses its connections, and a deployment with the configuration from before "
                        "can no longer use the database. Deploy first."
                    ),
                )
            )
        if binding.state == BindingState.FAILED:
            fields = [("application", slug), ("alias", binding.alias)]
            acts.append(Button(_("Try again"), _url(one, "bind"), "restart", fields=fields))
        acts.append(
            Button(
                _("Unbind"),
                _url(one, "unbind", slug),
                "x",
                "danger",
                confirm=slug,
                consequence=_("The application can no longer sign in, and its variables go. Its database stays here."),
            )
        )
    return {
        "application": binding.application,
        "variables": variable_names(binding.alias),
        "state": BINDING_LOOKS[BindingState(binding.state)],
        "sentence": in_words(binding.sentence),
        "database": binding.database,
        "login": binding.login,
        "previous_login": binding.previous_login,
        "configuration": binding.configuration_version,
        "acts": acts,
    }


def backups_shown(actor: Actor, one: Resource) -> dict[str, Any]:
    """The copies of its data, newest first."""
    take = None
    if one.wanted != Wanted.REMOVED:
        is_allowed = may(actor, Act.BACK_UP_RESOURCE, environment=one.environment.slug)
        reasons = [] if is_allowed else shown([why_not(actor, Act.BACK_UP_RESOURCE)])
        take = Button(_("Back up now"), _url(one, "back-up"), "disk", blockers=reasons)
    return {
        "resource": _line(one),
        "backups": [_backup(actor, one, backup) for backup in backups_of(actor, one)[:MOST_BACKUPS]],
        "take": take,
    }


def _backup(actor: Actor, one: Resource, backup: Backup) -> dict[str, Any]:
    where = {"environment": one.environment.slug, "application": backup.application.slug}
    acts = []
    if backup.state == BackupState.VERIFIED and may(actor, Act.RESTORE_RESOURCE, **where):
        acts.append(
            Button(
                _("Restore"),
                reverse("backup-restore", args=[backup.pk]),
                "rollback",
                confirm=one.name,
                consequence=_(
                    "The database of %(application)s becomes what this backup holds. What is there now is kept beside it."
                )
                % {"application": backup.application.name},
            )
        )
    if backup.file and may(actor, Act.DOWNLOAD_BACKUP, **where):
        acts.append(Button(_("Download"), reverse("backup-file", args=[backup.pk]), "download", method="get"))
    return {
        "number": backup.pk,
        "application": backup.application,
        "state": BACKUP_LOOKS[BackupState(backup.state)],
        "sentence": in_words(backup.sentence),
        "at": backup.taken_at or backup.created_at,
        "size_bytes": backup.size_bytes,
        "tables": len(backup.content),
        "rows": (rows := sum(backup.content.values())),
        "rows_shown": number_format(rows, force_grouping=True),
        "requested_by": backup.requested_by,
        "acts": acts,
    }


def detail_shown(actor: Actor, one: Resource) -> dict[str, Any]:
    """The context of ``resources/detail.html``."""
    delete = None
    if one.wanted != Wanted.REMOVED and may(actor, Act.DELETE_RESOURCE, environment=one.environment.slug):
        delete = Button(
            _("Delete"),
            _url(one, "delete"),
            "trash",
            "danger",
            confirm=one.name,
            consequence=_("It is stopped for good. Its data is put aside on this machine, and backups stay."),
        )
    return {
        **state_shown(actor, one),
        **bindings_shown(actor, one),
        **backups_shown(actor, one),
        "delete": delete,
        "log": log_of(actor, one, tail=LOG_LINES) if may_see_all_of(actor, one) else None,
    }
