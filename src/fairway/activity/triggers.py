"""Append-only, enforced by the database itself: no change and no deletion of an event, whoever connects."""

from __future__ import annotations

from typing import Any

SQLITE = (
    "CREATE TRIGGER IF NOT EXISTS fairway_event_no_update BEFORE UPDATE ON fairway_event "
    "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS fairway_event_no_delete BEFORE DELETE ON fairway_event "
    "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
)
POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION fairway_event_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$",
    "CREATE OR REPLACE TRIGGER fairway_event_append_only BEFORE UPDATE OR DELETE ON fairway_event "
    "FOR EACH ROW EXECUTE FUNCTION fairway_event_refuse()",
)


def create(apps: Any, schema_editor: Any) -> None:
    """For a migration's RunPython."""
    statements = {"sqlite": SQLITE, "postgresql": POSTGRESQL}[schema_editor.connection.vendor]
    with schema_editor.connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
