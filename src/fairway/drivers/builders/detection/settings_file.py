"""Reads ``fairway.yaml``: what the authors of a source declare about how it runs, with the names used on the page and the
command line.

Keys, all optional: ``kind``, ``framework``, ``root``, ``dockerfile``, ``build``, ``start``, ``release``, ``publish``,
``python``, ``node``, ``packages`` (Python packages to add), ``requirements`` (the file that lists them), ``single_page``
(every address without a file gets the page), ``index`` (the first page of a site), ``port``, ``health``, ``version``,
``environment``, ``requires``, ``volumes`` (``name: /folder``), ``services`` (``name: command``, run beside it), ``memory``,
``cpus``, ``stop_grace``, ``start_seconds``, ``sticky``. Anything else is refused, with its line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairway.drivers.builders.contract import Candidate, Spec
from fairway.drivers.builders.detection.compose_values import byte_size, seconds
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.spec_rules import overlay, parse_changes, parse_health
from fairway.shared.names import Invalid
from fairway.shared.yaml_with_lines import Item, refuse, root_of

FILES = ("fairway.yaml", "fairway.yml")
_INSTALL = ("dockerfile", "publish", "python", "node")
# Key in the file → name of the recipe's option.
_OPTIONS = {"packages": "add", "requirements": "from", "single_page": "spa", "index": "index"}
_KNOWN = (
    *("kind", "framework", "root", *_INSTALL, *_OPTIONS, "build", "start", "release", "port", "health", "version"),
    *("environment", "requires", "volumes", "services", "memory", "cpus", "stop_grace", "start_seconds", "sticky"),
)
_FIELDS = {"start": "command", "health": "health_path"}  # `health` may become another field, see `spec_rules.parse_health`


@dataclass(frozen=True)
class Settings:
    """What the file declares, as changes to a spec (see `spec_rules.overlay`). `root` is the folder to which they apply."""

    root: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def says_something(self) -> bool:
        """Whether the file changes anything besides the root folder."""
        return bool(self.changes)

    def over(self, spec: Spec) -> Spec:
        """The spec with the file's changes."""
        return overlay(spec, self.changes)

    def preferred(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates with the kind and framework that the file names before all others."""
        wanted = {name: self.changes[name] for name in ("kind", "framework") if name in self.changes}
        fits = [
            candidate
            for candidate in candidates
            if all(getattr(candidate.spec, name) == value for name, value in wanted.items())
        ]
        return [*fits, *(candidate for candidate in candidates if candidate not in fits)] if wanted else list(candidates)

    @property
    def kind(self) -> str:
        """The kind that the file alone describes; "" if it names none, or not the start command that its kind needs."""
        kind = str(self.changes.get("kind") or "")
        needs_command = kind in ("python", "node", "program")
        return "" if needs_command and not self.changes.get("command") else kind


def read_settings(source: SourceFolder) -> Settings:
    """What ``fairway.yaml`` declares; empty if there is none. Raises `Invalid`, with the line, for what cannot be used."""
    file = source.first(*FILES)
    if file is None:
        return Settings()
    top = root_of(source.text(file), file)
    top.only(_KNOWN)
    values: dict[str, Any] = {"install": {}}
    for entry in top.entries:
        value = _value(entry.key, entry.value)
        if entry.key in _INSTALL:
            values["install"][entry.key] = value
        elif entry.key in _OPTIONS:
            values["install"][_OPTIONS[entry.key]] = value
        elif entry.key == "health":
            values |= _health(entry.value)
        else:
            values[_FIELDS.get(entry.key, entry.key)] = value
    if not values["install"]:
        del values["install"]
    if "memory" in values:
        values["memory_bytes"] = values.pop("memory")
    root = str(values.pop("root", ""))
    try:
        return Settings("" if root in (".", "./") else root, parse_changes(values))
    except Invalid as error:
        words = {
            spec: word
            for word, spec in (*_FIELDS.items(), *((f"install.{option}", key) for key, option in _OPTIONS.items()))
        }
        name = words.get(error.field, error.field.removeprefix("install."))
        item = top.get(name)
        raise Invalid(
            f"{file}, line {item.line}" if item else file, "“{name}” {why}", name=name, why=error.sentence
        ) from None


def _health(item: Item) -> dict[str, Any]:
    try:
        return {name: value for name, value in parse_health(item.text()).items() if value}
    except Invalid as error:
        refuse(item, error.sentence.rstrip("."))


def _value(name: str, item: Item) -> Any:
    """The value of a key in the form that a spec has."""
    if name in ("packages", "requires"):
        return [part.text() for part in item.sequence()]
    if name == "environment":
        return {entry.key: entry.value.text() for entry in item.mapping().entries}
    if name == "services":
        return {entry.key: _service(entry.value) for entry in item.mapping().entries}
    if name == "volumes":
        return [[entry.key, entry.value.text()] for entry in item.mapping().entries]
    if name in ("sticky", "single_page"):
        if item.text() not in ("true", "false"):
            refuse(item, "must be true or false")
        return item.text() == "true"
    return _measured(name, item)


def _service(item: Item) -> Any:
    """A service: its command, or what it sets in the words of this file."""
    if item.is_text():
        return item.text()
    found: dict[str, Any] = {}
    for entry in item.mapping().entries:
        if entry.key == "health":
            found |= _health(entry.value)
        elif entry.key == "depends_on":
            found[entry.key] = [part.text() for part in entry.value.sequence()]
        else:
            found[_FIELDS.get(entry.key, entry.key)] = _value(entry.key, entry.value)
    if "memory" in found:
        found["memory_bytes"] = found.pop("memory")
    return found


def _measured(name: str, item: Item) -> Any:
    text = item.text()
    if name == "memory":
        return byte_size(text) or refuse(item, "is not a size; write e.g. “512m” or “1g”")
    if name in ("stop_grace", "start_seconds"):
        value = seconds(text if not text.isdigit() else f"{text}s")
        return value if value is not None else refuse(item, "is not a duration; write e.g. “10s” or “1m30s”")
    if name in ("port", "cpus"):
        try:
            return int(text) if name == "port" else float(text)
        except ValueError:
            refuse(item, "must be a number")
    return text
