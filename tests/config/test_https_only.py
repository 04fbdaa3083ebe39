"""Where the proxy serves Fairway's pages by https, other machines are not heard by plain HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairway.config.forwarded import Forwarded
from fairway.config.https_only import HttpsOnly

URL = "https://fairway.example.com"


def asked(peer: str, path: str = "/releases/", method: str = "GET", query: str = "", **headers: str) -> dict[str, Any]:
    """What was sent back; empty if the application was asked."""
    sent: dict[str, Any] = {}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        pass

    async def send(message: Any) -> None:
        sent.update(message)

    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "client": (peer, 1), "scheme": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": query.encode(), "headers": given,
    }  # fmt: skip
    asyncio.run(Forwarded(HttpsOnly(application, URL), ("10.0.0.2",), "secret")(scope, None, send))
    return {**sent, "headers": dict(sent["headers"])} if sent else {}


def test_who_reads_is_sent_to_the_same_page_by_https():
    said = asked("203.0.113.9", query="state=open")
    assert (said["status"], said["headers"][b"location"]) == (308, b"https://fairway.example.com/releases/?state=open")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_who_writes_is_refused_with_the_address(method):
    said = asked("203.0.113.9", "/api/v1/tokens", method)
    assert said["status"] == 403
    assert b"location" not in said["headers"]
    assert said["body"].startswith(b"Fairway answers at https://fairway.example.com only")


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.0.0.9", "::1"])
def test_programs_of_this_machine_are_heard(peer):
    assert asked(peer, method="POST") == {}


def test_whoever_came_to_a_trusted_proxy_by_https_is_heard():
    assert asked("10.0.0.2", method="POST", x_forwarded_proto="https", x_forwarded_for="203.0.113.9") == {}
    assert asked("10.0.0.2", x_forwarded_proto="http", x_forwarded_for="203.0.113.9")["status"] == 308


def test_nobody_gets_in_by_saying_so():
    assert asked("203.0.113.9", x_forwarded_proto="https")["status"] == 308
    assert asked("203.0.113.9", x_forwarded_for="127.0.0.1")["status"] == 308


def test_a_load_balancer_may_ask_whether_it_is_well():
    assert asked("203.0.113.9", "/api/v1/health") == {}
