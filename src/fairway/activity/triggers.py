"""Database triggers that make events append-only: nobody who connects can change, replace or delete one.

In SQLite, ``INSERT OR REPLACE`` deletes without firing the delete trigger, so an insertion is refused if its number or hash
exists, or its number is not the highest. In PostgreSQL one statement-level trigger refuses UPDATE, DELETE and TRUNCATE; the
triggers also fire in sessions with ``session_replication_role = replica``. Somebody who may drop a trigger can bypass it;
`missing` detects that afterwards.
"""

from __future__ import annotations

from typing import Any

TABLE = "fairway_event"
_SAID = "events are append-only"
_ABORT = f"BEGIN SELECT RAISE(ABORT, '{_SAID}'); END"
_NEWEST = f"(SELECT max(id) FROM {TABLE})"  # noqa: S608 -- constants
SQLITE = {
    "fairway_event_no_update": f"BEFORE UPDATE ON {TABLE} {_ABORT}",
    "fairway_event_no_delete": f"BEFORE DELETE ON {TABLE} {_ABORT}",
    # In this trigger, a number that SQLite itself will assign is NULL or -1.
    "fairway_event_no_replace": (
        f"BEFORE INSERT ON {TABLE} WHEN NEW.hash IN (SELECT hash FROM {TABLE}) "  # noqa: S608
        f"OR (NEW.id <> -1 AND NEW.id <= {_NEWEST}) {_ABORT}"
    ),
    "fairway_event_no_low_number": f"AFTER INSERT ON {TABLE} WHEN NEW.id < {_NEWEST} OR NEW.id < 1 {_ABORT}",
}
_REFUSE = f" BEGIN RAISE EXCEPTION '{_SAID}'; END "
_REFUSE_LOW = f" BEGIN IF NEW.id < 1 OR NEW.id <= {_NEWEST} THEN RAISE EXCEPTION '{_SAID}'; END IF; RETURN NEW; END "
FUNCTIONS = {"fairway_event_refuse": _REFUSE, "fairway_event_refuse_low": _REFUSE_LOW}
POSTGRESQL = {
    "fairway_event_append_only": (
        f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION fairway_event_refuse()"
    ),
    "fairway_event_no_low_number": f"BEFORE INSERT ON {TABLE} FOR EACH ROW EXECUTE FUNCTION fairway_event_refuse_low()",
}
# pg_trigger.tgtype: row level (1), before (2), insert (4), delete (8), update (16), truncate (32).
_TYPES = {"fairway_event_append_only": 2 + 8 + 16 + 32, "fairway_event_no_low_number": 1 + 2 + 4}
_LOOK = (
    "SELECT t.tgname, p.proname, btrim(p.prosrc) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
    "WHERE t.tgrelid = %s::regclass AND t.tgenabled = 'A' AND t.tgtype = %s AND t.tgqual IS NULL AND t.tgname = %s"
)


def create(apps: Any, schema_editor: Any) -> None:
    """Create the triggers; for RunPython in a migration."""
    put(schema_editor.connection)


def put(connection: Any) -> None:
    """Create the triggers, replacing those with the same names."""
    make = {"sqlite": _create_sqlite, "postgresql": _create_postgresql}[connection.vendor]
    with connection.cursor() as cursor:
        make(cursor)


def _create_sqlite(cursor: Any) -> None:
    for name, what in SQLITE.items():
        cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
        cursor.execute(f"CREATE TRIGGER {name} {what}")


def _create_postgresql(cursor: Any) -> None:
    for name, body in FUNCTIONS.items():
        cursor.execute(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
    for name, what in POSTGRESQL.items():
        cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {TABLE}")
        cursor.execute(f"CREATE TRIGGER {name} {what}")
        cursor.execute(f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER {name}")


def missing(connection: Any) -> list[str]:
    """The names of the triggers that are missing, disabled, or different from what `create` makes."""
    look = {"sqlite": _stands_on_sqlite, "postgresql": _stands_on_postgresql}[connection.vendor]
    names = {"sqlite": SQLITE, "postgresql": POSTGRESQL}[connection.vendor]
    with connection.cursor() as cursor:
        return [name for name in names if not look(cursor, name)]


def _stands_on_sqlite(cursor: Any, name: str) -> bool:
    cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = %s AND tbl_name = %s", [name, TABLE])
    found = cursor.fetchone()
    return found is not None and found[0] == f"CREATE TRIGGER {name} {SQLITE[name]}"


def _stands_on_postgresql(cursor: Any, name: str) -> bool:
    cursor.execute(_LOOK, [TABLE, _TYPES[name], name])
    found = cursor.fetchone()
    return found is not None and found[2] == FUNCTIONS[found[1]].strip() if found and found[1] in FUNCTIONS else False
