"""A constant load on one host behind the proxy, in a process of its own: light, open-loop, and honest about what failed.

``python -m tests.services.load PORT HOST SHARE`` asks until its standard input closes. It prints one JSON object per line:
each version that is seen for the first time, at the end the whole `Report`. SHARE is the part of the full load that short
requests make: tests send a quarter, because others use the machine, too; ``make bench`` sends all.

kept       short requests on connections that are kept          new     short requests on a connection each
slow       requests that take 5 s                               socket  one websocket per version, held until it is closed
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.services.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
KEPT, NEW, SLOW = (10, 120), (10, 110), (12, 2)  # (visitors, requests a second of all of them together)
QUARTER = 0.25
SLOW_SECONDS = 5
MOST_FAILURES = 200  # kept as words; all are counted
PROBLEMS = (OSError, ValueError, LookupError, asyncio.IncompleteReadError, TimeoutError)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Closed:
    """A websocket that was not closed by us: which version it reached, when it ended (Unix time), and how."""

    version: str
    at: float
    how: str  # "1001": a close frame with that code; "cut": the connection ended without one


@dataclass
class Report:
    """What the load saw. `sent` counts whole requests per kind; `failed` has its reasons in `failures`."""

    seconds: float = 0.0
    rate: float = 0.0  # requests a second, websockets not counted
    sent: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    versions: dict[str, float] = field(default_factory=dict)  # first seen at (Unix time)
    closed: list[Closed] = field(default_factory=list)
    held: list[str] = field(default_factory=list)  # versions whose websocket was open to the end


class Load:
    """Runs the program beside us; a context manager, entered `wait` seconds after the first answer. After it, `report` is
    whole."""

    def __init__(self, port: int, host: str, *, wait: float = 0.0, share: float = 1.0) -> None:
        self._wait = wait
        self._command = [sys.executable, "-m", "tests.services.load", str(port), host, str(share)]
        self.seen: set[str] = set()
        self.report = Report()
        self._more = threading.Condition()

    def __enter__(self) -> Load:
        self._process = subprocess.Popen(self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._listen)
        self._reader.start()
        with self._more:
            assert self._more.wait_for(lambda: self.seen, 60), "nobody was answered"
        time.sleep(self._wait)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=PATIENCE)
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def await_version(self, version: str, seconds: float = 60) -> None:
        with self._more:
            assert self._more.wait_for(lambda: version in self.seen, seconds), f"{version} was never seen"

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._more:
                if "seen" in said:
                    self.seen.add(said["seen"])
                else:
                    said["closed"] = [Closed(**one) for one in said["closed"]]
                    self.report = Report(**said)
                self._more.notify_all()


class Crowd:
    """All visitors, in one event loop."""

    def __init__(self, port: int, host: str, share: float) -> None:
        self.port, self.host, self.share = port, host, share
        self.report = Report()
        self.sent: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.sockets: dict[str, asyncio.Task[None]] = {}
        self.over = asyncio.Event()

    async def visit(self) -> Report:
        began = time.monotonic()
        visitors = [
            *self._visitors("kept", KEPT, "/", keeps=True),
            *self._visitors("new", NEW, "/", keeps=False),
            *self._visitors("slow", SLOW, f"/slow?s={SLOW_SECONDS}", keeps=False),
        ]
        await self.over.wait()
        self.report.seconds = time.monotonic() - began
        self.report.rate = (self.sent.total() - self.sent["socket"]) / self.report.seconds
        await asyncio.gather(*visitors)
        await self._leave_sockets()
        self.report.sent, self.report.failed = dict(self.sent), dict(self.failed)
        return self.report

    def _visitors(self, kind: str, load: tuple[int, float], path: str, *, keeps: bool) -> list[asyncio.Task[None]]:
        count, rate = load
        if kind != "slow":
            rate *= self.share
        connection = "keep-alive" if keeps else "close"
        question = f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: {connection}\r\n\r\n".encode()
        visitors = [Visitor(self, kind, question, keeps) for _ in range(count)]
        return [asyncio.create_task(one.keep_asking(n / rate, count / rate)) for n, one in enumerate(visitors)]

    async def connected(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self.port)

    def answered(self, kind: str, began: float, status: int, body: bytes, page: str) -> None:
        if status != 200:
            self.note_failure(kind, began, f"{status} {page}")
            return
        self.sent[kind] += 1
        version = body.decode()
        if version not in self.report.versions:
            self.report.versions[version] = time.time()
            _say({"seen": version})
            self.sockets[version] = asyncio.create_task(self._hold())

    def note_failure(self, kind: str, began: float, why: str) -> None:
        self.sent[kind] += 1
        self.failed[kind] += 1
        if len(self.report.failures) < MOST_FAILURES:
            moment = time.strftime("%X", time.localtime(began))
            self.report.failures.append(f"{moment} {kind}, ended {time.time() - began:.2f} s later: {why}")

    # --- websockets

    async def _hold(self) -> None:
        """Open one when a version is first seen, and hold it until somebody ends it."""
        began, streams = time.time(), None
        try:
            async with asyncio.timeout(PATIENCE):
                streams = await self.connected()
                reached = await _upgraded(streams, self.host)
        except PROBLEMS as problem:
            self.note_failure("socket", began, f"{type(problem).__name__} {problem}")
            _hung_up(streams)
            return
        self.sent["socket"] += 1
        try:
            how = await _how_it_ends(streams)
            self.report.closed.append(Closed(reached, time.time(), how))
        except asyncio.CancelledError:
            self.report.held.append(reached)
        finally:
            _hung_up(streams)

    async def _leave_sockets(self) -> None:
        for task in self.sockets.values():
            task.cancel()
        await asyncio.gather(*self.sockets.values(), return_exceptions=True)


@dataclass
class Visitor:
    """Asks one question again and again."""

    crowd: Crowd
    kind: str
    question: bytes
    keeps: bool
    streams: Streams | None = None

    async def keep_asking(self, first: float, every: float) -> None:
        """On schedule, whatever the last answer took: who is late asks at once."""
        due = time.monotonic() + first
        while not self.crowd.over.is_set():
            pause = due - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            due += every
            await self.ask()
        _hung_up(self.streams)

    async def ask(self) -> None:
        began, was_kept = time.time(), self.streams is not None
        try:
            async with asyncio.timeout(PATIENCE):
                self.streams = self.streams or await self.crowd.connected()
                status, body, page = await _asked(self.streams, self.question)
        except PROBLEMS as problem:
            on = "a kept connection" if was_kept else "a new connection"
            self.crowd.note_failure(self.kind, began, f"{type(problem).__name__} {problem} on {on}")
            self._hang_up()
        else:
            self.crowd.answered(self.kind, began, status, body, page)
            if not self.keeps:
                self._hang_up()

    def _hang_up(self) -> None:
        _hung_up(self.streams)
        self.streams = None


async def _asked(streams: Streams, question: bytes) -> tuple[int, bytes, str]:
    """Status, body, and which page of the proxy's own it was."""
    reader, writer = streams
    writer.write(question)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return int(status.split(" ")[1]), body, headers.get("x-fairway-page", "")


async def _upgraded(streams: Streams, host: str) -> str:
    """Open the websocket; the version it reached is its first message."""
    reader, writer = streams
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ["GET /socket HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", "", ""]
    writer.write("\r\n".join(lines).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101"):
        raise ValueError(head.split(b"\r\n")[0].decode())
    _, length = await reader.readexactly(2)
    return (await reader.readexactly(length)).decode()


async def _how_it_ends(streams: Streams) -> str:
    reader, writer = streams
    try:
        kind, length = await reader.readexactly(2)
        code = await reader.readexactly(length)
    except (OSError, asyncio.IncompleteReadError):
        return "cut"
    if kind != 0x88:
        return f"frame {kind:#x}"
    writer.write(b"\x88\x82\0\0\0\0" + code[:2])  # masked, as a client must
    return str(int.from_bytes(code[:2]))


def _hung_up(streams: Streams | None) -> None:
    if streams is not None:
        streams[1].close()


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def _main(port: int, host: str, share: float) -> None:
    crowd, loop = Crowd(port, host, share), asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(crowd.over.set)), daemon=True).start()
    _say(asdict(await crowd.visit()))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
