"""The states of resources, the names of their databases and logins, and the variables that a binding gives. Pure.

What differs between engines is in `fairway.drivers.resources.engines`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from fairway.drivers.resources.engines import ENGINES, Engine
from fairway.shared.names import Invalid, parse_slug

LONGEST_NAME = 40
LONGEST_ALIAS = 30
RUNTIME = "process"  # the only runtime for resources so far


class Wanted(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    REMOVED = "removed"


class State(StrEnum):
    """How a resource was last seen."""

    PREPARING = "preparing"
    RUNNING = "running"
    DOWN = "down"  # it should run and does not
    STOPPED = "stopped"
    FAILED = "failed"  # it could not be brought up
    REMOVING = "removing"


class BindingState(StrEnum):
    BINDING = "binding"
    BOUND = "bound"
    FAILED = "failed"
    UNBINDING = "unbinding"
    ENDED = "ended"


class BackupState(StrEnum):
    TAKING = "taking"
    VERIFIED = "verified"  # it was restored once, and its rows were compared
    FAILED = "failed"
    REMOVED = "removed"  # its file is deleted; the row stays, because events refer to it


class Purpose(StrEnum):
    """Why a backup was taken."""

    ASKED = "asked"  # somebody asked for it; only people remove it
    SCHEDULED = "scheduled"
    LAST = "last"  # before its resource is deleted


def parse_kind(text: str) -> Engine:
    """The engine of a kind of resource. Raises `Invalid` for any other text."""
    if text not in ENGINES:
        kinds = ", ".join(ENGINES)
        raise Invalid("kind", "“{kind}” is no kind of resource; there are: {kinds}.", kind=text[:40], kinds=kinds)
    return ENGINES[text]


def parse_alias(text: str, engine: Engine) -> str:
    """The name under which an application knows a resource; the names of its variables begin with it. Raises `Invalid`."""
    return parse_slug(text or engine.alias, field="alias", longest=LONGEST_ALIAS)


def major(version: str) -> int:
    """The number that decides which backups a server can restore: those of the same or an older one."""
    return int(version.partition(".")[0])


def server_name(name: str, environment: str, number: int) -> str:
    """The name of a server, and of its folders. No other resource ever has it, because `number` is never used again."""
    return f"{name}.{environment}.{number}"


def database_name(application: str, number: int) -> str:
    """The name of an application's database, which no other application has. With the ending of `login_name` it has at most
    63 bytes, as PostgreSQL requires."""
    return f"{re.sub(r'[^a-z0-9]', '_', application)}_{number}"


def application_number(database: str) -> int | None:
    """The number of the application whose database this is, as `database_name` made it; None for any other name."""
    number = database.rpartition("_")[2]
    return int(number) if number.isascii() and number.isdigit() else None


def login_name(database: str, number: int) -> str:
    """The user name of a database's login. Every new password gets a new login."""
    return f"{database}_u{number}"


@dataclass(frozen=True)
class Given:
    """What a binding adds to a configuration."""

    variables: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.variables, *self.secrets)


def variable_names(alias: str, engine: Engine) -> tuple[str, ...]:
    """The names of the variables that a binding with this alias gives."""
    prefix = alias.upper().replace("-", "_")
    return tuple(f"{prefix}_{part}" for part in engine.parts)


def given_by(alias: str, engine: Engine, *, host: str, port: int, database: str, user: str, password: str) -> Given:
    """The variables and secrets of a binding: with the alias ``database``, ``DATABASE_URL`` and its parts."""
    names = variable_names(alias, engine)
    url = f"{engine.scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/{quote(database, safe='')}"
    plain = dict(zip(names[:4], (host, str(port), database, user), strict=True))
    return Given(plain, dict(zip(names[4:], (password, url), strict=True)))


def differences(taken: Mapping[str, int], restored: Mapping[str, int]) -> list[str]:
    """The tables whose number of rows in a restored copy differs from when the backup was taken, with both numbers."""
    tables = sorted(taken.keys() | restored.keys())
    return [
        f"{table}: {taken.get(table, '–')} → {restored.get(table, '–')}"
        for table in tables
        if taken.get(table) != restored.get(table)
    ]
