"""Loads the application once and forks web and worker from it (docs/decisions/0011).

The process that does so leaves at once: as a third party it would keep a copy of every page the two have changed.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import socket
import sys
import threading
from functools import partial

from fairway.config import forking

M_ARENA_MAX = -8  # malloc.h


def launch(names: tuple[str, ...], bind: str, port: int, *, is_shared: bool, supervisor: int, answer: int) -> None:
    """Fork `names`, say their pids on the pipe `answer`, and return: the caller's process is to end then, and
    `supervisor` to adopt them. `is_shared`: several web processes listen on the port."""
    from fairway.config.sqlite3.base import IDLE

    _load(names)
    launcher = os.getpid()

    def live(name: str) -> None:
        os.close(answer)
        forking.change_parent(launcher, supervisor)
        IDLE.begin()
        try:
            if name.startswith("web"):
                _web(bind, port, is_shared=is_shared)
            else:
                _worker()
        finally:
            IDLE.end()

    for name in names:
        say(answer, {name: forking.fork(partial(live, name))})


def set_up() -> None:
    """Django, ready for use."""
    import django

    from fairway.config.logs import configure

    configure()
    django.setup()


def prepare(*, is_demo: bool, has_workers: bool) -> str | None:
    """Bring the database up to date and make what must exist from the start; the first administrator's link, if needed.

    Raises SystemExit with code 2, having said why, when this must not start here.
    """
    from fairway.config import upgrading
    from fairway.shared.failures import Failure

    _ensure_private_database()
    try:
        with upgrading.one_at_a_time():
            upgrading.migrate()
            return _ensure_beginnings(is_demo=is_demo, has_workers=has_workers)
    except Failure as reason:
        forking.log_error(f"Fairway cannot start: {reason.sentence}")
        raise SystemExit(2) from None


def _ensure_beginnings(*, is_demo: bool, has_workers: bool) -> str | None:
    from fairway.accounts.commands import ensure_first_link
    from fairway.environments.commands import ensure_default_environments
    from fairway.environments.installation import settle
    from fairway.environments.secrets import reseal_options

    settle(has_workers=has_workers, moves_here=os.environ.get("FAIRWAY_MOVE_HERE") == "1")
    ensure_default_environments()
    reseal_options(only_clear=True)
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


def _load(names: tuple[str, ...]) -> None:
    """Import what they need, in memory that they share until one of them changes it. A worker that died is back sooner
    because the web's half, which is the larger one, is left out."""
    from django.db import connections

    from fairway.workflows import register_all

    if any(name.startswith("web") for name in names):
        import uvicorn.lifespan.on
        import uvicorn.loops.asyncio
        import uvicorn.protocols.http.h11_impl  # noqa: F401

        import fairway.config.asgi
        import fairway.config.connections
        import fairway.config.urls
    if any(name.startswith("worker") for name in names):
        import fairway.worker.main  # noqa: F401

    register_all()
    connections.close_all()
    gc.freeze()  # the collector would otherwise touch, and so copy, every shared page; looking first for what of it could be
    # freed takes a tenth of a start and frees nothing worth having
    gc.enable()
    libc = ctypes.CDLL(None)
    libc.mallopt(M_ARENA_MAX, 1)  # our threads mostly wait; an arena for each would only keep scraps of its own
    libc.malloc_trim(0)


def _web(bind: str, port: int, *, is_shared: bool) -> None:
    import uvicorn

    from fairway.config.connections import PacedProtocol

    config = uvicorn.Config(
        "fairway.config.asgi:application",
        host=bind,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=3,
        lifespan="on",  # open streams end when the process is asked to stop
        loop="asyncio",
        http=PacedProtocol,
        ws="none",  # no page of ours uses websockets; those of applications pass through the proxy
        server_header=False,
        proxy_headers=False,  # `config.asgi` believes those who are named, and nobody else
    )
    server = uvicorn.Server(config)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # which uvicorn raises again once it has stopped
    server.run(sockets=[_listener(bind, port)] if is_shared else None)
    if not server.started:
        raise SystemExit(3)


def _listener(bind: str, port: int) -> socket.socket:
    """A socket of this process's own on the port that its siblings listen on too; the kernel deals visitors out."""
    listener = socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET)
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        listener.setsockopt(socket.SOL_SOCKET, option, 1)
    listener.bind((bind, port))
    return listener


def _worker() -> None:
    from fairway.worker.main import run_worker

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run_worker(stop)
