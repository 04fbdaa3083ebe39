"""Commands on the event chain: verify all of it again, and acknowledge a restored backup."""

from __future__ import annotations

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor
from fairway.activity.checking import acknowledge_break, head_file, restart_verification
from fairway.activity.heads import Head
from fairway.activity.signing import sign_acknowledgement
from fairway.shared.names import Invalid

LONGEST_REASON = 2000


def request_verification(*, actor: Actor) -> bool:
    """Let the worker verify the whole chain again. False if it does so already; that verification simply continues. Raises
    `Blocked`."""
    require(actor, Act.MANAGE_SYSTEM)
    return restart_verification()


def acknowledge(*, actor: Actor, reason: str) -> Head:
    """Acknowledge that an older copy of the database was restored on purpose, so the newest events are missing.

    Raises `Blocked`, `Invalid` without a reason, or `Refused` if nothing is wrong or a backup does not explain it.
    """
    require(actor, Act.MANAGE_SYSTEM)
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise Invalid(
            "reason", "is missing or too long; give a reason in at most {longest} characters.", longest=LONGEST_REASON
        )
    event = acknowledge_break(who=actor.who, reason=reason)
    return sign_acknowledgement(head_file(), event)
