"""The forms about how much of an application runs. They check only the shape of the input; commands decide its meaning."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from fairway.deployments.models import Placement
from fairway.deployments.rules import MOST_SLEEP_AFTER


class SleepForm(forms.Form):
    """When an application falls asleep."""

    after = forms.IntegerField(label=_("Minutes without a visit"), min_value=1, max_value=MOST_SLEEP_AFTER, required=False)
    keeps_workers = forms.BooleanField(label=_("Keep the other services awake"), required=False)

    @classmethod
    def of(cls, placement: Placement) -> SleepForm:
        """The form with the present values."""
        return cls(initial={"after": placement.sleeps_after, "keeps_workers": placement.keeps_workers})
