"""Follows the output of running instances, once per instance, however many viewers there are.

A runtime's `output` blocks, so each followed instance has one thread, at most `MOST` in all, which all its viewers share. A
stream numbers the lines that it sends, and its event ids contain the time of the last line, so that a browser that
reconnects gets what it missed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from fairway.accounts.rules import Actor
from fairway.drivers.runtimes.contract import OutputLine, Runtime
from fairway.shared.failures import Cancelled
from fairway.shared.lines import last_shown
from fairway.shared.masking import MaskedLines, Masker
from fairway.web.fanout import FANOUT
from fairway.web.live import text_message
from fairway.web.viewers import Viewer

log = logging.getLogger(__name__)

MOST = 64
KEPT = 2000  # lines of an instance that are kept for new viewers
TAIL = 500  # past lines that a new follower reads
GATHER = 0.1  # seconds during which lines are collected into one message
Sees = Callable[[Actor], bool]


@dataclass(frozen=True)
class Printed:
    """One line, masked. `micros` is when it was printed, in microseconds since 1970."""

    micros: int
    at: str
    instance: str
    stream: str
    text: str


@dataclass(frozen=True)
class FollowedInstance:
    """An instance whose output is followed, its runtime, and the masker of its secrets. All viewers of one `key`, the slug
    of the environment and the instance's name, share a follower."""

    key: tuple[str, str]
    runtime: Runtime = field(compare=False)
    masker: Masker = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.key[1]

    def printed(self, line: OutputLine, masked: MaskedLines) -> Printed:
        at = line.at.isoformat(timespec="milliseconds")
        text = last_shown(masked(line.text, line.stream, goes_on=line.goes_on))
        return Printed(int(line.at.timestamp() * 1_000_000), at, self.name, line.stream, text)


class _Ear:
    """A `Progress` for the runtime that only says when to stop."""

    def __init__(self) -> None:
        self.stop = threading.Event()

    def line(self, text: str, *, stream: str = "stdout") -> None: ...

    def check(self) -> None:
        if self.stop.is_set():
            raise Cancelled


class Follower:
    """Follows one instance's output in a thread of its own while there are viewers."""

    def __init__(self, instance: FollowedInstance, loop: asyncio.AbstractEventLoop) -> None:
        self.instance, self._loop, self._ear = instance, loop, _Ear()
        self.kept: deque[Printed] = deque(maxlen=KEPT)
        self.streams: set[InstanceLogStream] = set()
        self.is_over = False
        self._fresh: list[Printed] = []
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, name=f"fairway-follow-{instance.name}", daemon=True)

    def stop(self) -> None:
        self._ear.stop.set()

    def _run(self) -> None:
        masked = self.instance.masker.lines()
        try:
            for line in self.instance.runtime.output(self.instance.name, tail=TAIL, follow=True, progress=self._ear):
                self._ear.check()
                self._gather(self.instance.printed(line, masked))
        except Cancelled:
            pass
        except Exception:
            log.exception("following %s ended", self.instance.name)
        finally:
            connections.close_all()
            self._tell(self._end)

    def _gather(self, line: Printed) -> None:
        with self._lock:
            self._fresh.append(line)
            is_first = len(self._fresh) == 1
        if is_first:
            self._tell(self._hear)

    def _tell(self, what: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what)

    def _hear(self) -> None:
        with self._lock:
            fresh, self._fresh = self._fresh, []
        self.kept.extend(fresh)
        for stream in self.streams:
            stream.hear(fresh)

    def _end(self) -> None:
        self.is_over = True
        for stream in self.streams:
            stream.hear([])


class Followers:
    """The followers of this process. Used in the event loop only."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], Follower] = {}

    def join(self, stream: InstanceLogStream, instance: FollowedInstance) -> Follower | None:
        """The follower of this instance; None if too many instances are followed."""
        follower = self._by_key.get(instance.key)
        if follower is None or follower.is_over:
            if len(self._by_key) >= MOST:
                return None
            follower = self._by_key[instance.key] = Follower(instance, asyncio.get_running_loop())
            follower.thread.start()
        follower.streams.add(stream)
        return follower

    def leave(self, stream: InstanceLogStream, follower: Follower) -> None:
        follower.streams.discard(stream)
        if not follower.streams:
            follower.stop()
            if self._by_key.get(follower.instance.key) is follower:
                del self._by_key[follower.instance.key]


class InstanceLogStream:
    """The output of these instances as one log. Numbers continue after `count`; lines up to `since` were sent before.

    `sees` says whether an actor may see them; the fan-out asks again when the viewer's grants have changed.
    """

    def __init__(
        self,
        followers: Followers,
        instances: list[FollowedInstance],
        viewer: Viewer,
        sees: Sees,
        count: int = 0,
        since: int = 0,
    ) -> None:
        self._followers, self._instances, self.viewer, self._sees = followers, instances, viewer, sees
        self._count, self._since = count, since
        self._joined: list[Follower] = []
        self._waiting: list[Printed] = []
        self._heard = asyncio.Event()
        self._is_over = False

    async def open(self) -> None:
        FANOUT.admit(self)
        for instance in self._instances:
            follower = self._followers.join(self, instance)
            if follower is not None:
                self._joined.append(follower)
                self.hear(list(follower.kept))
        self._heard.set()

    def hear(self, lines: list[Printed]) -> None:
        self._waiting.extend(line for line in lines if line.micros > self._since)
        del self._waiting[: -KEPT * max(1, len(self._joined))]
        self._heard.set()

    async def next(self) -> bytes | None:
        while not self._is_over:
            await self._heard.wait()
            await asyncio.sleep(GATHER)
            self._heard.clear()
            if self._is_over:
                return None
            if self._waiting:
                return self._message()
            if all(follower.is_over for follower in self._joined):
                self._is_over = True
                return text_message("complete", {}, self._id(self._since))
        return None

    async def renew(self, viewer: Viewer) -> None:
        if not await FANOUT.in_thread(lambda: self._sees(viewer.actor)):
            self.end()
        self.viewer = viewer

    def end(self) -> None:
        self._is_over = True
        self._heard.set()

    def close(self) -> None:
        FANOUT.dismiss(self)
        for follower in self._joined:
            self._followers.leave(self, follower)

    def _message(self) -> bytes:
        lines, self._waiting = sorted(self._waiting, key=lambda line: line.micros), []
        data = []
        for line in lines:
            self._count += 1
            data.append({"n": self._count, "at": line.at, "step": line.instance, "stream": line.stream, "text": line.text})
        return text_message("log", data, self._id(lines[-1].micros))

    def _id(self, micros: int) -> str:
        return f"{self._count}-{micros}"


FOLLOWERS = Followers()


def came_back(text: str) -> tuple[int, int]:
    """The (count, micros) in the last event id ``<count>-<micros>``; (0, 0) if it has another form."""
    count, _, micros = text.partition("-")
    if not (count.isascii() and count.isdigit() and len(count) < 16 and micros.isascii() and micros.isdigit()):
        return 0, 0
    return int(count), int(micros[:18])
