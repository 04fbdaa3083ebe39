"""The context of the page about the installation's security."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fairway.accounts.rules import Actor
from fairway.insights.security.lines import Line, Place, State, group_title, state_word
from fairway.insights.security.queries import security_lines
from fairway.insights.security.rules import count_weak

LOOKS: Mapping[State, tuple[str, str]] = {  # tone and icon
    State.WEAK: ("warn", "alert"),
    State.OFF: ("idle", "s-pending"),
    State.GOOD: ("ok", "check"),
    State.NOT_APPLICABLE: ("idle", "info"),
}
PAGES: Mapping[Place, tuple[str, Promise]] = {  # the name of the page's address, and what the link says
    Place.SIGN_IN: ("sign-in-providers", _("Sign-in")),
    Place.PEOPLE: ("people", _("People and access")),
    Place.ENVIRONMENTS: ("environment-list", _("Environments")),
    Place.APPLICATIONS: ("application-list", _("Applications")),
    Place.RESOURCES: ("resource-list", _("Resources")),
    Place.EVENTS: ("event-list", _("Events")),
    Place.MAIL: ("mail", _("Mail")),
    Place.CHANNELS: ("channels", _("Notifications")),
}


def security_shown(actor: Actor) -> dict[str, Any]:
    """The context of ``settings/security.html``. Raises `Blocked`."""
    return lines_shown(security_lines(actor))


def lines_shown(lines: Sequence[Line]) -> dict[str, Any]:
    """The lines by group, in their order."""
    groups = [
        {"key": group.value, "title": group_title(group), "lines": [_line(line) for line in some]}
        for group, some in groupby(lines, key=lambda line: line.group)
    ]
    return {"weak": count_weak(lines), "count": len(lines), "groups": groups}


def _line(line: Line) -> dict[str, Any]:
    tone, icon = LOOKS[line.state]
    return {
        "code": line.code,
        "title": line.title,
        "state": {"word": state_word(line.state), "tone": tone, "icon": icon},
        "sentence": line.sentence,
        "fix": line.fix,
        "link": _link(line),
    }


def _link(line: Line) -> dict[str, str] | None:
    if line.place == Place.ENVIRONMENT:
        return {"url": reverse("environment-protection", args=[line.subject]), "label": str(_("Protection"))}
    if line.place not in PAGES:
        return None
    name, label = PAGES[line.place]
    return {"url": reverse(name), "label": str(label)}
