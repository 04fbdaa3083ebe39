"""What Fairway does by itself for applications of a certain framework. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

STREAMLIT = "Streamlit"
SECRETS_FILE = ".streamlit/secrets.toml"  # below the folder in which `streamlit run` runs, in every version of it
LEVEL = "__"  # between the name of a table and that of a value in it, as with pydantic-settings


def is_sticky(spec: Mapping[str, Any]) -> bool:
    """Whether visitors of several instances stay with one, by the JSON form of a spec; where it does not say, by its
    framework."""
    said = spec.get("sticky")
    return keeps_visitors(str(spec.get("framework"))) if said is None else bool(said)


def keeps_visitors(framework: str) -> bool:
    """Whether an instance keeps in its memory what belongs to one visitor. Streamlit does: sessions, uploads, media."""
    return framework == STREAMLIT


def files_for(framework: str, given: Mapping[str, str]) -> dict[str, str]:
    """The files through which an application of this framework reads what it is given: content by path."""
    return {SECRETS_FILE: secrets_toml(given)} if framework == STREAMLIT and given else {}


def secrets_toml(given: Mapping[str, str]) -> str:
    """Variables and secrets as Streamlit's ``st.secrets`` reads them, every value as text.

    Each is there by its own name; ``database__password`` is also ``password`` of the table ``database``, and deeper alike.
    Where a value and a table want one name, the value has it.
    """
    tables: dict[str, Any] = dict(given)
    for name, value in sorted(given.items()):
        _place(tables, name.split(LEVEL), value)
    return "".join(_lines(tables, ()))


def _place(table: dict[str, Any], parts: list[str], value: str) -> None:
    if len(parts) < 2 or not all(parts):
        return
    for part in parts[:-1]:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        table = inner
    table.setdefault(parts[-1], value)


def _lines(table: Mapping[str, Any], place: tuple[str, ...]) -> list[str]:
    """The values of a table before the tables below it: what follows a heading belongs to it."""
    found = [f"[{'.'.join(map(_text, place))}]\n"] if place else []
    found += [f"{_text(name)} = {_text(value)}\n" for name, value in table.items() if isinstance(value, str)]
    for name, inner in table.items():
        if not isinstance(inner, str):
            found += _lines(inner, (*place, name))
    return found


def _text(value: str) -> str:
    """A basic string of TOML: that of JSON, but for DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
