"""The forms about alerts. They check only the shape of the input; the room `monitoring` decides its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fairway.accounts.rules import Act, Actor, reach_of
from fairway.deployments.queries import placements_visible_to
from fairway.environments.models import Environment
from fairway.monitoring.alert_rules import IN_ENVIRONMENTS, WITHOUT_THRESHOLD, AlertKind, Rule
from fairway.notifications.messages import ALERTS
from fairway.shared.names import Invalid

AT_ONCE = frozenset({AlertKind.CERTIFICATE, AlertKind.BACKUP_FAILED, AlertKind.BACKUP_LATE})  # there is no time to wait
THRESHOLDS = {
    AlertKind.ERRORS: gettext_lazy("At least this share of errors, in %"),
    AlertKind.LATENCY: gettext_lazy("95th percentile at least, in ms"),
    AlertKind.MEMORY: gettext_lazy("At least this share of the limit, in %"),
    AlertKind.RESTARTS: gettext_lazy("At least this many restarts"),
    AlertKind.CERTIFICATE: gettext_lazy("Days before its end"),
}
WINDOW, HOLDS = gettext_lazy("Within so many minutes"), gettext_lazy("For so many minutes")


class RulesForm(forms.Form):
    """When there are alerts in an environment: three fields for each kind, of which some have fewer."""

    def __init__(self, *args: Any, rules: Mapping[AlertKind, Rule], **values: Any) -> None:
        super().__init__(*args, **values)
        self._rules = rules
        for kind in IN_ENVIRONMENTS:
            rule = rules[kind]
            self.fields[f"{kind}_is_on"] = forms.BooleanField(label=str(ALERTS[kind]), required=False, initial=rule.is_on)
            if kind not in WITHOUT_THRESHOLD:
                threshold = forms.FloatField(label=THRESHOLDS[kind], initial=f"{rule.threshold:g}")
                threshold.widget.attrs["step"] = "any"
                self.fields[f"{kind}_threshold"] = threshold
            if kind not in AT_ONCE:
                label = WINDOW if rule.is_window else HOLDS
                self.fields[f"{kind}_minutes"] = forms.IntegerField(label=label, initial=rule.minutes)

    def rows(self) -> list[dict[str, Any]]:
        """The fields, by kind; None for those that a kind does not have. `words` says the rule for whoever only reads."""
        return [
            {
                "is_on": self[f"{kind}_is_on"],
                "threshold": self[f"{kind}_threshold"] if f"{kind}_threshold" in self.fields else None,
                "minutes": self[f"{kind}_minutes"] if f"{kind}_minutes" in self.fields else None,
                "title": ALERTS[kind],
                "rule": self._rules[kind],
            }
            for kind in IN_ENVIRONMENTS
        ]

    def wanted(self) -> dict[str, dict[str, Any]]:
        """The argument for the command."""
        parts = ("is_on", "threshold", "minutes")
        return {
            kind: {part: self.cleaned_data[f"{kind}_{part}"] for part in parts if f"{kind}_{part}" in self.cleaned_data}
            for kind in IN_ENVIRONMENTS
        }


class SilenceForm(forms.Form):
    """A silence: of what, until when, and why. `applications` are those that may be chosen; "" is all of them."""

    application = forms.ChoiceField(label=gettext_lazy("Application"), required=False)
    kind = forms.ChoiceField(label=gettext_lazy("Alert"), required=False)
    until = forms.CharField(
        label=gettext_lazy("Until"), max_length=25, widget=forms.TextInput(attrs={"type": "datetime-local"})
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=500)

    def __init__(self, *args: Any, applications: Iterable[tuple[str, str]], **values: Any) -> None:
        super().__init__(*args, **{"auto_id": "silence-%s", **values})
        kinds = [("", _("every alert")), *((kind.value, str(ALERTS[kind])) for kind in IN_ENVIRONMENTS)]
        for name, offered in {"application": list(applications), "kind": kinds}.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = offered

    def values(self) -> dict[str, Any]:
        """The arguments for the command. Raises `Invalid`."""
        return {**self.cleaned_data, "until": _moment(self.cleaned_data["until"])}


def _moment(text: str) -> datetime:
    """A wall time in the reader's zone. Raises `Invalid`."""
    try:
        found = parse_datetime(text.strip())
    except ValueError:
        found = None
    if found is None:
        raise Invalid("until", _("is not a date and time."))
    return timezone.make_aware(found) if timezone.is_naive(found) else found


def choices_of_applications(actor: Actor, environment: Environment) -> list[tuple[str, str]]:
    """The applications there whose alerts the actor may silence, after “all” if they may silence all."""
    reach = reach_of(actor, Act.HANDLE_ALERTS)
    placed = placements_visible_to(actor).filter(environment=environment).order_by("application__name")
    there = [(one.application.slug, one.application.name) for one in placed]
    found = [(slug, name) for slug, name in there if reach.covers(slug, environment.slug)]
    return [("", _("all applications")), *found] if reach.covers("", environment.slug) else found
