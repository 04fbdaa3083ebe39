"""The two databases Fairway runs on, configured so that concurrent writers wait instead of failing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000; PRAGMA foreign_keys=ON; "
    "PRAGMA cache_size=-4000; PRAGMA temp_store=MEMORY;"
)


# With these options a vanished server is noticed within seconds, not after TCP's default of a quarter of an hour. If a
# process hangs inside a transaction, PostgreSQL ends that transaction, so that the lock on the event chain, for which all
# others wait, is released. Source: PostgreSQL, "Database Connection Control Functions" and "Statement Behavior".
PATIENCE = {
    "connect_timeout": "5",  # seconds
    "tcp_user_timeout": "10000",  # milliseconds
    "keepalives_idle": "5",  # seconds
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "options": "-c idle_in_transaction_session_timeout=15s",
}


# Connecting costs a process and its PostgreSQL server 20 ms of a core together; a request needs about as much for itself. So
# web and worker keep connections (`kept_connections`). Requests beyond the limit wait for a connection, the worker's threads
# never have to: some wait for others while they hold one.
POOL = {
    "min_size": 0,
    "timeout": 5.0,  # seconds that a thread waits for a connection
    # seconds in which a failed attempt to connect is repeated, after one second and at their end; then whoever needs a
    # connection tries anew. Without a limit the pauses double, and a server that is back would be noticed late
    "reconnect_timeout": 2.0,
    "max_idle": 60.0,  # seconds after which an unused one is closed
    "num_workers": 1,  # threads that connect
}
MOST_CONNECTIONS = {"web": 40, "worker": 100}  # PostgreSQL allows 100 altogether unless it is told otherwise


@contextmanager
def kept_connections(name: str) -> Iterator[None]:
    """Keep what this process's threads close, for the threads that come next. For ``web`` and ``worker`` after they were
    forked; other programs open one connection and end."""
    from django.db import connections

    from fairway.config.sqlite3.base import IDLE

    options = connections.settings["default"]["OPTIONS"]
    if connections["default"].vendor != "postgresql":
        IDLE.begin()
    else:
        options["pool"] = {**POOL, "max_size": MOST_CONNECTIONS[name.partition("-")[0]]}
    try:
        yield
    finally:
        connections.close_all()
        if "pool" in options:
            connections["default"].close_pool()  # type: ignore[attr-defined]  # the backend of PostgreSQL has it
            del options["pool"]
        IDLE.end()


def sqlite_database(path: Path) -> dict[str, Any]:
    """Django's settings for SQLite with WAL, IMMEDIATE transactions and a busy timeout.

    Why: in a measurement with Django's defaults, 69 of 200 concurrent runs failed with lock errors; with these, none did.
    """
    return {
        "ENGINE": "fairway.config.sqlite3",
        "NAME": str(path),
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": SQLITE_PRAGMAS},
    }


def database_from_url(url: str) -> dict[str, Any]:
    """Django's settings for ``postgres://user:password@host:port/name?sslmode=…`` or ``sqlite:///path``.

    Options in the URL's query override `PATIENCE`; an empty ``options=`` is for a connection pooler that refuses them.

    Raises `ImproperlyConfigured`, which says what to write instead.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return sqlite_database(Path(unquote(parts.path)))
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ImproperlyConfigured("FAIRWAY_DATABASE_URL must look like postgres://user:password@host:5432/fairway")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    options = {name: value for name, value in {**PATIENCE, **given}.items() if value}
    host = options.pop("host", None) or unquote(parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        # Under ASGI each request has a thread of its own, so a thread must not keep a connection for itself (150 viewers led
        # to "too many clients"). Source: Django, "Databases", persistent connections and ASGI.
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }
