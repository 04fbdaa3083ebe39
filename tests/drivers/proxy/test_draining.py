from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from fairway.drivers.proxy.admin import Draining, drain
from fairway.shared.failures import Retry
from tests.services.waiting import PATIENCE

from .conftest import Stage
from .upstreams import Upstream

Maker = Callable[..., Upstream]


@contextmanager
def echoing() -> Iterator[str]:
    """A websocket server that answers what it hears."""

    def echo(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    with serve(echo, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def open_socket(stage: Stage, host: str) -> ClientConnection:
    return connect(f"ws://{host}/", sock=socket.create_connection(("127.0.0.1", stage.port), timeout=PATIENCE))


def test_a_websocket_passes_survives_other_switches_and_is_drained(stage: Stage, upstream: Maker) -> None:
    other, another = upstream("other"), upstream("another")
    with echoing() as chat:
        stage.serve("chat.localhost", chat)
        stage.serve("shop.localhost", other)
        with open_socket(stage, "chat.localhost") as connection:
            connection.send("hello")
            assert connection.recv(timeout=PATIENCE) == "hello"
            for number in range(20):
                stage.serve("shop.localhost", (other, another)[number % 2], generation=f"d{number}")
            stage.serve("chat.localhost", another, generation="d2")
            connection.send("still there")
            assert connection.recv(timeout=PATIENCE) == "still there"
            assert stage.proxy.in_flight()[chat] == 1
            limited = drain(stage.proxy.in_flight, [chat], limit=0.3)
            assert limited.remaining == {chat: 1}
        drained = drain(stage.proxy.in_flight, [chat], limit=20)
        assert drained.remaining == {}
        assert drained.seconds < 20


def test_a_slow_request_ends_on_the_old_version(stage: Stage, upstream: Maker) -> None:
    old, new = upstream("old"), upstream("new")
    stage.serve("shop.localhost", old)
    answers: list[object] = []
    asking = threading.Thread(target=lambda: answers.append(stage.get("shop.localhost", "/slow").name))
    asking.start()
    assert old.entered.wait(PATIENCE)
    stage.serve("shop.localhost", new, generation="d2")
    assert stage.get("shop.localhost").name == "new"
    told: list[Mapping[str, int]] = []

    def progress(remaining: Mapping[str, int]) -> None:
        told.append(remaining)
        old.release.set()

    drained = drain(stage.proxy.in_flight, [old.address], limit=20, progress=progress)
    asking.join()
    assert answers == ["old"]
    assert drained.remaining == {}
    assert told == [{old.address: 1}, {}]


def test_the_count_must_stay_at_zero() -> None:
    """A request that read the route before the switch may be counted a moment later."""
    counts = iter([{}, {"a:1": 1}, {"a:1": 1}, {}, {}, {}, {}, {}])
    drained = drain(lambda: next(counts), ["a:1"], limit=20, quiet=0.0, interval=0.001)
    assert drained.remaining == {}
    counts = iter([{}, {"a:1": 1}, *[{}] * 1000])
    told: list[Mapping[str, int]] = []
    drain(lambda: next(counts), ["a:1"], limit=20, quiet=0.05, interval=0.001, progress=told.append)
    assert told == [{}, {"a:1": 1}, {}]


def test_a_drain_can_be_cut_short() -> None:
    cancelled = threading.Event()
    cancelled.set()
    assert drain(lambda: {"a:1": 3, "b:2": 9}, ["a:1"], limit=60, cancelled=cancelled).remaining == {"a:1": 3}


def test_a_proxy_that_restarts_counts_as_busy_until_it_answers() -> None:
    answers = iter([Retry("down"), Retry("down"), *[{}] * 1000])

    def in_flight() -> Mapping[str, int]:
        answer = next(answers)
        if isinstance(answer, Retry):
            raise answer
        return answer

    told: list[Mapping[str, int]] = []
    assert drain(in_flight, ["a:1"], limit=20, quiet=0.01, interval=0.001, progress=told.append).remaining == {}
    assert told == [{"a:1": 1}, {}]


def test_each_replica_has_a_time_of_its_own() -> None:
    draining = Draining(lambda: {"a:1": 1, "b:2": 2}, {"a:1": 0.0, "b:2": 60.0, "c:3": 60.0}, quiet=0.0)
    assert draining.look() == {"b:2"}, "the first is over its time, the last has no request"
    assert draining.remaining == {"a:1": 1, "b:2": 2}
