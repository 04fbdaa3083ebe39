"""Sample insights, drawn by the product from invented deployments."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.paginator import Paginator

from fairway.accounts.rules import Actor
from fairway.activity.rules import Door
from fairway.insights.delivery.dora import Row, dora, ended_in, judged
from fairway.insights.delivery.outcomes import Failed, Spread, by_part, outcomes, times, troubles
from fairway.insights.delivery.periods import Period
from fairway.insights.delivery.queries import Asked, Delivery, Names, StepTime
from fairway.shared.names import Invalid
from fairway.web.presenters import insights as presenter
from tests.web.gallery import samples

Data = dict[str, Any]
NOBODY = Actor(id=None, name="gallery", door=Door.WEB)
APPLICATIONS = [{"slug": "storefront", "name": "Storefront"}, {"slug": "payments", "name": "Payments"}]
FILTERS = {"application": "", "environment": "production", "days": "30", "since": "", "until": ""}
WHY = [
    (
        "check",
        "/ answered 404 for 12 s; it had to be ready within 60 s. Where “/” is not meant to answer, set a health path.",
    ),
    ("prepare", "npm ended with code 1; the last lines say why."),
    ("switch", "The proxy did not serve the new version in time."),
]


def _rows(count: int, end: datetime, places: list[str]) -> list[Row]:
    chance = random.Random(14)
    rows: list[Row] = []
    live: dict[str, int] = {}
    at = end - timedelta(hours=9 * count)
    for number in range(400, 400 + count):
        at += timedelta(hours=chance.choice([1, 3, 8, 24]))
        place = chance.choice(places)
        roll = chance.random()
        kind = "rollback" if roll < 0.06 and place in live else "deploy"
        status = "failed" if roll > 0.9 else "errored" if roll > 0.87 else "cancelled" if roll > 0.85 else "succeeded"
        is_live = status == "succeeded"
        rows.append(
            Row(
                number, place, "production", kind, status, at - timedelta(minutes=5), at - timedelta(minutes=4),
                at if is_live else None, at, live.get(place), at - timedelta(hours=chance.lognormvariate(2, 0.8))
                if chance.random() < 0.9 else None, is_judged_worse=is_live and kind == "deploy" and chance.random() < 0.05,
            )
        )  # fmt: skip
        if is_live:
            live[place] = number
    return [row for row in rows if row.finished_at < end]


def _found(days: int, count: int, places: list[str]) -> Delivery:
    now = datetime.now(UTC)
    period = Period(now.date() - timedelta(days=days - 1), now.date(), UTC)
    read = _rows(count, now, places)
    failures, rework = judged(read)
    rows, earlier = ended_in(read, period), ended_in(read, period.before)
    whole = dora(rows, failures, rework)
    bad = [row for row in rows if row.status in {"failed", "errored"}]
    here = {(place, "production"): [row for row in rows if row.application == place] for place in places}
    return Delivery(
        asked=Asked(period),
        now=now,
        dora=whole,
        before=dora(earlier, failures, rework),
        outcomes=outcomes(rows, failures),
        outcomes_before=outcomes(earlier, failures),
        failures=tuple(failures[number] for number in whole.failed),
        places={place: (dora(there, failures, rework), outcomes(there, failures)) for place, there in here.items() if there},
        names=Names({one["slug"]: one["name"] for one in APPLICATIONS}, {"production": "Production"}),
        parts=by_part(period, rows, failures, dict(zip(whole.shipped, whole.lead_seconds, strict=True))),
        times=times(rows, []),
        steps=[StepTime("prepare", Spread(38, 41.0, 190.0)), StepTime("switch", Spread(38, 0.6, 1.9))] if rows else [],
        troubles=troubles([Failed(row.number, *WHY[row.number % len(WHY)]) for row in bad], 10),
        is_cut=days > 60,
    )


def _page(found: Delivery, **changed: str) -> Data:
    filters = {**FILTERS, **changed}
    shown = presenter.insights_shown(NOBODY, found, filters, [])
    return {**shown, "problem": None, "choices": {"applications": APPLICATIONS, "environments": samples.ENVIRONMENTS}}


def full() -> Data:
    return _page(_found(30, 160, ["storefront", "payments"]))


def weeks() -> Data:
    return _page(_found(90, 260, ["storefront", "payments"]), days="90")


def few() -> Data:
    return _page(_found(7, 12, ["storefront"]), days="7", application="storefront")


def none() -> Data:
    return _page(_found(30, 0, ["storefront"]))


def wrong() -> Data:
    return {**few(), "problem": Invalid("until", "the period ends before it begins; choose a later end.")}


def behind() -> Data:
    return {
        "title": "New versions that failed after going live",
        "period": {"since": date(2026, 11, 1), "until": date(2026, 11, 30), "days": 30},
        "page": samples.history()["page"],
        "back": "/insights/",
    }


def behind_none() -> Data:
    return {**behind(), "page": Paginator([], 30).get_page(1)}
