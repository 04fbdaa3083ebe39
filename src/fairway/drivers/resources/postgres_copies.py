"""Dumps of PostgreSQL databases: the snapshot they are taken from, what a database contains, and temporary databases."""

from __future__ import annotations

import secrets
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from fairway.drivers.resources import postgres_roles as roles
from fairway.drivers.resources.contract import Content, Login
from fairway.shared.failures import Retry

THROW_AWAY = "look#"  # the names of other databases contain no “#”
DRAFT = "#draft"
BEFORE = "#before"
HELPER = "restore#"
# Tables that hold rows, without those that belong to an extension.
_TABLES = """
SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""
Connection = psycopg.Connection[Any]


def snapshot(connection: Connection) -> str:
    """Export this transaction's snapshot, and return its name, with which pg_dump reads the same state."""
    found = connection.execute("SELECT pg_export_snapshot()").fetchone()
    return str(found[0]) if found else ""


def content(connection: Connection) -> Content:
    """Every table and its number of rows, as this transaction sees them."""
    rows: dict[str, int] = {}
    for schema, table in connection.execute(_TABLES).fetchall():
        words = SQL("SELECT count(*) FROM ONLY {}").format(Identifier(schema, table))
        found = connection.execute(words).fetchone()
        rows[f"{schema}.{table}"] = int(found[0]) if found else 0
    return Content(rows)


def password() -> str:
    return secrets.token_urlsafe(24)


def make_throw_away(connection: Connection) -> tuple[str, Login]:
    """Create a temporary database and its owner, who has no other rights."""
    login = Login(f"{THROW_AWAY}{secrets.token_hex(6)}", password())
    sealed = connection.pgconn.encrypt_password(login.password.encode(), login.user.encode(), b"scram-sha-256").decode()
    words = SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(login.user), Literal(sealed))
    connection.execute(words)
    make = SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'")
    connection.execute(make.format(Identifier(login.user), Identifier(login.user)))
    connection.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(login.user)))
    return login.user, login


def forget_throw_aways(connection: Connection) -> None:
    """Drop all temporary databases and their owners, also those that an interrupted check left behind."""
    found = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{THROW_AWAY}%"]).fetchall()
    for (name,) in found:
        drop_database(connection, name)
    for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE %s", [f"{THROW_AWAY}%"]).fetchall():
        roles.drop_role(connection, name)


def drop_database(connection: Connection, name: str) -> None:
    connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


def swap(connection: Connection, draft: str, name: str) -> None:
    """Rename the draft to `name`. The database that had the name is kept beside it until the next swap. Both renames happen
    in one transaction.

    Raises `Retry` while clients keep reconnecting.
    """
    before = f"{name}{BEFORE}"
    was_there = roles.has_database(connection, name)
    if was_there:
        drop_database(connection, before)
    everybody = SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    try:
        for database in (draft, *([name] if was_there else [])):
            connection.execute(everybody.format(Identifier(database), SQL("false")))
            connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [database])
        with connection.transaction():
            rename = SQL("ALTER DATABASE {} RENAME TO {}")
            if was_there:
                connection.execute(rename.format(Identifier(name), Identifier(before)))
            connection.execute(rename.format(Identifier(draft), Identifier(name)))
    except psycopg.errors.ObjectInUse as error:
        raise Retry("The database is still in use; it is tried again.", detail=str(error)) from None
    finally:
        for database in (draft, name, before):
            if roles.has_database(connection, database):
                connection.execute(everybody.format(Identifier(database), SQL("true")))
