"""Contexts of freeze windows: the list, the form, the next occurrences."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may, may_somewhere
from fairway.environments.freeze_queries import freeze_state, freezes_visible_to, visible_names
from fairway.environments.freeze_rules import Kind, Window, occurrences
from fairway.environments.models import Environment, FreezeWindow
from fairway.web.presenters.acts import Button
from fairway.web.words import FREEZE_KINDS, REPEATS

PREVIEWED = 5


def list_shown(actor: Actor) -> dict[str, Any]:
    """The context of ``freezes/list.html``; one query."""
    create = Button(_("New freeze window"), reverse("freeze-new"), "plus", "primary", method="get")
    return {
        "freezes": [_line(actor, row) for row in freezes_visible_to(actor)],
        "create": create if may_somewhere(actor, Act.FREEZE_ENVIRONMENT) else None,
    }


def _line(actor: Actor, row: FreezeWindow) -> dict[str, Any]:
    following = occurrences_shown(row.window, 1)
    environments, applications = visible_names(actor, row)
    edit = Button(_("Edit"), reverse("freeze-edit", args=[row.pk]), "settings", "ghost", method="get")
    return {
        "number": row.pk,
        "name": row.name,
        "reason": row.reason,
        "kind": FREEZE_KINDS[Kind(row.kind)],
        "is_deny": row.kind == Kind.DENY,
        "environments": environments,
        "applications": applications,
        "repeats": REPEATS.get(row.rrule, row.rrule),
        "zone": row.zone,
        "next": following[0] if following else None,
        "created_by": row.created_by,
        "edit": edit if may_change(actor, row) else None,
    }


def may_change(actor: Actor, row: FreezeWindow) -> bool:
    """Whether the actor's roles cover everything that the window names."""
    return all(
        may(actor, Act.FREEZE_ENVIRONMENT, environment=environment, application=application)
        for environment in row.environments or [""]
        for application in row.applications or [""]
    )


def delete_button(row: FreezeWindow) -> Button:
    return Button(
        _("Delete"),
        reverse("freeze-delete", args=[row.pk]),
        "trash",
        "danger",
        confirm=row.name,
        consequence=_("Deployments that are waiting for it continue. Its history is kept."),
    )


def occurrences_shown(window: Window, count: int = PREVIEWED) -> list[dict[str, Any]]:
    """The present and next occurrences, in the window's zone with the UTC offset."""
    now = timezone.now()
    shown: list[dict[str, Any]] = []
    for occurrence in occurrences(window, now, count=count):
        starts, ends = window.local(occurrence.starts), window.local(occurrence.ends)
        offset = offset_words(starts)
        shown.append(
            {
                "starts": occurrence.starts,
                "ends": occurrence.ends,
                "from_text": wall_words(starts),
                "to_text": wall_words(ends) if starts.date() != ends.date() else ends.strftime("%H:%M"),
                "offset": offset if offset == offset_words(ends) else f"{offset} → {offset_words(ends)}",
                "is_now": occurrence.starts <= now,
                "has_changed": bool(shown) and shown[-1]["offset"][-9:] != offset,
                "lasts": occurrence.ends - occurrence.starts
                if occurrence.ends - occurrence.starts != window.lasts
                else None,
            }
        )
    return shown


def wall_words(at: datetime) -> str:
    """``Mon 11/30/2026 02:30``, in the format of the reader's language."""
    return f"{date_format(at, 'D')} {date_format(at, 'SHORT_DATE_FORMAT')} {at:%H:%M}"


def offset_words(at: datetime) -> str:
    """``UTC+02:00``."""
    apart = at.utcoffset() or timedelta()
    minutes = abs(apart) // timedelta(minutes=1)
    return f"UTC{'-' if apart < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"


def environment_freeze(environment: Environment) -> dict[str, Any]:
    """The freeze state for an environment's page: closed by what until when, or open until when."""
    answer = freeze_state(environment.slug, "", timezone.now())
    return {
        "is_closed": answer.is_closed,
        "by": [{"name": window.name, "reason": window.reason} for window in answer.closed_by],
        "opens_at": answer.opens_at if answer.is_closed else None,
        "closes_at": answer.closes_at,
    }
