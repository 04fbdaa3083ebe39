"""Reads what a compose file mounts into its services: named volumes, and files of the source (``secrets``, ``configs`` and
mounted paths). Pure. Source: compose-spec/compose-spec, ``spec.md``, "volumes", "secrets", "configs".

A file of the source is copied into the container, so what the service writes there goes with it. A secret is never read from
the source, because everybody who may see a version sees what is in its spec: its value is a variable of the configuration.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fairway.drivers.builders.detection.compose_values import required_variables
from fairway.shared.names import SLUG, Invalid, parse_relative_path, slug_from
from fairway.shared.yaml_with_lines import Item, refuse

SECRETS = "/run/secrets"  # where Compose puts them
_HOST = "is not a named volume (“name:/folder”) and no path in the source; files of the host are never mounted"


@dataclass(frozen=True)
class Mounted:
    """A file, or the files of a folder, at the absolute path `target` of a container: `path` in the source, or `text`, in
    which ``${VAR}`` stands for a variable."""

    target: str
    path: str = ""
    text: str = ""


@dataclass(frozen=True)
class Declared:
    """What the top level declares: volumes with their slugs, secrets and configs by name."""

    volumes: Mapping[str, str]
    secrets: Mapping[str, Mounted]
    configs: Mapping[str, Mounted]


def plain(item: Item) -> str:
    """A text without ``${…}``. Variables are only replaced in ``environment``."""
    text = item.text()
    if "$" in text.replace("$$", ""):
        refuse(item, "uses a variable; ${VAR} is read under “environment” only, write the value here")
    return text.replace("$$", "$")


def folder_in(item: Item) -> str:
    """A path inside the source. Raises `Invalid`."""
    text = plain(item)
    if text in (".", "./"):
        return "."
    try:
        return str(parse_relative_path(text))
    except Invalid:
        refuse(item, f"“{text[:80]}” leaves the folder; use a relative path without “..”")


def declared(top: Item) -> Declared:
    """What the top level of a compose file declares. Raises `Invalid`."""
    return Declared(
        _volumes(top.get("volumes")),
        {name: _secret(name, item) for name, item in _entries(top.get("secrets"))},
        {name: _config(item) for name, item in _entries(top.get("configs"))},
    )


def mounts_of(service: Item, known: Declared) -> tuple[tuple[tuple[str, str], ...], tuple[Mounted, ...]]:
    """(named volumes, files) of a service. Raises `Invalid`."""
    volumes, files = [], []
    for item in _items(service.get("volumes")):
        found = _volume(item, known.volumes)
        if not isinstance(found, Mounted):
            volumes.append(found)
        elif found.path:
            files.append(found)
        elif not any(found.target.startswith(f"{mounted.target}/") for mounted in files):
            refuse(item, _HOST)  # without a name, except what covers a part of a mounted folder
    files += [_used(item, known.secrets, SECRETS) for item in _items(service.get("secrets"))]
    files += [_used(item, known.configs, "/") for item in _items(service.get("configs"))]
    return tuple(volumes), tuple(files)


def _items(item: Item | None) -> list[Item]:
    return item.sequence() if item is not None and not item.is_null() else []


def _entries(item: Item | None) -> Iterator[tuple[str, Item]]:
    if item is not None and not item.is_null():
        yield from ((entry.key, entry.value) for entry in item.mapping().entries)


def _volumes(item: Item | None) -> dict[str, str]:
    """The names of the volumes, each with the slug that it has here."""
    slugs: dict[str, str] = {}
    for name, value in _entries(item):
        slug = name if SLUG.fullmatch(name) else slug_from(name)
        if slug in slugs.values():
            refuse(value, f"names the volume “{name}”, and another one is called so, too, once it is “{slug}”")
        slugs[name] = slug
        if not value.is_null() and value.mapping().entries:
            refuse(value, "gives options to a volume; write only its name")
    return slugs


def _secret(name: str, item: Item) -> Mounted:
    item.mapping().only(("file", "environment", "name"))
    variable = item.get("environment")
    if variable is None:
        item.require("file")
        return Mounted("", text="${" + re.sub(r"\W", "_", name, flags=re.A).upper() + "}")
    return Mounted("", text="${" + variable.text() + "}")


def _config(item: Item) -> Mounted:
    item.mapping().only(("file", "content", "environment", "name"))
    variable, content = item.get("environment"), item.get("content")
    if content is not None:
        try:
            required_variables(content.text())
        except ValueError as error:
            refuse(content, str(error))
        return Mounted("", text=content.text())
    if variable is not None:
        return Mounted("", text="${" + variable.text() + "}")
    return Mounted("", path=folder_in(item.require("file")))


def _used(item: Item, known: Mapping[str, Mounted], folder: str) -> Mounted:
    """A secret or a config where a service wants it."""
    if item.is_text():
        name, target = item.text(), ""
    else:
        item.mapping().only(("source", "target", "uid", "gid", "mode"))
        target_item = item.get("target")
        name, target = item.require("source").text(), target_item.text() if target_item else ""
    if name not in known:
        refuse(item, f"uses “{name}”, which is not declared at the top level")
    place = posixpath.normpath(posixpath.join(folder, target or name))
    if not posixpath.isabs(place) or place == "/":
        refuse(item, f"mounts at “{place}”; use an absolute path such as “/etc/app.conf”")
    return Mounted(place, known[name].path, known[name].text)


def _volume(item: Item, volumes: Mapping[str, str]) -> tuple[str, str] | Mounted:
    if item.is_text():
        name, _, rest = plain(item).partition(":")
        target, _, mode = rest.partition(":")
        is_path = name.startswith(".")
    else:
        item.mapping().only(("type", "source", "target", "read_only"))
        kind, source, only = item.get("type"), item.get("source"), item.get("read_only")
        is_path = kind is not None and kind.text() == "bind"
        if kind is not None and kind.text() not in ("volume", "bind"):
            refuse(item, "is not a named volume; use one, or a file of the source")
        name, target = plain(source) if source else "", plain(item.require("target"))
        mode = "ro" if only is not None and only.text() == "true" else ""
    if name.startswith("/") and not target:
        return Mounted(name)
    if not target or name.startswith(("/", "~")) or "\\" in name:
        refuse(item, _HOST)
    if not target.startswith("/") or target == "/" or ".." in target.split("/"):
        refuse(item, f"mounts at “{target}”; use an absolute folder such as “/data”")
    if is_path:
        return Mounted(posixpath.normpath(target), _path(item, name))
    if mode not in ("", "rw"):
        refuse(item, f"has the mode “{mode}”; only writable volumes are supported, remove it")
    if name not in volumes:
        refuse(item, f"uses the volume “{name}”, which is not declared; add it under the top-level “volumes”")
    return volumes[name], target


def _path(item: Item, text: str) -> str:
    if text in (".", "./"):
        return "."
    try:
        return str(parse_relative_path(text))
    except Invalid:
        refuse(item, _HOST)
