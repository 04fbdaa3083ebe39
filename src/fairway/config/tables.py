"""Saves the rows of every table as JSON lines, and loads them, on either database and at any state of the migrations.

One format for both databases is also the way from SQLite to PostgreSQL (docs/decisions, "One backup for both databases").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

Model = type[models.Model]
Node = tuple[str, str]

# Sessions, workers and the installation's location are those of the installation that was saved, so they are not restored.
# Samples are left out because they are most of all rows, new every ten seconds, and nothing is lost for good without them.
LEFT_OUT = {
    "sessions.session", "fairway.signedin", "fairway.worker", "fairway.installation",
    "fairway.usagesample", "fairway.trafficsample", "allauth_idp_oidc.token",
}  # fmt: skip
BATCH = 500


class Encoder(DjangoJSONEncoder):
    """Keeps the microseconds of times, which Django's own encoder cuts off; the hashes of the event chain include them."""

    def default(self, value: Any) -> Any:
        if hasattr(value, "isoformat"):
            return value.isoformat()
        return super().default(value)


def snapshot() -> Any:
    """A transaction with a consistent snapshot of the database.

    The connection must have been opened for it: SQLite in DEFERRED transactions (a reader takes no lock in WAL mode),
    PostgreSQL in REPEATABLE READ.
    """
    return transaction.atomic()


def save(folder: Path) -> dict[str, int]:
    """Write every table as ``<folder>/<label>.jsonl``; returns how many rows each has. Call it inside `snapshot`."""
    return {model._meta.label_lower: _save(model, folder / f"{model._meta.label_lower}.jsonl") for model in _tables(apps)}


def _save(model: Model, path: Path) -> int:
    fields, count = _fields(model), 0
    rows = model._base_manager.order_by("pk").values_list(*(field.attname for field in fields))
    with open(path, "w", encoding="utf-8") as file:
        for row in rows.iterator(chunk_size=BATCH):
            values = [field.value_to_string(_Row(field, value)) if _is_binary(field) else value
                      for field, value in zip(fields, row, strict=True)]  # fmt: skip
            file.write(json.dumps(dict(zip((f.attname for f in fields), values, strict=True)), cls=Encoder) + "\n")
            count += 1
    return count


class _Row:
    """An object with the value as an attribute, as `value_to_string` of a field requires."""

    def __init__(self, field: Any, value: Any) -> None:
        setattr(self, field.attname, value)


def applied() -> list[Node]:
    """The migrations that this database has."""
    return sorted(MigrationRecorder(connection).applied_migrations())


def pending() -> list[str]:
    """The migrations that this database does not have yet."""
    executor = MigrationExecutor(connection)
    return [str(migration) for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def unknown(nodes: Iterable[Node]) -> list[str]:
    """The migrations among `nodes` that this version of Fairway does not have."""
    known = MigrationExecutor(connection).loader.disk_migrations  # the graph lacks those that one migration stands for
    return [".".join(node) for node in nodes if node not in known]


def load(folder: Path, nodes: list[Node], counts: dict[str, int]) -> None:
    """Migrate the empty database to the state `nodes`, and insert every row that `save` wrote. Raises ValueError if a table
    has another number of rows than in `counts`."""
    executor = MigrationExecutor(connection)
    reached = _in_the_graph(executor.loader, nodes)
    executor.migrate(_leaves(executor.loader, reached))
    state = executor.loader.project_state(reached)
    tables = list(_tables(state.apps))
    with transaction.atomic():
        for model in tables:
            if model._base_manager.exists():  # the table of events refuses every DELETE, even if it is empty
                model._base_manager.all()._raw_delete("default")  # rows that migrations inserted
        for model in tables:
            label = model._meta.label_lower
            count = _load(model, folder / f"{label}.jsonl") if label in counts else 0
            if count != counts.get(label, 0):
                raise ValueError(f"{label} has {count} rows instead of {counts[label]}")
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), tables):
                cursor.execute(statement)


def _load(model: Model, path: Path) -> int:
    fields, count = _fields(model), 0
    size = min(BATCH, connection.ops.bulk_batch_size([field.name for field in fields], range(BATCH)))
    with open(path, encoding="utf-8") as file:
        while rows := [_row(model, fields, json.loads(line)) for line in islice(file, max(1, size))]:
            model._base_manager._insert(rows, fields=fields, using="default", raw=True)  # type: ignore[attr-defined]
            count += len(rows)
    return count


def _row(model: Model, fields: list[Any], values: dict[str, Any]) -> models.Model:
    """The model instance with exactly the stored values, without defaults and current times."""
    return model(**{
        field.attname: values[field.attname] if isinstance(field, models.JSONField | models.ForeignKey)
        else field.to_python(values[field.attname])
        for field in fields
    })  # fmt: skip


def empty() -> None:
    """Drop all tables of Fairway."""
    with connection.cursor() as cursor, transaction.atomic():
        present = set(connection.introspection.table_names(cursor))
        ours = {model._meta.db_table for model in apps.get_models(include_auto_created=True)} | {"django_migrations"}
        ours |= {name for name in present if name.startswith("fairway_")}
        for name in sorted(present & ours):
            cascade = " CASCADE" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(name)}{cascade}")


def is_empty() -> bool:
    """Whether the database has no tables of Fairway."""
    with connection.cursor() as cursor:
        return not {"django_migrations", "fairway_event"} & set(connection.introspection.table_names(cursor))


def _tables(of: Any) -> Iterator[Model]:
    for model in of.get_models(include_auto_created=True):
        meta = model._meta
        if meta.managed and not meta.proxy and not meta.swapped and meta.label_lower not in LEFT_OUT:
            yield model


def _fields(model: Model) -> list[Any]:
    return [field for field in model._meta.concrete_fields if not getattr(field, "generated", False)]


def _is_binary(field: Any) -> bool:
    return isinstance(field, models.BinaryField)


def _in_the_graph(loader: MigrationLoader, nodes: list[Node]) -> list[Node]:
    """What migrating to `nodes` means in the loader's graph. A migration stands for those that it replaces if `nodes` has
    all of them; if some are missing, the graph is built again with each of them for itself."""
    there = set(nodes)
    for node, migration in loader.replacements.items():
        replaced = set(migration.replaces)
        if replaced <= there:
            there = (there - replaced) | {node}
        elif replaced & there:
            loader.replace_migrations = False  # type: ignore[attr-defined]  # missing in the stubs
            loader.build_graph()
            return [one for one in nodes if one not in loader.replacements]
    return sorted(there)


def _leaves(loader: MigrationLoader, nodes: list[Node]) -> list[Node]:
    """The last migrations of each Django app among `nodes`; to migrate to them includes all earlier ones."""
    before = {parent.key for node in nodes for parent in loader.graph.node_map[node].parents}
    return [node for node in nodes if node not in {one for one in before if one[0] == node[0]}]
