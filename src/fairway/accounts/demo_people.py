"""The four people of a demo, one per role. While Fairway runs with ``--demo``, the user menu switches between them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from fairway.accounts.commands import accept_invitation, create_first_administrator, create_person, ensure_first_link
from fairway.accounts.models import User
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Actor, Role
from fairway.activity.rules import Door

DEMO_ROLES: Mapping[str, Role] = {
    "admin": Role.ADMIN,
    "manager": Role.RELEASE_MANAGER,
    "deployer": Role.DEPLOYER,
    "viewer": Role.VIEWER,
}


@transaction.atomic
def seed_demo_people() -> dict[str, str]:
    """Create them with generated passwords and return these by user name; empty, and nothing created, if any person
    exists."""
    link = ensure_first_link()
    if link is None:
        return {}
    passwords = {username: secrets.token_urlsafe(12) for username in DEMO_ROLES}
    first = create_first_administrator(link=link, username="admin", password=passwords["admin"], email="admin@example.com")
    actor = actor_for(first, door=Door.CLI, identified_by="demo set-up")
    made = [first.pk]
    for username, role in DEMO_ROLES.items():
        if role != Role.ADMIN:
            email = f"{username}@example.com"
            user, invitation = create_person(actor=actor, username=username, email=email, roles=[role])
            accept_invitation(link=invitation, password=passwords[username])
            made.append(user.pk)
    _seeded_file().touch(mode=0o600)
    _seeded_file().write_text(json.dumps(made))
    return passwords


def demo_people() -> QuerySet[User]:
    """The demo people who may sign in. Empty unless Fairway runs as a demo, even if somebody has the name of one."""
    return demo_accounts() if settings.IS_DEMO else User.objects.none()


def demo_accounts() -> QuerySet[User]:
    """The demo people who may sign in, also where Fairway does not run as a demo any more."""
    return User.objects.filter(pk__in=_seeded(), username__in=DEMO_ROLES, is_active=True).order_by("pk")


def may_switch(actor: Actor) -> bool:
    """Whether the actor is one of the demo people."""
    return settings.IS_DEMO and actor.id in _seeded()


def _seeded_file() -> Path:
    path: Path = settings.DATA.folder("demo") / "people.json"
    return path


def _seeded() -> list[int]:
    try:
        found: list[int] = json.loads(_seeded_file().read_text())
    except (OSError, ValueError):
        return []
    return found
