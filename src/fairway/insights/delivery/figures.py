"""The figures one by one: a title, a formula in one sentence, a value, and how many deployments it is taken of."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fairway.insights.delivery.dora import Cause, Dora
from fairway.insights.delivery.outcomes import Outcome, Outcomes
from fairway.insights.delivery.queries import Delivery

Text = str | Promise
DEFINED_BY = "https://dora.dev/guides/dora-metrics-four-keys/"
PER_DAY, SECONDS, SHARE = "per_day", "seconds", "share"  # units of values


@dataclass(frozen=True)
class Known:
    """One of DORA's figures: how it is called and made. `of` are the deployments it is taken of, `counted` those that make
    it, a key of `queries.FIGURES` each."""

    key: str
    unit: str
    title: Text
    short: Text  # the title of a column
    formula: Text
    value: Callable[[Dora, int], float | None]
    sample: Callable[[Dora], int]
    behind: str
    is_better_high: bool = False


KNOWN = (
    Known(
        "deployment_frequency", PER_DAY, _("Deployment frequency"), _("Frequency"),
        _("New versions that went live, divided by the days of the period that have begun."),
        lambda found, days: found.per_day(days), lambda found: len(found.new), "new", is_better_high=True,
    ),
    Known(
        "lead_time", SECONDS, _("Lead time for changes"), _("Lead time"),
        _("Median time from the commit of a version until it first went live in the environment."),
        lambda found, days: found.lead_time, lambda found: len(found.shipped), "lead_time",
    ),
    Known(
        "change_fail_rate", SHARE, _("Change fail rate"), _("Fail rate"),
        _("New versions that failed within 7 days of going live (rolled back, taken back, held, or judged worse than the "
          "version before), divided by all new versions that went live."),
        lambda found, days: found.fail_rate, lambda found: len(found.new), "failed",
    ),
    Known(
        "recovery_time", SECONDS, _("Failed deployment recovery time"), _("Recovery"),
        _("Median time from going live of a new version that failed until a good version was live again, if that was within "
          "7 days."),
        lambda found, days: found.recovery_time, lambda found: len(found.recovered), "recovered",
    ),
    Known(
        "rework_rate", SHARE, _("Deployment rework rate"), _("Rework"),
        _("Rollbacks, and the first new version within 7 days after one that failed, divided by everything that went live."),
        lambda found, days: found.rework_rate, lambda found: len(found.live), "rework",
    ),
)  # fmt: skip

OUTCOME_WORDS: dict[Outcome, Text] = {
    Outcome.GOOD: _("Went well"),
    Outcome.FAILED_LATER: _("Failed after going live"),
    Outcome.FAILED: _("Failed before going live"),
    Outcome.ERRORED: _("Errored"),
    Outcome.CANCELLED: _("Cancelled"),
}

CAUSE_WORDS: dict[Cause, Text] = {
    Cause.TAKEN_BACK: _("gave the traffic back to the version before"),
    Cause.ROLLED_BACK: _("rolled back by a person"),
    Cause.ROLLED_BACK_BY_FAIRWAY: _("rolled back by Fairway"),
    Cause.JUDGED_WORSE: _("answered worse than the version before"),
    Cause.HELD: _("made Fairway hold automatic deployments"),
}


@dataclass(frozen=True)
class Figure:
    """A figure of a period and of the one before. `value` is None if there is nothing to take it of."""

    known: Known
    value: float | None
    sample: int
    before: float | None
    sample_before: int
    deployments: int  # how many are listed behind it


def figures(found: Delivery) -> list[Figure]:
    period = found.asked.period
    days, days_before = period.days_so_far(found.now), period.days
    return [
        Figure(
            known,
            known.value(found.dora, days),
            known.sample(found.dora),
            known.value(found.before, days_before),
            known.sample(found.before),
            len(behind_of(found.dora, known)),
        )
        for known in KNOWN
    ]


def behind_of(found: Dora, known: Known) -> tuple[int, ...]:
    name = {"lead_time": "shipped"}.get(known.behind, known.behind)
    numbers: tuple[int, ...] = getattr(found, name)
    return numbers


def place_rows(found: Delivery) -> list[dict[str, Any]]:
    """One row of plain values for each application and environment, as the file with all figures has them. Times are in
    seconds, shares from 0 to 1; None where there is nothing to take a figure of."""
    days = found.asked.period.days_so_far(found.now)
    return [
        {
            "application": application,
            "environment": environment,
            "since": found.asked.period.since.isoformat(),
            "until": found.asked.period.until.isoformat(),
            **place_values(there, ended, days),
        }
        for (application, environment), (there, ended) in found.places.items()
    ]


def place_values(there: Dora, ended: Outcomes, days: int) -> dict[str, Any]:
    return {
        "new_versions": len(there.new),
        **{known.key: _rounded(known.value(there, days)) for known in KNOWN},
        "with_commit": len(there.shipped),
        "without_commit": len(there.without_commit),
        "failed": len(there.failed),
        "recovered": len(there.recovered),
        "rework": len(there.rework),
        "went_live": len(there.live),
        "ended": ended.total,
        **{f"ended_{outcome.value}": ended.count(outcome) for outcome in Outcome},
        "success_rate": _rounded(ended.success_rate),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def csv_text(found: Delivery) -> str:
    """The same rows as CSV, with a line of names first."""
    names = ["application", "environment", "since", "until", *place_values(Dora(), Outcomes(), 1)]
    text = io.StringIO()
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(place_rows(found))
    return text.getvalue()
