"""Authenticates by user name or by a confirmed mail address. An unconfirmed address identifies nobody."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from fairway.accounts.mailing import trouble_now
from fairway.accounts.models import User
from fairway.accounts.queries import confirmed_people, may_use_password

if TYPE_CHECKING:

    class AuthenticationBackend:
        """The part of allauth's backend that Fairway uses; allauth ships no types."""

        def _check_password(self, user: Any, password: str) -> Any: ...

    class ResetPasswordForm:
        """The part of allauth's form that Fairway uses."""

        users: list[User]

        def clean_email(self) -> str: ...
else:
    from allauth.account.auth_backends import AuthenticationBackend
    from allauth.account.forms import ResetPasswordForm


log = logging.getLogger(__name__)


class Backend(AuthenticationBackend):
    """Like allauth's backend, but accepts only confirmed mail addresses, and the passwords of those who may use one. It
    finds nobody for a service account, so that no session of one can exist."""

    def user_can_authenticate(self, user: User) -> bool:
        return user.is_active and not user.is_service

    def _check_password(self, user: User | None, password: str) -> User | None:
        found = super()._check_password(user, password)
        return found if found is None or may_use_password(found) else None

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        return self._check_password(confirmed_people(email).first(), password)


class ForgottenForm(ResetPasswordForm):
    """The form that mails a password link, to a confirmed address exactly as it was confirmed."""

    def clean_email(self) -> str:
        """The confirmed address. Databases match “ı” with a confirmed “i”; the mail must not go to the former.

        If the mail server does not work, everybody is told so, whether the address is known or not. Raises
        `ValidationError`.
        """
        typed = super().clean_email()
        if why := trouble_now():
            log.error("No link to choose a new password could be sent: %s", why)
            raise ValidationError(
                gettext("The mail server does not answer as it should, so no link was sent. Ask an administrator for one.")
            )
        self.users = [user for user in confirmed_people(typed).filter(is_active=True) if may_use_password(user)]
        return self.users[0].email if self.users else typed
