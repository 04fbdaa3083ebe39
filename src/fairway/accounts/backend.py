"""Signing in: by user name, or by an address that was confirmed. An address anybody may type names nobody."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from fairway.accounts.mailing import trouble_now
from fairway.accounts.models import User
from fairway.accounts.queries import confirmed_people

if TYPE_CHECKING:

    class AuthenticationBackend:
        """What we use of allauth's backend; allauth itself ships no types."""

        def _check_password(self, user: Any, password: str) -> Any: ...

    class ResetPasswordForm:
        """And of its form."""

        users: list[User]

        def clean_email(self) -> str: ...
else:
    from allauth.account.auth_backends import AuthenticationBackend
    from allauth.account.forms import ResetPasswordForm


log = logging.getLogger(__name__)


class Backend(AuthenticationBackend):
    """As allauth's, but for addresses."""

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        found: User | None = self._check_password(confirmed_people(email).first(), password)
        return found


class ForgottenForm(ResetPasswordForm):
    """Where a link to choose a new password goes: to the address that was confirmed, as it was confirmed."""

    def clean_email(self) -> str:
        """Databases find “ı” where “i” was confirmed; the mail must not follow them.

        Where the mail server does not work, everybody is told so, whoever's address they typed.
        """
        typed = super().clean_email()
        if why := trouble_now():
            log.error("No link to choose a new password could be sent: %s", why)
            raise ValidationError(
                gettext("The mail server does not answer as it should, so no link was sent. Ask an administrator for one.")
            )
        self.users = list(confirmed_people(typed).filter(is_active=True))
        return self.users[0].email if self.users else typed
