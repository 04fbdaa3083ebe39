"""Contexts of a configuration, its versions, and the difference between two of them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may
from fairway.applications.models import Application, Configuration
from fairway.applications.queries import artifacts_of, changes_between, configurations_of
from fairway.applications.rules import missing_names
from fairway.deployments.gate import Subject
from fairway.deployments.models import Placement
from fairway.deployments.queries import placements_visible_to
from fairway.drivers.builders.services import required_variables_of
from fairway.environments.models import Environment
from fairway.environments.queries import environments_for
from fairway.web.presenters.acts import ActContext, Button, main_acts
from fairway.web.presenters.applications import head
from fairway.web.variables import rows_of

MOST_VERSIONS = 200

Pair = tuple[Configuration | None, Configuration | None]


def configuration_shown(
    actor: Actor,
    application: Application,
    environment: Environment,
    older: Configuration | None = None,
    compared: Pair | None = None,
) -> dict[str, Any]:
    """The whole context of ``applications/configuration.html``; `older` is an earlier version to look at."""
    versions = list(configurations_of(application, environment)[:MOST_VERSIONS])
    newest = versions[0] if versions else None
    shown = older or newest
    placement = placements_visible_to(actor).filter(application=application, environment=environment).first()
    running = placement.current.configuration if placement and placement.current else None
    required = required_names(application)
    is_pending = placement is not None and placement.current is not None and newest is not None and running != newest
    return {
        **head(actor, application),
        "can_edit": may(actor, Act.CONFIGURE, application=application.slug, environment=environment.slug),
        "environment": environment,
        "environments": environments_for(actor, application),
        "version": _version(shown, newest) if shown else None,
        "variables": rows_of(shown, required),
        "missing": missing_names(tuple(required), *_given(newest)),
        "versions": _versions(versions, running),
        "is_pending": is_pending,
        "deploy": _deploy(actor, application, environment, placement) if is_pending else None,
        "comment": "",
        "form_error": "",
        **_difference(compared),
    }


def required_names(application: Application) -> list[str]:
    """The variables that the newest artifact requires."""
    newest = artifacts_of(application).first()
    return list(required_variables_of(newest.parsed_spec)) if newest else []


def _given(newest: Configuration | None) -> tuple[dict[str, str], dict[str, str]]:
    return (newest.variables, newest.marks) if newest else ({}, {})


def _version(configuration: Configuration, newest: Configuration | None) -> dict[str, Any]:
    return {
        "number": configuration.version,
        "comment": configuration.comment,
        "actor": {"name": configuration.created_by},
        "at": configuration.created_at,
        "is_newest": configuration == newest,
    }


def _versions(versions: list[Configuration], running: Configuration | None) -> list[dict[str, Any]]:
    found = []
    for version in versions:
        line = _version(version, versions[0])
        found.append({**line, "is_running": version == running, "previous": version.version - 1})
    return found


def _deploy(actor: Actor, application: Application, environment: Environment, placement: Placement | None) -> Button:
    """The button that deploys what runs with the newest configuration, or the source if nothing runs."""
    context = ActContext(actor, Subject(application, environment, placement))
    if placement is None or placement.current is None or placement.current.artifact_id is None:
        return main_acts(context)[0]
    return Button(
        _("Deploy"),
        reverse("deployment-again", args=[placement.current_id]),
        "deploy",
        "primary",
        blockers=context.why_not(Act.DEPLOY),
    )


def _difference(compared: Pair | None) -> dict[str, Any]:
    if compared is None:
        return {"diff": None}
    before, after = compared
    lines = [
        {
            "name": change.name,
            "change": change.kind,
            "is_secret": change.is_secret,
            "before": change.before,
            "after": change.after,
        }
        for change in changes_between(before, after)
    ]
    return {"diff": lines, "diff_from": before.version if before else 0, "diff_to": after.version if after else 0}
