"""Sample metrics: a day of an application with three services, and an hour of a quiet one."""

from __future__ import annotations

import math
import random
import time
from typing import Any

from fairway.deployments.models import Placement
from fairway.monitoring.marks import Mark, MarkKind
from fairway.monitoring.queries import Current, Series
from fairway.monitoring.rules import Served, Used, bucket_of, merged, start_of
from fairway.web.presenters.metrics import drawn, shown
from tests.web.gallery.samples import ENVIRONMENTS, STAGING, application

Data = dict[str, Any]
MB = 2**20
URL = "/applications/storefront/in/staging/metrics?since="


def _used(number: int, step: int, chance: random.Random, *, cpu: float, memory: int, limit: int | None) -> Used:
    wave = 1 + 0.5 * math.sin(number / 40) + chance.uniform(-0.12, 0.12)
    peak = int(memory * MB * (0.8 + number / 1500))
    bound = limit * MB if limit else None
    return Used(step, 2, cpu * wave * step, int(peak * 0.97), peak, bound, 1 if number == 230 else 0)


def _served(number: int, step: int, chance: random.Random) -> Served:
    requests = int(step * (14 + 9 * math.sin(number / 40) + chance.uniform(-1, 1)))
    errors = int(requests * (0.06 if 225 < number < 250 else 0.002))
    durations = merged({bucket_of(chance.lognormvariate(-3.2, 0.7)): max(1, requests // 40)} for _ in range(40))
    return Served(
        requests=requests, successes=requests - 2 * errors - requests // 20, redirects=requests // 20, client_errors=errors,
        server_errors=errors, bytes_sent=requests * 8200, durations=durations,
    )  # fmt: skip


def _series(step: int, count: int, services: Data, *, traffic: bool, gap: range) -> Series:
    chance = random.Random(74)
    until = start_of(time.time(), step)
    since = until - count * step
    at = list(range(since, until, step))
    usage = {
        service: [None if number in gap else _used(number, step, chance, **figures) for number in range(count)]
        for service, figures in services.items()
    }
    answers = [None if number in gap else _served(number, step, chance) for number in range(count)] if traffic else []
    return Series(since, until, step, at, usage, answers, _marks(at) if traffic else [])


def _marks(at: list[int]) -> list[Mark]:
    return [
        Mark(MarkKind.FREEZE, at[20], until=at[70], name="Quarter’s end"),
        Mark(MarkKind.DEPLOYMENT, at[90], who="Ada Lovelace", number=510, version="2.14.0", outcome="succeeded"),
        Mark(MarkKind.SCALE, at[150], who="Grace Hopper"),
        Mark(MarkKind.DEPLOYMENT, at[225], who="Linus", number=511, version="2.14.1", outcome="failed"),
        Mark(MarkKind.RESTART, at[230], count=3),
        Mark(MarkKind.STOP, at[300], who="Ada Lovelace"),
        Mark(MarkKind.START, at[306], who="Ada Lovelace"),
    ]


def _page(found: Series, period: str) -> Data:
    last = {service: samples[-1] for service, samples in found.usage.items()}
    current = [Current(Placement(), service, used, found.at[-1]) for service, used in last.items() if used]
    return {**_head(), "is_running": True, **shown(drawn(found, current), period, URL + period)}


def _head() -> Data:
    return {**application(), "environment": STAGING, "environments": ENVIRONMENTS, "alerts": []}


def full() -> Data:
    services = {
        "web": {"cpu": 0.34, "memory": 210, "limit": 512},
        "worker": {"cpu": 0.12, "memory": 130, "limit": 512},
        "db": {"cpu": 0.05, "memory": 80, "limit": None},
    }
    return _page(_series(240, 360, services, traffic=True, gap=range(300, 306)), "24h")


def plain() -> Data:
    services = {"web": {"cpu": 0.02, "memory": 61, "limit": 512}}
    return _page(_series(10, 359, services, traffic=False, gap=range(0, 355)), "1h")


def soon() -> Data:
    return {**_head(), "is_running": True, **shown(None, "1h", "/gallery/act")}


def nothing() -> Data:
    return {**_head(), "is_running": False, **shown(None, "1h", "")}


def quiet() -> Data:
    return {**soon(), "was_measured": True}
