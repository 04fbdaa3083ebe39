"""Streams the log of a deployment or a command; each page of lines is read once, however many viewers there are."""

from __future__ import annotations

import asyncio

from fairway.deployments.rules import ENDED
from fairway.web.fanout import Fanout, LogWatch
from fairway.web.live import log_message, message
from fairway.web.stored_logs import LogKey, may_read
from fairway.web.viewers import Viewer

LAST_LINES = 0.5  # seconds after its end in which the last lines may still be written


class LogStream(LogWatch):
    """A stored log from line `after` on; ends after its last line."""

    def __init__(self, fanout: Fanout, viewer: Viewer, key: LogKey, after: int) -> None:
        self.fanout, self.viewer, self.key, self.position = fanout, viewer, key, after
        self._grew = asyncio.Event()
        self._is_over = False

    async def open(self) -> None:
        self.fanout.add_log(self)

    def grown(self) -> None:
        self._grew.set()

    async def renew(self, viewer: Viewer) -> None:
        if not await self.fanout.in_thread(lambda: may_read(viewer.actor, self.key)):
            self.end()
        self.viewer = viewer

    def end(self) -> None:
        self._is_over = True
        self._grew.set()

    async def next(self) -> bytes | None:
        while not self._is_over:
            length, status = self.fanout.lengths.get(self.key, (0, ""))
            if length > self.position:
                return await self._page()
            if status in ENDED:
                return await self._ending()
            await self._grew.wait()
            self._grew.clear()
        return None

    def close(self) -> None:
        self.fanout.remove_log(self)

    async def _page(self) -> bytes:
        lines = await self.fanout.log_page(self.key, self.position)
        if lines:
            self.position = int(lines[-1]["n"])
        else:
            # these lines are counted, but were removed: skip them, or it would never end
            self.position = self.fanout.lengths[self.key][0]
        return message("log", log_message(lines), self.position)

    async def _ending(self) -> bytes:
        await asyncio.sleep(LAST_LINES)
        lines = await self.fanout.log_page(self.key, self.position)
        if lines:
            self.position = int(lines[-1]["n"])
            return message("log", log_message(lines), self.position)
        self._is_over = True
        return message("complete", {}, self.position)
