"""Who may sign in to a PostgreSQL server, and to which database.

Each database has an owner with its name, as whom nobody signs in. Logins are members of the owner and act as the owner from
the start of a session (``ALTER ROLE … SET role``), so that everything a login creates belongs to the owner, and a login can
be replaced by another. Nobody else may enter a database, nor the server's own databases.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.sql import SQL, Composable, Identifier, Literal

from fairway.drivers.resources.contract import Login

ADMINISTRATOR = "fairway"
LONGEST_NAME = 63  # bytes; PostgreSQL truncates longer names
OWN = ("postgres", "template0", "template1")
Connection = psycopg.Connection[Any]


def has_role(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone() is not None


def has_database(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def databases(connection: Connection) -> list[str]:
    """The databases of resources, by name, without the server's own and without temporary ones."""
    question = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' AND datname NOT LIKE %s"
    return [name for (name,) in connection.execute(question + " ORDER BY datname", ["%#%"])]


def ensure_database(connection: Connection, owner: str, *, of: str = "") -> None:
    """Create the owner and its database, which is called `of` or else as the owner."""
    name = of or owner
    if not has_role(connection, owner):
        _do(connection, SQL("CREATE ROLE {} NOLOGIN"), Identifier(owner))
    if not has_database(connection, name):
        words = SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'")
        _do(connection, words, Identifier(name), Identifier(owner))
    for database in (name, "postgres", "template1"):
        _do(connection, SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC"), Identifier(database))


def ensure_login(connection: Connection, inside: Connection, owner: str, login: Login) -> None:
    """Create the login, or set its password. `inside` is connected to the database. What other logins created under their
    own names is given to the owner."""
    sealed = connection.pgconn.encrypt_password(login.password.encode(), login.user.encode(), b"scram-sha-256").decode()
    if not has_role(connection, login.user):
        _do(connection, SQL("CREATE ROLE {} LOGIN"), Identifier(login.user))
    _do(connection, SQL("ALTER ROLE {} LOGIN PASSWORD {}"), Identifier(login.user), Literal(sealed))
    _do(connection, SQL("GRANT {} TO {}"), Identifier(owner), Identifier(login.user))
    _do(connection, SQL("ALTER ROLE {} SET role TO {}"), Identifier(login.user), Literal(owner))
    for other in _logins(connection, owner):
        _do(inside, SQL("REASSIGN OWNED BY {} TO {}"), Identifier(other), Identifier(owner))


def shut_out(connection: Connection, user: str) -> None:
    """Refuse new connections of a user, and end the present ones."""
    if has_role(connection, user):
        _do(connection, SQL("ALTER ROLE {} NOLOGIN"), Identifier(user))
        connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s", [user])


def drop_login(inside: Connection, owner: str, user: str) -> None:
    """Drop a user that was shut out. `inside` is connected to the only database in which the user can own anything."""
    _do(inside, SQL("REASSIGN OWNED BY {} TO {}"), Identifier(user), Identifier(owner))
    _do(inside, SQL("DROP OWNED BY {}"), Identifier(user))
    drop_role(inside, user)


def drop_role(connection: Connection, user: str) -> None:
    _do(connection, SQL("DROP ROLE IF EXISTS {}"), Identifier(user))


def _logins(connection: Connection, owner: str) -> list[str]:
    question = (
        "SELECT member.rolname FROM pg_auth_members JOIN pg_roles AS member ON member.oid = pg_auth_members.member"
        " JOIN pg_roles AS owner ON owner.oid = pg_auth_members.roleid WHERE owner.rolname = %s AND NOT member.rolsuper"
    )
    return [name for (name,) in connection.execute(question, [owner])]


def _do(connection: Connection, words: SQL, *parts: Composable) -> None:
    connection.execute(words.format(*parts))
