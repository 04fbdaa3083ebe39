"""Which file holds the application object, told from the syntax tree alone."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from fairway.drivers.builders.detection.source_folder import SourceFolder

PREFERRED = ("main", "app", "application", "api", "server", "asgi", "wsgi", "run", "__init__")
FACTORIES = ("create_app", "make_app", "build_app")
_SERVING = frozenset({"HTTPServer", "ThreadingHTTPServer", "TCPServer", "ThreadingTCPServer", "make_server", "start_server"})


@dataclass(frozen=True)
class AppObject:
    """An application object: ``module:name``, in which file, below which folder that must be on the module path."""

    file: str
    module: str
    name: str
    framework: str
    is_factory: bool = False
    folder: str = ""

    @property
    def target(self) -> str:
        return f"{self.module}:{self.name}"

    @property
    def where(self) -> str:
        return f"{self.name}{'()' if self.is_factory else ''} in {self.file}"


class Entries:
    """The Python files of one folder as syntax trees, read once each."""

    def __init__(self, folder: SourceFolder) -> None:
        self.folder = folder
        self._trees: dict[str, ast.Module | None] = {}

    def app_object(self, classes: Mapping[str, str]) -> AppObject | None:
        """The best application object made by one of `classes` (class name → the package it comes from)."""
        found = [app for file in self.folder.python_files for app in self._in_file(file, classes)]
        best = min(found, key=_rank, default=None)
        return (self._calling(best) or best) if best and best.is_factory else best

    def _calling(self, factory: AppObject) -> AppObject | None:
        """The file that calls the factory for everybody (``app = create_app()`` in ``wsgi.py``)."""
        found = []
        for file in self.folder.python_files:
            tree, place = self._tree(file), _module_of(file)
            for name, _, _ in _made_in(tree, {factory.name: ""}) if tree and place else ():
                found.append(AppObject(file, place[1], name, factory.framework, False, place[0]) if place else factory)
        return min(found, key=_rank, default=None)

    def importing(self, package: str, *, prefer: tuple[str, ...]) -> str | None:
        """The top-level file that imports `package`: a preferred name first, then any."""
        top = [name for name in self.folder.python_files if "/" not in name]
        ordered = [name for name in prefer if name in top] + [name for name in top if name not in prefer]
        nested = [name for name in self.folder.python_files if "/" in name and PurePosixPath(name).name in prefer]
        return next((name for name in (*ordered, *nested) if package in self.imports_of(name)), None)

    def imports_of(self, file: str) -> frozenset[str]:
        """Top-level names of the packages a file imports."""
        tree = self._tree(file)
        names: set[str] = set()
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
        return frozenset(names)

    def settings_package(self, file: str) -> str:
        """The package of ``DJANGO_SETTINGS_MODULE`` named in `file` that holds ``wsgi.py`` or ``asgi.py``; "" if none."""
        match = re.search(r"DJANGO_SETTINGS_MODULE[\"']\s*,\s*[\"']([\w.]+)[\"']", self.folder.text(file))
        module = match[1] if match else ""
        while "." in module:
            module = module.rpartition(".")[0]
            place = module.replace(".", "/")
            if self.folder.has(f"{place}/wsgi.py") or self.folder.has(f"{place}/asgi.py"):
                return module
        return ""

    def sources_named(self, name: str) -> str:
        """The text of every file called `name`, one after another."""
        return "\n".join(self.folder.text(file) for file in self.folder.python_files if PurePosixPath(file).name == name)

    def sources_containing(self, part: str) -> str:
        """The text of every file with `part` in its path."""
        return "\n".join(self.folder.text(file) for file in self.folder.python_files if part in file)

    def source_around(self, file: str) -> str:
        """The text of a file and its neighbours (routes are often declared beside the application object)."""
        parent = PurePosixPath(file).parent
        near = [name for name in self.folder.python_files if parent == PurePosixPath(name).parent or parent.name]
        return "\n".join(self.folder.text(name) for name in near if PurePosixPath(name).is_relative_to(parent))

    def _tree(self, file: str) -> ast.Module | None:
        if file not in self._trees:
            self._trees[file] = _parsed(self.folder.text(file))
        return self._trees[file]

    def _in_file(self, file: str, classes: Mapping[str, str]) -> list[AppObject]:
        tree = self._tree(file)
        place = _module_of(file)
        if tree is None or place is None or not self.imports_of(file) & set(classes.values()):
            return []
        folder, module = place
        return [AppObject(file, module, *made, folder) for made in _made_in(tree, classes)]


def reads_port(source: str) -> bool:
    """Whether the source takes ``PORT`` from the environment."""
    tree = _parsed(source)
    constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)} if tree else set()
    return "PORT" in constants and ("environ" in source or "getenv" in source)


def fixed_port(source: str) -> int | None:
    """The number a script listens on: ``port=8000`` in a call, or the address of a standard-library server."""
    tree = _parsed(source)
    for node in ast.walk(tree) if tree else ():
        if not isinstance(node, ast.Call):
            continue
        candidates: list[ast.AST] = [keyword.value for keyword in node.keywords if keyword.arg == "port"]
        if _called(node) in _SERVING:
            candidates += [part for value in node.args for part in ast.walk(value)]
        for value in candidates:
            if isinstance(value, ast.Constant) and type(value.value) is int and 1 <= value.value <= 65535:
                return value.value
    return None


def _parsed(source: str) -> ast.Module | None:
    if not source:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _module_of(file: str) -> tuple[str, str] | None:
    """(folder for the module path, dotted module) of a file; None when its path is no module name."""
    path = PurePosixPath(file).with_suffix("")
    folder = "src" if path.parts[0] == "src" and len(path.parts) > 1 else ""
    parts = path.parts[1:] if folder else path.parts
    if parts[-1] == "__init__" and len(parts) > 1:
        parts = parts[:-1]
    return (folder, ".".join(parts)) if all(part.isidentifier() for part in parts) else None


def _top_level(tree: ast.Module) -> list[ast.stmt]:
    nodes = []
    for node in tree.body:
        nodes.append(node)
        if isinstance(node, ast.If | ast.Try | ast.With):
            nodes += [inner for inner in ast.iter_child_nodes(node) if isinstance(inner, ast.stmt)]
    return nodes


def _made_in(tree: ast.Module, classes: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    return [made for node in _top_level(tree) for made in _made_by(node, classes)]


def _made_by(node: ast.stmt, classes: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """(name, class, whether it is a factory) of what a statement defines."""
    if isinstance(node, ast.FunctionDef) and (node.name in FACTORIES or node.name.endswith("_app")):
        made = {_called(inner) for inner in ast.walk(node) if isinstance(inner, ast.Call)} & set(classes)
        return [(node.name, made.pop(), True)] if made and _needs_nothing(node) else []
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if not isinstance(value, ast.Call) or _called(value) not in classes:
        return []
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [(target.id, _called(value), False) for target in targets if isinstance(target, ast.Name)]


def _needs_nothing(function: ast.FunctionDef) -> bool:
    arguments = function.args
    return len(arguments.args) <= len(arguments.defaults) and all(default is not None for default in arguments.kw_defaults)


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def _rank(app: AppObject) -> tuple[bool, int, int, str]:
    stem = PurePosixPath(app.file).stem
    preference = PREFERRED.index(stem) if stem in PREFERRED else len(PREFERRED)
    return (app.is_factory, app.file.count("/"), preference, app.file)
