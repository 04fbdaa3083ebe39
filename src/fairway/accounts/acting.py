"""Records that a person takes on an acting role. The role is kept in the session, ends with it, and can only narrow."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, Role
from fairway.activity.commands import record
from fairway.activity.rules import On


@transaction.atomic
def act_as(*, actor: Actor, role: str) -> None:
    """Record that this person acts as `role` from now on ("": with all their roles). Raises `Invalid` or `Blocked`."""
    require(replace(actor, acting_as=None), Act.CHANGE_ACCOUNT)
    before = actor.acting_as or ""
    after = replace(actor, acting_as=Role(role) if role else None)
    record(
        who=after.who,
        verb="person.acting_as",
        on=On("person", actor.id or 0, actor.name),
        before={"role": before},
        after={"role": role},
    )
