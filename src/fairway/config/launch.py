"""Loads the application once and forks web and worker from it (docs/decisions/0011).

The process that does so leaves at once: as a third party it would keep a copy of every page the two have changed.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import threading
from collections.abc import Callable
from functools import partial

from fairway.config import forking

M_ARENA_MAX = -8  # malloc.h


def launch(names: tuple[str, ...], bind: str, port: int, *, supervisor: int, answer: int) -> None:
    """Fork `names`, say their pids on the pipe `answer`, and return: the caller's process is to end then, and
    `supervisor` to adopt them."""
    _load()
    launcher = os.getpid()

    def live(name: str) -> None:
        os.close(answer)
        forking.change_parent(launcher, supervisor)
        _PROCESSES[name](bind, port)

    for name in names:
        say(answer, {name: forking.fork(partial(live, name))})


def set_up() -> None:
    """Django, ready for use."""
    import django

    from fairway.config.logs import configure

    configure()
    django.setup()


def prepare(*, is_demo: bool) -> str | None:
    """Bring the database up to date and make what must exist from the start; the first administrator's link, if needed."""
    from django.core.management import call_command

    from fairway.accounts.commands import ensure_first_link
    from fairway.environments.commands import ensure_default_environments

    _ensure_private_database()
    call_command("migrate", verbosity=0, interactive=False)
    ensure_default_environments()
    if is_demo:
        from fairway.config.demo import ensure_demo_people

        ensure_demo_people()
    return ensure_first_link()


def _ensure_private_database() -> None:
    """SQLite gives its file the usual mode, and its journals the mode of the file."""
    from django.conf import settings

    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        place = settings.DATA.folder() / database["NAME"]
        os.close(os.open(place, os.O_RDWR | os.O_CREAT, 0o600))
        os.chmod(place, 0o600)


def say(answer: int, what: dict[str, object]) -> None:
    """One JSON object on the pipe, whole or not at all."""
    os.write(answer, json.dumps(what).encode() + b"\n")


def _load() -> None:
    """Import what either needs, in memory that both then share until one of them changes it."""
    import uvicorn.lifespan.on
    import uvicorn.loops.asyncio
    import uvicorn.protocols.http.h11_impl  # noqa: F401
    from django.db import connections

    import fairway.config.asgi
    import fairway.config.urls
    import fairway.worker.main  # noqa: F401
    from fairway.stories import register_all

    register_all()
    connections.close_all()
    gc.collect()
    gc.freeze()  # the collector would otherwise touch, and so copy, every shared page
    libc = ctypes.CDLL(None)
    libc.mallopt(M_ARENA_MAX, 1)  # our threads mostly wait; an arena for each would only keep scraps of its own
    libc.malloc_trim(0)


def _web(bind: str, port: int) -> None:
    import uvicorn

    uvicorn.run(
        "fairway.config.asgi:application",
        host=bind,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=3,
        lifespan="on",  # open streams end when the process is asked to stop
        loop="asyncio",
        http="h11",
        ws="none",  # no page of ours uses websockets; those of applications pass through the proxy
        server_header=False,
    )


def _worker(bind: str, port: int) -> None:
    from fairway.worker.main import run_worker

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run_worker(stop)


_PROCESSES: dict[str, Callable[[str, int], None]] = {"web": _web, "worker": _worker}
