"""Passkeys: keys of a device or a password manager that sign in, alone or as the second step after a password.

The `fido2` library makes and verifies what browsers sign; allauth's table keeps the keys (`Authenticator`). A passkey counts
only where it was made for: the origin that a browser names must be Fairway's own (`PUBLIC_URL`). An application on a host
below Fairway's could otherwise ask for Fairway's passkeys. What was asked (`Asked`) is kept in the session, and answered
once.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from fairway.accounts.access import revoke_access
from fairway.accounts.commands import on_person, require
from fairway.accounts.failed_sign_ins import note_wrong_passkey
from fairway.accounts.models import User
from fairway.accounts.queries import has_two_steps, may_use_password
from fairway.accounts.rules import Act, Actor, Blocked, Blocker
from fairway.accounts.two_step import new_recovery_codes
from fairway.activity.commands import record
from fairway.shared.names import Invalid, parse_text
from fairway.shared.translation import translate

if TYPE_CHECKING:  # it reads the public suffix list when it is imported
    from fido2.server import Fido2Server
    from fido2.webauthn import AttestedCredentialData

PASSKEY = "passkey"
ADD, SIGN_IN, SECOND_STEP = "add", "sign in", "second step"  # for what a browser is asked
SECONDS = 300  # within which the browser must answer
MOST = 20  # of one person
LONGEST_ANSWER = 20_000  # characters
KIND = Authenticator.Type.WEBAUTHN


@dataclass(frozen=True)
class Asked:
    """What a browser was asked to sign, and for what. `user` is whose passkey it must be; None: that of whoever signs in."""

    purpose: str
    challenge: str
    user: int | None
    name: str = ""
    at: float = 0.0

    def as_kept(self) -> dict[str, Any]:
        """For the session."""
        return asdict(self)


def why_not_here() -> str:
    """Why there are no passkeys in this installation, as a sentence; "" if there are."""
    parts = urlsplit(settings.PUBLIC_URL)
    host = parts.hostname or ""
    if _is_number(host):
        return translate(
            "Passkeys need a name, and Fairway's address is {url}. Set FAIRWAY_PUBLIC_URL to an address with a host name.",
            url=settings.PUBLIC_URL,
        )
    if parts.scheme != "https" and not (host == "localhost" or host.endswith(".localhost")):
        return translate(
            "Browsers have passkeys only for https addresses and for localhost, and Fairway's address is {url}.",
            url=settings.PUBLIC_URL,
        )
    return ""


def why_not_at(host: str) -> str:
    """Why a browser that opened Fairway at this host and port cannot use a passkey; "" if it can."""
    if why := why_not_here():
        return why
    if host != urlsplit(settings.PUBLIC_URL).netloc:
        return translate("Passkeys work only at Fairway's own address: open {url}.", url=settings.PUBLIC_URL)
    return ""


def passkeys_of(user: User) -> list[Authenticator]:
    """A person's passkeys, oldest first."""
    return list(Authenticator.objects.filter(user_id=user.pk, type=KIND).order_by("created_at", "pk"))


def ask_for_new(user: User, name: str) -> tuple[dict[str, Any], Asked]:
    """What to give a browser so that it makes a passkey with this name, and what to keep until it has. Raises `Invalid`."""
    from fido2.webauthn import (
        PublicKeyCredentialUserEntity,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    _refuse_elsewhere()
    wanted, held = parse_text(name, field="name", longest=60, required=True), passkeys_of(user)
    if len(held) >= MOST:
        raise Invalid("name", "would be more than {most} passkeys; remove one first.", most=MOST)
    if any(one.data["name"] == wanted for one in held):
        raise Invalid("name", "“{name}” is the name of another passkey of yours.", name=wanted)
    options, state = _server().register_begin(
        user=PublicKeyCredentialUserEntity(id=_handle(user), name=user.username, display_name=user.shown_name),
        credentials=[_credential(one) for one in held],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(options), Asked(ADD, state["challenge"], user.pk, wanted, time.time())


def ask_for_one(user: User | None) -> tuple[dict[str, Any], Asked]:
    """What to give a browser so that it signs with a passkey of this person, or of whoever signs in, and what to keep until
    it has. Raises `Invalid`."""
    from fido2.webauthn import UserVerificationRequirement

    _refuse_elsewhere()
    held = [_credential(one) for one in passkeys_of(user)] if user else None
    options, state = _server().authenticate_begin(credentials=held, user_verification=UserVerificationRequirement.REQUIRED)
    purpose, number = (SECOND_STEP, user.pk) if user else (SIGN_IN, None)
    return dict(options), Asked(purpose, state["challenge"], number, at=time.time())


@transaction.atomic
def add_passkey(*, actor: Actor, asked: Mapping[str, Any] | None, answer: str) -> list[str] | None:
    """Keep the passkey that the actor's browser made. The first second step turns two-step sign-in on: other sessions end,
    and recovery codes are returned, else None. Raises `Blocked` or `Invalid`."""
    user = _own_account(actor)
    kept = _taken(asked, ADD, user.pk)
    if not (user.has_usable_password() and may_use_password(user)):
        raise Invalid("credential", "cannot be added: you sign in with a provider, which decides about second steps.")
    given = _parsed(answer)
    try:
        made = _server().register_complete(_state(kept), given)
        credential = made.credential_data
    except (ValueError, KeyError, TypeError, AssertionError):
        raise _wrong() from None
    assert credential is not None
    identifier = credential.credential_id.hex()
    if any(_credential(one).credential_id.hex() == identifier for one in Authenticator.objects.filter(type=KIND)):
        raise Invalid("credential", "is a passkey that is registered already.")
    was_on = has_two_steps(user)
    data = {"name": kept.name, "credential": given, "count": made.counter}
    Authenticator.objects.create(user=user, type=KIND, data=data)
    record(who=actor.who, verb="person.passkey_added", on=on_person(user), after={"passkey": kept.name})
    if was_on:
        return None
    codes = new_recovery_codes(user)
    record(who=actor.who, verb="person.two_step_turned_on", on=on_person(user), after=revoke_access(user, keeps_keys=True))
    return codes


@transaction.atomic
def remove_passkey(*, actor: Actor, number: int) -> bool:
    """Remove one of the actor's passkeys; False if there is none of this number. Raises `Blocked`, or `Invalid` if it is
    their only second step: turning two-step sign-in off removes it, too, and asks for the password."""
    user = _own_account(actor)
    row = Authenticator.objects.filter(pk=number, user_id=user.pk, type=KIND).first()
    if row is None:
        return False
    others = Authenticator.objects.filter(user_id=user.pk, type__in=[KIND, Authenticator.Type.TOTP]).exclude(pk=row.pk)
    if not others.exists():
        raise Invalid("passkey", "is your only second step; turn two-step sign-in off, or add another one first.")
    row.delete()
    record(who=actor.who, verb="person.passkey_removed", on=on_person(user), before={"passkey": row.data["name"]})
    return True


def take_passkey(
    *, asked: Mapping[str, Any] | None, answer: str, user: User | None = None, address: str = "", client: str = ""
) -> User:
    """Whose passkey signed what was asked; with `user`, as the second step of this person. Wrong ones are recorded, few of
    them. Raises `Invalid`."""
    owner = user
    try:
        given = _parsed(answer)
        owner = user or _named(given)
        kept = _taken(asked, SECOND_STEP if user else SIGN_IN, user.pk if user else None)
        return _verified(kept, given, owner)
    except Invalid:
        note_wrong_passkey(user=owner, address=address, client=client)
        raise


@transaction.atomic
def _verified(kept: Asked, given: dict[str, Any], owner: User | None) -> User:
    if owner is None:
        raise _wrong()
    user = User.objects.select_for_update(no_key=True).get(pk=owner.pk)
    if not user.is_active or user.is_service or not may_use_password(user):
        raise _wrong()
    held = {_credential(row).credential_id: row for row in passkeys_of(user)}
    from fido2.webauthn import AuthenticationResponse

    try:
        known = [_credential(row) for row in held.values()]
        used = _server().authenticate_complete(_state(kept), known, given)
        count = AuthenticationResponse.from_dict(given).response.authenticator_data.counter
    except (ValueError, KeyError, TypeError, AssertionError):
        raise _wrong() from None
    row = held[used.credential_id]
    before = row.data.get("count", 0)
    if (count or before) and count <= before:  # it counts, so whoever is not ahead of us is a copy
        raise _wrong()
    row.data["count"], row.last_used_at = count, timezone.now()
    row.save(update_fields=["data", "last_used_at"])
    return user


def _taken(asked: Mapping[str, Any] | None, purpose: str, user: int | None) -> Asked:
    """What was asked, which can be answered once, also by requests at the same moment. Raises `Invalid`."""
    if not asked or asked.get("purpose") != purpose or asked.get("user") != user:
        raise _wrong()
    kept = Asked(**asked)
    key = f"passkey-answered:{hashlib.sha256(kept.challenge.encode()).hexdigest()}"
    if not 0 <= time.time() - kept.at <= SECONDS or not cache.add(key, 1, SECONDS):
        raise _wrong()
    return kept


def _parsed(answer: str) -> dict[str, Any]:
    """What a browser sent. Raises `Invalid`."""
    if not answer:
        raise Invalid("credential", "is missing: the browser was not asked for it, perhaps because scripts are turned off.")
    try:
        found = json.loads(answer) if len(answer) <= LONGEST_ANSWER else None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("response"), dict):
        raise _wrong()
    return found


def _named(given: Mapping[str, Any]) -> User | None:
    """The person that the passkey says it is of. What it signed must be of one of their passkeys; see `_verified`."""
    from fido2.utils import websafe_decode

    try:
        text = websafe_decode(given["response"].get("userHandle") or "").decode("ascii")
    except (ValueError, TypeError, AttributeError):
        return None
    return User.objects.filter(pk=int(text)).first() if text.isdigit() and len(text) < 18 else None


def _own_account(actor: Actor) -> User:
    """The actor's account, locked. Raises `Blocked`."""
    require(actor, Act.CHANGE_ACCOUNT)
    user = User.objects.select_for_update(no_key=True).filter(pk=actor.id or 0).first()
    if user is None or user.generation != actor.authentication.generation:
        raise Blocked([Blocker(code="ended", sentence=translate("You have been signed out; sign in again."))])
    return user


def _wrong() -> Invalid:
    return Invalid(
        "credential", "was not accepted: it is of somebody else, was removed, was used already, or took too long."
    )


def _refuse_elsewhere() -> None:
    if why_not_here():
        raise Invalid("credential", "is not possible at this address of Fairway; the page says why.")


def _server() -> Fido2Server:
    from fido2.server import Fido2Server
    from fido2.webauthn import PublicKeyCredentialRpEntity

    url = urlsplit(settings.PUBLIC_URL)
    own = f"{url.scheme}://{url.netloc}"
    entity = PublicKeyCredentialRpEntity(id=url.hostname or "", name="Fairway")
    return Fido2Server(entity, verify_origin=lambda origin: origin == own)


def _state(kept: Asked) -> dict[str, str]:
    return {"challenge": kept.challenge, "user_verification": "required"}


def _credential(row: Authenticator) -> AttestedCredentialData:
    from fido2.webauthn import RegistrationResponse

    kept = RegistrationResponse.from_dict(row.data["credential"])
    found: AttestedCredentialData | None = kept.response.attestation_object.auth_data.credential_data
    assert found is not None, f"the stored passkey {row.pk} holds no key"
    return found


def _handle(user: User) -> bytes:
    """What a passkey knows its person by: their number, which tells nothing about them."""
    return str(user.pk).encode()


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
