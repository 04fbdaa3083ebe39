"""A series as columns of numbers, one for each line of a chart: what the API answers and what pages draw. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairway.monitoring.queries import Series
from fairway.monitoring.rules import Served, Used, error_rate, percentile

Column = list[float | int | None]
DIGITS = 4  # of a fraction: charts show three
STATUSES = {
    "1xx": "informational",
    "2xx": "successes",
    "3xx": "redirects",
    "4xx": "client_errors",
    "5xx": "server_errors",
}
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def usage_columns(found: Series) -> list[dict[str, Any]]:
    """The columns of each service. `cpu` is in cores: 0.5 is half of one core."""
    return [{"service": service, **_usage(samples)} for service, samples in found.usage.items()]


def _usage(samples: list[Used | None]) -> dict[str, Column]:
    def column(value: Callable[[Used], float | int | None]) -> Column:
        return [value(one) if one else None for one in samples]

    return {
        "instances": column(lambda one: one.instances),
        "cpu": column(lambda one: _rounded(one.cpu_seconds / one.seconds)),
        "memory_bytes": column(lambda one: one.memory_bytes),
        "memory_peak_bytes": column(lambda one: one.memory_peak_bytes),
        "memory_limit_bytes": column(lambda one: one.limit_bytes),
        "restarts": column(lambda one: one.restarts),
    }


def traffic_columns(found: Series) -> dict[str, Any] | None:
    """Requests and bytes per second, the share of answers that were errors of the server, and durations in seconds. None if
    the proxy has counted nothing in the period."""
    if not found.traffic:
        return None

    def column(value: Callable[[Served, int], float | None]) -> Column:
        every = enumerate(found.traffic)
        return [_rounded(value(one, found.length(index))) if one else None for index, one in every]

    def rate(name: str) -> Column:
        return column(lambda one, seconds: getattr(one, name) / seconds)

    return {
        "requests": rate("requests"),
        "statuses": {status: rate(name) for status, name in STATUSES.items()},
        "error_rate": column(lambda one, _: error_rate(one)),
        "durations": {name: column(_percentile(share)) for name, share in PERCENTILES.items()},
        "bytes": rate("bytes_sent"),
    }


def _percentile(share: float) -> Callable[[Served, int], float | None]:
    return lambda one, _: percentile(one.durations or {}, share)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
