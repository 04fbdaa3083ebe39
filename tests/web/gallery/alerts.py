"""Sample alerts: what is wrong and was, and an environment's thresholds and silences."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator

from fairway.monitoring.alert_rules import rules_with
from fairway.web.alert_forms import RulesForm, SilenceForm
from fairway.web.presenters.acts import Button
from tests.web.gallery import metrics, samples
from tests.web.gallery.samples import APPS, ENVIRONMENTS, PRODUCTION, back

Data = dict[str, Any]
CHOSEN = {"state": "", "kind": "", "environment": "", "application": ""}
APPLICATIONS = [("", "all applications"), ("storefront", "storefront"), ("billing-api", "billing-api")]


def alert(number: int, title: str, label: str, sentence: str, **more: Any) -> Data:
    button = Button("Acknowledge", f"/alerts/{number}/acknowledgement", "check")
    base: Data = {
        "number": number, "title": title, "label": label, "sentence": sentence, "tone": "warn", "severity": "Warning",
        "is_open": True, "since": back(minutes=17), "ended_at": None, "seconds": 1020, "is_silenced": False,
        "acknowledged_by": "", "acknowledged_at": None, "acknowledge": button,
    }  # fmt: skip
    return base | more


def every() -> list[Data]:
    bad = {"tone": "bad", "severity": "Critical"}
    over = {"is_open": False, "tone": "idle", "ended_at": back(hours=2), "acknowledge": None}
    return [
        alert(7, "Many errors", "storefront · Production", "38.5 percent of 1240 requests in 5 min were answered with a "
              "server error.", **bad),
        alert(6, "Memory near its limit", "billing-api · Staging", "The service “worker” uses 93 percent of the memory that "
              "it may use.", acknowledged_by="grace", acknowledged_at=back(minutes=4), acknowledge=None),
        alert(5, "Certificate ends soon", "a-lighthouse-with-quite-a-long-name · Production", "The certificate of "
              "lighthouse-keepers-and-their-families.example.com ends on 2026-12-09.", is_silenced=True),
        alert(4, "Down", "sales-dashboard · Staging", "Nothing of it runs.", seconds=340, **over),
        alert(3, "Disk nearly full", "Fairway", "The disk of Fairway’s data directory is 86 percent full.", seconds=259200,
              acknowledged_by="ada", acknowledged_at=back(days=2), **over),
    ]  # fmt: skip


def home() -> Data:
    return {**samples.home(), "alerts": every()[:3], "alerts_count": 3}


def _listed(rows: list[Data]) -> Data:
    kinds = [{"key": "errors", "label": "Many errors"}, {"key": "memory", "label": "Memory near its limit"}]
    choices = {"kinds": kinds, "environments": ENVIRONMENTS, "applications": APPS}
    return {"filters": CHOSEN, "choices": choices, "page": Paginator(rows, 50).page(1)}


def listed() -> Data:
    return _listed(every())


def none() -> Data:
    return _listed([])


def one() -> Data:
    where = {"label": "Metrics", "url": "/applications/storefront/metrics"}
    return {"alert": every()[0], "where": where, "rules_url": "/environments/production/alerts"}


def over() -> Data:
    return {"alert": every()[4], "where": {"label": "Storage", "url": ""}, "rules_url": ""}


def beside_charts() -> Data:
    return {**metrics.full(), "alerts": every()[:1]}


def of_application() -> Data:
    return {**samples.application_detail(), "alerts": every()[:2]}


def settings(rules: RulesForm | None = None, silence: SilenceForm | None = None, **more: Any) -> Data:
    rules = rules or RulesForm(rules=rules_with({"memory": {"is_on": False}, "errors": {"threshold": 2.5}}))
    end = Button("End now", "/silences/1/end", "bell", "ghost")
    silences = [
        {"application": "", "kind": "", "until": back(hours=-6), "reason": "The host is moved", "by": "grace", "end": end},
        {"application": "storefront", "kind": "Slow answers", "until": back(days=-2), "reason": "A known slow report, until "
         "the index is built", "by": "ada", "end": None},
    ]  # fmt: skip
    base: Data = {
        "environment": PRODUCTION, "rules": rules.rows(), "rules_form": rules, "may_edit": True, "silences": silences,
        "silence_form": silence or SilenceForm(applications=APPLICATIONS), "zone": "Europe/Zurich",
    }  # fmt: skip
    return base | more


def wrong() -> Data:
    rules = RulesForm({"errors_threshold": "0", "errors_minutes": "5", "latency_threshold": "fast"}, rules=rules_with({}))
    rules.add_error("errors_threshold", "Must be a number from 0.1 to 100.")
    silence = SilenceForm({"until": "2020-01-01T00:00", "kind": "", "application": ""}, applications=APPLICATIONS)
    silence.add_error("until", "Must lie in the future.")
    return settings(rules, silence)


def only_read() -> Data:
    return settings(may_edit=False, silence_form=None, silences=[])
