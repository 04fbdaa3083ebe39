"""Contexts of the pages about how well deployments go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fairway.accounts.rules import Actor
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.environments.models import Environment
from fairway.insights.delivery.figures import (
    CAUSE_WORDS,
    DEFINED_BY,
    KNOWN,
    OUTCOME_WORDS,
    PER_DAY,
    SECONDS,
    Figure,
    figures,
)
from fairway.insights.delivery.outcomes import Outcome, Part, Spread
from fairway.insights.delivery.periods import OFFERED, USUAL, Period, last_days, parse_period
from fairway.insights.delivery.queries import Delivery, StepTime, delivery, parse_asked
from fairway.shared.names import Invalid
from fairway.web.failure_words import in_words
from fairway.web.templatetags.fairway import duration_words
from fairway.web.words import STEP_LABELS

FILTERS = ("application", "environment", "days", "since", "until")
TONES = {
    Outcome.GOOD: "ok", Outcome.FAILED_LATER: "warn", Outcome.FAILED: "bad", Outcome.ERRORED: "d", Outcome.CANCELLED: "idle",
}  # fmt: skip
WIDE, HIGH, BAR = 10, 100, 8  # a bar's room, the height of a chart and a bar's width, in units of the drawing

Data = dict[str, Any]


def wanted_filters(given: Mapping[str, str], environments: Sequence[Environment]) -> dict[str, str]:
    """The filters of an address. Where it names no environment, the last one is chosen, because DORA's figures are about
    production; an empty name chooses all of them."""
    filters = {name: given.get(name, "").strip() for name in FILTERS}
    if "environment" not in given and environments:
        filters["environment"] = environments[-1].slug
    return filters


def found_for(actor: Actor, filters: dict[str, str], now: datetime, zone: Any) -> tuple[Delivery, Invalid | None]:
    """The figures for these filters. If one of them makes no sense, those of the usual period, and what is wrong."""
    try:
        days = _number(filters["days"])
        period = parse_period(days=days, since=filters["since"], until=filters["until"], now=now, zone=zone)
        asked = parse_asked(actor, application=filters["application"], environment=filters["environment"], period=period)
    except Invalid as error:
        filters |= dict.fromkeys(filters, "")
        asked = parse_asked(actor, application="", environment="", period=last_days(USUAL, now, zone))
        return delivery(actor, asked, now), error
    return delivery(actor, asked, now), None


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise Invalid("days", "is not a number of days; write it like 30.")
    return int(text)


def insights_shown(actor: Actor, found: Delivery, filters: Mapping[str, str], environments: Sequence[Environment]) -> Data:
    """The context of ``insights/page.html``."""
    links = Links(found.asked.period, filters)
    return {
        **filters_shown(actor, found.asked.period, filters, environments),
        "figures": [_figure(one, links) for one in figures(found)],
        "notes": _notes(found, links),
        "defined_by": DEFINED_BY,
        "outcomes": _outcomes(found, links),
        "charts": [one for one in (outcome_chart(found.parts), lead_chart(found.parts)) if one]
        if found.outcomes.total
        else [],
        "troubles": [
            {
                "step": STEP_LABELS.get(one.step, one.step) or _("before the first step"),
                "sentence": in_words(one.sentence),
                "count": len(one.numbers),
                "url": links.behind("cause", like=one.numbers[0]),
            }
            for one in found.troubles
        ],
        "times": _times(found),
        "failures": [
            {
                "number": one.row.number,
                "application": found.names.applications.get(one.row.application, one.row.application),
                "environment": found.names.environments.get(one.row.environment, one.row.environment),
                "cause": CAUSE_WORDS[one.cause],
                "recovered": None if one.seconds is None else duration_words(one.seconds),
            }
            for one in sorted(found.failures, key=lambda one: -one.row.number)[:10]
        ],
        "places": _places(found, links),
        "csv_url": links.csv(),
        "is_cut": found.is_cut,
        "has_any": bool(found.outcomes.total),
    }


class Links:
    """Addresses with the filters that are chosen."""

    def __init__(self, period: Period, filters: Mapping[str, str]) -> None:
        self.period = period
        self.filters = dict(filters)

    def page(self, **changed: str) -> str:
        return f"{reverse('insights')}?{urlencode(self._chosen(changed))}"

    def behind(self, figure: str, like: int = 0) -> str:
        query = {**self._chosen({}), "figure": figure, **({"like": str(like)} if like else {})}
        return f"{reverse('insights-deployments')}?{urlencode(query)}"

    def csv(self) -> str:
        query = {
            "application": self.filters["application"],
            "environment": self.filters["environment"],
            "since": self.period.since.isoformat(),
            "until": self.period.until.isoformat(),
            "zone": str(self.period.zone),
        }
        return f"/api/v1/insights/csv?{urlencode({name: value for name, value in query.items() if value})}"

    def _chosen(self, changed: Mapping[str, str]) -> dict[str, str]:
        """The environment is kept even if it is empty: that means all of them."""
        chosen = {**self.filters, **changed}
        return {name: value for name, value in chosen.items() if value or name == "environment"}


def filters_shown(actor: Actor, period: Period, filters: Mapping[str, str], environments: Sequence[Environment]) -> Data:
    links = Links(period, filters)
    is_days = not filters["since"] and not filters["until"]
    return {
        "filters": dict(filters),
        "choices": {"applications": applications_visible_to(actor), "environments": environments},
        "periods": [
            {
                "label": ngettext("%(count)s day", "%(count)s days", days) % {"count": days},
                "url": links.page(days=str(days), since="", until=""),
                "is_current": is_days and period.days == days,
            }
            for days in OFFERED
        ],
        "period": {"since": period.since, "until": period.until, "days": period.days},
    }


# -- values in words


def value_words(unit: str, value: float | None) -> str:
    if value is None:
        return "–"
    if unit == SECONDS:
        return duration_words(value)
    if unit == PER_DAY:
        return _("%(number)s per day") % {"number": number_format(value, 2 if value < 10 else 1)}
    return percent(value)


def percent(share: float | None) -> str:
    if share is None:
        return "–"
    return pgettext("a share", "%(number)s%%") % {"number": number_format(100 * share, 1)}


def _figure(one: Figure, links: Links) -> Data:
    known = one.known
    return {
        "key": known.key,
        "title": known.title,
        "formula": known.formula,
        "value": value_words(known.unit, one.value),
        "sample": _of(one.deployments, one.sample),
        "before": value_words(known.unit, one.before) if one.before is not None and one.sample_before else "",
        "sample_before": _of(one.sample_before, one.sample_before),
        "trend": _trend(one),
        "url": links.behind(known.behind) if one.deployments else "",
    }


def _of(count: int, sample: int) -> str:
    """“9 of 68 deployments”, or “68 deployments” if a figure counts all of them."""
    words = {"count": number_format(count), "sample": number_format(sample)}
    if count == sample:
        return ngettext("%(count)s deployment", "%(count)s deployments", count) % words
    return ngettext("%(count)s of %(sample)s deployment", "%(count)s of %(sample)s deployments", sample) % words


def _trend(one: Figure) -> str:
    """``better``, ``worse`` or "", compared with the period before."""
    if one.value is None or one.before is None or not one.sample_before or round(one.value, 4) == round(one.before, 4):
        return ""
    return "better" if (one.value > one.before) == one.known.is_better_high else "worse"


def _notes(found: Delivery, links: Links) -> list[Data]:
    """What a figure leaves out, each with a link to the deployments."""
    notes = []
    if count := len(found.dora.without_commit):
        text = ngettext(
            "%(count)s new version has no commit that Fairway knows, so its lead time is not known.",
            "%(count)s new versions have no commit that Fairway knows, so their lead time is not known.",
            count,
        )
        notes.append({"text": text % {"count": count}, "url": links.behind("without_commit")})
    if count := len(found.dora.failed) - len(found.dora.recovered):
        text = ngettext(
            "%(count)s new version failed, and no good one has followed within 7 days.",
            "%(count)s new versions failed, and no good one has followed within 7 days.",
            count,
        )
        notes.append({"text": text % {"count": count}, "url": links.behind("not_recovered")})
    return notes


def _outcomes(found: Delivery, links: Links) -> Data:
    total = found.outcomes.total
    return {
        "rate": percent(found.outcomes.success_rate),
        "rate_before": percent(found.outcomes_before.success_rate) if found.outcomes_before.total else "",
        "total": _of(total, total),
        "url": links.behind("ended"),
        "rows": [
            {
                "label": OUTCOME_WORDS[outcome],
                "tone": TONES[outcome],
                "count": count,
                "share": percent(count / total),
                "before": found.outcomes_before.count(outcome),
                "url": links.behind(f"outcome_{outcome.value}"),
            }
            for outcome in Outcome
            if (count := found.outcomes.count(outcome))
        ],
    }


def _times(found: Delivery) -> list[Data]:
    known: list[tuple[Any, Spread | None]] = [
        (_("Waiting for a worker"), found.times.queue),
        (_("Waiting for approvals"), found.times.approval),
        (_("Waiting for a freeze or a lock to end"), found.times.gate),
        (_("Deploying, without waiting"), found.times.work),
        *((step_words(one), one.spread) for one in found.steps),
    ]
    return [
        {"label": label, "count": one.count, "median": duration_words(one.median), "p95": duration_words(one.p95)}
        for label, one in known
        if one is not None
    ]


def step_words(one: StepTime) -> str:
    return _("Step: %(step)s") % {"step": STEP_LABELS.get(one.step, one.step)}


def _places(found: Delivery, links: Links) -> list[Data]:
    """One row for each application and environment; none if there is only one, which the figures above are of."""
    days = found.asked.period.days_so_far(found.now)
    if len(found.places) < 2:
        return []
    return [
        {
            "application": found.names.applications.get(application, application),
            "environment": found.names.environments.get(environment, environment),
            "url": links.page(application=application, environment=environment),
            "values": [
                {"label": known.short, "value": value_words(known.unit, known.value(there, days))} for known in KNOWN
            ],
            "success_rate": percent(ended.success_rate),
        }
        for (application, environment), (there, ended) in found.places.items()
    ]


# -- charts, drawn on the server


def charts(parts: Sequence[Part]) -> list[Data]:
    return [one for one in (outcome_chart(parts), lead_chart(parts)) if one]


def outcome_chart(parts: Sequence[Part]) -> Data:
    """How many deployments ended on each day or in each week, stacked by outcome."""
    most = max((part.outcomes.total for part in parts), default=0) or 1
    bars = []
    for index, part in enumerate(parts):
        top = float(HIGH)
        for outcome in Outcome:
            high = HIGH * part.outcomes.count(outcome) / most
            top -= high
            if high:
                bars.append(_bar(index, top, high, TONES[outcome], f"{_name(part)}: {_counts(part)}"))
    there = [outcome for outcome in Outcome if any(part.outcomes.count(outcome) for part in parts)]
    return {
        **_frame(parts, bars, number_format(most)),
        "key": "outcomes",
        "title": _("Deployments per week, by outcome") if _is_by_week(parts) else _("Deployments per day, by outcome"),
        "legend": [{"label": OUTCOME_WORDS[outcome], "tone": TONES[outcome]} for outcome in there],
        "columns": [OUTCOME_WORDS[outcome] for outcome in there],
        "rows": [
            {"name": _name(part), "values": [number_format(part.outcomes.count(outcome)) for outcome in there]}
            for part in reversed(parts)
            if part.outcomes.total
        ],
    }


def lead_chart(parts: Sequence[Part]) -> Data | None:
    """The median lead time of what went live on each day or in each week; None without any."""
    most = max((part.lead_time or 0.0 for part in parts), default=0.0)
    known = [part for part in parts if part.lead_time is not None]
    if not known:
        return None
    bars = []
    for index, part in enumerate(parts):
        if part.lead_time is not None:
            high = max(1.0, HIGH * part.lead_time / (most or 1.0))
            bars.append(_bar(index, HIGH - high, high, "a", f"{_name(part)}: {duration_words(part.lead_time)}"))
    title = _("Lead time per week, median") if _is_by_week(parts) else _("Lead time per day, median")
    return {
        **_frame(parts, bars, duration_words(most)),
        "key": "lead-time",
        "title": title,
        "legend": [],
        "columns": [_("Median"), _("New versions")],
        "rows": [
            {"name": _name(part), "values": [duration_words(part.lead_time or 0.0), number_format(len(part.lead_seconds))]}
            for part in reversed(known)
        ],
    }


def _bar(index: int, top: float, high: float, tone: str, words: str) -> Data:
    """Numbers as text, because a template would write them with the reader's decimal comma."""
    left = index * WIDE + (WIDE - BAR) / 2
    return {"x": f"{left:g}", "y": f"{top:.3f}", "width": str(BAR), "height": f"{high:.3f}", "tone": tone, "words": words}


def _frame(parts: Sequence[Part], bars: list[Data], most: str) -> Data:
    return {
        "view": f"0 0 {WIDE * len(parts)} {HIGH}",
        "bars": bars,
        "most": most,
        "first": _name(parts[0]),
        "last": _name(parts[-1]),
    }


def _is_by_week(parts: Sequence[Part]) -> bool:
    return any(part.period.days > 1 for part in parts)


def _name(part: Part) -> str:
    """“Nov 3”, or “Nov 3 – Nov 9” for a week."""
    # Translators: a day without its year, as in “Nov 3”; letters as in Django's template filter “date”.
    form = pgettext("day", "M j")
    first = date_format(part.period.since, form)
    return first if part.period.days == 1 else f"{first} – {date_format(part.period.until, form)}"


def _counts(part: Part) -> str:
    return ", ".join(f"{OUTCOME_WORDS[outcome]} {count}" for outcome in Outcome if (count := part.outcomes.count(outcome)))
