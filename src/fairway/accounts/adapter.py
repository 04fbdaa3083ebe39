"""Adapts django-allauth: nobody can sign up without an invitation, and every sign-in and sign-out is an event."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from allauth.account.signals import password_changed, password_set
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from fairway.accounts.access import ACTING_AS, SECOND_STEP
from fairway.accounts.commands import record_sign_in
from fairway.accounts.failed_sign_ins import note_failure, person_named
from fairway.accounts.mail_commands import send_for_system
from fairway.accounts.mailing import seal
from fairway.accounts.mails import reset_mail
from fairway.accounts.models import User
from fairway.accounts.permissions import actor_if_signed_in, forget_actor
from fairway.accounts.profiles import set_own_password
from fairway.accounts.queries import actor_for, has_two_steps
from fairway.accounts.sessions import begin_session, follow_key
from fairway.activity.rules import Door

if TYPE_CHECKING:

    class DefaultAccountAdapter:
        """The part of allauth's adapter that Fairway uses; allauth ships no types."""

        request: HttpRequest

        def login(self, request: HttpRequest, user: Any) -> None: ...
        def logout(self, request: HttpRequest) -> None: ...
        def get_reset_password_from_key_url(self, key: str) -> str: ...
        def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None: ...
        def set_password(self, user: Any, password: str) -> None: ...

    class DefaultMFAAdapter:
        """The part of allauth's adapter of second steps that Fairway uses."""

    class LoginStage:
        """The part of allauth's stage of a sign-in that Fairway uses."""

        login: Any
        state: dict[str, Any]
else:
    from allauth.account.adapter import DefaultAccountAdapter
    from allauth.account.stages import LoginStage
    from allauth.mfa.adapter import DefaultMFAAdapter

PASSWORD, PROVIDER = "password", "provider "


class AccountAdapter(DefaultAccountAdapter):
    """Local accounts, created by administrators only."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        return ["fairway.accounts.adapter.SecondStep"]

    def login(self, request: HttpRequest, user: User) -> None:
        """Start the session of somebody who gave their password, and a code if they are asked for one."""
        code = getattr(request, "second_step", "")  # set by the page that took it
        self.login_by(request, user, f"{PASSWORD} and {code}" if code else PASSWORD)

    def login_by(self, request: HttpRequest, user: User, identified_by: str) -> None:
        """Start a session, with a new key, and record the event in one transaction. A service account has none."""
        if user.is_service:
            raise PermissionDenied(gettext("A service account cannot sign in."))
        with transaction.atomic():
            super().login(request, user)
            request.session.pop(ACTING_AS, None)
            request.session.pop(SECOND_STEP, None)
            if identified_by != PASSWORD:
                request.session[SECOND_STEP] = identified_by
            record_sign_in(who=_actor(request, user, identified_by).who, signed_in=True)
            begin_session(request, user, identified_by)
        forget_actor(request)

    def logout(self, request: HttpRequest) -> None:
        """End the session and record the event."""
        actor = actor_if_signed_in(request)
        with transaction.atomic():
            if actor is not None:
                record_sign_in(who=actor.who, signed_in=False)
            super().logout(request)
        forget_actor(request)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """By what failures are counted: the person, whatever host and port the browser names, and by whichever of their
        names; of names that nobody has, the name. allauth counts for each host."""
        login = str(credentials.get("username") or credentials.get("email") or "")
        person = person_named(login)
        return f"person:{person.pk}" if person else f"name:{hashlib.sha256(login.lower().encode()).hexdigest()}"

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The address in a mail leads to Fairway's own address, whatever host and port the request named."""
        return str(settings.PUBLIC_URL) + urlsplit(super().get_reset_password_from_key_url(key)).path

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Record a sign-in that is refused because of too many tries as failed, too."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            self.authentication_failed(request, **credentials)
            raise

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        note_failure(
            login=str(credentials.get("username") or credentials.get("email") or ""),
            address=request.META.get("REMOTE_ADDR", ""),
            client=request.headers.get("User-Agent", "")[:200],
        )

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send Fairway's own mail instead of allauth's template, in the reader's language."""
        if template_prefix != "account/email/password_reset_key":
            raise NotImplementedError(template_prefix)
        send_for_system(user=context["user"], mail=reset_mail(context["user"], context["password_reset_url"]))

    def set_password(self, user: User, password: str) -> None:
        """Set the password that a person chose through a mailed link; this revokes all their access."""
        set_own_password(user=user, password=password, address=self.request.META.get("REMOTE_ADDR", ""))


class SecondStep(LoginStage):
    """What follows the password of somebody who turned two-step sign-in on: the page that asks for a code. A sign-in that
    was begun before their access was revoked ends there."""

    key = "second_step"
    urlname = "second-step"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        if not has_two_steps(self.login.user):
            return None, True
        self.state["generation"] = self.login.user.generation
        return redirect(self.urlname), True


class MfaAdapter(DefaultMFAAdapter):
    """Seals what allauth stores of two-step sign-in, and says how authenticator apps call an account."""

    def encrypt(self, text: str) -> str:
        return seal().seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return seal().open(encrypted_text)

    def get_totp_label(self, user: User) -> str:
        return user.username

    def get_totp_issuer(self) -> str:
        return f"Fairway {urlsplit(settings.PUBLIC_URL).hostname}"


@receiver([password_changed, password_set])
def _follow(request: HttpRequest, **_: Any) -> None:
    """A session goes on with another key after its person has chosen a new password."""
    follow_key(request)


def _actor(request: HttpRequest, user: User, identified_by: str) -> Any:
    return actor_for(
        user,
        door=Door.WEB,
        identified_by=identified_by,
        address=request.META.get("REMOTE_ADDR", ""),
        client=request.headers.get("User-Agent", "")[:200],
    )
