"""The form to change one's password; it asks whether tokens and calendar feed stay valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from fairway.accounts.models import User
from fairway.accounts.profiles import set_own_password

if TYPE_CHECKING:

    class AllauthForm(forms.Form):
        """The part of allauth's form that Fairway uses; allauth ships no types."""

        user: User
        request: Any
else:
    from allauth.account.forms import ChangePasswordForm as AllauthForm


class ChangePasswordForm(AllauthForm):
    """allauth's form with the choice whether tokens and calendar feed stay valid. By default they do not."""

    keeps_keys = forms.BooleanField(
        label=_("Keep my API tokens and my calendar feed"),
        help_text=_("Only if nobody else can know them. Leave it unticked when somebody might."),
        required=False,
    )

    def save(self) -> None:
        values = self.cleaned_data
        set_own_password(user=self.user, password=values["password1"], keeps_keys=values["keeps_keys"], address=self.address)

    @property
    def address(self) -> str:
        from allauth.core import context

        return str(context.request.META.get("REMOTE_ADDR", ""))
