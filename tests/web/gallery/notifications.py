# ruff: noqa: E501 - one row a line
"""Sample channels and what was sent to them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fairway.drivers.messengers.contract import Kind
from fairway.notifications.messages import SHORT
from fairway.notifications.rules import FAILURES, SUCCESSES
from fairway.web.presenters.notifications import new_shown
from fairway.web.views.notifications import ChannelForm, RouteForm
from tests.web.gallery.samples import ENVIRONMENTS, act, back

Data = dict[str, Any]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PLACES: Any = [SimpleNamespace(slug=one["slug"], name=one["name"]) for one in ENVIRONMENTS]


def deliveries() -> list[Data]:
    base = {
        "title": "Deployment failed",
        "about": "Storefront → Production #512",
        "url": "/deployments/512",
        "address": "",
        "status": "notice_delivered",
        "tries": 1,
        "sentence": "It was taken: ok",
        "next_at": None,
        "again": act("Send again", "restart"),
    }
    return [
        {**base, "at": back(minutes=1), "status": "notice_retrying", "tries": 2, "sentence": "“hooks.slack.com” could not take it (503): upstream connect error or disconnect/reset before headers", "next_at": back(minutes=-1), "again": None},
        {**base, "at": back(minutes=2), "status": "notice_waiting", "tries": 0, "sentence": "", "again": None},
        {**base, "at": back(hours=2)},
        {**base, "at": back(hours=3), "title": "", "about": "", "url": "", "again": None},
        {**base, "at": back(days=2), "title": "Waits for a decision", "about": "October 2026.10 → A staging environment with a rather long name", "status": "notice_given_up", "tries": 6, "sentence": "“hooks.slack.com” did not answer in time."},
        {**base, "at": back(days=3), "title": "Backup failed", "about": "main-db · storefront · 8", "url": "", "address": "somebody.with.a.long.name@operations.example.com", "sentence": "The mail server accepted it."},
    ]  # fmt: skip


def rows() -> list[Data]:
    failures = {"topics": ["failures and what waits for people"], "places": []}
    successes = {"topics": [SHORT[topic] for topic in SUCCESSES], "places": ["Production"]}
    base = {
        "kind": "Slack",
        "place": "https://hooks.slack.com/…",
        "routes": [failures, successes],
        "state": "",
        "disabled_because": "",
        "last": deliveries()[2],
        "waiting": 0,
        "given_up": 0,
    }
    few = {"topics": [SHORT[topic] for topic in FAILURES[:-1]], "places": ["Staging", "storefront"]}
    return [
        {**base, "id": 1, "name": "Operations"},
        {**base, "id": 2, "name": "Release managers", "kind": "Mail", "place": "ada@example.com, grace@example.com", "routes": [few], "last": deliveries()[0], "waiting": 3, "given_up": 1},
        {**base, "id": 3, "name": "Audit trail", "kind": "Webhook", "place": "https://audit.example.com/fairway/events?team=platform", "state": "channel_disabled", "disabled_because": "410 Gone: this endpoint was removed"},
        {**base, "id": 4, "name": "Team", "kind": "Microsoft Teams", "place": "https://example.webhook.office.com/…", "state": "channel_paused", "last": None, "routes": []},
        {**base, "id": 5, "name": "New", "kind": "Discord", "place": "https://discord.com/…", "last": None, "routes": [few]},
    ]  # fmt: skip


def listed() -> Data:
    return {"channels": rows(), "create": act("New channel", "plus", "primary", method="get")}


def none() -> Data:
    return {**listed(), "channels": []}


def _routes() -> list[RouteForm]:
    wanted = [
        {"topics": [one.value for one in FAILURES]},
        {"topics": [one.value for one in SUCCESSES], "environments": ["production"]},
        {},
    ]
    return [RouteForm(initial=one, environments=PLACES, prefix=f"route-{at}") for at, one in enumerate(wanted)]


def shown(kind: str = "slack", at: int = 0, **more: Any) -> Data:
    row = rows()[at]
    return {
        "channel": {**row, "secret_made_at": back(days=3), "saved_by": "ada"},
        "kind": kind,
        "kind_name": row["kind"],
        "choices": [],
        "form": ChannelForm(initial={"name": row["name"]}, kind=kind, is_new=False),
        "routes": _routes(),
        "created": None,
        "renew": None,
        "failure": "",
        "is_sent": False,
        "acts": [act("Pause", "pause"), act("Delete", "trash", "danger")],
        "deliveries": deliveries(),
        **more,
    }


def refused() -> Data:
    return shown(failure="“hooks.slack.com” refused it (404): no_service", deliveries=[])


def taken() -> Data:
    return shown(is_sent=True)


def webhook_made() -> Data:
    return shown("webhook", 2, created={"secret": SECRET}, renew=act("Renew the secret", "key"), deliveries=[])


def webhook() -> Data:
    return shown("webhook", 2, renew=act("Renew the secret", "key"))


def paused() -> Data:
    return shown("teams", 3)


def new(kind: str = "slack") -> Data:
    return {**new_shown(Kind(kind)), "form": ChannelForm(kind=kind, is_new=True), "routes": _routes()[:2]}


def wrong() -> Data:
    form = ChannelForm({"name": "Operations", "url": "http://example.com"}, kind="slack", is_new=True)
    form.add_error("url", "Must begin with https://, because what is sent there must not be read on its way.")
    form.add_error(None, "routes: “shopp” does not exist.")
    return {**new(), "form": form}
