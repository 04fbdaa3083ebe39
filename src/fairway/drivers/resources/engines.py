"""What the engines of resources are, for code that must not load a driver. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fairway.shared.translation import translate


@dataclass(frozen=True)
class Engine:
    """One kind of server.

    `label` is its name, the same in every language. `versions` are those that are offered, the newest first. `driver` is
    ``module:Class``. Its URLs begin with `scheme`; `alias` is the name under which an application knows it unless somebody
    chooses another. `parts` end the names of the variables that a binding gives: host, port, database, user, password, URL.
    A backup is counted by `unit`: rows of tables, or keys. A downloaded backup is a file with this `ending`.
    """

    kind: str
    label: str
    versions: tuple[str, ...]
    driver: str
    scheme: str
    alias: str = "database"
    parts: tuple[str, ...] = ("HOST", "PORT", "NAME", "USER", "PASSWORD", "URL")
    unit: str = "rows"
    ending: str = "dump"


POSTGRES = Engine(
    kind="postgres",
    label="PostgreSQL",
    versions=("18.6",),
    driver="fairway.drivers.resources.postgres:Postgres",
    scheme="postgresql",
)
REDIS = Engine(
    kind="redis",
    label="Redis (Valkey)",
    versions=("9.1.2",),
    driver="fairway.drivers.resources.redis:Redis",
    scheme="redis",
    alias="redis",
    parts=("HOST", "PORT", "DB", "USER", "PASSWORD", "URL"),
    unit="keys",
    ending="rdb",
)
MARIADB = Engine(
    kind="mariadb",
    label="MariaDB",
    versions=("10.11",),
    driver="fairway.drivers.resources.mariadb:MariaDB",
    scheme="mysql",
    ending="sql",
)
ENGINES = {engine.kind: engine for engine in (POSTGRES, MARIADB, REDIS)}


def about(kind: str) -> str:
    """What the engine is for, in one sentence."""
    if kind == REDIS.kind:
        return translate("For caches, queues and sessions. A Valkey server, which speaks the protocol of Redis.")
    if kind == MARIADB.kind:
        return translate("A database of tables, for applications that were written for MySQL. Needs Debian 12.")
    return translate("A database of tables, for most applications.")
