"""Records failed sign-ins as events: few, so that nobody can flood the event chain, and without what was typed.

People type passwords into the field for the user name, so an unknown user name is not recorded.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from fairway.accounts.counting import counted
from fairway.accounts.models import User
from fairway.activity.commands import record
from fairway.activity.rules import Door, On, Who

LONGEST = 254  # characters; no name or address of ours is longer


def note_failure(*, login: str, address: str, client: str) -> None:
    """Count a failure; record an event with the count for the 1st, 2nd, 4th, 8th … failure within an hour."""
    user = person_named(login)
    if count := counted(f"sign-in-failed:{user.pk if user else 0}"):
        _tell(user, "person.sign_in_failed", count, address, client)


def note_wrong_code(*, user: User, address: str, client: str) -> None:
    """Count a wrong code after the right password, and record it as `note_failure` does: somebody may know the password."""
    if count := counted(f"code-refused:{user.pk}"):
        _tell(user, "person.code_refused", count, address, client)


def note_wrong_passkey(*, user: User | None, address: str, client: str) -> None:
    """Count a passkey that was not accepted, and record it as `note_failure` does. `user` is whose it says it is."""
    if count := counted(f"passkey-refused:{user.pk if user else 0}"):
        _tell(user, "person.passkey_refused", count, address, client)


def person_named(login: str) -> User | None:
    """Whose user name or mail address this is; None if it is nobody's."""
    if not login or not login.isprintable() or len(login) > LONGEST:
        return None
    return User.objects.filter(Q(username__iexact=login) | Q(email__iexact=login)).order_by("pk").first()


@transaction.atomic
def _tell(user: User | None, verb: str, count: int, address: str, client: str) -> None:
    who = Who(id=None, name="", door=Door.WEB, identified_by="nothing", address=address, client=client)
    on = On("person", user.pk, user.username) if user else On("person", 0, "a name that nobody has")
    record(who=who, verb=verb, on=on, after={"within_an_hour": count})
