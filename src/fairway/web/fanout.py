"""Distributes events to open pages: each touched fragment is rendered once for all viewers who would see the same.

Everything here runs in the event loop; the tail has a thread of its own, and rendering uses a thread of a pool. A stream
announces the event up to which it is complete only after every fragment of a round is in its box, so a browser that comes
back with that number (`Last-Event-ID`) misses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from django.db import InterfaceError, OperationalError, connections

from fairway.accounts.queries import is_visible
from fairway.activity.models import Event
from fairway.activity.queries import after as events_after
from fairway.web.live import message
from fairway.web.live_fragments import CSRF_PLACE, Topic, render, subjects_of, watchable
from fairway.web.sharing import shared
from fairway.web.stored_logs import LogKey, LogLengths, lines_of
from fairway.web.tail import PATIENCE, Tail
from fairway.web.viewers import Viewer, refresh_viewers

log = logging.getLogger(__name__)

PAUSE = 0.1  # seconds between two rounds: during a burst of events, each fragment is rendered at most ten times a second
CHECK_EVERY = 5.0  # seconds between two checks whether sessions are still valid, in case no event announced their end
LOG_PAGE = 2000  # lines per message
MOST_PAGES = 16  # cached pages of logs, for viewers at the same position
MOST_MISSED = 500  # if a browser missed more events than this, all its fragments are rendered again
TOGETHER = 0.03  # seconds of rendering whose fragments are delivered at once: one wake-up per viewer, not one per fragment
Answer = TypeVar("Answer")
_CSRF = CSRF_PLACE.encode()  # JSON does not escape it, nor any token: letters, digits, hyphens


class TopicStream:
    """The stream of one open page. Its box contains at most one message per topic."""

    def __init__(self, fanout: Fanout, viewer: Viewer, topics: Iterable[Topic], after: int | None) -> None:
        self.fanout, self.viewer, self.after = fanout, viewer, after
        self.topics = {topic.name: topic for topic in topics}
        self._box: dict[str, bytes] = {}
        self._newest: dict[str, int] = {}  # by topic: which rendering was delivered last
        self._seen: int | None = None
        self._is_over = False
        self._filled = asyncio.Event()

    async def open(self) -> None:
        await self.fanout.add(self)

    async def renew(self, viewer: Viewer) -> None:
        names = list(self.topics)
        allowed = await self.fanout.in_thread(lambda: watchable(viewer.actor, names))
        self.viewer, self.topics = viewer, {topic.name: topic for topic in allowed}

    async def next(self) -> bytes | None:
        await self._filled.wait()
        self._filled.clear()
        if self._is_over:
            return None
        parts, self._box = list(self._box.values()), {}
        if self._seen is not None:
            parts.append(message("hello", {}, self._seen))
            self._seen = None
        return b"".join(parts)

    def close(self) -> None:
        self.fanout.remove(self)

    def put(self, topic: str, body: bytes, *, has_form: bool, number: int) -> None:
        """Put a fragment into the box. `has_form`: it needs the viewer's own CSRF token; else all viewers get the same
        bytes.

        The fragments for an opening page and those of a round are rendered concurrently. The rendering that began later
        (with the higher `number`) has read everything the other has, so it wins, whichever is ready first.
        """
        if number < self._newest.get(topic, 0):
            return
        self._newest[topic] = number
        self._box[topic] = body.replace(_CSRF, self.viewer.csrf_token.encode()) if has_form else body
        self._filled.set()

    def seen(self, number: int) -> None:
        """Record that everything up to this event is in the box or has been sent."""
        self._seen = number
        self._filled.set()

    def end(self) -> None:
        self._is_over = True
        self._filled.set()


class Watched(Protocol):
    """An open stream. It ends when its viewer's access ends, and shows only what they may see."""

    viewer: Viewer

    async def renew(self, viewer: Viewer) -> None:
        """Called when the viewer may see more or less than before."""

    def end(self) -> None:
        """End the stream and drop everything that waits to be sent."""


class LogWatch(Watched, Protocol):
    """A stream that is notified when a stored log grows."""

    key: LogKey

    def grown(self) -> None: ...


@dataclass(frozen=True)
class _Rendered:
    """A fragment's message, encoded once, and the streams it is for."""

    topic: Topic
    streams: list[TopicStream]
    body: bytes
    has_form: bool


class Fanout:
    """Distributes events to the streams of this process; there is one instance per process."""

    def __init__(self) -> None:
        self.lengths: LogLengths = {}
        self._open: set[Watched] = set()
        self._streams: set[TopicStream] = set()
        self._logs: dict[LogKey, set[LogWatch]] = {}
        self._tail: Tail | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rounds: asyncio.Task[None] | None = None
        self._looks: asyncio.Task[None] | None = None
        self._events: list[Event] = []
        self._arrived = asyncio.Event()
        self._ready = asyncio.Event()
        self._threads: ThreadPoolExecutor | None = None
        self._pages: dict[tuple[LogKey, int, int], asyncio.Task[list[dict[str, Any]]]] = {}
        self._renderings = itertools.count(1)

    # --- streams come and go

    async def add(self, stream: TopicStream) -> None:
        """Register a stream for future events, and render what it has missed since `stream.after`."""
        self._streams.add(stream)
        self.admit(stream)
        await self._ready.wait()  # the tail has fixed its position: all events after it will be delivered
        if stream.after is not None:
            await self._catch_up(stream, stream.after)

    def remove(self, stream: TopicStream) -> None:
        self._streams.discard(stream)
        self.dismiss(stream)

    def admit(self, stream: Watched) -> None:
        """Register a stream so that it ends soon after its viewer's access has ended."""
        self._open.add(stream)
        self._start()

    def dismiss(self, stream: Watched) -> None:
        self._open.discard(stream)
        if not self._open:
            self._stop()

    def add_log(self, watch: LogWatch) -> None:
        self._logs.setdefault(watch.key, set()).add(watch)
        self.admit(watch)
        if self._tail is not None:
            self._tail.look_soon()

    def remove_log(self, watch: LogWatch) -> None:
        watching = self._logs.get(watch.key, set())
        watching.discard(watch)
        if not watching:
            self._logs.pop(watch.key, None)
            self.lengths.pop(watch.key, None)
        self.dismiss(watch)

    async def log_page(self, log: LogKey, after: int) -> list[dict[str, Any]]:
        """The lines after `after`; read once for all viewers at this position."""
        key = (log, after, self.lengths.get(log, (0, ""))[0])
        if key not in self._pages:
            if len(self._pages) >= MOST_PAGES:
                del self._pages[next(iter(self._pages))]
            work = self.in_thread(lambda: lines_of(log, after=after, limit=LOG_PAGE))
            self._pages[key] = asyncio.ensure_future(work)
        page = self._pages[key]
        try:
            return await asyncio.shield(page)
        except Exception:
            self._pages.pop(key, None)
            raise

    async def in_thread(self, work: Callable[[], Answer]) -> Answer:
        """Run database work in a thread of the pool and close its connection afterwards."""
        assert self._loop is not None
        assert self._threads is not None

        def closing() -> Answer:
            try:
                return work()
            finally:
                connections.close_all()

        return await self._loop.run_in_executor(self._threads, closing)

    def _start(self) -> None:
        if self._tail is not None:
            return
        self._loop = loop = asyncio.get_running_loop()
        self._events, self._arrived, self._ready = [], asyncio.Event(), asyncio.Event()
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="fairway-live")
        self._tail = Tail(
            on_start=lambda: _soon(loop, self._ready.set),
            on_events=lambda events: _soon(loop, self._hear, events),
            on_logs=lambda lengths: _soon(loop, self._hear_logs, lengths),
            watched_logs=lambda: list(self._logs),
        )
        self._tail.start()
        self._rounds = loop.create_task(self._run_rounds())
        self._looks = loop.create_task(self._run_checks())

    def _stop(self) -> None:
        """Stop the tail, because no stream is open."""
        if self._tail is None:
            return
        self._tail.ask_to_stop()
        for task in (self._rounds, self._looks):
            if task is not None:
                task.cancel()
        if self._threads is not None:
            self._threads.shutdown(wait=False)
        self._tail = self._threads = self._rounds = self._looks = None
        self.lengths, self._pages = {}, {}

    # --- events

    def _hear(self, events: list[Event]) -> None:
        self._events.extend(events)
        self._arrived.set()

    def _hear_logs(self, lengths: LogLengths) -> None:
        for key, length in lengths.items():
            if key in self._logs:
                self.lengths[key] = length
                for watch in self._logs[key]:
                    watch.grown()

    async def _run_rounds(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            events, self._events = self._events, []
            try:
                await self._round(events)
            except (OperationalError, InterfaceError):
                log.warning("a round of live updates waits for the database")
                self._events[:0] = events
                self._arrived.set()
                await asyncio.sleep(PATIENCE)
            except Exception:
                log.exception("a round of live updates failed")
            await asyncio.sleep(PAUSE)

    async def _round(self, events: list[Event]) -> None:
        people = {int(event.subject_id) for event in events if event.subject_kind == "person" and event.subject_id.isdigit()}
        if people:
            await self._refresh_viewers([stream for stream in self._open if stream.viewer.actor.id in people])
        touched = self._touched(events, self._streams)
        await self._render(touched)
        for stream in touched:
            stream.seen(events[-1].pk)

    def _touched(self, events: list[Event], streams: Iterable[TopicStream]) -> dict[TopicStream, list[Topic]]:
        subjects = [(event, subjects_of(event)) for event in events]
        found: dict[TopicStream, list[Topic]] = {}
        for stream in streams:
            heard: set[str] = set()
            for event, names in subjects:
                if not names <= heard and is_visible(stream.viewer.actor, event):
                    heard |= names
            topics = [topic for topic in stream.topics.values() if topic.subjects & heard]
            if topics:
                found[stream] = topics
        return found

    async def _catch_up(self, stream: TopicStream, after: int) -> None:
        missed = await self.in_thread(lambda: events_after(after, limit=MOST_MISSED + 1))
        is_all = len(missed) > MOST_MISSED
        await self._render({stream: list(stream.topics.values())} if is_all else self._touched(missed, [stream]))
        stream.seen(missed[-1].pk if missed else after)

    async def _render(self, touched: dict[TopicStream, list[Topic]]) -> None:
        if touched:
            watching, number = _by_topic(touched), next(self._renderings)
            await self.in_thread(lambda: self._render_all(watching, number))

    def _render_all(self, watching: list[tuple[Topic, list[TopicStream]]], number: int) -> None:
        """Render, in a thread: the fragments with the most viewers first, delivering what is ready every `TOGETHER`
        seconds."""
        assert self._loop is not None
        ready: list[_Rendered] = []
        since = time.monotonic()
        for rendering in _renderings(watching):
            ready.append(rendering)
            if time.monotonic() - since > TOGETHER:
                self._loop.call_soon_threadsafe(_deliver, ready, number)
                ready, since = [], time.monotonic()
        self._loop.call_soon_threadsafe(_deliver, ready, number)

    # --- sessions

    async def _run_checks(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY)
            try:
                await self._refresh_viewers(list(self._open))
            except Exception:  # the next check tries again
                log.exception("looking again at who watches failed")

    async def _refresh_viewers(self, streams: list[Watched]) -> None:
        """End the streams of viewers whose access has ended; renew those of viewers whose roles have changed."""
        before = [(stream, stream.viewer) for stream in streams]
        viewers = {viewer for _, viewer in before}
        if not viewers:
            return
        now = await self.in_thread(lambda: refresh_viewers(viewers))
        for stream, viewer in before:
            if (renewed := now[viewer]) is None:
                stream.end()
            elif renewed.actor.active_grants != viewer.actor.active_grants:
                await stream.renew(renewed)


def _soon(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *given: Any) -> None:
    """Call `what` in the event loop from another thread; ignored if the loop has closed meanwhile."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(what, *given)


def _by_topic(touched: dict[TopicStream, list[Topic]]) -> list[tuple[Topic, list[TopicStream]]]:
    """The streams by topic, the topic with the most viewers first."""
    found: dict[str, tuple[Topic, list[TopicStream]]] = {}
    for stream, topics in touched.items():
        for topic in topics:
            found.setdefault(topic.name, (topic, []))[1].append(stream)
    return sorted(found.values(), key=lambda one: -len(one[1]))


def _renderings(watching: list[tuple[Topic, list[TopicStream]]]) -> Iterator[_Rendered]:
    for topic, streams in watching:
        for data, those in shared(partial(render, topic), streams):
            if data is not None:
                body = message("fragment" if "html" in data else "changed", data)
                yield _Rendered(topic, those, body, _CSRF in body)


def _deliver(ready: list[_Rendered], number: int) -> None:
    for one in ready:
        for stream in one.streams:
            if one.topic.name in stream.topics:
                stream.put(one.topic.name, one.body, has_form=one.has_form, number=number)


FANOUT = Fanout()
