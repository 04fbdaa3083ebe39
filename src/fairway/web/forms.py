"""What people type, as forms. They check shape only; what is allowed and what it means is decided by the rooms' commands."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from fairway.shared.names import Invalid


def refuse(form: forms.BaseForm, problem: Invalid) -> None:
    """Put the domain's refusal beside the field it names, or on top when the form has no such field."""
    field = problem.field if problem.field in form.fields else None
    sentence = problem.sentence if field else f"{problem.field}: {problem.sentence}"
    form.add_error(field, sentence[:1].upper() + sentence[1:])


class PasswordsForm(forms.Form):
    """A password, twice."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        help_text=_("At least 10 characters; not one that is known or easily guessed."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password_again = forms.CharField(
        label=_("Password, again"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("password") != values.get("password_again") and "password_again" not in self.errors:
            self.add_error("password_again", gettext("The two passwords differ."))
        return values


class FirstAdministratorForm(PasswordsForm):
    """Who the first administrator is."""

    username = forms.CharField(
        label=_("Sign-in name"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "username"})
    )
    email = forms.EmailField(label=_("E-mail"), required=False, widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    field_order = ("username", "email", "password", "password_again")


class NewPasswordForm(PasswordsForm):
    """An invited person's password."""


class ChangePasswordForm(PasswordsForm):
    """One's own password, changed by whoever knows the old one."""

    current = forms.CharField(
        label=_("Current password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )
    field_order = ("current", "password", "password_again")


class EnvironmentForm(forms.Form):
    """A place where applications run."""

    name = forms.CharField(label=_("Name"), max_length=80)
    slug = forms.CharField(label=_("Short name"), max_length=40, required=False)
    host = forms.CharField(label=_("Domain"), max_length=253)
    url = forms.CharField(label=_("Address"), max_length=300, required=False)
    description = forms.CharField(
        label=_("Description"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    position = forms.IntegerField(label=_("Position"), required=False, min_value=0)
    runtime = forms.ChoiceField(label=_("Runtime"))
    lane = forms.CharField(label=_("Lane"), max_length=40, required=False)
    memory_mb = forms.IntegerField(label=_("Memory per instance, in MB"), required=False)
    cpus = forms.FloatField(label=_("CPUs per instance"), required=False)

    def __init__(self, *args: Any, runtimes: list[tuple[str, str]], **values: Any) -> None:
        super().__init__(*args, **values)
        field = self.fields["runtime"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = runtimes


class LockForm(forms.Form):
    """Why an environment is locked, and until when."""

    reason = forms.CharField(label=_("Reason"), max_length=500)
    until = forms.DateTimeField(
        label=_("Until"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


class PersonForm(forms.Form):
    """Somebody new."""

    username = forms.CharField(label=_("Sign-in name"), max_length=60)
    email = forms.EmailField(label=_("E-mail"), required=False)


class TokenForm(forms.Form):
    """A key for the API."""

    name = forms.CharField(label=_("Name"), max_length=80)
    role = forms.ChoiceField(label=_("May act as"), required=False)
    expires_at = forms.DateField(
        label=_("Expires"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, roles: list[tuple[str, Any]], **values: Any) -> None:
        super().__init__(*args, **values)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("all my roles")), *roles]


class CredentialForm(forms.Form):
    """How to get at a private registry or repository. The secret is never shown again."""

    kind = forms.ChoiceField(
        label=_("For"), choices=[("registry", _("A registry of images")), ("deploy_key", _("A Git repository, by deploy key"))]
    )
    name = forms.CharField(label=_("Name"), max_length=80)
    host = forms.CharField(label=_("Host"), max_length=253)
    username = forms.CharField(label=_("User name"), max_length=200, required=False)
    secret = forms.CharField(
        label=_("Password or private key"), strip=False, widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "off"})
    )
    known_hosts = forms.CharField(
        label=_("Known hosts"), max_length=20_000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


class ApplicationForm(forms.Form):
    """What an application is called."""

    name = forms.CharField(label=_("Name"), max_length=80)
    description = forms.CharField(
        label=_("Description"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class SpecForm(forms.Form):
    """How an application runs; empty fields mean what is detected."""

    command = forms.CharField(label=_("Command"), max_length=2000, required=False)
    port = forms.IntegerField(label=_("Port"), required=False)
    health_path = forms.CharField(label=_("Health path"), max_length=500, required=False)
    memory_mb = forms.IntegerField(label=_("Memory, in MB"), required=False)
    cpus = forms.FloatField(label=_("CPUs"), required=False)
    stop_grace = forms.FloatField(label=_("Seconds to stop in"), required=False)

    def overrides(self) -> dict[str, Any]:
        """The spec keys a person set."""
        values = self.cleaned_data
        memory = values.get("memory_mb")
        found = {name: values.get(name) for name in ("command", "port", "health_path", "cpus", "stop_grace")}
        found["memory_bytes"] = memory * 2**20 if memory is not None else None
        return {name: value for name, value in found.items() if value not in (None, "")}


class ProfileForm(forms.Form):
    """What a person tells about themselves."""

    first_name = forms.CharField(label=_("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=_("Last name"), max_length=150, required=False)
    email = forms.EmailField(label=_("E-mail"), required=False)
    language = forms.ChoiceField(label=_("Language"), required=False, choices=[("", _("as the browser says")), ("en", "English"), ("fr", "Français")])
