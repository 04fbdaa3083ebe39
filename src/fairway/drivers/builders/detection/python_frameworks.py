"""Web frameworks whose application is an object that a server imports."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from fairway.drivers.builders.detection.python_entries import AppObject
from fairway.drivers.builders.detection.python_look import Entry, Look, under
from fairway.drivers.builders.detection.python_servers import (
    LISTEN,
    gunicorn_for,
    gunicorn_worker,
    hypercorn_for,
    sanic_for,
    uvicorn_for,
    waitress,
)
from fairway.drivers.builders.detection.python_syntax import called
from fairway.drivers.builders.detection.recipe import Recipe

_OLD_CONNEXION = re.compile(r"^connexion(?:\[[^\]\n]*\])?\s*(?:(?:==|~=|<=)\s*[0-2]\b|<\s*3)", re.M | re.I)
_FLASKS = ("Flask", "Dash", "Dash server")
_WEB_SOCKETS = re.compile(r"\bwebsocket", re.I)


@dataclass(frozen=True)
class Served:
    """How one application object is served: the command, the server, and the packages that must be installed for it.

    With Socket.IO a visitor must stay with one replica (`sticky`), because a connection begins with several requests.
    """

    command: tuple[str, ...]
    server: str
    needs: tuple[str, ...]
    sticky: bool | None = None


Serve = Callable[[Look, AppObject], Served | None]


def _reader(framework: str, serve: Serve, *others: str) -> Callable[[Look, Recipe], Iterator[Entry]]:
    """The reader for one framework. Application objects of the frameworks in `others` count, too."""

    def read(look: Look, base: Recipe) -> Iterator[Entry]:
        found = look.entries.app_object(framework, *others)
        recipe = base.changed(framework=framework)
        served = serve(look, found) if found and not _runs_itself(look, found) else None
        if found and served:
            recipe = look.with_health(recipe.noting(framework, found.where), found.file)
            recipe = recipe.changed(command=served.command, sticky=served.sticky)
            recipe = look.complete(recipe, found.file, found.folder, needs=served.needs)
            yield Entry(unblocked(look, found, recipe.noting(f"Served by {served.server}", found.where)), found.file)
        elif not found and (factory := look.entries.uncallable(framework, *others)):
            sentence = (
                f"{factory.name}() in {factory.file} makes the application, but needs {', '.join(factory.needs)}: call it "
                f"in a file such as wsgi.py (app = {factory.name}(…)), or say how to start it."
            )
            yield Entry(recipe.blocked(sentence), factory.file)

    return read


def _runs_itself(look: Look, found: AppObject) -> bool:
    """Whether importing the file already runs a server, so that another server cannot import it."""
    calls = look.entries.source(found.file).done
    return found.framework not in _FLASKS and any(called(call) in ("run", "run_app", "serve_forever") for call in calls)


def unblocked(look: Look, found: AppObject, recipe: Recipe) -> Recipe:
    """The recipe with a variable that makes Flask's `run` do nothing, if the file calls it: otherwise importing the file
    would never end."""
    calls = look.entries.source(found.file).done
    if found.framework in _FLASKS and any(called(call) in ("run", "run_server") for call in calls):
        return recipe.changed(environment={**recipe.spec.environment, "FLASK_RUN_FROM_CLI": "true"})
    return recipe


def _asgi(*packages: str) -> Serve:
    """Serve with uvicorn, and with a package for web sockets if the code mentions them."""

    def serve(look: Look, found: AppObject) -> Served:
        sockets = "[standard]" not in look.folder.text(look.installer) and _WEB_SOCKETS.search(
            look.entries.source_around(found.file)
        )
        return Served(uvicorn_for(found), "uvicorn", (*packages, "uvicorn", *(("websockets",) if sockets else ())))

    return serve


def _wsgi(*packages: str) -> Serve:
    """Serve with gunicorn, or with waitress if the project lists that instead."""

    def serve(look: Look, found: AppObject) -> Served:
        if look.lists("waitress") and not look.lists("gunicorn") and not found.is_factory:
            return Served(waitress(found.target, found.folder), "waitress", packages)
        return Served(gunicorn_for(found), "gunicorn", (*packages, "gunicorn"))

    return serve


def _flask(look: Look, found: AppObject) -> Served:
    package = next((name for name in ("apiflask", "flask-openapi3", "eve") if look.lists(name)), "flask")
    reached = look.entries.modules.reached_from(found.file, found.folder)
    if not any("flask_socketio" in look.entries.imports_of(file) for file in reached):
        return _wsgi(package)(look, found) or Served((), "", ())
    needs = (package, "flask-socketio", "gunicorn")
    if look.lists("gevent"):
        return Served(gunicorn_worker(found, "gevent"), "gunicorn", needs, sticky=True)
    if look.lists("eventlet"):  # gunicorn 26 has no worker for eventlet any more
        return Served(gunicorn_worker(found, "eventlet"), "gunicorn", (*needs[:2], "gunicorn<26"), sticky=True)
    # A web socket occupies a thread for as long as it is open.
    return Served(gunicorn_for(found, threads=100), "gunicorn", needs, sticky=True)


def _quart(look: Look, found: AppObject) -> Served:
    if look.lists("uvicorn"):
        return Served(uvicorn_for(found), "uvicorn", ("quart",))
    return Served(hypercorn_for(found), "hypercorn", ("quart", "hypercorn"))


def _falcon(look: Look, found: AppObject) -> Served | None:
    return (_asgi if found.is_asgi else _wsgi)("falcon")(look, found)


def _connexion(look: Look, found: AppObject) -> Served | None:
    if _OLD_CONNEXION.search(look.folder.text(look.installer)) and not found.is_factory:
        return Served(waitress(f"{found.target}.app", found.folder), "waitress", ("connexion", "waitress"))
    return _asgi("connexion")(look, found)


def _socketio(look: Look, found: AppObject) -> Served:
    if found.framework == "Socket.IO":
        return Served(uvicorn_for(found), "uvicorn", ("python-socketio", "uvicorn", "websockets"), sticky=True)
    needs = ("python-socketio", "gunicorn", "simple-websocket")
    return Served(gunicorn_for(found, threads=100), "gunicorn", needs, sticky=True)


def _aiohttp(look: Look, found: AppObject) -> Served | None:
    """Serve with gunicorn's worker for aiohttp, unless the file reads PORT itself: `run_app` is a server for production,
    too."""
    if look.entries.source(found.file).reads_port:
        return None
    awaited = replace(found, is_factory=False) if found.is_async else found  # the worker itself awaits the function
    return Served(gunicorn_worker(awaited, "aiohttp.GunicornWebWorker"), "gunicorn", ("aiohttp", "gunicorn"))


def _sanic(look: Look, found: AppObject) -> Served:
    return Served(sanic_for(found), "Sanic", ("sanic",))


def _bottle_routes(look: Look, base: Recipe) -> Iterator[Entry]:
    """A Bottle application without a name: routes of the module, and ``run()``."""
    if look.entries.app_object("Bottle"):
        return
    for file in look.entries.importing("bottle"):
        source, location = look.entries.source(file), look.entries.modules.place_of(file)
        if location and any(source.runs(call) == "bottle.run" for call in source.calls) and not source.reads_port:
            words = ("python", "-m", "bottle", "--bind", LISTEN, "--server", "waitress", location[1])
            recipe = look.with_health(base.changed(framework="Bottle", command=under(location[0], words)), file)
            recipe = look.complete(recipe.noting("Bottle", file), file, location[0], needs=("bottle", "waitress"))
            yield Entry(recipe.noting("Served by waitress", "the routes of the file"), file)
            return


def _pyramid_file(look: Look, base: Recipe) -> Iterator[Entry]:
    """A Pyramid project that a PasteDeploy file describes."""
    file = look.folder.first("production.ini", "development.ini")
    if file and "[app:main]" in look.folder.text(file) and look.lists("pyramid"):
        command = ("gunicorn", "--bind", LISTEN, "--threads", "8", "--paste", file)
        recipe = look.complete(base.changed(framework="Pyramid", command=command), file, needs=("gunicorn",))
        yield Entry(recipe.noting("Pyramid", file).noting("Served by gunicorn", file), file)


FRAMEWORKS: tuple[Callable[[Look, Recipe], Iterator[Entry]], ...] = (
    _reader("Socket.IO", _socketio, "Socket.IO (WSGI)"),
    _reader("FastAPI", _asgi("fastapi")),
    _reader("FastHTML", _asgi("python-fasthtml")),
    _reader("Litestar", _asgi("litestar")),
    _reader("Starlette", _asgi("starlette")),
    _reader("BlackSheep", _asgi("blacksheep")),
    _reader("Connexion", _connexion),
    _reader("Flask", _flask),
    _reader("Quart", _quart),
    _reader("Sanic", _sanic),
    _reader("Falcon", _falcon),
    _reader("aiohttp", _aiohttp),
    _reader("Bottle", _wsgi("bottle")),
    _bottle_routes,
    _pyramid_file,
    _reader("Pyramid", _wsgi("pyramid")),
)
# Functions that implement WSGI or ASGI themselves. Frameworks contain such functions, too, so these readers come last.
BARE: tuple[Callable[[Look, Recipe], Iterator[Entry]], ...] = (_reader("WSGI", _wsgi()), _reader("ASGI", _asgi()))
