"""Contexts of CI jobs that may deploy an application."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may
from fairway.applications.models import Application
from fairway.drivers.identity.kinds import Ci
from fairway.environments.queries import environments_for
from fairway.pipelines.commands.ci_trusts import audience
from fairway.pipelines.models import CiTrust
from fairway.pipelines.queries import ci_trusts_visible_to
from fairway.web.presenters.acts import Button

WORDS = {Ci.GITHUB: "GitHub Actions", Ci.GITLAB: "GitLab CI"}


def ci_link(application: Application) -> Button:
    """The way to the page, from the Deployments tab."""
    return Button(_("CI jobs"), reverse("ci-trusts", args=[application.slug]), "token", method="get")


def places(actor: Actor, application: Application) -> list[tuple[str, str]]:
    """The environments, as choices of a form, where this actor may deploy the application."""
    return [
        (one.slug, one.name)
        for one in environments_for(actor, application)
        if may(actor, Act.DEPLOY, application=application.slug, environment=one.slug)
    ]


def ci_shown(actor: Actor, application: Application) -> dict[str, Any]:
    """The page without its form."""
    return {
        "application": application,
        "trusts": [_row(actor, one) for one in ci_trusts_visible_to(actor).filter(application=application)],
        "address": audience(),
        "back": reverse("application-deployments", args=[application.slug]),
    }


def _row(actor: Actor, one: CiTrust) -> dict[str, Any]:
    name = one.repository or one.repository_id
    end = Button(
        _("End"),
        reverse("ci-trust-end", args=[one.pk]),
        "trash",
        "danger",
        confirm=name,
        consequence=_("Its jobs get no token any more. Tokens that were given end within a quarter of an hour."),
    )
    may_end = may(actor, Act.DEPLOY, application=one.application.slug, environment=one.environment.slug)
    return {
        "id": one.pk,
        "ci": WORDS[Ci(one.ci)],
        "repository": name,
        "pattern": one.pattern,
        "is_tag": one.ref_kind == "tag",
        "ci_environment": one.ci_environment,
        "environment": one.environment,
        "saved_by": one.saved_by,
        "last_used_at": one.last_used_at,
        "end": end if may_end else None,
    }
