"""Context of the page that shows how an application does: charts, what happened meanwhile, and what is used now."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fairway.accounts.rules import Actor
from fairway.deployments.models import Placement
from fairway.deployments.rules import shown_status
from fairway.monitoring.columns import traffic_columns, usage_columns
from fairway.monitoring.marks import Mark, MarkKind
from fairway.monitoring.queries import Current, Series, current_usage, last_sample_at, series
from fairway.web.templatetags.fairway import bytes_words, duration_words, status_word
from fairway.web.templatetags.vocabulary import STATUSES

PERIODS = ("1h", "24h", "7d", "30d")
SECONDS = {"1h": 3600, "24h": 86400, "7d": 7 * 86400, "30d": 30 * 86400}
MARK_TONES = {MarkKind.RESTART: "warn", MarkKind.STOP: "idle", MarkKind.START: "run", MarkKind.SCALE: "run"}
STATUS_TONES = {"1xx": "other", "2xx": "ok", "3xx": "run", "4xx": "warn", "5xx": "bad"}
SERVICE_TONES = ("a", "b", "c", "d", "e", "f")

Data = dict[str, Any]


def metrics_shown(actor: Actor, placement: Placement | None, period: str) -> Data:
    """What ``applications/metrics.html`` is given beside the head. `period` is one of `PERIODS`."""
    data = chart_data(actor, placement, period) if placement else None
    where = [placement.application.slug, placement.environment.slug] if placement else []
    return shown(data, period, f"{reverse('placement-metrics', args=where)}?since={period}" if where else "")


def shown(data: Data | None, period: str, url: str) -> Data:
    """The same, from what the charts draw; None if there is no placement."""
    words = {"1h": _("1 hour"), "24h": _("24 hours"), "7d": _("7 days"), "30d": _("30 days")}
    was_measured = bool(data and data["was_measured"])
    data = data if data and data["charts"] else None
    return {
        "was_measured": was_measured,
        "periods": [{"key": key, "label": words[key], "is_current": key == period} for key in PERIODS],
        "period": period,
        "chart_data": data,
        "charts": data["charts"] if data else [],
        "figures": data["figures"] if data else [],
        "happened": data["marks"] if data else [],
        "url": url,
    }


def chart_data(actor: Actor, placement: Placement, period: str) -> Data:
    """What the charts draw, as JSON: the page has it when it is loaded, and asks for it again."""
    now = time.time()
    found = series(actor, placement, period=SECONDS[period], now=now)
    was_measured = bool(found.usage or found.traffic) or last_sample_at(actor, placement) is not None
    return drawn(found, current_usage(actor, now=now, placement=placement), was_measured=was_measured)


def drawn(found: Series, current: list[Current], *, was_measured: bool = True) -> Data:
    """A series and what is used now, in the reader's language. `was_measured` says whether anything ever was, also before
    the period."""
    return {
        "was_measured": was_measured,
        "step": found.step,
        "since": found.since,
        "until": found.until,
        "at": found.at,
        "charts": [*_usage_charts(found), *_traffic_charts(found)],
        "marks": [_mark_shown(one) for one in found.marks],
        "figures": [_figure(one) for one in _in_order(current)],
    }


def _in_order(found: list[Current]) -> list[Current]:
    return sorted(found, key=lambda one: (one.service != "web", one.service))


def _figure(one: Current) -> Data:
    """What a service uses now, in words: “212 MB of 512 MB”."""
    used = one.used
    memory = bytes_words(used.memory_bytes)
    if used.limit_bytes:
        memory = _("%(used)s of %(limit)s") % {"used": memory, "limit": bytes_words(used.limit_bytes)}
    cores = used.cpu_seconds / used.seconds
    return {
        "service": one.service,
        "cpu": _cores(cores),
        "memory": memory,
        "share": round(100 * used.memory_bytes / used.limit_bytes) if used.limit_bytes else None,
        "instances": ngettext("%(count)s instance", "%(count)s instances", used.instances) % {"count": used.instances},
    }


def _cores(cores: float) -> str:
    """English writes “0.5 cores”, French “0,5 cœur”: both take their form for 0 below 2."""
    return ngettext("%(cores)s core", "%(cores)s cores", 0 if cores < 2 else 2) % {
        "cores": number_format(cores, 3 if cores < 1 else 2)
    }


# -- charts


def _usage_charts(found: Series) -> list[Data]:
    columns = usage_columns(found)
    if not columns:
        return []
    several = len(columns) > 1
    cpu, memory = [], []
    for number, one in enumerate(columns):
        tone, service = SERVICE_TONES[number % len(SERVICE_TONES)], one["service"]
        cpu.append(_line(service if several else _("CPU"), tone, one["cpu"]))
        memory.append(_line(service if several else _("Memory"), tone, one["memory_bytes"]))
    limits = [(one["service"], one["memory_limit_bytes"]) for one in columns if any(one["memory_limit_bytes"])]
    if len(limits) == 1 or all(values == limits[0][1] for _service, values in limits):
        limits = [("", values) for _service, values in limits[:1]]
    for service, values in limits:
        label = _("Limit of %(service)s") % {"service": service} if service else pgettext("memory", "Limit")
        memory.append(_line(label, "limit", values, dash=True))
    return [_chart("cpu", _("CPU"), "cores", cpu), _chart("memory", _("Memory"), "bytes", memory)]


def _traffic_charts(found: Series) -> list[Data]:
    columns = traffic_columns(found)
    if columns is None:
        return []
    statuses = [
        _line(status, STATUS_TONES[status], values)
        for status, values in columns["statuses"].items()
        if status != "1xx" or any(values)
    ]
    tones = zip(columns["durations"].items(), ("a", "c", "e"), strict=True)
    return [
        _chart("requests", _("Requests per second"), "rate", statuses),
        _chart("errors", _("Error rate"), "share", [_line(_("Answered 5xx"), "bad", columns["error_rate"])]),
        _chart("latency", _("Response time"), "seconds", [_line(name, tone, values) for (name, values), tone in tones]),
        _chart("bytes", _("Bytes sent per second"), "bytes", [_line(_("Sent"), "a", columns["bytes"])]),
    ]


def _chart(key: str, title: str, unit: str, lines: list[Data]) -> Data:
    return {"key": key, "title": title, "unit": unit, "lines": lines}


def _line(label: str, tone: str, values: list[Any], *, dash: bool = False) -> Data:
    return {"label": label, "tone": tone, "values": values, "dash": dash}


# -- marks


def _mark_shown(mark: Mark) -> Data:
    status = shown_status(mark.outcome, is_current=False) if mark.outcome else ""
    tone = MARK_TONES.get(mark.kind, "idle")
    if mark.kind == MarkKind.DEPLOYMENT:
        tone = "ok" if mark.outcome == "succeeded" else STATUSES.get(status, ("", "", "idle"))[2]
    return {
        "kind": mark.kind.value,
        "at": datetime.fromtimestamp(mark.at, UTC).isoformat(),
        "from": mark.at,
        "until": mark.until,
        "tone": tone,
        "text": _mark_words(mark, status),
        "url": reverse("deployment-detail", args=[mark.number]) if mark.number else "",
    }


def _mark_words(mark: Mark, status: str) -> str:
    words = {"who": mark.who, "number": mark.number, "version": mark.version, "name": mark.name}
    match mark.kind:
        case MarkKind.DEPLOYMENT if mark.outcome == "succeeded":
            if mark.version:
                return _("Deployment #%(number)s: version %(version)s went live, requested by %(who)s") % words
            return _("Deployment #%(number)s went live, requested by %(who)s") % words
        case MarkKind.DEPLOYMENT:
            ended = {**words, "status": status_word(status)}
            return _("Deployment #%(number)s, requested by %(who)s: %(status)s") % ended
        case MarkKind.RESTART:
            return ngettext("%(count)s restart", "%(count)s restarts", mark.count) % {"count": mark.count}
        case MarkKind.STOP:
            return _("%(who)s stopped it") % words
        case MarkKind.START:
            return _("%(who)s started it") % words
        case MarkKind.SCALE:
            return _("%(who)s changed the number of instances") % words
        case _:
            lasted = duration_words((mark.until or mark.at) - mark.at)
            return _("Closed by the freeze window “%(name)s” for %(duration)s") % {**words, "duration": lasted}
