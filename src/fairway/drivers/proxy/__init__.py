"""The proxy: Caddy with a static configuration, which serves the routes in a directory (see contract.py and README.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fairway.drivers.proxy.admin import AdminSocket
from fairway.drivers.proxy.configuration import ADMIN_SOCKET, ROUTES
from fairway.drivers.proxy.contract import Fence, Route, unfenced
from fairway.drivers.proxy.routes import RouteDirectory


class CaddyProxy:
    """Implements `Proxy` with the Caddy of `folder`. Routes can be written while Caddy does not run; it serves them once it
    does."""

    def __init__(self, folder: Path) -> None:
        self._directory = RouteDirectory(folder / ROUTES)
        self._admin = AdminSocket(folder / ADMIN_SOCKET)

    def route(self, host: str) -> Route | None:
        return self._directory.route(host)

    def routes(self) -> Sequence[Route]:
        return self._directory.routes()

    def labels(self) -> Mapping[tuple[str, str], str]:
        return self._directory.labels()

    def ensure_route(self, route: Route, *, fence: Fence = unfenced) -> None:
        self._directory.ensure_route(route, fence=fence)

    def ensure_no_route(self, host: str, *, fence: Fence = unfenced) -> None:
        self._directory.ensure_no_route(host, fence=fence)

    def collect(self) -> None:
        self._directory.collect()

    def in_flight(self) -> Mapping[str, int]:
        return self._admin.in_flight()
