"""SIGKILL under a constant load: one replica of two, again and again, and the proxy. The same for benchmark and test."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass

from fairway.drivers.proxy.admin import AdminSocket
from tests.services.installation import Installation, wait_for
from tests.services.load import SLOW_SECONDS, Load, Report


@dataclass(frozen=True)
class Killed:
    """What the load saw of it; `away` are the seconds until the proxy answered again, per kill."""

    kills: int
    load: Report
    away: tuple[float, ...] = ()

    @property
    def failed(self) -> int:
        return sum(self.load.failed.values())

    def told(self) -> str:
        kinds = ", ".join(f"{count} of {self.load.sent[kind]:,} {kind}" for kind, count in self.load.failed.items())
        return f"{self.kills} kills at {self.load.rate:.0f} requests/s; lost: {kinds or 'none'}"


def kill_replicas(one: Installation, slug: str, kills: int, *, share: float = 1) -> Killed:
    """The application runs twice in staging; one of them is killed, by turns, while both answer slow requests too."""
    one.call("PUT", f"/applications/{slug}/environments/staging/placement/replicas", {"replicas": 2})
    wait_for(lambda: _both_run(one, slug), "two replicas run")
    with _loaded(one, slug, share) as load:
        for turn in range(kills):
            folder = one.instances(slug)[turn % 2]
            os.kill(json.loads((folder / "state.json").read_text())["app"][0], signal.SIGKILL)
            wait_for(lambda: _both_run(one, slug), "two replicas run again")
            time.sleep(SLOW_SECONDS + 1)  # whoever was asked again is answered before the other one is killed
    return Killed(kills, load.report)


def kill_proxy(one: Installation, slug: str, kills: int, *, share: float = 1) -> Killed:
    """Nothing stands in for a proxy that is killed: what it carried is lost, and what comes until it is back."""
    away = []
    with _loaded(one, slug, share) as load:
        for _ in range(kills):
            pid = AdminSocket(one.data / "caddy" / "admin.sock").pid()
            assert pid is not None
            began = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: one.visit(f"{slug}.staging.localhost").status == 200, "the proxy is back")
            away.append(time.monotonic() - began)
            time.sleep(SLOW_SECONDS + 1)
    return Killed(kills, load.report, tuple(away))


def _loaded(one: Installation, slug: str, share: float) -> Load:
    """A load; entered, it is at its full height: as many slow requests are running as ever will."""
    return Load(one.proxy_port, f"{slug}.staging.localhost", wait=SLOW_SECONDS, share=share)


def _both_run(one: Installation, slug: str) -> bool:
    shown = one.placement(slug)
    states = [each["state"] for each in shown["instances"]]
    return (shown["health"], states, shown["drift"]) == ("healthy", ["running"] * 2, [])
