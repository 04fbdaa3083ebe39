"""Samples of statuses at the forge."""

from __future__ import annotations

from typing import Any

from fairway.web.views.forges import ForgeForm
from tests.web.gallery.samples import ENVIRONMENTS, STAGING, act, application, back, blocker

Data = dict[str, Any]
REFUSED = (
    "“api.github.com” does not accept the token (401): Bad credentials. "
    "It may have expired or been revoked; enter another one."
)


def reports() -> list[Data]:
    base = {
        "deployment": 515,
        "version": "1.19.0-rc.1",
        "environment": STAGING,
        "progress": "success",
        "status": "status_sent",
        "at": back(minutes=2),
        "next_at": None,
        "sentence": "",
        "again": None,
    }
    busy = "“api.github.com” could not take it (502): —"
    return [
        {**base, "progress": "in progress", "status": "notice_retrying", "next_at": back(minutes=-4), "sentence": busy},
        {**base, "progress": "queued", "at": back(minutes=3)},
        {**base, "deployment": 509, "version": "1.18.0", "at": back(hours=2), "again": act("Send again", "restart")},
        {
            **base,
            "deployment": 490,
            "version": "1.17.2",
            "environment": ENVIRONMENTS[-1],
            "progress": "failed",
            "status": "notice_given_up",
            "at": back(days=2),
            "sentence": "“api.github.com” refused it (422): No commit found for SHA: 95790bf891e76fee5e1747ab589903a6",
            "again": act("Send again", "restart"),
        },
    ]


def shown(**more: Any) -> Data:
    connection = {
        "name": "GitHub",
        "project": "acme/storefront",
        "api_url": "https://api.github.com",
        "saved_by": "ada",
        "is_paused": False,
        "stopped": "",
        "is_of_another": False,
        "waiting": 1,
        "given_up": 1,
    }
    return {
        **application(),
        "has_repository": True,
        "connection": {**connection, **more.pop("connection", {})},
        "form": ForgeForm(
            initial={"kind": "github", "api_url": "https://api.github.com", "credential": "acme-bot"},
            credentials=["acme-bot"],
        ),
        "reports": reports(),
        "acts": [act("Pause", "pause"), act("Disconnect", "trash", "danger")],
        "blockers": [],
        "failure": "",
        "works": False,
        "back": "/applications/storefront/deployments",
        **more,
    }


def new() -> Data:
    return {**shown(), "connection": None, "reports": [], "acts": []}


def new_wrong() -> Data:
    form = ForgeForm({"kind": "github", "api_url": "http://github.acme.test/api/v3", "token": ""})
    form.add_error("api_url", "must begin with https://, because the token must not be read on its way.")
    return {**new(), "form": form}


def stopped() -> Data:
    return shown(connection={"stopped": REFUSED, "waiting": 3}, failure=REFUSED)


def works() -> Data:
    return shown(works=True, reports=[], connection={"waiting": 0, "is_paused": True, "is_of_another": True})


def to_look_at() -> Data:
    reasons = [blocker("role", "This needs the role Admin or Deployer here.", "an Admin, by granting it")]
    return shown(blockers=reasons, acts=[], reports=[{**one, "again": None} for one in reports()])


def without_repository() -> Data:
    return {**new(), "has_repository": False}


def told(**more: Any) -> Data:
    """The line on a deployment's page."""
    line = {"forge": "GitHub", "url": "/applications/storefront/forge", "progress": "success", "state": "sent"}
    return {**line, "at": back(minutes=2), "sentence": "", **more}


def changes(**more: Any) -> Data:
    """What a deployment changes."""
    keys = [{"name": "STRIPE_KEY", "how": "changed"}, {"name": "CACHE_SECONDS", "how": "added"}]
    return {
        "compare": "https://github.com/acme/storefront/compare/95790bf...6113728",
        "old": "95790bf",
        "new": "6113728",
        "keys": keys,
        "before": {"id": 512, "version": "1.19.0-rc.0", "status": "failed"},
        **more,
    }
