"""The forms about how much of an application runs. They check only the shape of the input; commands decide its meaning."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from fairway.deployments.models import Placement
from fairway.deployments.rules import MOST_REPLICAS, MOST_SLEEP_AFTER
from fairway.monitoring.scaling_rules import Policy
from fairway.web.forms import PLAIN

HOURS = ["hours_start", "hours_end", "hours_zone", "hours_minimum"]


class ScalingForm(forms.Form):
    """How many replicas there are by themselves. `names` are the fields of the command's errors."""

    is_automatic = forms.BooleanField(label=_("Scale by itself"), required=False)
    minimum = forms.IntegerField(label=_("At least"), min_value=1, max_value=MOST_REPLICAS, required=False)
    maximum = forms.IntegerField(label=_("At most"), min_value=1, max_value=MOST_REPLICAS, required=False)
    cpu = forms.FloatField(label=_("CPU in percent"), required=False)
    requests = forms.FloatField(label=_("Requests a second"), required=False)
    latency_ms = forms.FloatField(label=_("Response time, ms"), required=False)
    hours_start = forms.CharField(label=_("From"), max_length=200, required=False, widget=forms.TextInput(attrs=PLAIN))
    hours_end = forms.CharField(label=_("Until"), max_length=200, required=False, widget=forms.TextInput(attrs=PLAIN))
    hours_zone = forms.CharField(label=_("Time zone"), max_length=64, required=False, widget=forms.TextInput(attrs=PLAIN))
    hours_minimum = forms.IntegerField(label=_("At least"), min_value=1, max_value=MOST_REPLICAS, required=False)

    @classmethod
    def of(cls, policy: Policy | None) -> ScalingForm:
        """The form with the present values."""
        if policy is None:
            return cls(initial={"minimum": 1})
        stored = policy.stored
        hours = {f"hours_{name}": value for name, value in (stored.pop("hours") or {}).items()}
        return cls(initial={"is_automatic": True, **stored, **hours})

    def clean(self) -> dict[str, Any]:
        """With hours, all of their fields are given."""
        values = super().clean() or {}
        if values.get("is_automatic"):
            needed = ["maximum"]
            if any(values.get(name) for name in HOURS):
                needed += HOURS
            for name in needed:
                if not values.get(name) and name not in self.errors:
                    self.add_error(name, gettext("This field is required."))
        return values

    def given(self) -> dict[str, Any] | None:
        """The arguments of the command; None if it is not scaled by itself."""
        values = self.cleaned_data
        if not values["is_automatic"]:
            return None
        hours = {name.removeprefix("hours_"): values[name] for name in HOURS} if values["hours_start"] else None
        return {
            "minimum": values["minimum"] or 1,
            "maximum": values["maximum"],
            **{name: values[name] for name in ("cpu", "requests", "latency_ms")},
            "hours": hours,
        }


class LimitsForm(forms.Form):
    """What each instance of one service may use."""

    service = forms.CharField(max_length=40, widget=forms.HiddenInput)
    memory_mb = forms.IntegerField(label=_("Memory, MB"), required=False)
    cpus = forms.FloatField(label=_("CPUs"), required=False, widget=forms.NumberInput(attrs={"step": "any"}))
    pids = forms.IntegerField(label=_("Processes"), required=False)

    @classmethod
    def of(cls, placement: Placement, service: str) -> LimitsForm:
        """The form with the present values."""
        return cls(initial={"service": service, **placement.limits.get(service, {})}, auto_id=f"limits_{service}_%s")

    def given(self) -> dict[str, Any]:
        """The arguments of the command."""
        return {name: self.cleaned_data[name] for name in ("memory_mb", "cpus", "pids")}


class SleepForm(forms.Form):
    """When an application falls asleep."""

    after = forms.IntegerField(label=_("Minutes without a visit"), min_value=1, max_value=MOST_SLEEP_AFTER, required=False)
    keeps_workers = forms.BooleanField(label=_("Keep the other services awake"), required=False)

    @classmethod
    def of(cls, placement: Placement) -> SleepForm:
        """The form with the present values."""
        return cls(initial={"after": placement.sleeps_after, "keeps_workers": placement.keeps_workers})
