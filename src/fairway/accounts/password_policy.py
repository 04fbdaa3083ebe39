"""Who may sign in with a password: everybody, or only emergency accounts, while everybody else comes with a provider; and
whether a second step must follow it.

An emergency account belongs to an administrator and opens the door when no provider answers. Whoever can read the data
directory can always make one: ``fairway new-password NAME``.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from fairway.accounts.commands import refuse_no_way_in, require
from fairway.accounts.models import LinkedIdentity, SignInPolicy, SignInProvider, User
from fairway.accounts.queries import administrators
from fairway.accounts.rules import Act, Actor
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.shared.names import Invalid

SUBJECT = "passwords"  # of the events
EDITED, TWO_STEP = "sign_in.passwords_set", "sign_in.two_step_set"


def emergency_accounts() -> QuerySet[User]:
    return User.objects.filter(is_emergency=True).order_by("username")


@transaction.atomic
def set_password_policy(
    *,
    actor: Actor,
    passwords: str,
    emergency: Collection[str],
    two_step_required: bool | None = None,
    as_of: int | None = None,
) -> SignInPolicy:
    """Say who may sign in with a password, whose accounts (user names) are emergency accounts, and whether everybody who has
    a password must use two-step sign-in (None: as it is). Sessions go on, but whoever must set it up does that first.

    Raises `Blocked`, also if nobody could get in when no provider answers; `Invalid`; or `Changed` if it was changed after
    event `as_of`.
    """
    require(actor, Act.MANAGE_SYSTEM)
    require(actor, Act.MANAGE_PEOPLE)
    if passwords not in (SignInPolicy.EVERYBODY, SignInPolicy.EMERGENCY):
        raise Invalid("passwords", "must be everybody or emergency.")
    row, _ = SignInPolicy.objects.get_or_create(pk=1)
    row = SignInPolicy.objects.select_for_update(no_key=True).get(pk=row.pk)
    refuse_stale(as_of, EDITED, TWO_STEP, subject_kind="sign_in", subject_id=SUBJECT)
    before = _facts(row)
    chosen = _administrators_named(emergency)
    User.objects.filter(is_emergency=True).exclude(pk__in=chosen).update(is_emergency=False)
    User.objects.filter(pk__in=chosen).update(is_emergency=True)
    was_required, row.passwords = row.two_step_required, passwords
    if two_step_required is not None:
        row.two_step_required = two_step_required
    row.save()
    if passwords == SignInPolicy.EMERGENCY:
        refuse_no_way_in()
        _refuse_to_lock_out(actor)
    if (after := _facts(row)) != before:
        record(who=actor.who, verb=EDITED, on=On("sign_in", SUBJECT, SUBJECT), before=before, after=after)
    if row.two_step_required != was_required:
        record(
            who=actor.who,
            verb=TWO_STEP,
            on=On("sign_in", SUBJECT, SUBJECT),
            before={"required": was_required},
            after={"required": row.two_step_required},
        )
    return row


def _administrators_named(names: Collection[str]) -> set[int]:
    """The ids of these people. Raises `Invalid` for whoever could not help in an emergency."""
    found = {user.username: user for user in administrators().filter(username__in=names)}
    for name in names:
        if name not in found or not found[name].has_usable_password():
            raise Invalid(
                "emergency", "“{name}” is not an active Admin of everything who has chosen a password.", name=name[:60]
            )
    return {user.pk for user in found.values()}


def _refuse_to_lock_out(actor: Actor) -> None:
    """Raise `Invalid` if whoever asks for it would be locked out themselves."""
    if actor.id is None or User.objects.filter(pk=actor.id, is_emergency=True).exists():
        return
    issuers = SignInProvider.objects.filter(is_enabled=True).values("issuer")
    if not LinkedIdentity.objects.filter(user_id=actor.id, issuer__in=issuers).exists():
        raise Invalid(
            "passwords",
            "would lock you out: connect a provider in your profile first, or choose your own account for emergencies.",
        )


def _facts(row: SignInPolicy) -> dict[str, Any]:
    return {"passwords": row.passwords, "emergency": list(emergency_accounts().values_list("username", flat=True))}
