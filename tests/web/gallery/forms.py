"""Forms with the fields the templates name; the views' own forms look the same to a template."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.safestring import mark_safe


class ImageForm(forms.Form):
    reference = forms.CharField()


class GitForm(forms.Form):
    url = forms.CharField()
    ref = forms.CharField(required=False)


class RunFields(forms.Form):
    has_more = True  # so that the part that is folded away is looked at, too
    command = forms.CharField(required=False)
    build = forms.CharField(required=False)
    release = forms.CharField(required=False)
    services = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    publish = forms.CharField(required=False)
    python = forms.CharField(required=False)
    node = forms.CharField(required=False)
    port = forms.IntegerField(required=False, min_value=1, max_value=65535)
    health = forms.CharField(required=False)
    start_seconds = forms.CharField(required=False)
    volumes = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))


class DetectedForm(RunFields):
    name = forms.CharField()
    version = forms.CharField(required=False)
    access = forms.ChoiceField(choices=[("public", "Everybody"), ("signed_in", "Any signed-in person")])
    environment = forms.ChoiceField(choices=[("development", "Development"), ("staging", "Staging")])


class ManualForm(DetectedForm):
    kind = forms.ChoiceField(choices=[("python", "Python"), ("node", "Node.js"), ("static", "Static files")])


class SpecForm(RunFields):
    name = forms.CharField()
    description = forms.CharField(required=False)
    kind = forms.ChoiceField(required=False, choices=[("", "as detected"), ("python", "Python")])
    framework = forms.CharField(required=False)
    root = forms.CharField(required=False)
    memory_mb = forms.IntegerField(required=False)
    cpus = forms.DecimalField(required=False)
    sticky = forms.ChoiceField(required=False, choices=[("", "as the application needs it"), ("on", "on"), ("off", "off")])


class EnvironmentForm(forms.Form):
    name = forms.CharField()
    slug = forms.CharField()
    host = forms.CharField()
    description = forms.CharField(required=False)
    runtime = forms.ChoiceField(choices=[("process", "process"), ("docker", "docker")])
    docker_host = forms.CharField(required=False)
    require = forms.MultipleChoiceField(choices=[("user", "User"), ("ports", "Ports")], widget=forms.CheckboxSelectMultiple)
    reads = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    position = forms.IntegerField()


class ProtectionForm(forms.Form):
    approvals_needed = forms.IntegerField()
    approval_days = forms.IntegerField()
    approval_roles = forms.MultipleChoiceField(choices=[("admin", "Admin")], widget=forms.CheckboxSelectMultiple)
    approval_people = forms.CharField(required=False)
    deploy_roles = forms.MultipleChoiceField(choices=[("deployer", "Deployer")], widget=forms.CheckboxSelectMultiple)
    deploy_people = forms.CharField(required=False)
    only_releases = forms.BooleanField(required=False)
    needs_ready = forms.BooleanField(required=False)
    proven_in = forms.ChoiceField(choices=[("", "no environment"), ("staging", "Staging")])
    proven_hours = forms.IntegerField(required=False)
    strategy = forms.ChoiceField(
        choices=[("all", "All at once"), ("canary", "Canary: an eighth, a quarter, a half, then all")]
    )
    when_worse = forms.ChoiceField(choices=[("tell", "Tell the channels"), ("roll_back", "Tell them and roll back")])


class ProfileForm(forms.Form):
    name = forms.CharField()
    email = forms.EmailField(required=False)
    language = forms.ChoiceField(choices=[("", "As the browser"), ("en", "English"), ("fr", "Français")], required=False)
    theme = forms.ChoiceField(choices=[("", "As the system"), ("light", "Light"), ("dark", "Dark")], required=False)


class PersonForm(forms.Form):
    username = forms.CharField()
    name = forms.CharField()
    email = forms.EmailField(required=False)


class TokenForm(forms.Form):
    name = forms.CharField()
    role = forms.ChoiceField(choices=[("", "All my roles"), ("deployer", "Deployer")], required=False)
    application = forms.ChoiceField(choices=[("", "every application"), ("storefront", "Storefront")], required=False)
    environment = forms.ChoiceField(choices=[("", "every environment"), ("production", "Production")], required=False)
    expires = forms.ChoiceField(choices=[("30", "in 30 days"), ("365", "in a year"), ("", "never")], required=False)


class RegistryForm(forms.Form):
    name = forms.CharField()
    host = forms.CharField()
    username = forms.CharField()
    password = forms.CharField(widget=forms.PasswordInput)


class HttpsForm(RegistryForm):
    username = forms.CharField(required=False)


class KeyForm(forms.Form):
    name = forms.CharField()
    host = forms.CharField()
    private_key = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 4, "class": "mono"}))
    known_hosts = forms.CharField(widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}))


class LoginForm(forms.Form):
    login = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))
    remember = forms.BooleanField(required=False)


class FirstRunForm(forms.Form):
    username = forms.CharField()
    name = forms.CharField(required=False)
    password1 = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}))
    password2 = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}))


class PasswordForm(forms.Form):
    oldpassword = forms.CharField(label="Current password", widget=forms.PasswordInput)
    password1 = forms.CharField(
        label="New password", widget=forms.PasswordInput, help_text=mark_safe("<ul><li>At least 10 characters.</li></ul>")
    )
    password2 = forms.CharField(label="New password (again)", widget=forms.PasswordInput)
    keeps_keys = forms.BooleanField(
        label="Keep my API tokens and my calendar feed",
        help_text="Only if nobody else can know them. Leave it unticked when somebody might.",
        required=False,
    )


def filled(form: type[forms.Form], prefix: str = "id_%s", **values: Any) -> forms.Form:
    """A form that shows values and has no errors."""
    return form(initial=values, auto_id=prefix)


def wrong(form: type[forms.Form], prefix: str = "id_%s", **values: Any) -> forms.Form:
    """A form that was sent with these values, and says what is wrong with them."""
    return form(values, auto_id=prefix)


class ServiceAccountForm(forms.Form):
    purpose = forms.CharField(required=False)


class NewServiceAccountForm(ServiceAccountForm):
    username = forms.CharField()


class MailForm(forms.Form):
    host = forms.CharField(required=False)
    port = forms.IntegerField(required=False)
    security = forms.ChoiceField(choices=[("starttls", "STARTTLS"), ("tls", "TLS"), ("none", "None")])
    username = forms.CharField(required=False)
    password = forms.CharField(required=False, widget=forms.PasswordInput)
    sender_name = forms.CharField(required=False)
    sender = forms.EmailField(required=False)


class SignInProviderForm(forms.Form):
    kind = forms.CharField(required=False, widget=forms.HiddenInput)
    name = forms.CharField()
    slug = forms.CharField()
    issuer = forms.URLField(assume_scheme="https")
    client_id = forms.CharField()
    secret = forms.CharField(required=False, widget=forms.PasswordInput)
    scopes = forms.CharField()
    domains = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    admits = forms.ChoiceField(choices=[("linked", "Only people who connected it"), ("anybody", "Everybody it vouches for")])
    default_role = forms.ChoiceField(required=False, choices=[("", "none"), ("viewer", "Viewer")])
    required_groups = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    groups_claim = forms.CharField(required=False)
    roles = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 4}))
    is_enabled = forms.BooleanField(required=False)


class PasswordPolicyForm(forms.Form):
    passwords = forms.ChoiceField(choices=[("everybody", "Everybody who has one"), ("emergency", "Only emergency accounts")])
    emergency = forms.MultipleChoiceField(
        required=False, choices=[("ada", "ada (Ada Lovelace)"), ("grace", "grace")], widget=forms.CheckboxSelectMultiple
    )
    two_step_required = forms.BooleanField(required=False)


class TestMailForm(forms.Form):
    to = forms.EmailField()
