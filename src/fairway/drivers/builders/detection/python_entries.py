"""Finds the file with the application object, from the syntax trees alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from fairway.drivers.builders.detection.python_factories import Factory, factories_in
from fairway.drivers.builders.detection.python_hints import Hint, hints_of
from fairway.drivers.builders.detection.python_modules import Modules
from fairway.drivers.builders.detection.python_syntax import Source, called, targets_of
from fairway.drivers.builders.detection.source_folder import SourceFolder

PREFERRED = ("main", "app", "application", "wsgi", "asgi", "server", "api", "run", "web", "index", "__init__")
NAMES = ("app", "application", "api", "server", "web")
# Calls that make an application object, by package and name. Modules between the two do not matter
# (``aiohttp.web.Application``).
MAKERS = {
    "aiohttp.Application": "aiohttp",
    "apiflask.APIFlask": "Flask",
    "blacksheep.Application": "BlackSheep",
    "bottle.Bottle": "Bottle",
    "bottle.default_app": "Bottle",
    "connexion.App": "Connexion",
    "connexion.AsyncApp": "Connexion",
    "connexion.FlaskApp": "Connexion",
    "dash.Dash": "Dash",
    "django.get_asgi_application": "Django, ASGI",
    "django.get_wsgi_application": "Django",
    "eve.Eve": "Flask",
    "falcon.API": "Falcon",
    "falcon.App": "Falcon",
    "fastapi.FastAPI": "FastAPI",
    "fasthtml.FastHTML": "FastHTML",
    "fasthtml.fast_app": "FastHTML",
    "flask.Flask": "Flask",
    "flask_openapi3.OpenAPI": "Flask",
    "gradio.mount_gradio_app": "FastAPI",
    "litestar.Litestar": "Litestar",
    "marimo.App": "marimo",
    "quart.Quart": "Quart",
    "sanic.Sanic": "Sanic",
    "shiny.App": "Shiny",
    "socketio.ASGIApp": "Socket.IO",
    "socketio.WSGIApp": "Socket.IO (WSGI)",
    "starlette.Starlette": "Starlette",
}
_ASIDE = ("test", "conftest", "celery", "worker", "task", "seed", "migrat", "shell", "script", "example", "demo", "backup")
_HOLDS = ("app", "application", "api", "server", "asgi_app", "wsgi_app")
# Functions that are applications, by their arguments.
_PROTOCOLS = {("environ", "start_response"): "WSGI", ("scope", "receive", "send"): "ASGI"}
_METHODS = {"make_wsgi_app": ("pyramid", "Pyramid")}


@dataclass(frozen=True)
class AppObject:
    """An application object: `name` in `module`, the file, and the folder that must be on the module path.

    A factory is called without arguments, or with those in `call`. An object that `leads` is the one in the file that starts
    the application and imports the object from elsewhere.
    """

    file: str
    module: str
    name: str
    framework: str
    is_factory: bool = False
    folder: str = ""
    call: str = ""
    is_asgi: bool = False
    is_async: bool = False
    leads: bool = False

    @property
    def target(self) -> str:
        """The object in the form ``module:name``."""
        return f"{self.module}:{self.name}"

    @property
    def called(self) -> str:
        """The target in the form of servers that understand a call (``shop:create_app()``)."""
        return f"{self.target}{self.call or '()'}" if self.is_factory else self.target

    @property
    def where(self) -> str:
        """The object and its file, for a sentence."""
        return f"{self.name}{(self.call or '()') if self.is_factory else ''} in {self.file}"


class Entries:
    """The Python files of one folder as syntax trees. Each file is read once."""

    def __init__(self, folder: SourceFolder) -> None:
        self.folder = folder
        self.modules = Modules(folder.python_files, self.source)
        self._sources: dict[str, Source] = {}

    def source(self, file: str) -> Source:
        """The parsed file; an empty one if it is not Python."""
        if file not in self._sources:
            self._sources[file] = Source(self.folder.text(file))
        return self._sources[file]

    def app_object(self, *frameworks: str) -> AppObject | None:
        """The best application object of one of `frameworks`. A factory is used only if no file holds the object itself."""
        found = [app for app in self.objects if app.framework in frameworks]
        return min(found, key=self._rank, default=None)

    def uncallable(self, *frameworks: str) -> Factory | None:
        """A factory that needs arguments which no file gives it, if there is no application object."""
        wanting = [factory for factory in self.factories if factory.needs and factory.framework in frameworks]
        return None if self.app_object(*frameworks) else next(iter(wanting), None)

    @cached_property
    def objects(self) -> tuple[AppObject, ...]:
        """All application objects of the folder that can be written as ``module:name``."""
        found = [app for file in self.folder.python_files for app in self._in_file(file)]
        named = {hint.name for hint in self._hints}
        makers = [
            factory for factory in self.factories if not factory.needs and (not factory.is_inner or factory.name in named)
        ]
        found += [app for maker in makers for app in self._placed(_made_by(maker))]
        return (*self._hinted(found), *found, *self._passed_on(found), *self._called_elsewhere())

    def _called_elsewhere(self) -> Iterator[AppObject]:
        """Factories with the arguments that a file passes to them, if that file cannot be imported itself (``app.py``
        beside ``app/``)."""
        wanting = {factory.name: factory for factory in self.factories if factory.needs}
        hidden = [file for file in self.folder.python_files if self.modules.place_of(file) is None] if wanting else []
        for call in (call for file in hidden for call in self.source(file).calls if called(call) in wanting):
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            if all(isinstance(value, ast.Constant) for value in values) and all(
                keyword_argument.arg for keyword_argument in call.keywords
            ):
                given = ast.unparse(call).removeprefix(ast.unparse(call.func))
                yield from self._placed(replace(_made_by(wanting[called(call)]), call=given))

    def _passed_on(self, found: list[AppObject]) -> Iterator[AppObject]:
        """Objects that a file imports which starts the application (``from shop import app`` in ``run.py``). What else
        that file does, such as adding routes, belongs to the application."""
        made = {(app.file, app.name): app for app in found if not app.is_factory}
        for file in self.folder.python_files:
            location = self.modules.place_of(file) if self._starts(file) else None
            for name, origin in self.source(file).origins.items() if location else ():
                module, _, inner = origin.rpartition(".")
                app = made.get((self.modules.file_of(module, location[0] if location else ""), inner))
                if app and location:
                    yield replace(app, file=file, folder=location[0], module=location[1], name=name, leads=True)

    def _starts(self, file: str) -> bool:
        """Whether people start this file: it has such a name, or it runs the application when it is run."""
        source = self.source(file)
        runs = source.is_guarded and any(called(call) in ("run", "serve", "run_server") for call in source.calls)
        named = PurePosixPath(file).stem in PREFERRED or any(hint.file == file for hint in self._hints)
        return (named or runs) and PurePosixPath(file).stem != "__init__" and file not in self.modules.imported

    @cached_property
    def factories(self) -> tuple[Factory, ...]:
        """All functions that make an application."""
        found: list[Factory] = []
        for file in self.folder.python_files:
            found += factories_in(file, self.source(file), lambda call, file=file: self.framework_of(file, call))  # type: ignore[misc]
        return tuple(found)

    def framework_of(self, file: str, call: ast.Call) -> str:
        """The framework whose application a call makes; "" for none."""
        source = self.source(file)
        origin = source.origin(call.func)
        package, _, rest = origin.partition(".")
        if framework := MAKERS.get(f"{package}.{rest.rpartition('.')[2]}", ""):
            return f"{framework}, ASGI" if ".asgi." in origin else framework
        if package_and_name := _METHODS.get(called(call)):
            return package_and_name[1] if package_and_name[0] in source.imports else ""
        for star in (name[1:] for name in source.origins if name.startswith("*")):
            if framework := MAKERS.get(f"{star.partition('.')[0]}.{origin}", ""):
                return framework
        return self._subclasses.get(called(call), "")

    def importing(self, *packages: str) -> tuple[str, ...]:
        """The files that import one of `packages`, those near the top first."""
        return tuple(name for name in self.folder.python_files if self.source(name).imports & set(packages))

    def imports_of(self, file: str) -> frozenset[str]:
        """The top-level names of the packages that a file imports."""
        return self.source(file).imports

    def sources_named(self, name: str) -> str:
        """The text of all files called `name`, joined."""
        return "\n".join(self.folder.text(file) for file in self.folder.python_files if PurePosixPath(file).name == name)

    def source_around(self, file: str) -> str:
        """The text of a file and its neighbours, because routes are often declared beside the application object."""
        parent = PurePosixPath(file).parent
        near = [name for name in self.folder.python_files if parent == PurePosixPath(name).parent or parent.name]
        return "\n".join(self.folder.text(name) for name in near if PurePosixPath(name).is_relative_to(parent))

    @cached_property
    def _subclasses(self) -> dict[str, str]:
        """Classes of this folder that derive from a framework's application (``class Shop(FastAPI)``), with the
        framework."""
        found: dict[str, str] = {}
        for file in self.folder.python_files:
            source = self.source(file)
            for node in source.top:
                if isinstance(node, ast.ClassDef):
                    bases = [source.origin(base) for base in node.bases]
                    made = [MAKERS.get(f"{base.partition('.')[0]}.{base.rpartition('.')[2]}", "") for base in bases]
                    if framework := next(filter(None, made), ""):
                        found[node.name] = framework
        return found

    def _in_file(self, file: str) -> Iterator[AppObject]:
        seen: dict[str, AppObject] = {}
        for node in self.source(file).top:
            value = getattr(node, "value", None)
            for target in targets_of(node)[:1]:
                if isinstance(target, ast.Name) and (framework := self._made(file, value, seen)):
                    is_asgi = framework.endswith(", ASGI")
                    seen[target.id] = AppObject(file, "", target.id, framework.removesuffix(", ASGI"), is_asgi=is_asgi)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (protocol := _PROTOCOLS.get(_arguments(node))):
                seen[node.name] = AppObject(file, "", node.name, protocol, is_asgi=protocol == "ASGI")
        mounted = self._mounted(file)
        for app in seen.values():
            if app.name not in mounted or len(seen) == 1:
                yield from self._placed(app)

    def _made(self, file: str, value: ast.expr | None, seen: dict[str, AppObject]) -> str:
        """The framework whose application a value is; "" for none."""
        if isinstance(value, ast.IfExp):
            return self._made(file, value.body, seen) or self._made(file, value.orelse, seen)
        if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.attr == "server":
            owner = seen.get(value.value.id)  # ``server = app.server``
            if owner and owner.framework == "Dash":
                return "Dash server"
        if isinstance(value, ast.Attribute) and value.attr in _HOLDS:  # ``app = Service().app``
            return next((made for call in self.source(file).calls if (made := self.framework_of(file, call))), "")
        if not isinstance(value, ast.Call):
            return ""
        made = self.framework_of(file, value)
        return made or next((factory.framework for factory in self.factories if factory.name == called(value)), "")

    def _mounted(self, file: str) -> set[str]:
        """Names of applications that are mounted in another one (``app.mount("/api", api)``)."""
        calls = [call for call in self.source(file).calls if called(call) in ("mount", "Mount", "DispatcherMiddleware")]
        values = [value for call in calls for value in (*call.args, *(keyword.value for keyword in call.keywords))]
        return {value.id for value in values if isinstance(value, ast.Name)}

    def _placed(self, app: AppObject) -> Iterator[AppObject]:
        location = self.modules.place_of(app.file)
        if location:
            yield replace(app, folder=location[0], module=location[1])

    def _hinted(self, found: list[AppObject]) -> Iterator[AppObject]:
        """Objects that the source itself names (FLASK_APP, ``uvicorn.run("main:app")``) and that are not in `found`."""
        for hint in self._hints:
            frameworks = [app.framework for app in found if app.file == hint.file]
            known = any(app.file == hint.file and hint.name in ("", app.name) for app in found)
            factory = next((maker.framework for maker in self.factories if maker.name == hint.name), "")
            made = factory or next(iter(frameworks), "")
            if hint.name and made and (hint.call or not (known or factory)):
                yield AppObject(hint.file, hint.module, hint.name, made, bool(hint.call), hint.folder, hint.call)

    @cached_property
    def _hints(self) -> tuple[Hint, ...]:
        return hints_of(self.folder, self.modules, self.source)

    def _rank(self, app: AppObject) -> tuple[bool, bool, bool, bool, int, int, int, str]:
        path = PurePosixPath(app.file)
        hinted = any(hint.file == app.file and hint.name in ("", app.name) for hint in self._hints)
        aside = any(word.startswith(_ASIDE) for word in re.split(r"[^a-z]+", path.with_suffix("").as_posix().lower()))
        stem = PREFERRED.index(path.stem) if path.stem in PREFERRED else len(PREFERRED)
        name = NAMES.index(app.name) if app.name in NAMES else len(NAMES)
        return (not hinted, aside, app.is_factory, not app.leads, app.file.count("/"), stem, name, app.file)


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str, ...]:
    return tuple(argument.arg for argument in function.args.args)


def _made_by(factory: Factory) -> AppObject:
    framework, _, asgi = factory.framework.partition(", ")
    return AppObject(factory.file, "", factory.name, framework, True, is_asgi=bool(asgi), is_async=factory.is_async)
