"""Samples of the page that says how much of an application runs, and of an application that sleeps."""

from __future__ import annotations

from typing import Any

from fairway.web.scaling_forms import LimitsForm, ScalingForm, SleepForm
from tests.web.gallery import samples
from tests.web.gallery.forms import filled
from tests.web.gallery.forms import wrong as refused
from tests.web.gallery.samples import STAGING, act, application, back

Data = dict[str, Any]


def automatic() -> Data:
    hours = {"hours_start": "0 8 * * MON-FRI", "hours_end": "0 18 * * MON-FRI", "hours_zone": "Europe/Paris"}
    form = filled(ScalingForm, "scale_%s", is_automatic=True, minimum=1, maximum=6, cpu=70, **hours, hours_minimum=3)
    return {"form": form, "replicas": 3, "most": 8}


def limits() -> list[Data]:
    web = filled(LimitsForm, "limits_web_%s", memory_mb=512, cpus=0.5)
    return [
        {"service": "web", "form": web, "is_pending": True},
        {"service": "worker", "form": filled(LimitsForm, "limits_worker_%s"), "is_pending": False},
    ]


def asleep() -> Data:
    form = SleepForm(initial={"after": 30, "keeps_workers": True})
    sleep = {
        "form": form,
        "after": 30,
        "since": back(hours=2),
        "seconds": 2.4,
        "has_others": True,
        "act": act("Wake", "play"),
    }
    return {
        **application(),
        "environment": STAGING,
        "may_scale": True,
        "sleep": sleep,
        "automatic": automatic(),
        "limits": limits(),
    }


def only_read() -> Data:
    found = asleep()
    why = [{"sentence": "This needs the Deployer or Admin role.", "who": "", "clears_at": None, "code": "role"}]
    button = act("Put to sleep now", "moon", blockers=why)
    sleep = {"form": SleepForm(), "after": None, "since": None, "seconds": None, "has_others": False, "act": button}
    fixed = {"form": ScalingForm(), "replicas": 1, "most": 1}
    return {**found, "may_scale": False, "automatic": fixed, "sleep": {**found["sleep"], **sleep}}


def wrong() -> Data:
    found = asleep()
    form = refused(ScalingForm, "scale_%s", is_automatic="on", minimum="3", maximum="", cpu="x", hours_start="never")
    sleep = {**found["sleep"], "form": refused(SleepForm, after="0")}
    return {**found, "sleep": sleep, "automatic": {**found["automatic"], "form": form}}


def of_application() -> Data:
    found = samples.application_detail()
    for placement in found["placements"]:
        if placement["state"]:
            placement["state"] = "sleeping"
            placement["sleep"] = {"after": 30, "since": back(hours=2), "seconds": 2.4, "act": act("Wake", "play")}
            placement["instances"] = []
    return found
