"""Seals the secret part of an environment's options: build arguments, which may contain a package index's password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from fairway.applications.secrets import seal
from fairway.environments.models import Environment
from fairway.shared.masking import MASK
from fairway.shared.names import Invalid, parse_variable

SEALED = "build_args"


def sealed_options(options: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The options with every build argument sealed. A masked argument keeps its value in `kept`. Raises `Invalid`."""
    given = options.get(SEALED)
    if not isinstance(given, Mapping):
        return dict(options)  # absent, or malformed, which the runtime refuses later
    before = kept.get(SEALED) or {}
    sealed = {parse_variable(str(name), field=SEALED): _sealed(name, value, before) for name, value in given.items()}
    return {**options, SEALED: sealed}


def opened_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options in clear; for the runtime only, never for a page."""
    given = options.get(SEALED)
    if not isinstance(given, Mapping):
        return dict(options)
    return {**options, SEALED: {name: _opened(value) for name, value in given.items()}}


def masked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options for people: build arguments are masked."""
    given = options.get(SEALED)
    return {**options, SEALED: dict.fromkeys(given, MASK)} if isinstance(given, Mapping) else dict(options)


def marked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options for events: build arguments are replaced by irreversible marks, which show that a value changed."""
    given = options.get(SEALED)
    if not isinstance(given, Mapping):
        return dict(options)
    return {**options, SEALED: {name: seal().mark(_opened(value)) for name, value in given.items()}}


def secrets_of(environment: Environment) -> dict[str, str]:
    """The build arguments in clear by name; for builds, and for masking their output."""
    given = environment.options.get(SEALED)
    return {name: _opened(value) for name, value in given.items()} if isinstance(given, Mapping) else {}


@transaction.atomic
def reseal_options(*, only_clear: bool = False) -> int:
    """Seal the stored build arguments with the newest key; returns how many environments changed. `only_clear`: only
    those that an earlier version of Fairway stored in clear."""
    count = 0
    for row in Environment.objects.select_for_update(no_key=True):
        if _is_clear(row) or (row.options.get(SEALED) and not only_clear):
            row.options = sealed_options(opened_options(row.options), {})
            row.save(update_fields=["options"])
            count += 1
    return count


def _is_clear(row: Environment) -> bool:
    given = row.options.get(SEALED)
    return isinstance(given, Mapping) and not all(isinstance(value, Mapping) for value in given.values())


def _sealed(name: str, value: object, before: Mapping[str, Any]) -> object:
    if value == MASK or (isinstance(value, Mapping) and value == before.get(name)):
        if name not in before:
            raise Invalid(SEALED, "{name} is masked, and no value is stored for it; enter its value.", name=name[:40])
        return before[name] if isinstance(before[name], Mapping) else _sealed(name, str(before[name]), {})
    if not isinstance(value, str | int | float):
        raise Invalid(SEALED, "the value of {name} must be text.", name=str(name)[:40])
    return {"sealed": seal().seal(str(value))}


def _opened(value: object) -> str:
    """The value in clear; an earlier version of Fairway did not seal it."""
    return seal().open(value["sealed"]) if isinstance(value, Mapping) else str(value)
