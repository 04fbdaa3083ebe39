"""Records what people and tokens were refused, as few events: the 1st, 2nd, 4th, 8th … of the same within an hour."""

from __future__ import annotations

import hashlib

from django.db import transaction

from fairway.accounts.counting import counted
from fairway.accounts.rules import Actor
from fairway.activity.commands import record
from fairway.activity.rules import Door, On, Who


def note_refused(*, actor: Actor, asked: str) -> None:
    """Somebody may not do what they asked for. `asked` is a method and a route, never a path: that may hold a secret."""
    kind = hashlib.sha256(asked.encode()).hexdigest()[:16]
    if count := counted(f"refused:{actor.id or actor.name}:{kind}"):
        _tell(actor.who, "person.refused", On("person", actor.id or 0, actor.name), asked, count)


def note_invalid_token(*, asked: str, address: str, client: str) -> None:
    """Somebody came with a token that is not valid: mistyped, revoked, ended, or guessed."""
    if count := counted("token-refused"):
        who = Who(id=None, name="", door=Door.API, identified_by="nothing", address=address, client=client)
        _tell(who, "token.refused", On("token", 0, "a token that is not valid"), asked, count)


@transaction.atomic
def _tell(who: Who, verb: str, on: On, asked: str, count: int) -> None:
    record(who=who, verb=verb, on=on, comment=asked, after={"within_an_hour": count})
