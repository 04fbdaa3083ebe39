from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.drivers.proxy.logs import TRAFFIC_LOG
from fairway.drivers.proxy.routes import RouteDirectory
from fairway.drivers.proxy.traffic import Request, TrafficLog, parse_line
from tests.services.waiting import eventually

from .conftest import Stage
from .upstreams import Upstream

Maker = Callable[..., Upstream]
LINE = {
    "ts": 1.5,
    "duration": 0.1,
    "size": 3,
    "status": 200,
    "answered_ms": 20.5,
    "upstream": "127.0.0.1:4",
    "host": "a.test",
}


def line(**other: object) -> bytes:
    return json.dumps(LINE | other).encode() + b"\n"


def read(log: TrafficLog, most: int) -> list[Request]:
    """What the log has once this many requests are in it: Caddy writes a line just after its answer."""
    found: list[Request] = []
    eventually(lambda: bool(found.extend(log.read()) or len(found) >= most))
    return found


def test_each_request_to_an_application_is_read_once(stage: Stage, upstream: Maker) -> None:
    shop = upstream("shop")
    stage.serve("shop.localhost", shop)
    log, before = TrafficLog(stage.process.folder), time.time()
    sent = len(stage.get("shop.localhost").body)
    stage.get("SHOP.localhost.:80")
    first, second = read(log, 2)
    assert (first.host, first.upstream, first.status, first.sent) == ("shop.localhost", shop.address, 200, sent)
    assert second.host == "shop.localhost"
    assert before - 0.1 < first.at <= second.at <= time.time() + 0.1
    assert first.seconds is not None
    assert 0 < first.seconds < first.at - before + 0.1
    assert list(log.read()) == []
    shop.status = 503
    stage.get("shop.localhost")
    assert [request.status for request in read(log, 1)] == [503]


def test_nothing_about_a_visitor_is_in_the_log(stage: Stage, upstream: Maker) -> None:
    stage.serve("shop.localhost", upstream("shop"))
    stage.get("shop.localhost", "/private-path?q=private-query", {"Cookie": "private-cookie=1", "User-Agent": "private"})
    read(TrafficLog(stage.process.folder), 1)
    text = (stage.process.folder / TRAFFIC_LOG).read_text()
    assert "shop.localhost" in text
    assert "private" not in text
    assert "remote" not in text
    assert os.stat(stage.process.folder / TRAFFIC_LOG).st_mode & 0o077 == 0


def test_only_what_visitors_asked_an_application_is_counted(stage: Stage, upstream: Maker, web: Upstream) -> None:
    stage.serve("shop.localhost", upstream("shop"), kind=RouteKind.SIGNED_IN)
    stage.get("shop.localhost", headers={"X-Fairway-Probe": stage.token})
    stage.get("shop.localhost", "/.fairway/sign-in")
    stage.get("unknown.localhost")
    stage.get("not a host")
    web.status = 401
    assert stage.get("shop.localhost").status == 401
    (refused,) = read(TrafficLog(stage.process.folder), 1)
    assert (refused.host, refused.status, refused.upstream) == ("shop.localhost", 401, web.address)


def test_a_replica_that_cannot_be_reached_is_named(stage: Stage) -> None:
    stage.serve("shop.localhost", "127.0.0.1:1")
    assert stage.get("shop.localhost").status == 502
    (failed,) = read(TrafficLog(stage.process.folder), 1)
    assert (failed.host, failed.upstream, failed.status, failed.seconds) == ("shop.localhost", "127.0.0.1:1", 502, None)


def test_a_page_of_the_proxy_has_no_replica(stage: Stage) -> None:
    stage.proxy.ensure_route(Route("shop.localhost", RouteKind.STOPPED, (), "d1"))
    stage.get("shop.localhost")
    (stopped,) = read(TrafficLog(stage.process.folder), 1)
    assert (stopped.upstream, stopped.status, stopped.seconds) == ("", 503, None)


def test_a_long_stream_counts_by_its_first_answer(stage: Stage, upstream: Maker) -> None:
    shop = upstream("shop")
    stage.serve("shop.localhost", shop)
    with socket.create_connection(("127.0.0.1", stage.port)) as connection:
        began = time.monotonic()  # before the request is sent: the proxy may have it before this process goes on
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
        received = b""
        while b"first" not in received:
            received += connection.recv(4096)
        answered = time.monotonic() - began
        time.sleep(0.5)
        shop.release.set()
        while not received.endswith(b"0\r\n\r\n"):  # who leaves before the end is not counted
            received += connection.recv(4096)
    (stream,) = read(TrafficLog(stage.process.folder), 1)
    assert stream.seconds is not None
    assert stream.seconds <= answered


def test_the_generation_of_a_replica_is_known_until_its_requests_are_counted(tmp_path: Path) -> None:
    routes = RouteDirectory(tmp_path / "routes")
    routes.ensure_route(Route("shop.localhost", RouteKind.OPEN, ("127.0.0.1:1", "127.0.0.1:2"), "d1"))
    routes.ensure_route(Route("shop.localhost", RouteKind.OPEN, ("127.0.0.1:2", "[::1]:3"), "d2"))
    routes.ensure_route(Route("desk.localhost", RouteKind.STOPPED, (), "d9"))
    assert routes.labels() == {
        ("shop.localhost", "127.0.0.1:1"): "d1",
        ("shop.localhost", "127.0.0.1:2"): "d2",
        ("shop.localhost", "[::1]:3"): "d2",
    }
    routes.ensure_no_route("shop.localhost")
    assert routes.labels()["shop.localhost", "[::1]:3"] == "d2"


# --- rotated files, without Caddy


def test_files_that_were_rotated_between_two_calls_are_read_to_their_end(tmp_path: Path) -> None:
    current = tmp_path / TRAFFIC_LOG
    log = TrafficLog(tmp_path)
    assert list(log.read()) == []
    current.write_bytes(line(ts=1) + line(ts=2))
    assert [request.at for request in log.read()] == [1, 2]
    with current.open("ab") as file:
        file.write(line(ts=3))
    current.rename(tmp_path / "traffic-2026-11-30T10-00-00.000.log")
    (tmp_path / "traffic-2026-11-30T10-00-01.000.log").write_bytes(line(ts=4))
    current.write_bytes(line(ts=5))
    assert [request.at for request in log.read()] == [3, 4, 5]
    assert list(log.read()) == []
    assert [request.at for request in TrafficLog(tmp_path).read()] == [1, 2, 3, 4, 5], "a new reader begins with the oldest"


def test_a_line_that_is_being_written_is_read_when_it_is_complete(tmp_path: Path) -> None:
    current = tmp_path / TRAFFIC_LOG
    log, whole = TrafficLog(tmp_path), line(ts=7)
    current.write_bytes(line(ts=6) + whole[:20])
    assert [request.at for request in log.read()] == [6]
    with current.open("ab") as file:
        file.write(whole[20:])
    assert [request.at for request in log.read()] == [7]


def test_a_log_that_somebody_emptied_is_read_from_its_beginning(tmp_path: Path) -> None:
    current, log = tmp_path / TRAFFIC_LOG, TrafficLog(tmp_path)
    current.write_bytes(line(ts=1) + line(ts=2))
    list(log.read())
    with current.open("r+b") as file:
        file.truncate()
        file.write(line(ts=3))
    assert [request.at for request in log.read()] == [3]


@pytest.mark.parametrize(
    "wrong",
    [b"\n", b"{}\n", b"[]\n", b"not json\n", b"\xff\xfe\n", line(status=None), line(ts="x"), line(host=None, size="many")],
)
def test_a_line_that_makes_no_sense_is_left_out(tmp_path: Path, wrong: bytes) -> None:
    (tmp_path / TRAFFIC_LOG).write_bytes(line(ts=1) + wrong + line(ts=2))
    assert [request.at for request in TrafficLog(tmp_path).read()] == [1, 2]


def test_a_line_without_a_replica_has_no_time() -> None:
    found = parse_line(line(upstream=None, answered_ms=None))
    assert found == Request(at=1.5, host="a.test", upstream="", status=200, seconds=None, sent=3)
