"""Who may sign in to a MariaDB server, and to which database.

Each database has an owner with its name, as whom nobody signs in: what is restored runs in its name. A login may do
everything in its database and nothing elsewhere. A login that is ended is locked, not dropped, while views, triggers or
routines run in its name.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import pymysql

from fairway.drivers.resources.contract import LOOPBACK, Login

ADMINISTRATOR = "fairway"
HELPER = "restore#"  # the names of others contain no “#”
OWN = ("information_schema", "mysql", "performance_schema", "sys")
Connection = pymysql.Connection
_DEFINERS = (
    "SELECT 1 FROM information_schema.VIEWS WHERE DEFINER = %s",
    "SELECT 1 FROM information_schema.TRIGGERS WHERE DEFINER = %s",
    "SELECT 1 FROM information_schema.ROUTINES WHERE DEFINER = %s",
    "SELECT 1 FROM information_schema.EVENTS WHERE DEFINER = %s",
)


def ask(connection: Connection, words: str, values: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(words, values)
        return list(cursor.fetchall())


def quoted(name: str) -> str:
    """A name of a database or a table."""
    return "`" + name.replace("`", "``") + "`"


def account(user: str) -> str:
    return f"{quoted(user)}@'{LOOPBACK}'"


def sealed(password: str) -> str:
    """The form in which the server is told a password, and keeps it (``mysql_native_password``)."""
    twice = hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest()  # noqa: S324 -- the server's own form
    return f"'*{twice.upper()}'"


def first(password: str) -> list[str]:
    """What a new server is told: there is one administrator, and nobody else."""
    return [
        "DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys'",
        "FLUSH PRIVILEGES",
        f"CREATE USER {account(ADMINISTRATOR)} IDENTIFIED BY PASSWORD {sealed(password)}",
        f"GRANT ALL PRIVILEGES ON *.* TO {account(ADMINISTRATOR)} WITH GRANT OPTION",
    ]


def has_database(connection: Connection, name: str) -> bool:
    return bool(ask(connection, "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", (name,)))


def databases(connection: Connection) -> list[str]:
    """The databases of applications, by name, without the server's own and without temporary ones."""
    found = ask(connection, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY SCHEMA_NAME")
    return [name for (name,) in found if name not in OWN and "#" not in name]


def make(connection: Connection, name: str) -> None:
    ask(connection, f"CREATE DATABASE IF NOT EXISTS {quoted(name)} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")


def ensure_database(connection: Connection, name: str) -> None:
    """Create a database and its owner."""
    make(connection, name)
    ask(connection, f"CREATE USER IF NOT EXISTS {account(name)} IDENTIFIED BY PASSWORD {sealed(secrets.token_hex())}")
    ask(connection, f"ALTER USER {account(name)} ACCOUNT LOCK")
    _let_in(connection, name, name)


def ensure_login(connection: Connection, database: str, login: Login) -> None:
    """Create the login, or set its password."""
    ask(connection, f"CREATE USER IF NOT EXISTS {account(login.user)} IDENTIFIED BY PASSWORD {sealed(login.password)}")
    ask(connection, f"ALTER USER {account(login.user)} IDENTIFIED BY PASSWORD {sealed(login.password)} ACCOUNT UNLOCK")
    _let_in(connection, database, login.user)


def ensure_no_login(connection: Connection, user: str) -> None:
    """Lock a login, end its connections, and drop it unless something runs in its name."""
    if not ask(connection, "SELECT 1 FROM mysql.user WHERE User = %s AND Host = %s", (user, LOOPBACK)):
        return
    ask(connection, f"ALTER USER {account(user)} ACCOUNT LOCK")
    end_connections(connection, "USER", user)
    if not any(ask(connection, words, (f"{user}@{LOOPBACK}",)) for words in _DEFINERS):
        ask(connection, f"DROP USER IF EXISTS {account(user)}")


def end_connections(connection: Connection, column: str, value: str) -> None:
    """End all connections of a user, or to a database; `column` says which."""
    words = f"SELECT ID FROM information_schema.PROCESSLIST WHERE {column} = %s AND ID <> CONNECTION_ID()"  # noqa: S608
    for (number,) in ask(connection, words, (value,)):
        try:
            ask(connection, f"KILL CONNECTION {int(number)}")
        except pymysql.MySQLError:  # it has ended meanwhile
            continue


def make_helper(connection: Connection, database: str, *, may_name_owner: bool) -> Login:
    """A login for restoring one database, if need be in the name of another."""
    login = Login(HELPER, secrets.token_urlsafe(24))
    drop_helper(connection)
    ask(connection, f"CREATE USER {account(HELPER)} IDENTIFIED BY PASSWORD {sealed(login.password)}")
    if may_name_owner:
        ask(connection, f"GRANT SET USER ON *.* TO {account(HELPER)}")
    _let_in(connection, database, HELPER)
    return login


def drop_helper(connection: Connection) -> None:
    ask(connection, f"DROP USER IF EXISTS {account(HELPER)}")


def _let_in(connection: Connection, database: str, user: str) -> None:
    pattern = database.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")  # in grants, names are patterns
    ask(connection, f"GRANT ALL PRIVILEGES ON {quoted(pattern)}.* TO {account(user)}")
