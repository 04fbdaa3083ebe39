"""The form rows of variables and write-only secrets (``parts/variable_rows.html``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from fairway.applications.models import Configuration
from fairway.applications.rules import MOST_VARIABLES
from fairway.shared.names import Invalid
from fairway.shared.source_text import with_newlines

MOST_LINES_SHOWN = 12
MOST_ROWS = MOST_VARIABLES * 4  # a page never reuses the number of a removed row


@dataclass
class Rows:
    """The posted rows. An empty secret that had a value is kept."""

    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    shown: list[dict[str, Any]] = field(default_factory=list)

    def removed(self, known: Iterable[str]) -> list[str]:
        """The secrets that existed and that the form does not contain any more."""
        return [name for name in known if name not in self.secrets and name not in self.kept]


def read_rows(
    posted: QueryDict, known: Iterable[str] = (), required: Iterable[str] = (), before: Mapping[str, str] | None = None
) -> Rows:
    """Read the posted rows. `known` are the secrets that have a value, `before` the values of variables that the page
    showed. Raises `Invalid` for a name given twice.

    Browsers send line ends as CRLF. Values that were not changed keep every byte; others get ``\\n``.
    """
    rows, set_before, needed = Rows(), set(known), set(required)
    for number in range(min(_count(posted), MOST_ROWS)):
        name = posted.get(f"name-{number}", "").strip()
        value, is_secret = with_newlines(posted.get(f"value-{number}", "")), f"secret-{number}" in posted
        if not name:
            continue
        if before and not is_secret and name in before and with_newlines(before[name]) == value:
            value = before[name]
        rows.shown.append(shown_row(name, "" if is_secret else value, is_secret, name in set_before, name in needed))
        if name in rows.variables or name in rows.secrets or name in rows.kept:
            raise Invalid("variables", "{name} is given twice; keep one of them.", name=name)
        if not is_secret:
            rows.variables[name] = value
        elif value:
            rows.secrets[name] = value
        elif name in set_before:
            rows.kept.add(name)
        elif name not in needed:
            raise Invalid("variables", "the secret {name} has no value; enter one or remove the line.", name=name)
    return rows


def rows_of(configuration: Configuration | None, required: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The rows for a configuration and for required variables that it lacks. Secrets by name only."""
    variables: Mapping[str, str] = configuration.variables if configuration else {}
    secrets = configuration.secret_names if configuration else []
    needed = list(required)
    found = [shown_row(name, value, False, True, name in needed) for name, value in sorted(variables.items())]
    found += [shown_row(name, "", True, True, name in needed) for name in secrets]
    given = set(variables) | set(secrets)
    return found + [shown_row(name, "", False, False, True) for name in needed if name not in given]


def shown_row(name: str, value: str, is_secret: bool, is_set: bool, is_required: bool, error: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "lines": min(with_newlines(value).count("\n") + 1, MOST_LINES_SHOWN),
        "is_secret": is_secret,
        "is_set": is_secret and is_set,
        "is_required": is_required,
        "error": error,
    }


def mark_error(rows: list[dict[str, Any]], sentence: str) -> str:
    """Show the sentence beside the row it names; returns the sentence for the top of the form if no row matches."""
    for row in rows:
        if row["name"] and (f"“{row['name']}”" in sentence or f" {row['name']} " in f" {sentence} "):
            row["error"] = sentence
            return ""
    return sentence


def _count(posted: QueryDict) -> int:
    text = posted.get("rows", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
