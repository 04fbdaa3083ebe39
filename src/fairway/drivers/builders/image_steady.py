"""Manifests without the project's own version, so that a new version number alone does not install everything again.

Only the layer of dependencies is built from them; the source that is copied afterwards brings the real manifests. Pure
functions.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

NO_VERSION: Final = "0.0.0"
_NPM: Final = ("package.json", "package-lock.json", "npm-shrinkwrap.json")
STEADY: Final = (*_NPM, "pyproject.toml", "uv.lock")
_TABLE = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]")
_VERSION = re.compile(r'(\s*version\s*=\s*)"[^"\n]*"')
_OWN = re.compile(r"\s*source\s*=\s*\{\s*(?:virtual|editable)\s*=", re.M)


def is_steady(name: str) -> bool:
    """Whether this manifest has a form without the project's version."""
    return name.rpartition("/")[2] in STEADY


def steady(name: str, text: str) -> str:
    """The manifest with `NO_VERSION` in place of the project's own version; unchanged if it cannot be read."""
    match name.rpartition("/")[2]:
        case "pyproject.toml":
            return _pyproject(text)
        case "uv.lock":
            return _uv_lock(text)
        case _:
            return _npm(text)


def _pyproject(text: str) -> str:
    lines, table = [], ""
    for line in text.splitlines(keepends=True):
        if found := _TABLE.match(line):
            table = found[1]
        lines.append(_neutral(line) if table in ("project", "tool.poetry") else line)
    return "".join(lines)


def _uv_lock(text: str) -> str:
    head, *packages = re.split(r"(?m)^(?=\[\[package\]\])", text)
    return head + "".join(_neutral(package) if _OWN.search(package) else package for package in packages)


def _neutral(text: str) -> str:
    """The text with its first ``version = "…"`` replaced by `NO_VERSION`."""
    return re.sub(rf"(?m)^{_VERSION.pattern}", rf'\g<1>"{NO_VERSION}"', text, count=1)


def _npm(text: str) -> str:
    try:
        data: Any = json.loads(text)
    except ValueError:
        return text
    if not isinstance(data, dict):
        return text
    packages = data.get("packages")
    root = packages.get("") if isinstance(packages, dict) else None
    for holder in (data, root):
        if isinstance(holder, dict) and "version" in holder:
            holder["version"] = NO_VERSION
    return json.dumps(data, indent=2, ensure_ascii=False)
