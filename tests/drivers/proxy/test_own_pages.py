"""Fairway's own pages behind the proxy: at the host of the public address, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fairway.drivers.proxy import CaddyProxy
from fairway.drivers.proxy.caddy import CaddyProcess
from fairway.drivers.proxy.configuration import Https, ProxySettings
from fairway.drivers.proxy.own_pages import OwnPages
from fairway.drivers.proxy.token import PAGES_HEADER, PROXY_HEADER, pages_token
from tests.services.ports import free_port

from .conftest import Stage
from .test_https import answer
from .upstreams import Upstream

HOST = "fairway.example.com"
Started = Callable[..., Stage]


@pytest.fixture
def started(tmp_path: Path, settings: ProxySettings) -> Iterator[Started]:
    """A proxy that serves Fairway's pages at the URL, with TLS or without."""
    running = []

    def start(url: str = f"http://{HOST}", **more: Any) -> Stage:
        process = CaddyProcess(tmp_path / "caddy", replace(settings, own_pages=OwnPages(url, HOST), **more))
        process.ensure_running()
        running.append(process)
        return Stage(process, CaddyProxy(tmp_path / "caddy"))

    yield start
    for process in running:
        process.stop()


def test_they_answer_at_fairways_own_host_alone(started: Started, web: Upstream) -> None:
    stage = started()
    for host in (HOST, "FAIRWAY.example.COM", f"{HOST}.", f"{HOST}:{stage.port}"):
        assert stage.get(host, "/releases/?page=2").name == "fairway", host
    assert stage.get("other.example.com").status == 404
    assert stage.get("x." + HOST).status == 404
    assert {path for path, _ in web.asked} == {"/releases/?page=2"}


def test_fairway_is_told_who_asks_and_believes_only_the_proxy(started: Started, web: Upstream) -> None:
    stage = started()
    forged = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "https",
        "Forwarded": "for=6.6.6.6",
        PROXY_HEADER: stage.token,
        "X_Fairway_Proxy": stage.token,
        PAGES_HEADER: "guessed",
        "Connection": PAGES_HEADER,
    }
    assert stage.get(HOST, headers=forged).status == 200
    ((_, headers),) = web.asked
    assert headers[PAGES_HEADER] == pages_token(stage.token)
    assert (headers["X-Forwarded-For"], headers["X-Forwarded-Proto"], headers["Host"]) == ("127.0.0.1", "http", HOST)
    assert {name for name in headers if "fairway" in name.lower()} == {PAGES_HEADER}
    assert "Forwarded" not in headers


def test_a_load_balancer_before_it_is_believed_where_it_was_named(started: Started, web: Upstream) -> None:
    stage = started(f"https://{HOST}", trusted_proxies=("127.0.0.0/8",))
    stage.get(HOST, headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"})
    ((_, headers),) = web.asked
    assert (headers["X-Forwarded-For"], headers["X-Forwarded-Proto"]) == ("203.0.113.9", "https")


def test_with_tls_whoever_comes_by_plain_http_is_sent_there_and_nothing_is_taken_from_them(
    started: Started, web: Upstream
) -> None:
    port = free_port()
    url = f"https://{HOST}:{port}"
    stage = started(url, https=Https(port, f"http://{web.address}/tls/ask", issuer="internal"))
    asked = stage.get(HOST, "/releases/?state=open")
    assert (asked.status, asked.headers["Location"]) == (308, f"{url}/releases/?state=open")
    for method in ("POST", "PUT", "DELETE"):
        refused = stage.get(HOST, "/api/v1/tokens", method=method)
        assert (refused.status, url in refused.body) == (403, True)
    assert web.asked == []
    assert b" 200 " in answer(stage, HOST)[0]
    (_, headers) = web.asked[-1]
    assert headers["X-Forwarded-Proto"] == "https"


def test_while_fairway_is_away_its_page_says_so_and_tries_again(
    started: Started, web: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairway.drivers.proxy.own_pages.PATIENCE", "1s")
    stage = started(web=f"127.0.0.1:{free_port()}")
    away = stage.get(HOST, headers={"Accept-Language": "fr"})
    assert (away.status, away.headers["X-Fairway-Page"], away.headers["Retry-After"]) == (503, "away", "2")
    assert "Fairway est absent" in away.body
    assert 'http-equiv="refresh"' in away.body


def test_without_it_nobody_reaches_fairway_through_the_proxy(stage: Stage, web: Upstream) -> None:
    assert stage.get(HOST).status == 404
    assert web.asked == []
