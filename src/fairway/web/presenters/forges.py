"""Contexts of statuses at the forge: the page of an application's connection, and the line on a deployment's page."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may, role_blocker
from fairway.applications.models import Application
from fairway.applications.rules import SourceKind
from fairway.deployments.models import Deployment
from fairway.drivers.forges.contract import Forge
from fairway.drivers.forges.payloads import is_of
from fairway.drivers.forges.statuses import api_url_of, forge_of
from fairway.pipelines.forge_queries import conditions_of, last_report_of, reports_visible_to
from fairway.pipelines.models import ForgeConnection, StatusReport
from fairway.pipelines.report_rules import State
from fairway.pipelines.report_words import trouble_sentence
from fairway.pipelines.repositories import credentials_for
from fairway.web.errors import shown
from fairway.web.presenters.acts import Button

SHOWN = 50  # statuses on the page
FORGES = {Forge.GITHUB: "GitHub", Forge.GITLAB: "GitLab", Forge.GITEA: "Gitea, Forgejo"}
STATUSES = {State.WAITING: "notice_waiting", State.SENT: "status_sent", State.GIVEN_UP: "notice_given_up"}


def initial_for(application: Application, connection: ForgeConnection | None) -> dict[str, str]:
    """What the form starts with: what is stored, or what follows from the repository's address."""
    if connection is not None:
        return {"kind": connection.kind, "api_url": connection.api_url, "credential": connection.credential}
    address = str(application.source.get("url", ""))
    forge = forge_of(address)
    if forge is None:
        return {}
    known = credentials_shown(application, None)
    return {"kind": forge.value, "api_url": api_url_of(forge, address), "credential": known[0] if known else ""}


def credentials_shown(application: Application, connection: ForgeConnection | None) -> list[str]:
    """The names of the stored credentials whose token can be used for this connection, the one in use among them."""
    address = str(application.source.get("url", ""))
    forge = Forge(connection.kind) if connection else forge_of(address)
    if forge is None:
        return []
    api_url = connection.api_url if connection else api_url_of(forge, address)
    found = [one.name for one in credentials_for(application.slug, forge, api_url)]
    in_use = connection.credential if connection else ""
    return found if not in_use or in_use in found else [in_use, *found]


def forge_shown(
    actor: Actor, application: Application, connection: ForgeConnection | None, *, failure: str = "", works: bool = False
) -> dict[str, Any]:
    """The context of ``forges/page.html``, without the form."""
    may_edit = may(actor, Act.EDIT_APPLICATION, application=application.slug)
    reports = list(reports_visible_to(actor, connection)[:SHOWN]) if connection else []
    return {
        "application": application,
        "has_repository": application.source_kind == SourceKind.GIT,
        "connection": _connection(application, connection) if connection else None,
        "reports": _rows(reports, is_paused=not may_edit),
        "acts": _acts(connection) if connection and may_edit else [],
        "blockers": [] if may_edit else shown([role_blocker(Act.EDIT_APPLICATION)]),
        "failure": failure,
        "works": works,
        "back": reverse("application-deployments", args=[application.slug]),
    }


def _connection(application: Application, one: ForgeConnection) -> dict[str, Any]:
    condition = conditions_of([one])[one.pk]
    return {
        "name": FORGES.get(Forge(one.kind), one.kind),
        "project": one.project,
        "api_url": one.api_url,
        "saved_by": one.saved_by,
        "is_paused": one.is_paused,
        "stopped": trouble_sentence(one.trouble, one.said) if one.stopped_at else "",
        "is_of_another": not is_of([str(application.source.get("url", ""))], one.repository),
        "waiting": condition.waiting,
        "given_up": condition.given_up,
    }


def _rows(reports: list[StatusReport], *, is_paused: bool) -> list[dict[str, Any]]:
    """What was sent, newest first. Only the last of each deployment can be sent again."""
    seen, rows = set[int](), []
    for one in reports:
        is_last = one.deployment_id not in seen
        seen.add(one.deployment_id)
        rows.append(
            {**_row(one), "again": _again(one) if is_last and one.state != State.WAITING and not is_paused else None}
        )
    return rows


def _row(one: StatusReport) -> dict[str, Any]:
    is_retrying = one.state == State.WAITING and one.trouble
    return {
        "deployment": one.deployment_id,
        "version": one.deployment.version,
        "environment": one.deployment.environment,
        "progress": progress_words(one.progress),
        "status": "notice_retrying" if is_retrying else STATUSES.get(State(one.state), one.state),
        "at": one.sent_at or one.tried_at or one.created_at,
        "next_at": one.next_at if is_retrying else None,
        "sentence": trouble_sentence(one.trouble, one.said),
    }


def progress_words(progress: str) -> str:
    """What the forge was told, in a word of the reader's language."""
    words = {
        "queued": _("queued"),
        "in_progress": _("in progress"),
        "success": _("success"),
        "failure": _("failed"),
        "error": _("error"),
        "cancelled": _("cancelled"),
        "inactive": _("no longer live"),
    }
    return words.get(progress, progress)


def _again(one: StatusReport) -> Button:
    url = reverse("forge-report-again", args=[one.connection.application.slug, one.pk])
    return Button(_("Send again"), url, "restart")


def _acts(connection: ForgeConnection) -> list[Button]:
    slug = [connection.application.slug]
    paused = (
        Button(_("Resume"), reverse("forge-resume", args=slug), "restart")
        if connection.is_paused
        else Button(_("Pause"), reverse("forge-pause", args=slug), "pause")
    )
    disconnect = Button(
        _("Disconnect"),
        reverse("forge-disconnect", args=slug),
        "trash",
        "danger",
        confirm=connection.project,
        consequence=_("The token is forgotten, and nothing more is sent. What the forge shows stays."),
    )
    return [paused, disconnect]


def forge_button(application: Application) -> Button | None:
    """The way to the page; None if the application has no Git repository."""
    if application.source_kind != SourceKind.GIT:
        return None
    return Button(_("Statuses"), reverse("forge", args=[application.slug]), "git", method="get")


def told_shown(deployment: Deployment) -> dict[str, Any] | None:
    """The line on the deployment's page: what its forge was told last, or is told next; None if it is told nothing."""
    report = last_report_of(deployment)
    if report is None:
        return None
    return {
        "forge": FORGES.get(Forge(report.connection.kind), report.connection.kind),
        "url": reverse("forge", args=[deployment.application.slug]),
        "progress": progress_words(report.progress),
        "state": report.state,
        "at": report.sent_at or report.tried_at,
        "sentence": trouble_sentence(report.trouble, report.said),
    }
