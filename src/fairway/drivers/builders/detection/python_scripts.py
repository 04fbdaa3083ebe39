"""Plain scripts that run a server of their own: how each learns its port."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from fairway.drivers.builders.detection.python_look import Entry, Look, fixed, under
from fairway.drivers.builders.detection.python_modules import folder_of
from fairway.drivers.builders.detection.python_syntax import called
from fairway.drivers.builders.detection.recipe import HOST, PORT, Recipe

SCRIPTS = ("app", "main", "server", "run", "serve", "web", "__main__", "start", "index", "api", "bot")
_STARTS = frozenset(
    {"run", "run_app", "serve", "serve_forever", "listen", "start", "launch", "quickstart", "run_simple", "start_server"}
    | {"create_server", "serve_http", "run_until_complete", "run_forever", "run_sync"}
)
_SERVERS = """
aiohttp asyncio bottle cherrypy dash fastapi fasthtml fastmcp flask gevent gradio grpc http hypercorn mcp
nicegui quart robyn sanic socket socketserver starlette tornado twisted uvicorn waitress websockets werkzeug
wsgiref xmlrpc
"""
LISTENS = frozenset(_SERVERS.split())  # packages that can listen on a port


def script(look: Look, base: Recipe, taken: Collection[str]) -> Iterator[Entry]:
    """The script that starts a server; nothing if a better way was found for any file (`taken`)."""
    if taken:
        return
    files = sorted(look.folder.python_files, key=lambda file: _rank(look, file))
    for file in files:
        recipe = _started(look, base.changed(framework="Python script"), file)
        if recipe:
            recipe = look.with_health(recipe, file)
            yield Entry(look.complete(recipe, file, folder_of(file)), file)
            return


def _rank(look: Look, file: str) -> tuple[bool, int, int, str]:
    stem = PurePosixPath(file).stem
    name = SCRIPTS.index(stem) if stem in SCRIPTS else len(SCRIPTS)
    return (name == len(SCRIPTS), file.count("/"), name, file)


def _started(look: Look, recipe: Recipe, file: str) -> Recipe | None:
    """The recipe that starts a file; None if the file starts no server."""
    source = look.entries.source(file)
    is_named = PurePosixPath(file).stem in SCRIPTS
    starts = any(called(call) in _STARTS for call in source.calls)
    if not (starts or (is_named and source.reads_port)) or (not is_named and file in look.entries.modules.imported):
        return None
    folder = (look.entries.modules.place_of(file) or ("",))[0]
    near = [look.entries.source(reached) for reached in look.entries.modules.reached_from(file, folder)]
    if not (is_named and source.reads_port) and not any(near_source.imports & LISTENS for near_source in near):
        return None
    words = _program(look, file)
    if any(near_source.reads_port for near_source in near):
        return recipe.changed(command=words).noting("A script that listens on $PORT", file)
    if source.port_option:
        host_option = ("--host", HOST) if '"--host"' in source.text or "'--host'" in source.text else ()
        option = (f"{source.port_option}={PORT}",) if "tornado" in source.imports else (source.port_option, PORT)
        return recipe.changed(command=(*words, *option, *host_option)).noting(
            f"A script that takes {source.port_option}", file
        )
    if name := next((near_source.port_variable for near_source in near if near_source.port_variable), ""):
        return recipe.changed(command=(f"{name}={PORT}", *words)).noting(f"A script that listens on ${name}", file)
    if source.fixed_port is not None:
        return fixed(recipe.changed(command=words), source.fixed_port, file)
    if any(not near_source.imports.isdisjoint(("flask", "quart")) for near_source in near) and any(
        called(c) == "run" for c in source.calls
    ):
        what = "Served by the framework's development server: make the application where a server can import it"
        return fixed(recipe.changed(command=words), 5000, file).remarking(what, file)
    return None


def _program(look: Look, file: str) -> tuple[str, ...]:
    """The words that run a file: the program that the project installs for it, ``python -m`` if it has relative imports,
    otherwise ``python`` and the file."""
    location = look.entries.modules.place_of(file)
    scripts = look.project.project.get("scripts")
    for name, target in scripts.items() if isinstance(scripts, dict) else ():
        if location and str(target).partition(":")[0].strip() == location[1] and "build-system" in look.project.pyproject:
            return (str(name),)
    is_inside = any(name.startswith(".") for name in look.entries.source(file).needed)
    if location and is_inside:
        return under(location[0], ("python", "-m", location[1].removesuffix(".__main__")))
    return look.run(file, "python", file)
