"""Forms. They check only the shape of the input; the rooms' commands decide what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from fairway.accounts.rules import ROLES_FOR, Act, Role
from fairway.drivers.wall.abilities import LAYERS
from fairway.environments.commands import MOST_APPROVAL_DAYS, MOST_APPROVALS, MOST_PROVEN_HOURS
from fairway.environments.models import Environment
from fairway.environments.queries import DOCKER
from fairway.environments.rules import WhenWorse
from fairway.shared.names import Invalid
from fairway.web.words import ROLE_LABELS, STRATEGY_WORDS, WALL_NAMES

WALL_CHOICES = [(name, WALL_NAMES[name]) for name in LAYERS]
MAY_BRING = [role for role in Role if role in ROLES_FOR[Act.DEPLOY] | ROLES_FOR[Act.SCHEDULE_RELEASE]]
PLAIN = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


def refuse(form: forms.BaseForm, problem: Invalid) -> None:
    """Show an `Invalid` beside the field it names, or on top if the form has no such field."""
    name = getattr(form, "names", {}).get(problem.field, problem.field)
    field = name if name in form.fields else None
    sentence = problem.sentence if field else f"{problem.field}: {problem.sentence}"
    form.add_error(field, sentence[:1].upper() + sentence[1:])


class NewPasswordForm(forms.Form):
    """A new password, entered twice."""

    password1 = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    password2 = forms.CharField(
        label=_("The same password again"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if "password2" not in self.errors and values.get("password1") != values.get("password2"):
            self.add_error("password2", gettext("The two passwords differ."))
        return values


class FirstAdministratorForm(NewPasswordForm):
    """The first administrator's names and password."""

    username = forms.CharField(
        label=_("User name"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "off"}),
    )
    name = forms.CharField(
        label=_("Your name"), max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    field_order = ("username", "name", "password1", "password2")


class EnvironmentForm(forms.Form):
    """An environment. `is_new` adds the field for its slug."""

    name = forms.CharField(label=_("Name"), max_length=80)
    slug = forms.CharField(label=_("Short name"), max_length=40, required=False, widget=forms.TextInput(attrs=PLAIN))
    host = forms.CharField(label=_("Host"), max_length=253, widget=forms.TextInput(attrs=PLAIN))
    description = forms.CharField(
        label=_("Description"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    runtime = forms.ChoiceField(label=_("Runtime"))
    docker_host = forms.CharField(
        label=_("Docker host"),
        max_length=300,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "ssh://deploy@docker.example.com", **PLAIN}),
    )
    require = forms.MultipleChoiceField(
        label=_("Required walls"), required=False, choices=WALL_CHOICES, widget=forms.CheckboxSelectMultiple
    )
    reads = forms.CharField(
        label=_("Folders that applications may read"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, **PLAIN}),
    )
    position = forms.IntegerField(label=_("Position"), required=False, min_value=0, max_value=1_000_000)

    def __init__(self, *args: Any, runtimes: Iterable[str], is_new: bool, **values: Any) -> None:
        super().__init__(*args, **values)
        field = self.fields["runtime"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(name, name) for name in runtimes]
        if not is_new:
            del self.fields["slug"]

    @property
    def names(self) -> dict[str, str]:
        """The form's fields by the keys of options, to show errors beside them."""
        return {"options.host": "docker_host", "options": "docker_host" if self.data.get("runtime") == DOCKER else "reads"}

    def wanted(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments for the commands. `options` are the present ones; the form changes only those of the chosen
        runtime."""
        values = dict(self.cleaned_data)
        folders = [line.strip() for line in values.pop("reads").split("\n")]
        asked = {"host": values.pop("docker_host"), "require": values.pop("require"), "reads": list(filter(None, folders))}
        kept = {name: value for name, value in options.items() if name not in asked}
        own = ("host",) if values["runtime"] == DOCKER else ("require", "reads")
        return {**values, "options": kept | {name: asked[name] for name in own if asked[name]}}


class ProtectionForm(forms.Form):
    """An environment's protection. `others` are the environments in which a version may have to run first."""

    approvals_needed = forms.IntegerField(label=_("Number of approvals"), min_value=0, max_value=MOST_APPROVALS)
    approval_days = forms.IntegerField(label=_("Days to wait for them"), min_value=1, max_value=MOST_APPROVAL_DAYS)
    approval_roles = forms.MultipleChoiceField(
        label=_("Roles that can approve"),
        required=False,
        choices=list(ROLE_LABELS.items()),
        widget=forms.CheckboxSelectMultiple,
    )
    approval_people = forms.CharField(
        label=_("People who can approve"), max_length=2000, required=False, widget=forms.TextInput(attrs=PLAIN)
    )
    deploy_roles = forms.MultipleChoiceField(
        label=_("Roles"),
        required=False,
        choices=[(role, ROLE_LABELS[role]) for role in MAY_BRING],
        widget=forms.CheckboxSelectMultiple,
    )
    deploy_people = forms.CharField(label=_("People"), max_length=2000, required=False, widget=forms.TextInput(attrs=PLAIN))
    only_releases = forms.BooleanField(label=_("Only through releases"), required=False)
    needs_ready = forms.BooleanField(label=_("Packages must be Ready"), required=False)
    proven_in = forms.ChoiceField(label=_("Must have run in"), required=False)
    proven_hours = forms.IntegerField(
        label=_("For this many hours"), required=False, min_value=1, max_value=MOST_PROVEN_HOURS
    )
    strategy = forms.ChoiceField(label=_("How a new version gets the requests"), choices=list(STRATEGY_WORDS.items()))
    when_worse = forms.ChoiceField(
        label=_("If it answers worse than the one before"),
        choices=[
            (WhenWorse.TELL.value, _("Tell the channels")),
            (WhenWorse.ROLL_BACK.value, _("Tell them and roll back")),
            (WhenWorse.IGNORE.value, _("Do not compare them")),
        ],
    )

    def __init__(self, *args: Any, others: Iterable[tuple[str, str]], **values: Any) -> None:
        super().__init__(*args, **values)
        field = self.fields["proven_in"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("no environment")), *others]

    @classmethod
    def filled(cls, environment: Environment) -> dict[str, Any]:
        """The initial values for an environment."""
        names = [name for name in cls.base_fields if not name.endswith("_people")]
        people = {name: ", ".join(getattr(environment, name)) for name in ("approval_people", "deploy_people")}
        return {
            **{name: getattr(environment, name) for name in names},
            **people,
            "proven_hours": environment.proven_hours or None,
        }

    def wanted(self) -> dict[str, Any]:
        """The arguments for the command."""
        values = dict(self.cleaned_data)
        for name in ("approval_people", "deploy_people"):
            values[name] = [one.strip() for one in values[name].split(",")]
        values["proven_hours"] = values["proven_hours"] or 0
        return values


class LockForm(forms.Form):
    """The reason and end of a lock."""

    reason = forms.CharField(label=_("Reason"), max_length=500)
    until = forms.DateTimeField(
        label=_("Until"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


class PersonForm(forms.Form):
    """A person, for administrators. `is_new` adds the field for the user name."""

    username = forms.CharField(label=_("User name"), max_length=60, widget=forms.TextInput(attrs=PLAIN))
    name = forms.CharField(label=_("Name"), max_length=150, required=False)
    email = forms.EmailField(label=_("E-mail"), required=False)

    def __init__(self, *args: Any, is_new: bool, **values: Any) -> None:
        super().__init__(*args, **values)
        if not is_new:
            del self.fields["username"]


class ServiceAccountForm(forms.Form):
    """A service account, for administrators. `is_new` adds the field for its name."""

    username = forms.CharField(label=_("Name"), max_length=60, widget=forms.TextInput(attrs=PLAIN))
    purpose = forms.CharField(label=_("Purpose"), max_length=150, required=False)

    def __init__(self, *args: Any, is_new: bool, **values: Any) -> None:
        super().__init__(*args, **values)
        if not is_new:
            del self.fields["username"]


class MailForm(forms.Form):
    """The mail server; an empty host means none. The password is never shown; an empty one keeps the stored one."""

    host = forms.CharField(label=_("Host"), max_length=253, required=False, widget=forms.TextInput(attrs=PLAIN))
    port = forms.IntegerField(label=_("Port"), required=False, min_value=1, max_value=65535)
    security = forms.ChoiceField(
        label=_("Encryption"),
        choices=[("starttls", "STARTTLS"), ("tls", "TLS"), ("none", _("None"))],
        initial="starttls",
    )
    username = forms.CharField(label=_("User name"), max_length=200, required=False, widget=forms.TextInput(attrs=PLAIN))
    password = forms.CharField(
        label=_("Password"),
        max_length=500,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    sender_name = forms.CharField(label=_("Sender's name"), max_length=100, required=False)
    sender = forms.EmailField(label=_("Sender's address"), required=False)


class SignInProviderForm(forms.Form):
    """A sign-in provider. The secret is never shown; an empty one keeps the stored one. `slug` and `kind` are only asked for
    once; GitHub has its own scopes and no claims."""

    kind = forms.CharField(max_length=10, initial="openid", required=False, widget=forms.HiddenInput())
    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput(attrs=PLAIN))
    slug = forms.CharField(label=_("Short name"), max_length=40, widget=forms.TextInput(attrs=PLAIN))
    issuer = forms.CharField(label=_("Issuer"), max_length=400, widget=forms.URLInput(attrs=PLAIN))
    client_id = forms.CharField(label=_("Client ID"), max_length=300, widget=forms.TextInput(attrs=PLAIN))
    secret = forms.CharField(
        label=_("Client secret"),
        max_length=500,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    scopes = forms.CharField(
        label=_("Scopes"),
        max_length=300,
        required=False,
        initial="openid email profile",
        widget=forms.TextInput(attrs=PLAIN),
    )
    domains = forms.CharField(
        label=_("Mail domains"), max_length=20_000, required=False, widget=forms.Textarea(attrs={"rows": 2, **PLAIN})
    )
    admits = forms.ChoiceField(
        label=_("Who is let in"),
        choices=[
            ("linked", _("Only people who connected it in their profile")),
            ("anybody", _("Everybody it vouches for; an account is created at the first sign-in")),
        ],
    )
    default_role = forms.ChoiceField(
        label=_("Role of new people"),
        required=False,
        choices=[("", _("none")), *((role.value, ROLE_LABELS[role]) for role in Role)],
    )
    required_groups = forms.CharField(
        label=_("Only members of"), max_length=100_000, required=False, widget=forms.Textarea(attrs={"rows": 2, **PLAIN})
    )
    groups_claim = forms.CharField(
        label=_("Claim with groups"), max_length=200, required=False, widget=forms.TextInput(attrs=PLAIN)
    )
    roles = forms.CharField(
        label=_("Roles of groups"),
        max_length=100_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, **PLAIN}),
    )
    is_enabled = forms.BooleanField(label=_("Offer it on the sign-in page"), required=False, initial=True)


class PasswordPolicyForm(forms.Form):
    """Who may sign in with a password, and whether a code must follow. `emergency` offers administrators with a password."""

    passwords = forms.ChoiceField(
        label=_("Who may use a password"),
        choices=[("everybody", _("Everybody who has one")), ("emergency", _("Only emergency accounts"))],
    )
    emergency = forms.MultipleChoiceField(label=_("Emergency accounts"), required=False, widget=forms.CheckboxSelectMultiple)
    two_step_required = forms.BooleanField(label=_("Everybody must use two-step sign-in"), required=False)

    def __init__(self, *given: Any, accounts: Iterable[tuple[str, str]], **named: Any) -> None:
        super().__init__(*given, **named)
        field = self.fields["emergency"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = list(accounts)


class TestMailForm(forms.Form):
    """The recipient of a test mail."""

    to = forms.EmailField(label=_("Send it to"))


class TokenForm(forms.Form):
    """An API token."""

    name = forms.CharField(label=_("Name"), max_length=80)
    role = forms.ChoiceField(label=_("May act as"), required=False)
    application = forms.ChoiceField(label=_("Application"), required=False)
    environment = forms.ChoiceField(label=_("Environment"), required=False)
    expires = forms.ChoiceField(
        label=_("Ends"),
        required=False,
        initial="90",
        choices=[("30", _("in 30 days")), ("90", _("in 90 days")), ("365", _("in a year")), ("", _("never"))],
    )

    def __init__(
        self,
        *args: Any,
        roles: Iterable[tuple[str, Any]],
        applications: Iterable[tuple[str, Any]],
        environments: Iterable[tuple[str, Any]],
        **values: Any,
    ) -> None:
        super().__init__(*args, **values)
        offered = {
            "role": [("", _("all my roles")), *roles],
            "application": [("", _("every application")), *applications],
            "environment": [("", _("every environment")), *environments],
        }
        for name, choices in offered.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices


class ServiceTokenForm(TokenForm):
    """A token of a service account; it must end."""

    expires = forms.ChoiceField(
        label=_("Ends"),
        initial="90",
        choices=[("30", _("in 30 days")), ("90", _("in 90 days")), ("365", _("in a year"))],
    )

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        role = self.fields["role"]
        assert isinstance(role, forms.ChoiceField)
        role.choices = [("", _("all its roles")), *values["roles"]]


class RegistryForm(forms.Form):
    """The credential for a registry."""

    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput(attrs=PLAIN))
    host = forms.CharField(label=_("Host"), max_length=253, widget=forms.TextInput(attrs=PLAIN))
    username = forms.CharField(label=_("User name"), max_length=200, widget=forms.TextInput(attrs=PLAIN))
    password = forms.CharField(
        label=_("Password or token"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )


class HttpsForm(forms.Form):
    """The credential for private Git repositories over HTTPS."""

    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput(attrs=PLAIN))
    host = forms.CharField(label=_("Host"), max_length=253, widget=forms.TextInput(attrs=PLAIN))
    username = forms.CharField(label=_("User name"), max_length=200, required=False, widget=forms.TextInput(attrs=PLAIN))
    password = forms.CharField(
        label=_("Password or token"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )


class KeyForm(forms.Form):
    """A deploy key of a repository. If it is empty, one is generated."""

    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput(attrs=PLAIN))
    host = forms.CharField(label=_("Host"), max_length=253, widget=forms.TextInput(attrs=PLAIN))
    private_key = forms.CharField(
        label=_("Private key"), required=False, strip=False, widget=forms.Textarea(attrs={"rows": 5, **PLAIN})
    )
    known_hosts = forms.CharField(
        label=_("Known hosts"), required=False, max_length=20_000, widget=forms.Textarea(attrs={"rows": 3, **PLAIN})
    )


class ProfileForm(forms.Form):
    """A person's own profile."""

    name = forms.CharField(label=_("Name"), max_length=150, required=False)
    email = forms.EmailField(label=_("E-mail"), required=False)
    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        choices=[("", _("same as the browser")), ("en", "English"), ("fr", "Français")],
    )
    theme = forms.ChoiceField(
        label=_("Theme"),
        required=False,
        choices=[("", _("same as the system")), ("light", _("Light")), ("dark", _("Dark"))],
    )
