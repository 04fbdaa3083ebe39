"""Viewers of open pages, and whether they still have access."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import get_language

from fairway.accounts import access
from fairway.accounts.permissions import actor_of
from fairway.accounts.rules import Actor


@dataclass(frozen=True)
class Viewer:
    """The viewer of a page: their actor, language, time zone, and the CSRF token of their forms."""

    actor: Actor
    csrf_token: str
    language: str
    zone: str


def viewer_of(request: HttpRequest) -> Viewer:
    return Viewer(
        actor_of(request), get_token(request), get_language() or settings.LANGUAGE_CODE, get_current_timezone_name()
    )


def refresh_viewers(viewers: Collection[Viewer]) -> dict[Viewer, Viewer | None]:
    """Each viewer with their present grants; None for those whose access has ended."""
    now = access.refresh_actors([viewer.actor for viewer in viewers])
    return {
        viewer: None if actor is None else replace(viewer, actor=actor) for viewer, actor in zip(viewers, now, strict=True)
    }
