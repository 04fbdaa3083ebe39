"""What people ask of the record of events: another look at all of it, and to go on after an older backup was put back."""

from __future__ import annotations

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor
from fairway.activity.checking import begin_again, book, check_again
from fairway.activity.heads import Head
from fairway.activity.keeping import sign_acknowledgement
from fairway.shared.names import Invalid

LONGEST_REASON = 2000


def ask_for_a_walk(*, actor: Actor) -> bool:
    """Have the worker walk the whole chain. False when it does so already; the walk goes on then, and counts for both."""
    require(actor, Act.MANAGE_SYSTEM)
    return check_again()


def acknowledge(*, actor: Actor, reason: str) -> Head:
    """Say that an older copy of the database was put back on purpose: the newest events are gone, and the record goes on.

    Raises `Invalid` without a reason, and `Refused` where nothing is wrong or no backup explains it.
    """
    require(actor, Act.MANAGE_SYSTEM)
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise Invalid(
            "reason", "is missing or too long; give a reason in at most {longest} characters.", longest=LONGEST_REASON
        )
    event = begin_again(who=actor.who, reason=reason)
    return sign_acknowledgement(book(), event)
