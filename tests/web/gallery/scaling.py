"""Samples of the page that says how much of an application runs, and of an application that sleeps."""

from __future__ import annotations

from typing import Any

from fairway.web.scaling_forms import SleepForm
from tests.web.gallery import samples
from tests.web.gallery.forms import wrong as refused
from tests.web.gallery.samples import STAGING, act, application, back

Data = dict[str, Any]


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
    return {**application(), "environment": STAGING, "may_scale": True, "sleep": sleep}


def only_read() -> Data:
    found = asleep()
    why = [{"sentence": "This needs the Deployer or Admin role.", "who": "", "clears_at": None, "code": "role"}]
    button = act("Put to sleep now", "moon", blockers=why)
    sleep = {"form": SleepForm(), "after": None, "since": None, "seconds": None, "has_others": False, "act": button}
    return {**found, "may_scale": False, "sleep": {**found["sleep"], **sleep}}


def wrong() -> Data:
    found = asleep()
    return {**found, "sleep": {**found["sleep"], "form": refused(SleepForm, after="0")}}


def of_application() -> Data:
    found = samples.application_detail()
    for placement in found["placements"]:
        if placement["state"]:
            placement["state"] = "sleeping"
            placement["sleep"] = {"after": 30, "since": back(hours=2), "seconds": 2.4, "act": act("Wake", "play")}
            placement["instances"] = []
    return found
