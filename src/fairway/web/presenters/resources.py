"""Resources: the list, one with its bindings and backups, and what can be done with them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from fairway.accounts.rules import Act, Actor, may, may_somewhere, why_not
from fairway.applications.models import Application
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.drivers.resources.engines import ENGINES, about
from fairway.environments.models import Environment
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.resources.models import Backup, BackupSchedule, Binding, Resource
from fairway.resources.queries import (
    Trouble,
    backups_of,
    backups_of_deleted,
    bindings_of,
    bindings_visible_to,
    log_of,
    may_see_all_of,
    troubled_backups,
    visible_to,
)
from fairway.resources.rules import (
    RUNTIME,
    BackupState,
    BindingState,
    Purpose,
    State,
    Wanted,
    variable_names,
)
from fairway.resources.schedules import schedule_of
from fairway.web.errors import shown
from fairway.web.failure_words import in_words
from fairway.web.presenters.acts import Button
from fairway.web.presenters.schedules import sentence_of

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
PURPOSES = {Purpose.SCHEDULED: gettext_lazy("by its schedule"), Purpose.LAST: gettext_lazy("before it was deleted")}


def list_shown(actor: Actor) -> dict[str, Any]:
    """The context of ``resources/list.html``; three queries."""
    bound: dict[int, list[str]] = {}
    for one in bindings_visible_to(actor):
        bound.setdefault(one.resource_id, []).append(one.application.name)
    create = Button(_("New resource"), reverse("resource-new"), "plus", "primary", method="get")
    return {
        "resources": [{**_line(one), "bound": bound.get(one.pk, [])} for one in visible_to(actor)],
        "create": create if may_somewhere(actor, Act.CREATE_RESOURCE) else None,
        "left": [_left(actor, backup) for backup in backups_of_deleted(actor)[:MOST_BACKUPS]],
    }


def _left(actor: Actor, backup: Backup) -> dict[str, Any]:
    """A backup whose resource is deleted. It can only be restored elsewhere."""
    shown_here = _backup(actor, backup.resource, backup)
    acts = [act for act in shown_here["acts"] if act.method == "get"]
    return {**shown_here, "of": backup.resource, "acts": acts}


def places_for(actor: Actor) -> list[Environment]:
    """Where this actor may create one, those first in which Fairway can run it."""
    found = [one for one in environments_visible_to(actor) if may(actor, Act.CREATE_RESOURCE, environment=one.slug)]
    return sorted(found, key=lambda one: one.runtime != RUNTIME)


def _line(one: Resource) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.engine.label,
        "alias": one.engine.alias,
        "url_variable": variable_names(one.engine.alias, one.engine)[-1],
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
    return {
        "resource": _line(one),
        "acts": acts,
        "trial": trial,
        "is_being_deleted": one.deletion_asked_at is not None,
        "kept_because": in_words(one.kept_because),
    }


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
        if binding.state == BindingState.BOUND and may(
            actor, Act.RESTORE_RESOURCE, application=slug, environment=one.environment.slug
        ):
            acts.append(Button(_("Clone its data"), _url(one, "clone", slug), "promote", method="get"))
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
        "variables": variable_names(binding.alias, one.engine),
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
    backups = [_backup(actor, one, backup) for backup in backups_of(actor, one)[:MOST_BACKUPS]]
    return {
        "resource": _line(one),
        "backups": backups,
        "take": take,
        "schedule": schedule_shown(one),
        "edit_schedule": _edit_schedule(actor, one),
        "troubles": [trouble_words(found) for found in troubled_backups(actor, resource=one)],
        "has_download": any(backup["has_download"] for backup in backups),
    }


def schedule_shown(one: Resource) -> dict[str, Any] | None:
    """When it is backed up by itself; None if it is not."""
    row = schedule_of(one)
    if row is None or not row.is_on:
        return None
    return {
        "when": sentence_of(row.schedule),
        "zone": "" if row.zone == timezone.get_current_timezone_name() else row.zone,
        "next_at": row.next_at if one.wanted == Wanted.RUNNING else None,
        "keeps": _keeps(row),
    }


def _keeps(row: BackupSchedule) -> str:
    counts = (
        (row.keep_daily, ngettext("%(count)s day", "%(count)s days", row.keep_daily)),
        (row.keep_weekly, ngettext("%(count)s week", "%(count)s weeks", row.keep_weekly)),
        (row.keep_monthly, ngettext("%(count)s month", "%(count)s months", row.keep_monthly)),
    )
    return ", ".join(words % {"count": count} for count, words in counts if count)


def _edit_schedule(actor: Actor, one: Resource) -> Button | None:
    if one.wanted == Wanted.REMOVED or not may(actor, Act.BACK_UP_RESOURCE, environment=one.environment.slug):
        return None
    row = schedule_of(one)
    is_on = row is not None and row.is_on
    return Button(_("Change the schedule") if is_on else _("Set a schedule"), _url(one, "schedule"), "clock", method="get")


def trouble_words(trouble: Trouble) -> dict[str, Any]:
    """What is wrong with the backups of one application, for the page of its resource and the home page."""
    words = {"application": trouble.binding.application.name, "resource": trouble.binding.resource.name}
    if trouble.failed is not None:
        title = _("The newest backup of %(application)s in %(resource)s failed") % words
        return {"title": title, "sentence": in_words(trouble.sentence), "at": trouble.at}
    title = _("The backup of %(application)s in %(resource)s is late") % words
    return {"title": title, "sentence": _("It was due, and there has been no verified one since."), "at": trouble.at}


def schedule_form_shown(one: Resource) -> dict[str, Any]:
    """The context of ``resources/schedule.html``, without the form."""
    row = schedule_of(one)
    return {
        "resource": _line(one),
        "back": _url(one, "detail"),
        "is_new": row is None,
        "saved_by": row.saved_by if row else "",
    }


def _backup(actor: Actor, one: Resource, backup: Backup) -> dict[str, Any]:
    where = {"environment": one.environment.slug, "application": backup.application.slug}
    acts = []
    has_download = bool(backup.file) and may(actor, Act.DOWNLOAD_BACKUP, **where)
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
        elsewhere = reverse("backup-elsewhere", args=[backup.pk])
        acts.append(Button(_("Restore elsewhere"), elsewhere, "promote", method="get"))
    if has_download:
        acts.append(Button(_("Download"), reverse("backup-file", args=[backup.pk]), "download", method="get"))
    return {
        "number": backup.pk,
        "application": backup.application,
        "state": BACKUP_LOOKS[BackupState(backup.state)],
        "sentence": in_words(backup.sentence),
        "at": backup.taken_at or backup.created_at,
        "size_bytes": backup.size_bytes,
        "holds": _holds(backup),
        "requested_by": backup.requested_by,
        "purpose": PURPOSES.get(Purpose(backup.purpose), ""),
        "has_download": has_download,
        "acts": acts,
    }


def _holds(backup: Backup) -> str:
    """What was counted in it, in words."""
    count = sum(backup.content.values())
    words = {"count": number_format(count, force_grouping=True)}
    if backup.resource.engine.unit == "keys":
        return ngettext("%(count)s key", "%(count)s keys", count) % words
    tables = len(backup.content)
    return ", ".join(
        (
            ngettext("%(count)s table", "%(count)s tables", tables) % {"count": tables},
            ngettext("%(count)s row", "%(count)s rows", count) % words,
        )
    )


def engines_shown(chosen: str) -> list[dict[str, Any]]:
    """The engines to choose from."""
    return [
        {
            "kind": engine.kind,
            "label": engine.label,
            "version": engine.versions[0],
            "about": about(engine.kind),
            "is_chosen": engine.kind == chosen,
        }
        for engine in ENGINES.values()
    ]


def restore_shown(actor: Actor, backup: Backup, *, is_clone: bool) -> dict[str, Any]:
    """The context of ``resources/restore.html``, without the form."""
    of = backup.resource
    return {
        "backup": _backup(actor, of, backup),
        "of": {"name": of.name, "environment": of.environment},
        "is_clone": is_clone,
        "targets": _targets(actor, backup),
        "back": reverse("resource-list") if of.deleted_at else _url(of, "detail"),
    }


def _targets(actor: Actor, backup: Backup) -> list[tuple[str, str]]:
    """Where else the actor may restore it: other resources of the same kind and environments for a new one, as
    “environment/name” and “environment/”. Into another environment only people may who may download it."""
    slug, home = backup.application.slug, backup.resource.environment
    leaves = may(actor, Act.DOWNLOAD_BACKUP, application=slug, environment=home.slug)
    places = [
        place
        for place in environments_visible_to(actor)
        if (leaves or place == home) and may(actor, Act.RESTORE_RESOURCE, application=slug, environment=place.slug)
    ]
    others = visible_to(actor).filter(kind=backup.resource.kind, environment__in=places).exclude(pk=backup.resource_id)
    new = [place for place in places if place.runtime == RUNTIME and may(actor, Act.CREATE_RESOURCE, environment=place.slug)]
    return [
        *((f"{one.environment.slug}/{one.name}", f"{one.name} · {one.environment.name}") for one in others),
        *((f"{place.slug}/", _("A new resource in %(environment)s") % {"environment": place.name}) for place in new),
    ]


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
            tick=("last_backup", _("Take a last backup first. If it fails, nothing is deleted.")),
        )
    return {
        **state_shown(actor, one),
        **bindings_shown(actor, one),
        **backups_shown(actor, one),
        "delete": delete,
        "log": log_of(actor, one, tail=LOG_LINES) if may_see_all_of(actor, one) else None,
    }
