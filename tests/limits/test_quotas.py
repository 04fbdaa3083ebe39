"""What one person may hold at a time, and what our own log may hold."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from ninja.errors import HttpError

from fairway.api.streaming import stream
from fairway.config import log_file
from fairway.web.live import Streams, admit
from tests.conftest import make_person


class Endless:
    """A stream that says nothing until it is let go."""

    def __init__(self, person: int) -> None:
        self.viewer = SimpleNamespace(actor=SimpleNamespace(id=person))
        self.is_open, self.may_end = asyncio.Event(), asyncio.Event()
        self.closed = 0

    async def open(self) -> None:
        self.is_open.set()

    async def next(self) -> bytes | None:
        await self.may_end.wait()
        return None

    def close(self) -> None:
        self.closed += 1


def asked(streams: Streams, source: Endless) -> tuple[asyncio.Task[None], list[int]]:
    """A page that opens `source`; the statuses it was answered with."""
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(int(str(message["status"])))

    return asyncio.create_task(streams({"type": "http", "headers": [], "source": source}, receive, send)), statuses


async def application(scope, receive, send):
    answer: HttpResponse = admit(scope["source"])
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.items()]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def test_a_person_holds_so_many_streams_and_may_open_another_when_one_is_closed(settings):
    settings.STREAMS_PER_PERSON = 3

    async def tried() -> None:
        streams = Streams(application)
        mine = [Endless(1) for _ in range(3)]
        tasks = [asked(streams, one)[0] for one in mine]
        for one in mine:
            await one.is_open.wait()
        refused, statuses = asked(streams, too_many := Endless(1))
        await refused
        assert (statuses, too_many.closed, too_many.is_open.is_set()) == ([429], 1, False)
        other = Endless(2)
        tasks.append(asked(streams, other)[0])
        await other.is_open.wait()
        mine[0].may_end.set()
        await tasks[0]
        again = Endless(1)
        tasks.append(asked(streams, again)[0])
        await again.is_open.wait()
        for one in (*mine, other, again):
            one.may_end.set()
        await asyncio.gather(*tasks)

    asyncio.run(tried())


def test_a_person_has_so_many_downloads_at_a_time(db, settings):
    settings.DOWNLOADS_PER_PERSON = 2
    gc.collect()  # downloads of earlier tests, which nobody read to their end: their people had the same numbers
    ada, ben = make_person("ada"), make_person("ben")

    def download(actor):
        request = RequestFactory().get("/")
        request._fairway_actor = actor  # type: ignore[attr-defined]
        return stream(request, iter(["a", "b"]), content_type="text/plain")

    first, second = download(ada), download(ada)
    with pytest.raises(HttpError, match="2 downloads of yours"):
        download(ada)
    assert b"".join(download(ben)) == b"ab"
    assert b"".join(first) == b"ab"
    third = download(ada)
    next(iter(second))
    second.close()  # gone in the middle
    del second, third
    assert b"".join(download(ada)) == b"ab"


WRITE = """
import logging, os, sys
from fairway.config import log_file, logs
log_file.LARGEST = 2000
log_file.keep_small.__defaults__ = (2000,)
logs.configure()
for number in range(int(sys.argv[2])):
    logging.getLogger("fairway").info("%s %04d", sys.argv[1], number)
"""


def test_our_own_log_is_kept_small_and_loses_no_line_however_many_write_it(tmp_path):
    place = tmp_path / "fairway.log"
    place.touch(0o600)  # as `fairway up --detach` makes it
    with place.open("ab") as output:
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITE, word, "18"], stdout=output, stderr=output,
                             env={**os.environ, log_file.VARIABLE: str(place)})
            for word in ("one", "two", "three")
        ]  # fmt: skip
        assert [writer.wait() for writer in writers] == [0, 0, 0]
    files = [one for one in tmp_path.iterdir() if one.suffix != ".lock"]
    text = "".join(one.read_text() for one in files)
    for word in ("one", "two", "three"):
        for number in range(18):
            assert text.count(f'"{word} {number:04d}"') == 1
    assert 2 <= len(files) <= 1 + log_file.KEPT
    assert max(one.stat().st_size for one in files) < 2000 + 3 * 200, [one.stat().st_size for one in files]
    assert all(one.stat().st_mode & 0o077 == 0 for one in files)


def test_what_stands_elsewhere_is_left_alone(tmp_path):
    """A terminal, a journal or a file that somebody else chose keeps its own length."""
    place = tmp_path / "chosen.log"
    with place.open("ab") as output:
        environment = {name: value for name, value in os.environ.items() if name != log_file.VARIABLE}
        subprocess.run([sys.executable, "-c", WRITE, "one", "60"], stdout=output, stderr=output, check=True, env=environment)
    assert [one.name for one in Path(tmp_path).iterdir()] == ["chosen.log"]
