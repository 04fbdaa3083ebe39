"""The form to change one's password, which asks whether tokens and feed stay valid, and the forms of two-step sign-in."""

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


class CodeForm(forms.Form):
    """A code of an authenticator app, or a recovery code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autocapitalize": "off", "spellcheck": "false"}
        ),
    )


class PasswordAgainForm(forms.Form):
    """One's password once more, before something about signing in is changed. Tries are limited as those of signing in."""

    password = forms.CharField(
        label=_("Your password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, *given: Any, user: User, **named: Any) -> None:
        super().__init__(*given, **named)
        self.user = user

    def clean_password(self) -> str:
        from allauth.account.adapter import get_adapter

        password: str = self.cleaned_data["password"]
        if not get_adapter().reauthenticate(self.user, password):
            raise forms.ValidationError(_("This is not your password."))
        return password


class PasskeyForm(PasswordAgainForm):
    """A new passkey's name, and one's password."""

    name = forms.CharField(label=_("Name"), max_length=60)
    field_order = ("name", "password")


class TwoStepForm(PasswordAgainForm, CodeForm):
    """The first code of an authenticator app, and one's password."""

    field_order = ("code", "password")
