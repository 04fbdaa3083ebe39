"""Parses values in a compose file: sizes, durations and ``${VAR}`` templates. Pure functions.

Source: compose-spec/compose-spec, "Specifying byte values", "Specifying durations", "Interpolation".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fairway.shared.names import Invalid

_UNITS = {"": 1, "b": 1, "k": 1024, "kb": 1024, "m": 1024**2, "mb": 1024**2, "g": 1024**3, "gb": 1024**3}
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,18})?)\s*([a-z]*)", re.I)  # no real size has more digits
_DURATION = re.compile(r"(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9})ms)?")
_ENV_LINE = re.compile(r"(?:#.*|(?:export[ \t]+)?(?P<name>[A-Za-z_]\w{0,200})[ \t]*=(?P<value>.*))?", re.A)
_TEMPLATE = re.compile(
    r"\$(?:(?P<escaped>\$)"
    r"|(?P<bare>[A-Za-z_][A-Za-z0-9_]*)"
    r"|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<operator>:?[-?])(?P<rest>[^${}]*))?\}"
    r"|(?P<wrong>))"
)


def byte_size(text: str) -> int | None:
    """``512m``, ``1.5gb``, ``1048576`` in bytes; None if it is not a size."""
    match = _SIZE.fullmatch(text.strip())
    unit = _UNITS.get(match[2].lower()) if match else None
    return int(float(match[1]) * unit) if match and unit else None


def seconds(text: str) -> float | None:
    """``10s``, ``1m30s``, ``500ms`` in seconds; None if it is not a duration."""
    match = _DURATION.fullmatch(text.strip())
    if not match or not match[0]:
        return None
    hours, minutes, whole, milli = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + whole + milli / 1000


def env_file(text: str) -> dict[str, str]:
    """The variables in an ``env_file``, as templates for `interpolated`: ``NAME=value``, also after ``export``. A ``#`` at
    the start of a line or after a space begins a comment. Text in single quotes is kept unchanged.

    Raises ValueError with a sentence that names the line.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _ENV_LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(f"line {number} is not NAME=value")
        if match["name"]:
            found[match["name"]] = _env_value(match["value"].strip())
    return found


def _env_value(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("$", "$$")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace("\\n", "\n").replace('\\"', '"')
    return re.split(r"\s#", text, maxsplit=1)[0].rstrip()


def required_variables(text: str) -> tuple[str, ...]:
    """The variables that must be set for this text: ``$VAR``, ``${VAR}``, ``${VAR:?message}``, but not those with a default.

    Raises `ValueError` with a sentence for a ``$`` that begins no variable.
    """
    needed = []
    for match in _TEMPLATE.finditer(text):
        if match["wrong"] is not None:
            raise ValueError("has a “$” that starts no ${VAR}; write “$$” for a dollar sign")
        name = match["bare"] or match["name"]
        if name and "-" not in (match["operator"] or ""):
            needed.append(name)
    return tuple(dict.fromkeys(needed))


def interpolated(environment: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """The environment with its templates replaced by `values`.

    Raises `Invalid` if a required variable is not set. It names the variable, and uses the message in the file if there is
    one.
    """
    return {name: _TEMPLATE.sub(lambda match: _filled(match, values), text) for name, text in environment.items()}


def _filled(match: re.Match[str], values: Mapping[str, str]) -> str:
    if match["escaped"]:
        return "$"
    name, operator, rest = match["bare"] or match["name"] or "", match["operator"] or "", match["rest"] or ""
    value = values.get(name)
    is_set = bool(value) if operator.startswith(":") else value is not None
    if is_set and value is not None:
        return value
    if operator.endswith("-"):
        return rest
    if rest:  # the words of whoever wrote the file
        raise Invalid(name or "$", "{problem}.", problem=rest.rstrip("."))
    raise Invalid(name or "$", "is required and not set; set it on the configuration page.")
