from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fairway.drivers.proxy import CaddyProxy
from fairway.drivers.proxy.caddy import CaddyProcess
from fairway.drivers.proxy.configuration import Https, ProxySettings, build
from fairway.drivers.proxy.contract import Route, RouteKind
from tests.services.ports import free_port
from tests.services.waiting import PATIENCE

from .conftest import Stage
from .upstreams import Upstream

Maker = Callable[..., Upstream]


@pytest.fixture
def secure(tmp_path: Path, settings: ProxySettings, web: Upstream) -> Iterator[Stage]:
    https = Https(free_port(), f"http://{web.address}/ask", issuer="internal")
    process = CaddyProcess(tmp_path / "caddy", replace(settings, https=https))
    process.ensure_running()
    yield Stage(process, CaddyProxy(tmp_path / "caddy"))
    process.stop()


def first_line(stage: Stage, host: str) -> bytes:
    return answer(stage, host)[0]


def answer(stage: Stage, host: str) -> list[bytes]:
    """The lines of an answer over TLS, verified against the authority Caddy made for itself."""
    https = stage.process.settings.https
    assert https is not None
    context = ssl.create_default_context()
    root = stage.process.folder / "storage" / "pki" / "authorities" / "local" / "root.crt"
    context.load_verify_locations(root)
    plain = socket.create_connection(("127.0.0.1", https.port), timeout=PATIENCE)
    with plain, context.wrap_socket(plain, server_hostname=host) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return connection.makefile("rb").readlines()


def test_a_routed_host_gets_a_certificate_when_it_is_asked_for(secure: Stage, upstream: Maker, web: Upstream) -> None:
    shop = upstream("shop")
    secure.serve("shop.example.com", shop)
    assert b" 200 " in first_line(secure, "shop.example.com")
    assert [path for path, _ in web.asked] == ["/ask?domain=shop.example.com"]
    ((_, headers),) = shop.asked
    assert headers["X-Forwarded-Proto"] == "https"


def test_the_cookie_of_a_sticky_route_stays_secure(secure: Stage, upstream: Maker) -> None:
    addresses = (upstream("a").address, upstream("b").address)
    secure.proxy.ensure_route(Route("shop.localhost", RouteKind.OPEN, addresses, sticky=True))
    said = [line.strip() for line in answer(secure, "shop.localhost") if line.lower().startswith(b"set-cookie:")]
    assert len(said) == 1
    assert said[0].endswith(b"; Path=/; Secure; HttpOnly; SameSite=Lax")


def test_a_host_fairway_does_not_know_gets_none(secure: Stage, web: Upstream) -> None:
    web.status = 404
    with pytest.raises(ssl.SSLError):
        first_line(secure, "stranger.example.com")


def test_plain_http_leads_to_https_where_the_host_is_public(secure: Stage, upstream: Maker) -> None:
    https = secure.process.settings.https
    assert https is not None
    shop = upstream("shop")
    for host in ("shop.example.com", "shop.localhost"):
        secure.serve(host, shop)
    answer = secure.get(f"shop.example.com:{secure.port}", "/a?b=c")
    assert (answer.status, answer.headers["Location"]) == (308, f"https://shop.example.com:{https.port}/a?b=c")
    assert secure.get("shop.localhost").name == "shop"
    assert secure.get("shop.example.com", headers={"X-Fairway-Probe": secure.token}).name == "shop"
    assert secure.get("nobody.example.com").status == 404


def test_another_directory_of_certificates_may_be_named(settings: ProxySettings) -> None:
    https = Https(443, "http://127.0.0.1/ask", directory_url="https://ca.example.com/directory", email="ops@example.com")
    (policy,) = build(replace(settings, https=https))["apps"]["tls"]["automation"]["policies"]
    assert policy == {
        "on_demand": True,
        "issuers": [{"module": "acme", "ca": "https://ca.example.com/directory", "email": "ops@example.com"}],
    }
