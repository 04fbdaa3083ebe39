"""Switching a host's traffic: how long until a visitor sees it, and whether a request is lost, with 1, 100 and 1,000 routes.

The floor is one request that sees it: nobody can know sooner. Two threads ask all the time,
one keeping its connection, one with new ones.
"""

from __future__ import annotations

import http.client
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.figures import Figure, quantile, report
from fairway.drivers.proxy import CaddyProxy
from fairway.drivers.proxy.caddy import CaddyProcess
from fairway.drivers.proxy.configuration import ProxySettings
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.drivers.proxy.token import shared_token
from tests.drivers.proxy.upstreams import serving
from tests.services.ports import free_port

SWITCHES = 60
ROUTES = (1, 100, 1000)
HOST = "app.localhost"


class Visitor(threading.Thread):
    """Asks without rest; `answers` are (moment, the upstream's name), `lost` what was no answer of an upstream."""

    def __init__(self, port: int, *, keeps: bool) -> None:
        super().__init__(daemon=True)
        self.port, self.keeps = port, keeps
        self.answers: list[tuple[float, str]] = []
        self.took: list[float] = []
        self.lost: list[str] = []
        self.over = threading.Event()

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self.over.is_set():
            connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            began = time.monotonic()
            try:
                connection.request("GET", "/", headers={"Host": HOST})
                answer = connection.getresponse()
                body = answer.read()
                self.took.append((time.monotonic() - began) * 1000)
                if answer.status == 200:
                    self.answers.append((time.monotonic(), "one" if b'"name": "one"' in body else "two"))
                else:
                    self.lost.append(str(answer.status))
            except (OSError, http.client.HTTPException) as problem:
                self.lost.append(repr(problem))
            if not self.keeps or self.lost:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()


def measure() -> Iterator[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fairway-bench-")))
        one, two, web = (stack.enter_context(serving(name)) for name in ("one", "two", "web"))
        token = shared_token(folder / "caddy")
        process = CaddyProcess(folder / "caddy", ProxySettings(port=free_port(), web=web.address, token=token))
        process.ensure_running()
        stack.callback(process.stop)
        proxy = CaddyProxy(folder / "caddy")
        for count in ROUTES:
            for number in range(len(proxy.routes()), count - 1):
                proxy.ensure_route(Route(f"other-{number}.localhost", RouteKind.OPEN, (one.address,), "d1"))
            yield from _figures(proxy, process.settings.port, {"one": one.address, "two": two.address}, count)


def _figures(proxy: CaddyProxy, port: int, addresses: dict[str, str], count: int) -> Iterator[Figure]:
    written, seen, visitors = _switched(proxy, port, addresses)
    asked = sum(len(one.answers) for one in visitors)
    lost = [what for one in visitors for what in one.lost]
    name = f"switch with {count:,} route{'s' if count > 1 else ''}"
    request = quantile([took for one in visitors for took in one.took], 0.95)
    yield Figure(f"{name}, seen (p95)", quantile(seen, 0.95), "ms", floor=request, about="floor: one request (p95)")
    yield Figure("  written and synced (p95)", quantile(written, 0.95), "ms", about="fsync comes after the switch")
    about = f"{asked:,} requests over {SWITCHES} switches" + (f"; first: {lost[0]}" if lost else "")
    yield Figure("  requests lost", len(lost), f"of {asked:,}", most=0, about=about)


def _switched(proxy: CaddyProxy, port: int, addresses: dict[str, str]) -> tuple[list[float], list[float], list[Visitor]]:
    """Milliseconds to write each switch, and until each was seen; and who visited."""
    proxy.ensure_route(Route(HOST, RouteKind.OPEN, (addresses["one"],), "d1"))
    visitors = [Visitor(port, keeps=True), Visitor(port, keeps=False)]
    for visitor in visitors:
        visitor.start()
    written, seen = [], []
    for number in range(SWITCHES):
        name = ("two", "one")[number % 2]
        began = time.monotonic()
        proxy.ensure_route(Route(HOST, RouteKind.OPEN, (addresses[name],), f"d{number + 2}"))
        written.append((time.monotonic() - began) * 1000)
        seen.append((_first_seen(visitors, name, began) - began) * 1000)
        time.sleep(0.02)
    for visitor in visitors:
        visitor.over.set()
        visitor.join()
    return written, seen, visitors


def _first_seen(visitors: list[Visitor], name: str, since: float) -> float:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for visitor in visitors:
            for moment, answered in reversed(visitor.answers[-50:]):
                if moment >= since and answered == name:
                    return moment
        time.sleep(0.001)
    raise AssertionError(f"{name} was never seen")


if __name__ == "__main__":
    report(measure)
