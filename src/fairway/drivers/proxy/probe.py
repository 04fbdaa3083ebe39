"""The probe: it requests the public URL, through the proxy, during the whole switch, and reports what a visitor would have
seen.

Two visitors send requests at a steady pace: one keeps its connection, one opens a new one each time. They connect to the
proxy on this machine with the public host in the Host header, so the name need not resolve. The token makes the proxy name
the replica that answered, and lets the probe pass the sign-in, because it measures the application. The paths take turns.

A request has failed if it got no complete answer; if the proxy answered itself (no replica reachable, host unknown) although
the application had been answering or had just been switched to; or if the application answered 5xx with a status that it did
not use before the switch. Answers of the new version are also counted by path, and it is judged by them. Memory use is
bounded: the probe keeps counts and a few sentences, however long it runs.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from types import TracebackType

from fairway.drivers.proxy.configuration import PROBE_HEADER, UPSTREAM_HEADER
from fairway.drivers.proxy.contract import Answers, ProbeFigure
from fairway.drivers.proxy.handlers import PAGE_HEADER

TIMEOUT = 10.0  # seconds; a slower answer counts as failed
BODY_SECONDS = 1.0  # seconds after the headers; a stream that never ends then counts as answered
BODY_BYTES = 1_000_000


@dataclass(frozen=True)
class _Answer:
    status: int
    page: str  # the name of the proxy's own page; "" if the application answered
    upstream: str  # the replica's host:port; "" if unknown


class Probe:
    """Use it as a context manager round the switch::

        with Probe(("127.0.0.1", 8080), "shop.example.com", token=token, is_new=new.__contains__) as probe:
            probe.switching()
            proxy.ensure_route(route)
            probe.switched()
            probe.await_new(5.0)
        figure = probe.figure()

    `is_new` is asked with the ``host:port`` of the replica that answered. `interval` is the pause between two requests
    of both visitors together, in seconds.
    """

    def __init__(
        self,
        address: tuple[str, int],
        host: str,
        paths: Sequence[str] = ("/",),
        *,
        token: str,
        is_new: Callable[[str], bool],
        interval: float = 0.01,
    ) -> None:
        self._address = address
        self._paths = paths
        self._headers = {"Host": host, PROBE_HEADER: token, "User-Agent": "Fairway-Probe", "Accept": "*/*"}
        self._is_new = is_new
        self._pace = 2 * interval
        self._tally = _Tally()
        self._stop = threading.Event()
        self._visitors = [
            threading.Thread(target=self._visit, args=(keep,), name=f"probe-{host}", daemon=True) for keep in (False, True)
        ]

    def __enter__(self) -> Probe:
        for visitor in self._visitors:
            visitor.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        for visitor in self._visitors if error is None else ():  # after an error, nothing may delay the switch back
            visitor.join()
        self._tally.end()

    def switching(self) -> None:
        """Call right before the switch: times are measured from here."""
        self._tally.switching()

    def switched(self) -> None:
        """Call as soon as the route is in place: a request that begins after this cannot be excused by the old route."""
        self._tally.switched()

    def await_new(self, seconds: float) -> bool:
        """Wait until the new version answered, at most `seconds`. Returns False if it did not."""
        return self._tally.seen.wait(seconds)

    def figure(self) -> ProbeFigure:
        """The figures so far; they are final after the `with` block."""
        return self._tally.figure()

    def new_answers(self) -> Mapping[str, Answers]:
        """The answers of the new version so far, by path. Only requests that began after the switch count."""
        return self._tally.new_answers()

    def _visit(self, keep: bool) -> None:
        with contextlib.closing(_Visitor(self._address, self._headers, keep)) as visitor:
            for path in cycle(self._paths if keep else [*self._paths[1:], self._paths[0]]):
                if self._stop.is_set():
                    return
                began = time.monotonic()
                try:
                    answer = visitor.ask(path, self._stop)
                except (OSError, http.client.HTTPException) as error:
                    self._tally.broken(began, path, error)
                else:
                    is_new = bool(answer.upstream) and self._is_new(answer.upstream)
                    self._tally.answered(began, path, answer, is_new)
                self._stop.wait(max(0.0, self._pace - (time.monotonic() - began)))


class _Visitor:
    """One client, which keeps its connection or opens a new one for each request."""

    def __init__(self, address: tuple[str, int], headers: dict[str, str], keep: bool) -> None:
        self._address, self._headers, self._keep = address, headers, keep
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, path: str, stop: threading.Event) -> _Answer:
        connection = self._connection or http.client.HTTPConnection(*self._address, timeout=TIMEOUT)
        self._connection = connection
        try:
            connection.request("GET", path, headers=self._headers)
            line = connection.sock  # `connection` drops it if the server closes after this answer
            line.settimeout(TIMEOUT)
            response = connection.getresponse()
            answer = _read(response)
            line.settimeout(BODY_SECONDS)
            whole = _finish(response, stop)
        except BaseException:
            self.close()
            raise
        if not (whole and self._keep):
            self.close()
        return answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _read(response: http.client.HTTPResponse) -> _Answer:
    header = response.headers.get
    return _Answer(response.status, header(PAGE_HEADER, ""), header(UPSTREAM_HEADER, ""))


def _finish(response: http.client.HTTPResponse, stop: threading.Event) -> bool:
    """Read the body. Returns False if the rest is left unread because it is long or a stream. Raises if the body is
    incomplete."""
    deadline, left = time.monotonic() + BODY_SECONDS, BODY_BYTES
    with contextlib.closing(response):
        try:
            while chunk := response.read1(65536):
                left -= len(chunk)
                if left <= 0 or time.monotonic() > deadline or stop.is_set():
                    return False
        except TimeoutError:
            return False
        if response.length:  # read1 raises nothing if the body is shorter than announced
            raise http.client.IncompleteRead(b"", response.length)
        return True


def _failure(answer: _Answer) -> str:
    """How an answer failed; "" if it did not."""
    if answer.page:
        return f"the proxy answered {answer.status} itself (page “{answer.page}”)"
    return f"the application answered {answer.status}" if answer.status >= 500 else ""


class _Tally:
    """What both visitors saw. Every method may be called from any thread."""

    def __init__(self) -> None:
        self.seen = threading.Event()
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._ended: float | None = None
        self._switched: float | None = None
        self._in_place: float | None = None
        self._first_seen: float | None = None
        self._was_serving = False
        self._old_errors: set[int] = set()
        self._sent = self._failed = 0
        self._first_failure = ""
        self._new: dict[str, Answers] = {}

    def switching(self) -> None:
        with self._lock:
            self._switched = time.monotonic()

    def switched(self) -> None:
        with self._lock:
            self._in_place = time.monotonic()

    def end(self) -> None:
        with self._lock:
            self._ended = time.monotonic()

    def new_answers(self) -> Mapping[str, Answers]:
        with self._lock:
            return dict(self._new)

    def broken(self, began: float, path: str, error: Exception) -> None:
        with self._lock:
            self._sent += 1
            words = f"no complete answer ({type(error).__name__}: {error})"[:300]
            self._fail(began, words)
            # A refused connection is the proxy's fault, not the version's.
            if self._after_switch(began) and not isinstance(error, ConnectionRefusedError):
                self._count(path, words)

    def answered(self, began: float, path: str, answer: _Answer, new: bool) -> None:
        with self._lock:
            self._sent += 1
            if new or (answer.page and self._after_switch(began)):
                self._count(path, _failure(answer))
            if answer.page:
                self._own_page(began, answer)
            elif answer.status >= 500:
                self._own_error(began, answer, new)
            elif not new:
                self._was_serving = True
            if new and not answer.page:
                self._saw_new()

    def figure(self) -> ProbeFigure:
        with self._lock:
            switched, first = self._switched, self._first_seen
            seen = None if first is None or switched is None else max(0.0, first - switched) * 1000
            duration = ((self._ended or time.monotonic()) - self._began) * 1000
            return ProbeFigure(self._sent, self._failed, seen, duration, self._first_failure)

    def _count(self, path: str, failure: str) -> None:
        self._new[path] = self._new.get(path, Answers()).and_one(failure)

    def _own_page(self, began: float, answer: _Answer) -> None:
        """Before any version has answered, our own page is the right answer."""
        if self._was_serving or self._after_switch(began):
            self._fail(began, _failure(answer))

    def _own_error(self, began: float, answer: _Answer, new: bool) -> None:
        if not self._after_switch(began) and not new:
            self._was_serving = True
            self._old_errors.add(answer.status)
        elif answer.status not in self._old_errors:
            self._fail(began, _failure(answer))

    def _saw_new(self) -> None:
        if self._first_seen is None:
            self._first_seen = time.monotonic()
            self.seen.set()

    def _after_switch(self, began: float) -> bool:
        return self._in_place is not None and began >= self._in_place

    def _fail(self, began: float, what: str) -> None:
        self._failed += 1
        if not self._first_failure:
            when = began - (self._switched or self._began)
            since = "the switch" if self._switched else "the start of the probe"
            self._first_failure = f"{when * 1000:+.0f} ms from {since}: {what}"
