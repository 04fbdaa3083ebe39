"""Dashboards and notebooks: programs that serve a file, and libraries that bring their own server."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from fairway.drivers.builders.detection.python_frameworks import unblocked
from fairway.drivers.builders.detection.python_look import Entry, Look, fixed
from fairway.drivers.builders.detection.python_modules import folder_of
from fairway.drivers.builders.detection.python_servers import gunicorn_for, waitress
from fairway.drivers.builders.detection.python_syntax import Source, called
from fairway.drivers.builders.detection.recipe import HOST, PORT, Recipe
from fairway.drivers.builders.detection.source_folder import SourceFolder

NAMES = ("streamlit_app", "app", "main", "home", "hello", "index", "welcome", "dashboard", "run", "start", "demo", "ui")
_NUMBERED = re.compile(r"0*1[_\-. ]")
_STREAMLIT = (
    *("--server.port", PORT, "--server.address", HOST, "--server.headless", "true"),
    *("--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none"),
    # If it has no address to print, Streamlit asks the internet for this machine's address, and may start 20 s later.
    *("--browser.serverAddress", "localhost"),
)
LARGEST_NOTEBOOK = 32 * 1024 * 1024  # bytes; a notebook also holds outputs, such as pictures
Reader = Callable[[Look, Recipe], Iterator[Entry]]


def _entry(look: Look, package: str, fits: Callable[[Source], bool] = lambda source: True) -> str:
    """The file to start among those that import `package`: preferably one that no other file imports, with the name of a
    main file, near the top."""
    files = [file for file in look.entries.importing(package) if fits(look.entries.source(file))]
    return min(files, key=lambda file: _rank(look, package, file), default="") if files else ""


def _rank(look: Look, package: str, file: str) -> tuple[bool, bool, bool, bool, int, int, str]:
    path = PurePosixPath(file)
    stem = path.stem.lower()
    name = NAMES.index(stem) if stem in NAMES else len(NAMES)
    is_named = name < len(NAMES) or bool(_NUMBERED.match(path.name))
    is_page = path.parent.name == "pages"
    draws = _draws(look.entries.source(file), package)
    return (is_page, file in look.entries.modules.imported, not is_named, not draws, file.count("/"), name, file)


def _draws(source: Source, package: str) -> bool:
    """Whether running the file calls `package` or its own functions. A file of helpers only defines things."""
    if source.is_guarded:
        return True
    own = {node.name for node in source.top if isinstance(node, ast.FunctionDef)}
    called_there = {source.origin(call.func).partition(".")[0] for call in source.done}
    return package in called_there or not own.isdisjoint(called_there)


def _run_by(look: Look, file: str) -> str:
    """The program that runs a file: the file itself or, if it only defines things, a program that imports it."""
    modules = look.entries.modules
    if file not in modules.imported or look.entries.source(file).is_guarded:
        return file
    programs = [
        program
        for program in look.folder.python_files
        if program not in modules.imported and look.entries.source(program).is_guarded
    ]
    leading = [
        program for program in programs if file in modules.reached_from(program, (modules.place_of(program) or ("",))[0])
    ]
    return min(
        leading, key=lambda program: (program.count("/"), PurePosixPath(program).stem not in NAMES, program), default=file
    )


def streamlit(look: Look, base: Recipe) -> Iterator[Entry]:
    """Streamlit: ``streamlit run`` with the file that draws the first page."""
    file = _entry(look, "streamlit")
    if file:
        path = _base_path(look)
        recipe = base.changed(
            framework="Streamlit",
            command=look.run(file, "streamlit", "run", file, *_STREAMLIT),
            health_path=f"{path}/_stcore/health",
        )
        recipe = look.complete(recipe.noting("Streamlit", file), file, folder_of(file))
        yield Entry(recipe, file)


def _base_path(look: Look) -> str:
    """The path below which Streamlit is configured to serve, with a leading slash; "" if there is none."""
    try:
        server = look.folder.toml(".streamlit/config.toml").get("server")
    except ValueError:
        return ""
    path = str(server.get("baseUrlPath") or "").strip("/") if isinstance(server, dict) else ""
    return f"/{path}" if re.fullmatch(r"[\w.~-]+(?:/[\w.~-]+)*", path) else ""


def dash(look: Look, base: Recipe) -> Iterator[Entry]:
    """Dash: its Flask server, by gunicorn if that server has a name, otherwise by waitress as an attribute of the Dash
    object."""
    found = look.entries.app_object("Dash server") or look.entries.app_object("Dash")
    if not found or found.is_factory:
        return
    recipe = base.changed(framework="Dash").noting("Dash", found.where)
    if found.framework == "Dash server":
        command, server = gunicorn_for(found), "gunicorn"
    else:  # an attribute of an object, which only waitress accepts
        command, server = waitress(f"{found.target}.server", found.folder), "waitress"
    recipe = look.complete(recipe.changed(command=command), found.file, found.folder, needs=("dash", server))
    yield Entry(unblocked(look, found, recipe.noting(f"Served by {server}", found.where)), found.file)


def gradio(look: Look, base: Recipe) -> Iterator[Entry]:
    """Gradio: the script that launches it. Gradio reads host and port from its own variables."""
    file = _entry(look, "gradio", lambda source: _calls(source, "launch"))
    if not file:
        return
    source = look.entries.source(file)
    file = _run_by(look, file)
    words = look.run(file, "python", file)
    recipe = base.changed(framework="Gradio", environment={**base.spec.environment, "GRADIO_ANALYTICS_ENABLED": "False"})
    recipe = look.complete(recipe.noting("Gradio", file), file, folder_of(file), needs=("gradio",))
    port = source.fixed_port if _says(source, "launch", "server_port") and not source.reads_port else None
    if port is None:
        variables = (f"GRADIO_SERVER_NAME={HOST}", f"GRADIO_SERVER_PORT={PORT}")
        yield Entry(recipe.changed(command=(*variables, *words)), file)
    else:
        yield Entry(fixed(recipe.changed(command=words), port, file), file)


def nicegui(look: Look, base: Recipe) -> Iterator[Entry]:
    """NiceGUI: the script that runs its user interface. The port is an argument of that call."""
    file = _entry(look, "nicegui", lambda source: any(source.runs(call) == "nicegui.run" for call in source.calls))
    if not file:
        return
    source = look.entries.source(file)
    recipe = base.changed(framework="NiceGUI", command=look.run(file, "python", file)).noting("NiceGUI", file)
    recipe = look.complete(recipe, file, folder_of(file), needs=("nicegui",))
    yield Entry(recipe if source.reads_port else fixed(recipe, source.fixed_port or 8080, file), file)


def panel(look: Look, base: Recipe) -> Iterator[Entry]:
    """Panel and Bokeh: their servers, with the file (or the first notebook) that they serve."""
    for package, marks in (("panel", ("servable", "template")), ("bokeh", ("curdoc",))):
        file = _entry(look, package, lambda source, marks=marks: any(mark in source.text for mark in marks))  # type: ignore[misc]
        notebook = "" if file else _notebook(look, package)
        needs = (package, "nbconvert") if notebook else (package,)
        file = file or notebook
        if file:
            options = ("--port", PORT, "--address", HOST, "--allow-websocket-origin=*")
            recipe = base.changed(framework=package.capitalize(), command=look.run(file, package, "serve", file, *options))
            recipe = recipe.noting(package.capitalize(), file)
            yield Entry(look.complete(recipe, file, folder_of(file), needs=needs), file)
            return


def panel_script(look: Look, base: Recipe) -> Iterator[Entry]:
    """A script that serves Panel itself. Its web sockets must be allowed under any host name."""
    file = _entry(look, "panel", lambda source: any(source.runs(call) == "panel.serve" for call in source.calls))
    if file:
        environment = {**base.spec.environment, "BOKEH_ALLOW_WS_ORIGIN": "*"}
        recipe = base.changed(framework="Panel", command=look.run(file, "python", file), environment=environment)
        recipe = look.complete(recipe.noting("Panel", file), file, folder_of(file), needs=("panel",))
        source = look.entries.source(file)
        if source.reads_port:
            yield Entry(recipe, file)
        elif source.fixed_port:
            yield Entry(fixed(recipe, source.fixed_port, file), file)


def _notebook(look: Look, package: str) -> str:
    notebooks = look.folder.matching("*.ipynb") if look.lists(package) else ()
    return next((name for name in notebooks if re.search(rf"(?:import|from) {package}\b", look.folder.text(name))), "")


def shiny(look: Look, base: Recipe) -> Iterator[Entry]:
    """Shiny: its application object, or a file in the short form (``shiny.express``)."""
    found = look.entries.app_object("Shiny")
    short = "" if found else _entry(look, "shiny", lambda source: "shiny.express" in source.text)
    if not (found or short):
        return
    file = found.file if found else short
    target = found.target if found else file
    folder_option = ("--app-dir", found.folder) if found and found.folder else ()
    recipe = base.changed(
        framework="Shiny", command=("shiny", "run", "--host", HOST, "--port", PORT, *folder_option, target)
    )
    yield Entry(look.complete(recipe.noting("Shiny", file), file, folder_of(file), needs=("shiny",)), file)


def chainlit(look: Look, base: Recipe) -> Iterator[Entry]:
    """Chainlit: ``chainlit run`` with the file that answers messages."""
    file = _entry(look, "chainlit", lambda source: "mount_chainlit" not in source.text)
    if file:
        command = look.run(file, "chainlit", "run", file, "--headless", "--host", HOST, "--port", PORT)
        recipe = base.changed(framework="Chainlit", command=command).noting("Chainlit", file)
        yield Entry(look.complete(recipe, file, folder_of(file), needs=("chainlit",)), file)


def marimo(look: Look, base: Recipe) -> Iterator[Entry]:
    """marimo: the notebook as an application, open to everybody without a token."""
    found = look.entries.app_object("marimo")
    if found:
        command = ("marimo", "run", found.file, "--headless", "--host", HOST, "--port", PORT, "--no-token")
        recipe = base.changed(framework="marimo", command=command, health_path="/health").noting("marimo", found.file)
        yield Entry(look.complete(recipe, found.file, folder_of(found.file), needs=("marimo",)), found.file)


def mesop(look: Look, base: Recipe) -> Iterator[Entry]:
    """Mesop: once the pages are imported, its module itself is a WSGI application."""
    file = _entry(look, "mesop", lambda source: _decorated(source, "mesop.page"))
    location = look.entries.modules.place_of(file) if file else None
    name = (
        next((name for name, origin in look.entries.source(file).origins.items() if origin == "mesop"), "") if file else ""
    )
    if location and name:
        path = ("--pythonpath", location[0]) if location[0] else ()
        command = ("gunicorn", "--bind", f"{HOST}:{PORT}", "--threads", "8", *path, f"{location[1]}:{name}")
        recipe = base.changed(framework="Mesop", command=command).noting("Mesop", file)
        yield Entry(look.complete(recipe, file, location[0], needs=("mesop", "gunicorn")), file)


def voila(look: Look, base: Recipe) -> Iterator[Entry]:
    """Voilà, if the project lists it: the only notebook, or a list of all notebooks."""
    notebooks = look.folder.matching("*.ipynb") or look.folder.matching("notebooks/*.ipynb")
    if look.lists("voila") and notebooks:
        folder = folder_of(notebooks[0]) or "."
        what = notebooks[0] if len(notebooks) == 1 else folder
        command = ("voila", "--no-browser", f"--port={PORT}", f"--Voila.ip={HOST}", what)
        recipe = base.changed(framework="Voilà", command=command).noting("Voilà", notebooks[0])
        recipe = judging_notebooks(look.folder, recipe, notebooks)
        yield Entry(look.complete(recipe, notebooks[0], needs=("voila", "ipykernel")), notebooks[0])


def solara(look: Look, base: Recipe) -> Iterator[Entry]:
    """Solara: ``solara run`` with the file that holds the page."""
    file = _entry(look, "solara", lambda source: "Page" in source.text or "page" in source.text)
    if file:
        command = look.run(file, "solara", "run", file, "--host", HOST, "--port", PORT, "--production")
        recipe = base.changed(framework="Solara", command=command).noting("Solara", file)
        yield Entry(look.complete(recipe, file, folder_of(file), needs=("solara",)), file)


def taipy(look: Look, base: Recipe) -> Iterator[Entry]:
    """Taipy: the script that runs its user interface. Host and port are options."""
    file = _entry(look, "taipy", lambda source: _calls(source, "run"))
    if file:
        options = ("--host", HOST, "--port", PORT, "--no-debug", "--no-reloader")
        recipe = base.changed(framework="Taipy", command=look.run(file, "python", file, *options)).noting("Taipy", file)
        yield Entry(look.complete(recipe, file, folder_of(file)), file)


def flet(look: Look, base: Recipe) -> Iterator[Entry]:
    """Flet: a script that opens a window. The package ``flet-web`` of the same version makes it serve pages instead."""
    file = _entry(look, "flet", lambda source: any(source.runs(call) in ("flet.app", "flet.run") for call in source.calls))
    if file:
        variables = ("FLET_FORCE_WEB_SERVER=true", f"FLET_SERVER_IP={HOST}", f"FLET_SERVER_PORT={PORT}")
        pinned = re.search(r"^\s*flet(?:\[[^\]\n]*\])?\s*==\s*([\w.]+)", look.folder.text(look.installer), re.M | re.I)
        web = f"flet-web=={pinned[1]}" if pinned else "flet-web"
        recipe = base.changed(framework="Flet", command=(*variables, *look.run(file, "python", file))).noting("Flet", file)
        yield Entry(look.complete(recipe, file, folder_of(file), needs=("flet", web)), file)


def judging_notebooks(source: SourceFolder, recipe: Recipe, notebooks: tuple[str, ...]) -> Recipe:
    """The recipe with a problem or a remark about files that are called notebooks but hold none: Voilà answers them with
    status 400."""
    empty = [name for name in notebooks if not _is_notebook(source, name)]
    if empty == list(notebooks):
        return recipe.blocked(
            f"{empty[0]} holds no notebook (it has no cells): open it in Jupyter, save it, and commit it again."
        )
    if empty:
        return recipe.remarking(f"{', '.join(empty)} cannot be shown: there is no notebook in it", empty[0])
    return recipe


def _is_notebook(source: SourceFolder, name: str) -> bool:
    text = source.text(name, largest=LARGEST_NOTEBOOK)
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return False
    is_too_large = not text and (source.place / name).stat().st_size > LARGEST_NOTEBOOK
    return is_too_large or (isinstance(found, dict) and bool({"cells", "worksheets"} & set(found)))


def reflex(look: Look, base: Recipe) -> Iterator[Entry]:
    """Reflex, with a problem instead of a command: when it starts, it downloads JavaScript tools and compiles pages."""
    if look.folder.has("rxconfig.py"):
        recipe = base.changed(framework="Reflex").noting("Reflex", "rxconfig.py")
        sentence = (
            "This is Reflex (rxconfig.py), which builds its pages with Node.js in a step of its own: add the Dockerfile "
            "that its documentation gives (docker-example/production-one-port), and deploy that."
        )
        yield Entry(recipe.blocked(sentence), "rxconfig.py")


def robyn(look: Look, base: Recipe) -> Iterator[Entry]:
    """Robyn: the script that starts it. Robyn reads host and port from its own variables."""
    file = _entry(look, "robyn", lambda source: _calls(source, "start"))
    if file:
        words = (f"ROBYN_HOST={HOST}", f"ROBYN_PORT={PORT}", *look.run(file, "python", file))
        recipe = look.with_health(base.changed(framework="Robyn", command=words).noting("Robyn", file), file)
        yield Entry(look.complete(recipe, file, folder_of(file), needs=("robyn",)), file)


def _calls(source: Source, method: str) -> bool:
    return any(called(call) == method for call in source.calls)


def _says(source: Source, method: str, argument: str) -> bool:
    return any(called(call) == method and any(word.arg == argument for word in call.keywords) for call in source.calls)


def _decorated(source: Source, decorator: str) -> bool:
    functions = [node for node in source.top if isinstance(node, ast.FunctionDef)]
    used = [
        expression.func if isinstance(expression, ast.Call) else expression
        for node in functions
        for expression in node.decorator_list
    ]
    return any(source.origin(expression) == decorator for expression in used)


DASHBOARDS: tuple[Reader, ...] = (
    *(
        streamlit,
        dash,
        gradio,
        nicegui,
        panel,
        panel_script,
        shiny,
        chainlit,
        marimo,
        mesop,
        solara,
        taipy,
        flet,
        voila,
        reflex,
        robyn,
    ),
)
