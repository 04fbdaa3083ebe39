"""What Fairway does automatically for applications of certain frameworks. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

STREAMLIT = "Streamlit"
# relative to the working directory of `streamlit run`, in every version of Streamlit
SECRETS_FILE = ".streamlit/secrets.toml"
LEVEL = "__"  # separates the name of a table from that of a value in it, as in pydantic-settings


def is_sticky(spec: Mapping[str, Any]) -> bool:
    """Whether visitors stay with one of several instances (sticky sessions). `spec` is in its JSON form; if it does not
    say, its framework decides."""
    said = spec.get("sticky")
    return keeps_visitors(str(spec.get("framework"))) if said is None else bool(said)


def keeps_visitors(framework: str) -> bool:
    """Whether instances of this framework keep a visitor's data in memory. Streamlit does: sessions, uploads, media."""
    return framework == STREAMLIT


def files_for(framework: str, given: Mapping[str, str]) -> dict[str, str]:
    """The files from which this framework reads its variables and secrets: content by path."""
    return {SECRETS_FILE: secrets_toml(given)} if framework == STREAMLIT and given else {}


def secrets_toml(given: Mapping[str, str]) -> str:
    """Variables and secrets in the format that Streamlit's ``st.secrets`` reads, every value as text.

    Each value has its own name; ``database__password`` is also ``password`` in the table ``database``, and so on for deeper
    levels. If a value and a table have the same name, the value wins.
    """
    tables: dict[str, Any] = dict(given)
    for name, value in sorted(given.items()):
        _insert(tables, name.split(LEVEL), value)
    return "".join(_lines(tables, ()))


def _insert(table: dict[str, Any], parts: list[str], value: str) -> None:
    if len(parts) < 2 or not all(parts):
        return
    for part in parts[:-1]:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        table = inner
    table.setdefault(parts[-1], value)


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """The lines of a table: its values first, because in TOML everything after a heading belongs to that table."""
    found = [f"[{'.'.join(map(_text, path))}]\n"] if path else []
    found += [f"{_text(name)} = {_text(value)}\n" for name, value in table.items() if isinstance(value, str)]
    for name, inner in table.items():
        if not isinstance(inner, str):
            found += _lines(inner, (*path, name))
    return found


def _text(value: str) -> str:
    """A TOML basic string: the same as in JSON, except that DEL must be escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
