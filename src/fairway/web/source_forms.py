"""Forms for what an application is made from and how it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

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
from fairway.web.forms import PLAIN
from fairway.web.words import ACCESS_WORDS

INSTALL_FIELDS = ("publish", "python", "node")
MANUAL_KINDS = [
    ("python", "Python"),
    ("node", "Node.js"),
    ("static", _("Static files")),
    ("program", _("A program built with a toolchain of this machine")),
]


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
        choices=[(access.value, words) for access, words in ACCESS_WORDS.items()],
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
        own = {name: stated for name, stated in (before.get("services") or {}).items() if stated.get("image")}
        if own:  # the field shows the others only
            ours["services"] = {**own, **ours.get("services", {})}
        elif "services" in before and not before["services"]:
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
