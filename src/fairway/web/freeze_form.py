"""The form of a freeze window. It checks only the shape of the input; the environments room decides its meaning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from fairway.web.forms import PLAIN
from fairway.web.words import FREEZE_KINDS, REPEATS

OWN_RULE = "rule"
WALL = {"type": "datetime-local"}


class LongSelect(forms.Select):
    """One of hundreds. Its options are written in one go: Django draws a template for each, which took the page 50 ms."""

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> list[Any]:
        return []  # `render` puts the options in

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        chosen = self.format_value(value)
        options = format_html_join(
            "\n",
            '<option value="{}"{}>{}</option>',
            ((one, mark_safe(" selected") if str(one) in chosen else "", label) for one, label in self.choices),
        )
        empty = super().render(name, value, attrs, renderer)
        return mark_safe(empty.replace("</select>", f"{options}</select>"))  # noqa: S308 -- both are safe


class FreezeForm(forms.Form):
    """A freeze window. `starts` and `ends` stay text, because they are wall times in `zone`."""

    kind = forms.ChoiceField(
        label=_("What it does"),
        choices=list(FREEZE_KINDS.items()),
        widget=forms.RadioSelect,
    )
    name = forms.CharField(label=_("Name"), max_length=80)
    reason = forms.CharField(label=_("Why"), max_length=500)
    starts = forms.CharField(label=_("From"), max_length=25, widget=forms.TextInput(attrs=WALL))
    ends = forms.CharField(label=_("To"), max_length=25, widget=forms.TextInput(attrs=WALL))
    zone = forms.ChoiceField(label=_("Time zone"), widget=LongSelect)
    repeats = forms.ChoiceField(
        label=_("Repeats"),
        required=False,
        choices=[*REPEATS.items(), (OWN_RULE, _("custom rule"))],
    )
    rrule = forms.CharField(label=_("Rule"), max_length=520, required=False, widget=forms.TextInput(attrs=PLAIN))
    environments = forms.MultipleChoiceField(label=_("Environments"), required=False, widget=forms.CheckboxSelectMultiple)
    applications = forms.MultipleChoiceField(label=_("Applications"), required=False, widget=forms.SelectMultiple)

    def __init__(
        self,
        *args: Any,
        environments: Iterable[tuple[str, str]],
        applications: Iterable[tuple[str, str]],
        zones: Iterable[str],
        **values: Any,
    ) -> None:
        super().__init__(*args, **values)
        given = {"environments": environments, "applications": applications, "zone": [(zone, zone) for zone in zones]}
        for name, choices in given.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = list(choices)

    def rule(self) -> str:
        """The chosen or written RRULE; "" if it does not recur."""
        chosen = self.cleaned_data.get("repeats", "")
        return str(self.cleaned_data.get("rrule", "") if chosen == OWN_RULE else chosen)

    def values(self) -> dict[str, Any]:
        """The arguments for the commands."""
        names = ("kind", "name", "reason", "starts", "ends", "zone", "environments", "applications")
        return {**{name: self.cleaned_data[name] for name in names}, "rrule": self.rule()}
