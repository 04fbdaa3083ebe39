"""Two-step sign-in: whoever gave their password also gives a code of their authenticator app, or a recovery code.

allauth stores both and computes the codes; what is secret of them is sealed (`adapter.MfaAdapter`). Which codes were used is
stored with them, and read and written under a lock, so that no code works twice, whichever process is asked.
"""

from __future__ import annotations

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.db import transaction

from fairway.accounts.access import revoke_access
from fairway.accounts.commands import on_person, refuse_own_token, require
from fairway.accounts.failed_sign_ins import note_wrong_code
from fairway.accounts.mailing import seal
from fairway.accounts.models import User
from fairway.accounts.queries import has_two_steps, is_two_step_required, may_use_password
from fairway.accounts.rules import Act, Actor, Blocked, Blocker
from fairway.activity.commands import record
from fairway.activity.rules import Door, Who
from fairway.shared.names import Invalid
from fairway.shared.translation import translate

APP, RECOVERY = "authenticator app", "recovery code"
GROUP = 4  # digits of a recovery code that are shown together


def new_secret() -> str:
    """A secret for an authenticator app: 160 random bits in Base32."""
    return str(generate_totp_secret())


def address_for_app(username: str, secret: str) -> str:
    """What the QR code says: how an authenticator app calls the account, and the secret."""
    return str(get_adapter().build_totp_url(User(username=username), secret))


@transaction.atomic
def turn_on(*, actor: Actor, secret: str, code: str) -> list[str]:
    """Ask the actor for a code at each sign-in with their password from now on; returns their recovery codes. Their other
    sessions end, because they began without one; tokens and the calendar feed stay.

    Raises `Blocked`, or `Invalid` if the code is not one of this secret, or two-step sign-in is on already.
    """
    user = _own_account(actor)
    if _kept(user, Authenticator.Type.TOTP):
        raise Invalid("code", "is not needed: an app is set up already. Turn two-step sign-in off first to use another one.")
    if not (user.has_usable_password() and may_use_password(user)):
        raise Invalid("password", "is not what you sign in with, so there is no second step to add.")
    counter = _counter_of(secret, code)
    if counter is None:
        raise _wrong_code()
    app = TOTP.activate(user, secret).instance
    app.data["last_counter"] = counter
    app.save(update_fields=["data"])
    codes = new_recovery_codes(user)
    record(who=actor.who, verb="person.two_step_turned_on", on=on_person(user), after=revoke_access(user, keeps_keys=True))
    return codes


@transaction.atomic
def turn_off(*, actor: Actor) -> None:
    """Ask the actor for their password only; their passkeys are removed, too. No error if it is off already. Raises
    `Blocked`, also where everybody must use two steps."""
    user = _own_account(actor)
    if is_two_step_required():
        sentence = translate("Everybody must use two-step sign-in here.")
        raise Blocked([Blocker(code="two_step_required", sentence=sentence, who=translate("any Admin"))])
    if _forget(user):
        record(who=actor.who, verb="person.two_step_turned_off", on=on_person(user))


@transaction.atomic
def make_recovery_codes(*, actor: Actor) -> list[str]:
    """New recovery codes for the actor; the ones before stop working. Raises `Blocked`, or `Invalid` if two-step sign-in is
    off."""
    user = _own_account(actor)
    if not has_two_steps(user):
        raise Invalid("codes", "are made when two-step sign-in is turned on; it is off.")
    codes = new_recovery_codes(user)
    record(who=actor.who, verb="person.recovery_codes_made", on=on_person(user))
    return codes


@transaction.atomic
def reset_two_step(*, actor: Actor, user: User) -> bool:
    """Turn two-step sign-in off for somebody who lost their phone, and end their sessions: it may be signed in. Their tokens
    stay. Returns whether it was on. Raises `Blocked`."""
    require(actor, Act.MANAGE_PEOPLE)
    refuse_own_token(actor, user)
    locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not _forget(locked):
        return False
    ended = revoke_access(locked, keeps_keys=True)
    record(who=actor.who, verb="person.two_step_reset", on=on_person(locked), after=ended)
    return True


def take_code(*, user: User, code: str, address: str = "", client: str = "") -> str:
    """Use a code up; returns which second step it is, `APP` or `RECOVERY`. The use of a recovery code is an event, and so
    are wrong codes, of which few are recorded. Raises `Invalid`."""
    found = _taken(user, code, address, client)
    if not found:
        note_wrong_code(user=user, address=address, client=client)
        raise _wrong_code()
    return found


def recovery_codes_left(user: User) -> int:
    kept = _kept(user, Authenticator.Type.RECOVERY_CODES)
    return len(RecoveryCodes(kept).get_unused_codes()) if kept else 0


@transaction.atomic
def reseal_two_step() -> int:
    """Seal every stored secret of two-step sign-in with the newest key; returns how many there are."""
    count = 0
    for row in Authenticator.objects.select_for_update(no_key=True):
        for name in {"secret", "seed"} & row.data.keys():
            row.data[name] = seal().reseal(row.data[name])
            count += 1
        row.save(update_fields=["data"])
    return count


@transaction.atomic
def _taken(user: User, code: str, address: str, client: str) -> str:
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # the same code twice at once: one after the other
    app = _kept(user, Authenticator.Type.TOTP)  # None for somebody who has only passkeys
    counter = _counter_of(seal().open(app.data["secret"]), code) if app else None
    if app is not None and counter is not None:
        if counter <= app.data.get("last_counter", 0):
            return ""
        app.data["last_counter"] = counter
        app.save(update_fields=["data"])
        app.record_usage()
        return APP
    spare = _kept(user, Authenticator.Type.RECOVERY_CODES)
    if spare is None or not RecoveryCodes(spare).validate_code(code):
        return ""
    who = Who(id=user.pk, name=user.username, door=Door.WEB, identified_by="password", address=address, client=client)
    left = recovery_codes_left(user)
    record(who=who, verb="person.recovery_code_used", on=on_person(user), after={"codes_left": left})
    return RECOVERY


def _wrong_code() -> Invalid:
    return Invalid("code", "is wrong, too old, or was used already; enter the one that your app shows now.")


def _counter_of(secret: str, code: str) -> int | None:
    """The half minute of this code: the present one, or one beside it (`MFA_TOTP_TOLERANCE`); None if it is of none."""
    for counter in yield_hotp_counters_from_time():
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, counter))):
            return int(counter)
    return None


def _own_account(actor: Actor) -> User:
    """The actor's account, locked. It may be one that has yet to set up a second step. Raises `Blocked`."""
    require(actor, Act.CHANGE_ACCOUNT)
    user = User.objects.select_for_update(no_key=True).filter(pk=actor.id or 0).first()
    if user is None or user.generation != actor.authentication.generation:
        sentence = translate("You have been signed out; sign in again.")
        raise Blocked([Blocker(code="ended", sentence=sentence)])
    return user


def has_app(user: User) -> bool:
    """Whether an authenticator app is set up."""
    return _kept(user, Authenticator.Type.TOTP) is not None


def new_recovery_codes(user: User) -> list[str]:
    """Replace the person's recovery codes, in the transaction of a command that says so."""
    Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES).delete()
    return [_grouped(code) for code in RecoveryCodes.activate(user).generate_codes()]


def _grouped(code: str) -> str:
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def _kept(user: User, kind: str) -> Authenticator | None:
    return Authenticator.objects.filter(user_id=user.pk, type=kind).first()


def _forget(user: User) -> bool:
    count, _ = Authenticator.objects.filter(user_id=user.pk).delete()
    return bool(count)
