"""Forms. They check only the shape of the input; the rooms' commands decide what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from fairway.accounts.rules import ROLES_FOR, Act, Role
from fairway.deployments.rules import Access
from fairway.drivers.builders.spec_rules import (
    HEALTH,
    LONGEST_START,
    STARTED,
    command_text,
    health_text,
    parse_health,
    parse_services,
    parse_volumes,
    service_lines,
)
from fairway.drivers.wall.abilities import LAYERS
from fairway.environments.commands import MOST_APPROVAL_DAYS, MOST_APPROVALS, MOST_PROVEN_HOURS
from fairway.environments.models import Environment
from fairway.environments.queries import DOCKER
from fairway.shared.names import Invalid
from fairway.web.words import ROLE_LABELS, WALL_NAMES

INSTALL_FIELDS = ("publish", "python", "node")
MANUAL_KINDS = [
    ("python", "Python"),
    ("node", "Node.js"),
    ("static", _("Static files")),
    ("program", _("A program built with a toolchain of this machine")),
]
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


class TestMailForm(forms.Form):
    """The recipient of a test mail."""

    to = forms.EmailField(label=_("Send it to"))


class TokenForm(forms.Form):
    """An API token."""

    name = forms.CharField(label=_("Name"), max_length=80)
    role = forms.ChoiceField(label=_("May act as"), required=False)
    expires = forms.ChoiceField(
        label=_("Ends"),
        required=False,
        initial="90",
        choices=[("30", _("in 30 days")), ("90", _("in 90 days")), ("365", _("in a year")), ("", _("never"))],
    )

    def __init__(self, *args: Any, roles: Iterable[tuple[str, Any]], **values: Any) -> None:
        super().__init__(*args, **values)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("all my roles")), *roles]


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


class ImageForm(forms.Form):
    """An image in a registry."""

    names: ClassVar = {"image": "reference"}

    reference = forms.CharField(
        label=_("Image"),
        max_length=400,
        widget=forms.TextInput(attrs={"placeholder": "registry.example.com/team/app:1.2", **PLAIN}),
    )

    def source(self) -> dict[str, str]:
        return {"image": self.cleaned_data["reference"]}


class GitForm(forms.Form):
    """A Git repository and the ref to use."""

    url = forms.CharField(
        label=_("Repository"),
        max_length=500,
        widget=forms.TextInput(attrs={"placeholder": "https://git.example.com/team/app.git", **PLAIN}),
    )
    ref = forms.CharField(
        label=_("Branch, tag or commit"), max_length=250, required=False, widget=forms.TextInput(attrs=PLAIN)
    )

    def source(self) -> dict[str, str]:
        return {"url": self.cleaned_data["url"], "ref": self.cleaned_data["ref"] or "HEAD"}


class RunForm(forms.Form):
    """How an application runs; empty fields are detected."""

    command = forms.CharField(label=_("Start command"), max_length=2000, required=False, widget=forms.TextInput(attrs=PLAIN))
    build = forms.CharField(label=_("Build command"), max_length=2000, required=False, widget=forms.TextInput(attrs=PLAIN))
    release = forms.CharField(
        label=_("Release command"), max_length=2000, required=False, widget=forms.TextInput(attrs=PLAIN)
    )
    publish = forms.CharField(label=_("Publish folder"), max_length=400, required=False, widget=forms.TextInput(attrs=PLAIN))
    python = forms.CharField(label=_("Python version"), max_length=80, required=False, widget=forms.TextInput(attrs=PLAIN))
    node = forms.CharField(label=_("Node.js version"), max_length=80, required=False, widget=forms.TextInput(attrs=PLAIN))
    port = forms.IntegerField(label=_("Port"), required=False, min_value=1, max_value=65535)
    health = forms.CharField(label=_("Health check"), max_length=500, required=False, widget=forms.TextInput(attrs=PLAIN))
    start_seconds = forms.FloatField(label=_("Seconds until ready"), required=False, min_value=1, max_value=LONGEST_START)
    volumes = forms.CharField(
        label=_("Volumes"), max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 2, **PLAIN})
    )
    services = forms.CharField(
        label=_("Other services"), max_length=8000, required=False, widget=forms.Textarea(attrs={"rows": 2, **PLAIN})
    )

    @property
    def has_more(self) -> bool:
        """Whether something is set, or wrong, in the part that is folded away."""
        set_here = any(self[name].value() for name in ("release", "services", "volumes", "start_seconds"))
        return set_here or any(
            self[name].errors for name in ("release", "services", "volumes", "start_seconds", "python", "node")
        )

    @property
    def names(self) -> dict[str, str]:
        """The form's fields by the keys of the spec, to show errors beside them."""
        health = dict.fromkeys(HEALTH, "health")
        return {f"install.{name}": name for name in INSTALL_FIELDS} | {"memory_bytes": "memory_mb"} | health


class DetectedForm(RunForm):
    """A new application as detected, and its first environment. `is_manual` adds the field for its kind."""

    name = forms.CharField(label=_("Name"), max_length=80)
    version = forms.CharField(label=_("Version"), max_length=120, required=False)
    environment = forms.CharField(label=_("Environment"), max_length=40)
    access = forms.ChoiceField(
        label=_("Who may open it"),
        required=False,
        choices=[(Access.PUBLIC.value, _("Everybody")), (Access.SIGNED_IN.value, _("Any signed-in person"))],
    )
    kind = forms.ChoiceField(label=_("What it is"), choices=MANUAL_KINDS)

    def __init__(self, *args: Any, is_manual: bool, **values: Any) -> None:
        super().__init__(*args, **values)
        if is_manual:
            self.fields["command"].required = self.data.get("kind") in STARTED
        else:
            del self.fields["kind"]

    def changes(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The keys of the spec that differ from what was detected."""
        before = run_values(spec)
        values = {name: value for name, value in self.cleaned_data.items() if name not in ("name", "environment", "access")}
        changed = {name: value for name, value in values.items() if value is not None and value != before.get(name)}
        return spec_changes(changed)


class RunSettingsForm(RunForm):
    """An application's name and how it runs; empty fields are detected."""

    name = forms.CharField(label=_("Name"), max_length=80)
    description = forms.CharField(
        label=_("Description"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    kind = forms.ChoiceField(
        label=_("What it is"),
        required=False,
        choices=[("", _("as detected")), *MANUAL_KINDS, ("dockerfile", "Dockerfile")],
    )
    framework = forms.CharField(label=_("Framework"), max_length=80, required=False, widget=forms.TextInput(attrs=PLAIN))
    root = forms.CharField(label=_("Root folder"), max_length=400, required=False, widget=forms.TextInput(attrs=PLAIN))
    memory_mb = forms.IntegerField(label=_("Memory, MB"), required=False, min_value=16)
    cpus = forms.FloatField(label=_("CPUs"), required=False, min_value=0.01)
    sticky = forms.ChoiceField(
        label=_("Sticky sessions"),
        required=False,
        choices=[("", _("as the application needs it")), ("on", _("on")), ("off", _("off"))],
    )

    def overrides(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """The keys of the spec that a person set; keys without a field keep their value."""
        values = {name: value for name, value in self.cleaned_data.items() if name not in ("name", "description")}
        install = {name: value for name, value in (before.get("install") or {}).items() if name not in INSTALL_FIELDS}
        ours = spec_changes({name: value for name, value in values.items() if value not in (None, "")})
        shown = (*values, *HEALTH, "memory_bytes", "install")
        kept = {name: value for name, value in before.items() if name not in shown}
        # a person said that there is no release command, whatever is detected
        if "release" in before and not before["release"]:
            kept["release"] = []
        if "services" in before and not before["services"]:
            kept["services"] = {}
        install |= ours.pop("install", {})
        return kept | ours | ({"install": install} if install else {})


def run_values(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The initial values of a `RunForm` for a spec, or for the part of one that a person set."""
    lines = {name: command_text(tuple(spec[name])) if spec.get(name) else "" for name in ("command", "build", "release")}
    install = spec.get("install") or {}
    memory = spec.get("memory_bytes")
    return {
        **lines,
        **{name: str(install.get(name) or "") for name in INSTALL_FIELDS},
        "port": spec.get("port"),
        "health": health_text(spec),
        "start_seconds": spec.get("start_seconds"),
        "version": spec.get("version", ""),
        "kind": spec.get("kind", ""),
        "framework": spec.get("framework", ""),
        "root": spec.get("root", ""),
        "volumes": volume_lines(spec.get("volumes") or ()),
        "services": service_lines(spec.get("services") or {}),
        "memory_mb": memory // 2**20 if memory else None,
        "cpus": spec.get("cpus"),
        "sticky": "" if spec.get("sticky") is None else "on" if spec["sticky"] else "off",
    }


def volume_lines(volumes: Iterable[Sequence[str]]) -> str:
    """Volumes as text to edit, one per line."""
    return "\n".join(f"{name}: {target}" for name, target in volumes)


def spec_changes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a `RunForm` as keys of a spec. Raises `Invalid` for a volume or a service that is none."""
    others = (*INSTALL_FIELDS, "volumes", "memory_mb", "health")
    changes = {name: value for name, value in values.items() if name not in others}
    if "health" in values:
        kinds = parse_health(values["health"])
        changes |= {name: value for name, value in kinds.items() if value} or kinds  # the others make way (see `overlay`)
    if "services" in values:
        changes["services"] = parse_services(values["services"])
    install = {name: values[name] for name in INSTALL_FIELDS if name in values}
    if install:
        changes["install"] = install
    if "volumes" in values:
        changes["volumes"] = parse_volumes(values["volumes"])
    if "sticky" in values:
        changes["sticky"] = values["sticky"] == "on"
    if "memory_mb" in values:
        changes["memory_bytes"] = values["memory_mb"] * 2**20
    return changes


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
