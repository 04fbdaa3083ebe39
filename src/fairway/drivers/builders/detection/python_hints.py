"""Finds where a source itself names its application: FLASK_APP, ``uvicorn.run("main:app")``, ``[tool.fastapi]``."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fairway.drivers.builders.detection.python_modules import Modules, folder_of
from fairway.drivers.builders.detection.python_syntax import Source, called
from fairway.drivers.builders.detection.source_folder import SourceFolder

_TARGET = re.compile(r"(?P<module>[A-Za-z_][\w.]*)(?::(?P<name>[A-Za-z_]\w*)(?P<call>\([^()]{0,200}\))?)?")
_FLASK_APP = re.compile(r"^[ \t]*(?:export[ \t]+)?FLASK_APP[ \t]*=[ \t]*(?P<value>[^\s#][^\n#]{0,200})", re.M)


@dataclass(frozen=True)
class Hint:
    """A file and, if known, a name in it, with the call that makes the application if the name is a factory."""

    file: str
    module: str
    folder: str = ""
    name: str = ""
    call: str = ""


def hints_of(folder: SourceFolder, modules: Modules, source_of: Callable[[str], Source]) -> tuple[Hint, ...]:
    """Everything that the source says about where its application is."""
    values = [*_flask(folder), *_tool(folder)]
    found = [hint for value in values if (hint := _read(value, modules, ""))]
    for file in folder.python_files:
        for value in _run_by(source_of(file)):
            hint = _read(value, modules, folder_of(file)) or _read(value, modules, "")
            found += [hint] if hint else []
    return tuple(dict.fromkeys(found))


def _flask(folder: SourceFolder) -> Iterator[str]:
    for name in (".flaskenv", ".env"):
        if match := _FLASK_APP.search(folder.text(name, largest=65536)):
            value = match["value"].strip()
            value = value[1:-1] if value[:1] in ("'", '"') and value[-1:] == value[:1] else value
            yield value.removesuffix(".py").replace("/", ".") if value.endswith(".py") else value.replace(".py:", ":")


def _tool(folder: SourceFolder) -> Iterator[str]:
    try:
        tools = folder.toml("pyproject.toml").get("tool")
    except ValueError:
        return
    fastapi = tools.get("fastapi") if isinstance(tools, dict) else None
    if isinstance(fastapi, dict) and isinstance(fastapi.get("entrypoint"), str):
        yield fastapi["entrypoint"]


def _run_by(source: Source) -> Iterator[str]:
    """The targets that the file passes to a server as text."""
    for call in source.calls:
        first = call.args[0] if call.args and called(call) == "run" else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and ":" in first.value:
            yield first.value


def _read(value: str, modules: Modules, folder: str) -> Hint | None:
    match = _TARGET.fullmatch(value)
    file = modules.file_of(match["module"], folder) if match else ""
    return Hint(file, match["module"], folder, match["name"] or "", match["call"] or "") if match and file else None
