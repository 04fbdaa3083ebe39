"""Forms of the release desk. They check only the shape of the input; the releases room decides its meaning."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from fairway.accounts.models import User
from fairway.accounts.queries import people_visible_to
from fairway.accounts.rules import Actor
from fairway.environments.models import Environment
from fairway.environments.queries import visible_to
from fairway.releases.rules import LONGEST_DESCRIPTION, MOST_PARALLEL, USUAL_PARALLEL
from fairway.web.forms import PLAIN
from fairway.web.presenters.filters import named

STAGES = [
    ("registered", pgettext_lazy("package", "Registered")),
    ("testing", pgettext_lazy("package", "Testing")),
    ("ready", pgettext_lazy("package", "Ready")),
]


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A person, chosen by user name; the display name is shown beside it."""

    def label_from_instance(self, obj: User) -> str:
        return named(obj)


class ReleaseForm(forms.Form):
    """A release. `is_new` adds the fields for name and version."""

    name = forms.CharField(label=_("Name"), max_length=80)
    version = forms.CharField(label=_("Version"), max_length=60, widget=forms.TextInput(attrs=PLAIN))
    description = forms.CharField(
        label=_("Description"),
        max_length=LONGEST_DESCRIPTION,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    manager = PersonField(User.objects.none(), label=_("Release manager"), to_field_name="username")
    deputy = PersonField(User.objects.none(), label=_("Deputy"), to_field_name="username", required=False)
    targets = forms.ModelMultipleChoiceField(
        Environment.objects.none(), label=_("Targets"), to_field_name="slug", widget=forms.CheckboxSelectMultiple
    )

    confirm = forms.CharField(max_length=60, required=False, widget=forms.TextInput(attrs=PLAIN))

    def __init__(self, *args: Any, is_new: bool, actor: Actor, confirm: str = "", **values: Any) -> None:
        super().__init__(*args, **values)
        if confirm:
            self.fields["confirm"].label = _("To change the targets all the same, type “%(name)s”") % {"name": confirm}
        else:
            del self.fields["confirm"]
        chosen = self.fields["targets"]
        assert isinstance(chosen, forms.ModelMultipleChoiceField)
        chosen.queryset = visible_to(actor).order_by("position", "slug")
        if not chosen.queryset.exists():
            del self.fields["targets"]  # there is nothing yet to choose from
        people = people_visible_to(actor).filter(is_active=True, is_service=False)
        for name in ("manager", "deputy"):
            field = self.fields[name]
            assert isinstance(field, PersonField)
            field.queryset = people
        if not is_new:
            del self.fields["name"], self.fields["version"]


class CloneForm(ReleaseForm):
    """A clone of a release under another version."""

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, is_new=True, **values)
        del self.fields["description"], self.fields["manager"], self.fields["deputy"]
        del self.fields["targets"]


class PackageForm(forms.Form):
    """One package; `version` is an image, a Git URL, an archive or an existing version."""

    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput(attrs=PLAIN))
    stage = forms.ChoiceField(label=_("Status"), choices=STAGES, required=False)
    version = forms.CharField(label=_("Version or URL"), max_length=1000, widget=forms.TextInput(attrs=PLAIN))
    checksum = forms.CharField(
        label=_("Checksum of an archive"), max_length=80, required=False, widget=forms.TextInput(attrs=PLAIN)
    )

    def source(self) -> str:
        """The text for `releases.source_input`: an archive's checksum follows the “#”."""
        version, checksum = self.cleaned_data["version"].strip(), self.cleaned_data["checksum"].strip()
        return f"{version}#{checksum}" if checksum and "#" not in version else version


class PasteForm(forms.Form):
    """A pasted list of packages."""

    text = forms.CharField(
        label=_("Packages"), strip=False, widget=forms.Textarea(attrs={"rows": 14, "class": "mono", **PLAIN})
    )


class ReasonForm(forms.Form):
    """The reason for an act."""

    reason = forms.CharField(label=_("Reason"), max_length=500)


class RollingOutForm(forms.Form):
    """How a whole release goes live, or back. `may_break_glass` offers the way past locks and freezes; `confirm` is what has
    to be typed, where something is taken down."""

    reason = forms.CharField(label=_("Reason"), max_length=500, required=False)
    parallel = forms.IntegerField(
        label=_("Packages at a time"), min_value=1, max_value=MOST_PARALLEL, initial=USUAL_PARALLEL
    )
    redeploy = forms.BooleanField(label=_("Deploy again what is there already"), required=False)
    break_glass = forms.CharField(label=_("Break glass"), max_length=500, required=False)

    confirm = forms.CharField(max_length=100, widget=forms.TextInput(attrs=PLAIN))

    def __init__(self, *args: Any, may_break_glass: bool, is_back: bool, confirm: str = "", **values: Any) -> None:
        super().__init__(*args, **values)
        self.confirms = confirm
        if confirm:
            self.fields["confirm"].label = _("To confirm, type “%(name)s”") % {"name": confirm}
        else:
            del self.fields["confirm"]
        if is_back:
            del self.fields["redeploy"]
        if not may_break_glass:
            del self.fields["break_glass"]

    def clean_confirm(self) -> str:
        typed = str(self.cleaned_data["confirm"]).strip()
        if typed != self.confirms:
            raise forms.ValidationError(capfirst(_("type “%(name)s” exactly to continue.") % {"name": self.confirms}))
        return typed
