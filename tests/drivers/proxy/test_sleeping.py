from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from fairway.drivers.proxy.contract import Route, RouteKind
from tests.services.waiting import PATIENCE, eventually

from .conftest import Stage
from .upstreams import Answer, Upstream

Maker = Callable[..., Upstream]
HOST = "cat.localhost"


@pytest.fixture
def cat(stage: Stage, upstream: Maker, web: Upstream) -> Upstream:
    """An application that sleeps; the first question whether it may be woken wakes it, once `release` is set."""
    cat = upstream("cat")
    asleep(stage)
    waking = threading.Lock()

    def wake(path: str) -> None:
        if path.startswith("/.fairway/wake"):
            cat.entered.set()
            cat.release.wait(PATIENCE)
            with waking:
                stage.serve(HOST, cat)

    web.before = wake
    return cat


def asleep(stage: Stage, kind: RouteKind = RouteKind.SLEEPING) -> None:
    stage.proxy.ensure_route(Route(HOST, kind, (), "d1"))


def test_the_first_requests_wait_and_all_of_them_are_answered(stage: Stage, cat: Upstream, web: Upstream) -> None:
    def ask(number: int) -> Answer:
        if number % 2:
            return stage.get(HOST, f"/buy?n={number}", method="POST", body=b"x" * 70_000)
        return stage.get(HOST, f"/look?n={number}")

    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(ask, number) for number in range(20)]
        assert cat.entered.wait(PATIENCE)
        assert cat.asked == []
        cat.release.set()
        assert [answer.result().status for answer in answers] == [200] * 20
    assert sorted(path for path, _ in cat.asked) == sorted(
        f"/{'buy' if number % 2 else 'look'}?n={number}" for number in range(20)
    )
    assert {headers.get("Content-Length", "0") for _, headers in cat.asked} == {"0", "70000"}, "bodies arrive whole"


def test_fairway_is_told_the_host_and_nothing_about_the_visitor(stage: Stage, cat: Upstream, web: Upstream) -> None:
    cat.release.set()
    stage.get(HOST, "/x?secret=1", {"Cookie": "session=1", "Authorization": "Basic eA=="}, method="POST", body=b"hello")
    ((path, headers),) = web.asked
    assert path == "/.fairway/wake"
    assert (headers["X-Forwarded-Host"], headers["X-Fairway-Proxy"]) == (HOST, stage.token)
    assert not {"Cookie", "Authorization"} & set(headers)
    ((path, headers),) = cat.asked
    assert (path, headers["Cookie"], headers["Content-Length"]) == ("/x?secret=1", "session=1", "5")


def test_a_websocket_wakes_it_and_reaches_it(stage: Stage, cat: Upstream, web: Upstream) -> None:
    cat.release.set()
    head = (
        f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", stage.port), timeout=PATIENCE) as connection:
        connection.sendall(head.encode())
        assert b"200" in connection.recv(4096)
    ((_, headers),) = web.asked
    assert "Upgrade" not in headers
    ((path, headers),) = cat.asked
    assert (path, headers["Upgrade"]) == ("/ws", "websocket")


def test_a_fairway_that_is_being_restarted_is_waited_for(stage: Stage, cat: Upstream, web: Upstream) -> None:
    """A process that ends sends away who waits (503); the next one is asked."""
    cat.release.set()
    wake, refused = web.before, []

    def ending(path: str) -> None:
        if not refused:
            refused.append(path)
            web.status = 503
        else:
            web.status = 200
            wake(path)

    web.before = ending
    assert stage.get(HOST, "/x", method="POST", body=b"1").name == "cat"
    assert [path for path, _ in web.asked] == ["/.fairway/wake", "/.fairway/wake"]


def test_one_that_cannot_be_woken_shows_a_page(stage: Stage, web: Upstream) -> None:
    asleep(stage)
    web.status = 503
    answer = stage.get(HOST)
    assert (answer.status, answer.headers["X-Fairway-Page"]) == (503, "starting")
    web.status = 200
    web.before = lambda path: stage.proxy.ensure_route(Route(HOST, RouteKind.DOWN))
    answer = stage.get(HOST)
    assert (answer.status, answer.headers["X-Fairway-Page"]) == (502, "down")


def test_an_application_that_dies_right_after_waking_is_down_not_starting(stage: Stage, cat: Upstream) -> None:
    cat.dies = True
    cat.release.set()
    answer = stage.get(HOST, "/slow", method="POST", body=b"1")
    assert (answer.status, answer.headers["X-Fairway-Page"]) == (502, "down")


@pytest.mark.parametrize("status", [302, 403])
def test_who_may_not_open_it_does_not_wake_it(stage: Stage, cat: Upstream, web: Upstream, status: int) -> None:
    asleep(stage, RouteKind.SLEEPING_SIGNED_IN)
    web.status = status
    assert stage.get(HOST, "/x").status == status
    assert stage.get(HOST, "/.fairway/wake").status == status
    assert [path for path, _ in web.asked] == ["/.fairway/access"] * 2
    assert stage.proxy.route(HOST) == Route(HOST, RouteKind.SLEEPING_SIGNED_IN, (), "d1")


def test_who_may_open_it_wakes_it(stage: Stage, cat: Upstream, web: Upstream) -> None:
    asleep(stage, RouteKind.SLEEPING_SIGNED_IN)
    cat.release.set()
    web.extra = {"X-Fairway-User": "ada"}
    answer = stage.get(HOST, "/x", method="POST", body=b"1")
    assert answer.name == "cat"
    assert [path for path, _ in web.asked] == ["/.fairway/access", "/.fairway/wake"]


def test_nothing_is_lost_while_it_falls_asleep_and_wakes_again(stage: Stage, cat: Upstream) -> None:
    cat.release.set()
    stage.serve(HOST, cat)
    stop, lost = threading.Event(), []

    def visit() -> None:
        while not stop.is_set():
            if (answer := stage.get(HOST)).status != 200:
                lost.append(answer.status)

    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    for _ in range(40):
        asleep(stage)
        eventually(lambda: stage.proxy.route(HOST).kind == RouteKind.OPEN)
    stop.set()
    for visitor in visitors:
        visitor.join()
    assert lost == []
