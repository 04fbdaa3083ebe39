"""A real server and real sockets: half requests go, whole ones are answered meanwhile, whatever the others do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
import uvicorn

from fairway.config.connections import PacedProtocol
from fairway.config.forwarded import Forwarded

PATIENCE = 60.0  # seconds a socket of a test waits at most; nobody should have to
LARGE = 40 * 2**20  # bytes of an answer that no kernel buffers whole
heard: list[object] = []


async def application(scope, receive, send):
    """Reads the body, and answers how long it was; ``/large`` answers a lot, ``/stream`` for ever."""
    if scope["type"] == "lifespan":
        return
    size, message = 0, await receive()
    while message["type"] == "http.request":
        size += len(message["body"])
        if not message["more_body"]:
            break
        message = await receive()
    heard.append((scope["path"], message["type"], size))
    if message["type"] != "http.request":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(LARGE // 2**20 if scope["path"] == "/large" else 0):
        await send({"type": "http.response.body", "body": b"x" * 2**20, "more_body": True})
    await send({"type": "http.response.body", "body": b"%d bytes" % size})
    heard.append((scope["path"], "answered", size))


@contextmanager
def served(asked: Callable[..., object] = application) -> Iterator[int]:
    heard.clear()
    config = uvicorn.Config(
        asked, port=0, log_level="critical", lifespan="off", loop="asyncio", http=PacedProtocol, ws="none"
    )
    server = uvicorn.Server(config)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


@pytest.fixture
def strict(settings):
    settings.HEADER_SECONDS, settings.SLOW_SECONDS, settings.SLOW_BYTES, settings.UNFINISHED_REQUESTS = 1.0, 2.0, 500.0, 20


def opened(port: int, sent: bytes) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    one.sendall(sent)
    return one


def everything(one: socket.socket) -> bytes:
    """What comes until the other end closes; an end by reset counts as one."""
    said = b""
    with one:
        try:
            while more := one.recv(65536):
                said += more
        except ConnectionError:
            pass
    return said


HALVES = {
    "half a line": b"GET / HT",
    "half a header": b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: aaaa",
    "no body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
    "half a body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc",
    "half a chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
}


@pytest.mark.parametrize("what", HALVES)
def test_half_a_request_is_ended_with_a_sentence(strict, what):
    with served() as port:
        said = everything(opened(port, HALVES[what])).decode()
    assert said.startswith("HTTP/1.1 408 ")
    assert "Send it again" in said


def test_nothing_at_all_is_ended_without_a_word(strict):
    with served() as port:
        assert everything(opened(port, b"")) == b""


def test_a_second_request_on_the_same_connection_has_a_deadline_too(strict):
    with served() as port:
        said = everything(opened(port, b"GET /first HTTP/1.1\r\nHost: x\r\n\r\nGET /sec")).decode()
    assert said.startswith("HTTP/1.1 200 ")
    assert "HTTP/1.1 408 " in said


def test_three_hundred_half_requests_are_cut_down_at_once_and_whole_ones_are_answered_meanwhile(settings):
    settings.HEADER_SECONDS, settings.UNFINISHED_REQUESTS = 30.0, 20  # whoever goes before that goes because there are many
    with served() as port:
        many = [opened(port, HALVES["half a header"]) for _ in range(300)]
        answer = httpx.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE)
        assert answer.text == "0 bytes"
        ended = [everything(one).decode() for one in many[20:]]
        for one in many[:20]:
            one.sendall(b"\r\n\r\n")
            assert one.recv(65536).startswith(b"HTTP/1.1 200 "), "the oldest were left in peace"
            one.close()
    told = [said for said in ended if said]  # one that had sent nothing yet goes without a word
    assert told
    assert all(said.startswith("HTTP/1.1 429 ") and "20 requests" in said for said in told)


def test_behind_a_proxy_one_visitor_with_many_half_requests_does_not_cost_others_theirs(settings):
    settings.HEADER_SECONDS, settings.UNFINISHED_REQUESTS = 60.0, 20
    half = "POST / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {visitor}\r\nContent-Length: 10\r\n\r\nhalf"
    arrived = threading.Semaphore(0)

    async def counted(scope, receive, send):
        if scope["type"] == "http":
            arrived.release()  # its header is complete, and it is known who asks
        await application(scope, receive, send)

    with served(Forwarded(counted, ["127.0.0.1"])) as port, ExitStack() as stack:

        def begun(visitor: str) -> socket.socket:
            one = stack.enter_context(opened(port, half.format(visitor=visitor).encode()))
            assert arrived.acquire(timeout=PATIENCE)
            return one

        many = [begun("203.0.113.9") for _ in range(60)]
        other = begun("198.51.100.7")
        assert all("20 requests" in everything(one).decode() for one in many[20:])
        other.sendall(b"a body")
        assert other.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_whoever_does_not_read_the_answer_is_let_go(strict):
    with served() as port:
        one = opened(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        done = threading.Event()

        def ended() -> bool:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as other:
                other.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                other.recv(65536)
            return ("/large", "answered", 0) in heard

        while not ended():
            done.wait(0.2)
        assert len(everything(one)) < LARGE


def test_an_upload_that_moves_slowly_arrives(strict):
    """Many times slower than the limit would be for standing still, in pieces, for longer than the window."""
    pieces = 12
    with served() as port:
        one = opened(
            port, b"POST /upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (pieces * 2000)
        )
        for _ in range(pieces):
            one.sendall(b"x" * 2000)
            threading.Event().wait(0.4)
        assert b"24000 bytes" in everything(one)
