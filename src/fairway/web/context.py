"""The context that every page's frame needs; see the comment in ``base.html``."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from fairway.accounts.demo_people import DEMO_ROLES, demo_people, may_switch
from fairway.accounts.models import User
from fairway.accounts.permissions import actor_if_signed_in
from fairway.accounts.rules import Act, Actor, Role, may, may_somewhere, roles_one_may_act_as
from fairway.activity.queries import latest_number
from fairway.web.words import ROLE_LABELS

VERSION = version("fairway")


def shell(request: HttpRequest) -> dict[str, Any]:
    """The context of the bar: who is signed in, acting as what, and the event after which live updates begin."""
    actor = actor_if_signed_in(request)
    user = getattr(request, "user", None)
    if actor is None or not isinstance(user, User):
        return {"shell": {"person": None, "version": VERSION, "reload": reload_address(request)}}
    return {
        "shell": {
            "person": {"username": user.username, "name": user.shown_name},
            "roles": [_role(role, actor) for role in roles_one_may_act_as(actor.grants)],
            "acting_as": {"key": actor.acting_as, "label": ROLE_LABELS[actor.acting_as]} if actor.acting_as else None,
            "demo_people": [_demo_person(one, user) for one in demo_people()] if may_switch(actor) else [],
            "can_credentials": may_somewhere(actor, Act.MANAGE_CREDENTIALS),
            "can_people": may_somewhere(actor, Act.MANAGE_PEOPLE),
            "can_manage": may(actor, Act.MANAGE_SYSTEM),
            "event_id": event_number(request),
            "version": VERSION,
            "reload": reload_address(request),
        }
    }


def reload_address(request: HttpRequest) -> str:
    """Where loading this page again leads. What answers a form is no place to come back to: a browser would ask whether to
    send the form again, or find nothing there. It is the page that the form was on, which the browser tells."""
    if request.method != "POST":
        return ""
    from_page = request.headers.get("Referer", "")
    here = {request.get_host()}
    if not url_has_allowed_host_and_scheme(from_page, here, require_https=request.is_secure()):
        return request.get_full_path()
    parts = urlsplit(from_page)
    return urlunsplit(("", "", parts.path or "/", parts.query, ""))


def _demo_person(user: User, current: User) -> dict[str, Any]:
    return {"username": user.username, "label": ROLE_LABELS[DEMO_ROLES[user.username]], "is_current": user.pk == current.pk}


def event_number(request: HttpRequest) -> int:
    """The number of the newest event when this request began. It is read first, so that everything read later includes
    it."""
    if not hasattr(request, "_fairway_event_number"):
        request._fairway_event_number = latest_number()  # type: ignore[attr-defined]
    number: int = request._fairway_event_number  # type: ignore[attr-defined]
    return number


def _role(role: Role, actor: Actor) -> dict[str, Any]:
    return {"key": role.value, "label": ROLE_LABELS[role], "is_current": actor.acting_as == role}
