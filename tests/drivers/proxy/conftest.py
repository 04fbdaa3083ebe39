from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from fairway.drivers.proxy import CaddyProxy
from fairway.drivers.proxy.caddy import CaddyProcess
from fairway.drivers.proxy.configuration import ProxySettings
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.drivers.proxy.token import shared_token
from tests.services.ports import free_port

from .upstreams import Answer, Upstream, get, serving


@dataclass
class Stage:
    """A running Caddy and its routes."""

    process: CaddyProcess
    proxy: CaddyProxy

    @property
    def port(self) -> int:
        return self.process.settings.port

    @property
    def token(self) -> str:
        return self.process.settings.token

    def serve(self, host: str, *upstreams: Upstream | str, kind: RouteKind = RouteKind.OPEN, generation: str = "d1") -> None:
        addresses = tuple(upstream if isinstance(upstream, str) else upstream.address for upstream in upstreams)
        self.proxy.ensure_route(Route(host, kind, addresses, generation))

    def get(self, host: str, path: str = "/", headers: dict[str, str] | None = None, **more: object) -> Answer:
        return get(self.port, host, path, headers, **more)  # type: ignore[arg-type]


@pytest.fixture
def upstream() -> Iterator[Callable[..., Upstream]]:
    """Makes upstreams; they end with the test."""
    with ExitStack() as stack:
        yield lambda name="one", **more: stack.enter_context(serving(name, **more))


@pytest.fixture
def web(upstream: Callable[..., Upstream]) -> Upstream:
    """Stands for Fairway's own web process."""
    return upstream("fairway")


@pytest.fixture
def settings(tmp_path: Path, web: Upstream) -> ProxySettings:
    return ProxySettings(port=free_port(), web=web.address, token=shared_token(tmp_path / "caddy"))


@pytest.fixture
def stage(tmp_path: Path, settings: ProxySettings) -> Iterator[Stage]:
    process = CaddyProcess(tmp_path / "caddy", settings)
    process.ensure_running()
    yield Stage(process, CaddyProxy(tmp_path / "caddy"))
    process.stop()
