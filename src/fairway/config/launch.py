"""Loads the application once and forks web and worker from it (docs/decisions/0011).

The process that does so ends right afterwards; otherwise it would keep a copy of every memory page that the others change.
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
    """Fork the processes `names` and write their pids to the pipe `answer`. Afterwards the calling process must end, so that
    the process `supervisor` adopts them. `is_shared` says that several web processes listen on the port."""
    from fairway.config.databases import kept_connections

    _load(names)
    launcher = os.getpid()

    def live(name: str) -> None:
        os.close(answer)
        forking.change_parent(launcher, supervisor)
        with kept_connections(name):
            if name.startswith("web"):
                _web(bind, port, is_shared=is_shared)
            else:
                _worker()

    for name in names:
        say(answer, {name: forking.fork(partial(live, name))})


def set_up() -> None:
    """Set up logging and Django."""
    import django

    from fairway.config.logs import configure

    configure()
    django.setup()


def prepare(*, is_demo: bool, has_workers: bool) -> str | None:
    """Migrate the database and create what must exist from the start. Returns the secret of the first administrator's link,
    or None if there are people already.

    If Fairway must not start here, it logs why and raises SystemExit with code 2.
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
    from fairway.accounts.environment_providers import take_from_environment
    from fairway.environments.commands import ensure_default_environments
    from fairway.environments.installation import ensure_may_run_here
    from fairway.environments.secrets import reseal_options

    ensure_may_run_here(has_workers=has_workers, moves_here=os.environ.get("FAIRWAY_MOVE_HERE") == "1")
    ensure_default_environments()
    reseal_options(only_clear=True)
    take_from_environment(os.environ)
    if is_demo:
        from fairway.config.demo import ensure_demo_people

        ensure_demo_people()
    return ensure_first_link()


def _ensure_private_database() -> None:
    """Give SQLite's file the mode 0600. SQLite would use the usual mode, and its journals get the mode of the file."""
    from django.conf import settings

    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        path = settings.DATA.folder() / database["NAME"]
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        os.chmod(path, 0o600)


def say(answer: int, content: dict[str, object]) -> None:
    """Write one JSON object to the pipe. It is so short that it is written completely or not at all."""
    os.write(answer, json.dumps(content).encode() + b"\n")


def _load(names: tuple[str, ...]) -> None:
    """Import what these processes need, into memory that they share until one of them changes it. If only a worker must be
    started again, the imports of the web process, which are the larger part, are left out."""
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
    # Without this the garbage collector would write to every shared page, and so copy it. There is no collection before,
    # because it would take a tenth of the start and free next to nothing.
    gc.freeze()
    gc.enable()
    libc = ctypes.CDLL(None)
    libc.mallopt(M_ARENA_MAX, 1)  # threads here mostly wait, and an arena for each of them would only waste memory
    libc.malloc_trim(0)


def _web(bind: str, port: int, *, is_shared: bool) -> None:
    import uvicorn

    from fairway.config.connections import PacedProtocol

    config = uvicorn.Config(
        "fairway.config.asgi:application",
        host=bind,
        port=port,
        log_level="warning",
        log_config=None,  # its messages go where ours go, and are masked like ours
        timeout_graceful_shutdown=3,
        lifespan="on",  # so that open streams end when the process shall stop
        loop="asyncio",
        http=PacedProtocol,
        ws="none",  # Fairway's pages use no websockets; those of applications pass through the proxy
        server_header=False,
        proxy_headers=False,  # `config.forwarded` reads these headers, and only those of trusted proxies
    )
    server = uvicorn.Server(config)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises the signal again after it has stopped
    server.run(sockets=[_listener(bind, port)] if is_shared else None)
    if not server.started:
        raise SystemExit(3)


def _listener(bind: str, port: int) -> socket.socket:
    """A socket of this process on the port on which other web processes listen, too. The kernel distributes connections."""
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
