"""From an act to what every open page shows, with 1, 100 and 1,000 viewers of the home page on one web process.

The clock starts when the act is sent, so the request that does it is in the figure; the floor is that request alone, while
nobody watches.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.figures import Figure, quantile, report
from tests.services.installation import Installation, ask, installed

VIEWERS = (1, 100, 1000)
ACTS = 8
TOPICS = "home:matrix,home:running,home:waiting,home:recent"
PATIENCE = 30.0  # seconds


def measure() -> Iterator[Figure]:
    many = {"FAIRWAY_STREAMS_PER_PERSON": "2000"}  # all of them are one person's
    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as folder, installed(Path(folder) / "data", **many) as one:
        cookie = signed_in(one)
        floor = quantile([_act(one, number)[1] * 1000 for number in range(ACTS)], 0.95)
        for count in VIEWERS:
            times = asyncio.run(_watched(one, cookie, count))
            name = f"act → on the page of {count:,} viewer{'s' if count > 1 else ''} (p95)"
            about = f"{len(times):,} messages of {ACTS} acts; the last came after {max(times):.0f} ms"
            yield Figure(name, quantile(times, 0.95), "ms", most=300, floor=floor, about=about)


def signed_in(one: Installation) -> str:
    """The Cookie header of a browser that has signed in."""
    headers = {"Host": f"localhost:{one.port}"}
    page = ask(one.port, "GET", "/accounts/login/", headers)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token is not None
    first = SimpleCookie(page.headers["set-cookie"])["fairway_csrf"].value
    form = {"login": one.sign_in["username"], "password": one.sign_in["password"], "csrfmiddlewaretoken": token[1]}
    headers |= {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"fairway_csrf={first}"}
    answer = ask(one.port, "POST", "/accounts/login/", headers, urlencode(form).encode())
    found = re.search(r"fairway_session=([^;,]+)", answer.headers.get("set-cookie", ""))
    return f"fairway_session={found[1] if found else _session(one, headers, form)}"


def _session(one: Installation, headers: dict[str, str], form: dict[str, str]) -> str:
    """Several Set-Cookie lines: the last read back may be another's, so read them all."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=30)
    connection.request("POST", "/accounts/login/", urlencode(form), headers)
    lines = connection.getresponse().headers.get_all("Set-Cookie") or []
    connection.close()
    return next(SimpleCookie(line)["fairway_session"].value for line in lines if line.startswith("fairway_session="))


def _act(one: Installation, number: int) -> tuple[float, float]:
    """Something that everybody's home page hears of: the moment it was sent, and how long it took."""
    began = time.monotonic()
    one.call("PATCH", "/environments/staging", {"name": f"Staging {number}"})
    return began, time.monotonic() - began


async def _watched(one: Installation, cookie: str, count: int) -> list[float]:
    """Milliseconds from each act to each viewer."""
    viewers = [Viewer() for _ in range(count)]
    for start in range(0, count, 50):  # browsers do not come all in the same millisecond
        await asyncio.gather(*(viewer.open(one.port, cookie) for viewer in viewers[start : start + 50]))
    readers = [asyncio.create_task(viewer.read()) for viewer in viewers]
    times = []
    try:
        for number in range(ACTS):
            for viewer in viewers:
                viewer.heard.clear()
            began, _ = await asyncio.to_thread(_act, one, 1000 * count + number)
            await asyncio.wait_for(asyncio.gather(*(viewer.heard.wait() for viewer in viewers)), PATIENCE)
            times += [(viewer.moment - began) * 1000 for viewer in viewers]
            await asyncio.sleep(0.5)  # what else the act touched is over before the next
    finally:
        for task, viewer in zip(readers, viewers, strict=True):
            task.cancel()
            viewer.close()
        await asyncio.gather(*readers, return_exceptions=True)
    return times


class Viewer:
    """One open page: a raw stream, read all the time."""

    def __init__(self) -> None:
        self.heard, self.moment = asyncio.Event(), 0.0

    async def open(self, port: int, cookie: str) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"GET /live?topics={TOPICS} HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {cookie}\r\n\r\n"
        self._writer.write(head.encode())
        said = await asyncio.wait_for(self._reader.readuntil(b"retry:"), PATIENCE)
        assert b" 200 " in said.splitlines()[0], said

    async def read(self) -> None:
        rest = b""
        while piece := await self._reader.read(65536):
            rest = (rest + piece)[-65536 - 16 :]
            if b"event: fragment" in rest:
                if not self.heard.is_set():
                    self.moment = time.monotonic()
                    self.heard.set()
                rest = b""

    def close(self) -> None:
        self._writer.close()


if __name__ == "__main__":
    report(measure)
