"""A release desk in one process: real workflows over the fake runtime, behind a proxy that answers what its routes say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import fairway.deployments.verdict
import fairway.workflows.adjust
import fairway.workflows.deploy
import fairway.workflows.judging
import fairway.workflows.step_context
from fairway.drivers.proxy.configuration import UPSTREAM_HEADER
from fairway.drivers.proxy.contract import RouteKind
from fairway.drivers.proxy.fake import FakeProxy
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.environments.models import Environment
from fairway.environments.runtimes import runtime_of
from tests.conftest import make_environment
from tests.releases.desk import ReleaseDesk


class AnsweringProxy(FakeProxy):
    """Answers every request by naming the replica that its route would have sent it to."""

    def __init__(self) -> None:
        super().__init__()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, headers = proxy.answer(self.headers["Host"], self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.port = int(self.http.server_address[1])
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def answer(self, host: str, path: str) -> tuple[int, dict[str, str]]:
        """Status and headers."""
        route = self.route(host)
        if route is None or route.kind not in (RouteKind.OPEN, RouteKind.SIGNED_IN):  # the probe shows a token
            return 503, {}
        return 200, {UPSTREAM_HEADER: route.addresses[0]}


@pytest.fixture(scope="session")
def answering() -> Iterator[AnsweringProxy]:
    proxy = AnsweringProxy()
    yield proxy
    proxy.http.shutdown()
    proxy.http.server_close()


@pytest.fixture
def proxy(answering: AnsweringProxy, monkeypatch: pytest.MonkeyPatch, settings: object) -> AnsweringProxy:
    """The workflows' proxy for this test, without routes; nothing is waited for that has no reader here."""
    for route in answering.routes():
        answering.ensure_no_route(route.host)
    for workflow in (fairway.workflows.step_context, fairway.workflows.adjust):
        monkeypatch.setattr(workflow, "proxy", lambda: answering)
    monkeypatch.setattr(fairway.workflows.judging, "PROBE_AFTER", 0.0)
    monkeypatch.setattr(fairway.workflows.deploy, "PROBATION", 0.0)
    monkeypatch.setattr(fairway.deployments.verdict, "LEAST", 1)
    settings.PROXY_PORT = answering.port  # type: ignore[attr-defined]
    settings.DRAIN_SECONDS = 0  # type: ignore[attr-defined]
    settings.HEALTH_SECONDS = 5  # type: ignore[attr-defined]
    settings.WATCH_EVERY_SECONDS = timedelta(hours=1).total_seconds()  # type: ignore[attr-defined]
    settings.WATCH_SECONDS = timedelta(hours=2).total_seconds()  # type: ignore[attr-defined]
    return answering


@pytest.fixture
def development(db: None) -> Environment:
    return make_environment("development", position=10)


@pytest.fixture
def fake(db: None) -> Iterator[FakeRuntime]:
    """The world of every environment on the fake runtime, empty before and after."""
    runtime = runtime_of(Environment(slug="any", runtime="fake"))
    assert isinstance(runtime, FakeRuntime)
    emptied(runtime)
    yield runtime
    emptied(runtime)


def emptied(runtime: FakeRuntime) -> None:
    for instance in runtime.instances():
        runtime.ensure_removed(instance.name)
    with runtime.world.open() as world:
        for name in world:
            world[name] = type(world[name])()


@pytest.fixture
def desk(
    proxy: AnsweringProxy, fake: FakeRuntime, development: Environment, staging: Environment, production: Environment
) -> ReleaseDesk:
    return ReleaseDesk(fake)
