"""Opens a Streamlit page once, as a browser does, because Streamlit's server answers every health check even if the script
raises.

The script runs when a browser asks for it over a WebSocket. We ask for it, wait until Streamlit reports that the script
finished, and look at the instance's output: Streamlit logs each uncaught exception. The field numbers are those of
Streamlit's protobuf files (``BackMsg``, ``ForwardMsg``, ``Delta``, ``Element``), which do not change between versions. The
WebSocket framing follows RFC 6455.
"""

from __future__ import annotations

import base64
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

from fairway.drivers.health import refusal
from fairway.drivers.runtimes.contract import Progress, Runtime

FRAMEWORK = "Streamlit"  # its name in the artifact's spec
PATH = "/_stcore/stream"
RUN_SECONDS = 60.0  # a script that takes longer is not judged
WORDS_SECONDS = 5.0  # how long the output of a failed script may take to appear in the log
TICK = 0.2  # seconds between two checks whether the run was cancelled
LINES = 1000
MOST_BYTES = 64 * 1024 * 1024  # that are read of one page
UNCAUGHT = re.compile(r"Uncaught app exec|Script compilation error")
RERUN_SCRIPT = b"\x5a\x00"  # BackMsg.rerun_script (11), an empty ClientState
SCRIPT_FINISHED, DELTA, NEW_ELEMENT, EXCEPTION = 6, 5, 3, 8
COMPILE_ERROR = 1
FINAL, BINARY, CLOSE = 0x80, 0x02, 0x08


def refuse_if_its_page_fails(runtime: Runtime, name: str, address: str, progress: Progress, *, host: str) -> None:
    """Run the page once. Raises `Refused` with the uncaught exception if there is one."""
    began = datetime.now(UTC)
    ran = _run_once(address, host or address, progress.check)
    if ran is None:
        progress.line("The Streamlit page could not be run to its end for a look; its server answers.", stream="fairway")
        return
    if ran and _has_said_so(runtime, name, began, progress.check):
        raise refusal(runtime, [name], "The server answers, but the Streamlit page fails.")
    progress.line("The Streamlit page was run once, without an error.", stream="fairway")


def _has_said_so(runtime: Runtime, name: str, since: datetime, check: Callable[[], None]) -> bool:
    """Whether the log shows an uncaught exception. The page alone does not prove it: a script may show an exception that it
    caught itself."""
    until = time.monotonic() + WORDS_SECONDS
    while True:
        check()
        printed = runtime.output(name, tail=LINES)
        if any(line.at >= since and UNCAUGHT.search(line.text) for line in printed):
            return True
        if time.monotonic() > until:
            return False
        time.sleep(TICK)


def _run_once(address: str, host: str, check: Callable[[], None]) -> bool | None:
    """Whether the page shows an exception; None if it did not finish in time."""
    name, _, port = address.rpartition(":")
    shows_one = False
    with suppress(OSError, ValueError), socket.create_connection((name.strip("[]"), int(port)), timeout=TICK) as connection:
        until = time.monotonic() + RUN_SECONDS
        received = _received(connection, until, check)
        rest = _shaken_hands(connection, host, received)
        connection.sendall(_frame(RERUN_SCRIPT))
        for message in _messages(rest, received):
            parts = list(_fields(message))
            shows_one |= any(number == DELTA and _is_exception(value) for number, value in parts)
            finished = [value for number, value in parts if number == SCRIPT_FINISHED]
            if finished:
                return shows_one or finished[0] == COMPILE_ERROR
    return None


def _received(connection: socket.socket, until: float, check: Callable[[], None]) -> Iterator[bytes]:
    """The data that arrives until the time `until`, or until `MOST_BYTES` were read. Raises what `check` raises."""
    count = 0
    while time.monotonic() < until and count < MOST_BYTES:
        check()
        with suppress(TimeoutError):
            data = connection.recv(65536)
            if not data:
                return
            count += len(data)
            yield data


def _shaken_hands(connection: socket.socket, host: str, received: Iterator[bytes]) -> bytes:
    """Upgrade the connection to a WebSocket and return the bytes that followed the server's answer. Raises ValueError if the
    server refuses."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {PATH} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
    ]
    connection.sendall("\r\n".join([*lines, "Sec-WebSocket-Version: 13", "", ""]).encode())
    answer = b""
    for data in received:
        answer += data
        head, end, rest = answer.partition(b"\r\n\r\n")
        if end:
            if not head.startswith(b"HTTP/1.1 101"):
                break
            return rest
    raise ValueError("no WebSocket")


def _frame(payload: bytes) -> bytes:
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes([FINAL | BINARY, 0x80 | len(payload)]) + mask + masked


def _messages(rest: bytes, received: Iterator[bytes]) -> Iterator[bytes]:
    """Each complete message of the server, however it is split into reads and frames."""
    message = b""
    while True:
        while (found := _first_frame(rest)) is not None:
            head, payload, rest = found
            kind = head & 0x0F
            if kind == CLOSE:
                return
            if kind > CLOSE:  # a ping or pong: the connection ends before the server misses an answer
                continue
            message += payload
            if head & FINAL:
                yield message
                message = b""
        data = next(received, b"")
        if not data:
            return
        rest += data


def _first_frame(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Returns (first byte, payload, the bytes that follow the frame), or None while the frame is incomplete. A server does
    not mask its frames."""
    if len(data) < 2:
        return None
    wide = {126: 2, 127: 8}.get(data[1] & 0x7F, 0)
    start = 2 + wide
    if len(data) < start:
        return None
    length = int.from_bytes(data[2:start], "big") if wide else data[1] & 0x7F
    end = start + length
    return (data[0], data[start:end], data[end:]) if len(data) >= end else None


def _is_exception(delta: int | bytes) -> bool:
    """Whether this change of the page adds an exception to it."""
    elements = [value for number, value in _fields(delta) if number == NEW_ELEMENT] if isinstance(delta, bytes) else []
    return any(isinstance(item, bytes) and any(number == EXCEPTION for number, _ in _fields(item)) for item in elements)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message as (number, value). Raises ValueError if `message` is not one."""
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _number(message, at)
            yield tag >> 3, value
            continue
        if kind not in (1, 2, 5):
            raise ValueError(f"wire type {kind}")
        length, at = _number(message, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
        yield tag >> 3, message[at : at + length]
        at += length


def _number(message: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return value, at
    raise ValueError("cut in a number")
