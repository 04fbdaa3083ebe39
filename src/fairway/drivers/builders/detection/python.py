"""Python: which framework, which file, which command. Source is parsed, never imported."""

from __future__ import annotations

from collections.abc import Iterator

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.python_entries import AppObject, fixed_port, reads_port
from fairway.drivers.builders.detection.python_project import PythonProject
from fairway.drivers.builders.detection.recipe import HOST, PORT, Recipe, health_route
from fairway.drivers.builders.detection.source_folder import SourceFolder

SCRIPTS = ("app.py", "main.py", "server.py", "run.py", "serve.py", "web.py")
STREAMLIT_FILES = ("streamlit_app.py", "app.py", "main.py", "Home.py", "home.py", "dashboard.py")


def detect_python(folder: SourceFolder) -> Iterator[Recipe]:
    """The recipes for a Python folder, the best first. Raises `Undetectable` for unreadable declarations."""
    project = PythonProject(folder)
    recipe = python_base(project)
    if recipe is None:
        return
    for detector in (_django, _streamlit, _fastapi, _flask, _script):
        found = detector(project, recipe)
        if found is not None:
            yield found


def python_base(project: PythonProject) -> Recipe | None:
    """What is true of any command in this folder: dependencies, Python, version. None without any sign of Python."""
    if not project.installer and not project.folder.python_files:
        return None
    return project.base(Recipe(Spec(kind="python", version=project.version)))


def _django(project: PythonProject, recipe: Recipe) -> Recipe | None:
    if not project.folder.has("manage.py") or "django" not in project.names | project.entries.imports_of("manage.py"):
        return None
    recipe = recipe.changed(framework="Django").noting("Django", "manage.py")
    module = project.entries.settings_package("manage.py")
    health = health_route(project.entries.sources_named("urls.py"))
    recipe = _with_health(recipe, health)
    if "STATIC_ROOT" in project.entries.sources_containing("settings"):
        recipe = recipe.with_install(collectstatic=True).noting("Static files are collected in the build", "STATIC_ROOT")
    recipe = recipe.noting("Migrations are not run for you", "run “manage.py migrate” yourself when the models changed")
    if module and "gunicorn" in project.names:
        return recipe.changed(command=_gunicorn(f"{module}.wsgi:application")).noting("Served by gunicorn", _where(project))
    if module and "uvicorn" in project.names and project.folder.has(f"{module.replace('.', '/')}/asgi.py"):
        return recipe.changed(command=_uvicorn(f"{module}.asgi:application")).noting("Served by uvicorn", _where(project))
    command = ("python", "manage.py", "runserver", "--noreload", "--insecure", f"{HOST}:{PORT}")
    return recipe.changed(command=command).noting(
        "Served by Django's development server: add gunicorn", f"neither gunicorn nor uvicorn is in {_where(project)}"
    )


def _streamlit(project: PythonProject, recipe: Recipe) -> Recipe | None:
    if project.installer and "streamlit" not in project.names:
        return None
    entry = project.entries.importing("streamlit", prefer=STREAMLIT_FILES)
    if entry is None:
        return None
    options = ("--server.port", PORT, "--server.address", HOST, "--server.headless", "true")
    # Without an address to print, Streamlit asks the internet for this machine's own: up to 20 s before it answers.
    quiet = (
        "--browser.gatherUsageStats",
        "false",
        "--server.fileWatcherType",
        "none",
        "--browser.serverAddress",
        "localhost",
    )
    recipe = recipe if project.installer else recipe.with_install(add=["streamlit"])
    return recipe.changed(
        framework="Streamlit",
        command=("python", "-m", "streamlit", "run", entry, *options, *quiet),
        health_path="/_stcore/health",
    ).noting("Streamlit", entry)


def _fastapi(project: PythonProject, recipe: Recipe) -> Recipe | None:
    found = project.entries.app_object({"FastAPI": "fastapi", "Starlette": "starlette"})
    if found is None:
        return None
    framework = found.framework
    recipe = recipe.changed(framework=framework).noting(framework, found.where)
    recipe = _with_health(recipe, health_route(project.entries.source_around(found.file)))
    recipe = _adding(recipe, project, framework.lower(), needed=not project.installer)
    if "uvicorn" not in project.names:
        recipe = _adding(recipe, project, "uvicorn", needed=True)
    return recipe.changed(command=_uvicorn(found.target, found)).noting("Served by uvicorn", "the usual server for it")


def _flask(project: PythonProject, recipe: Recipe) -> Recipe | None:
    found = project.entries.app_object({"Flask": "flask", "Quart": "quart"})
    if found is None or found.framework == "Quart":
        return None
    recipe = recipe.changed(framework="Flask").noting("Flask", found.where)
    recipe = _with_health(recipe, health_route(project.entries.source_around(found.file)))
    recipe = _adding(recipe, project, "flask", needed=not project.installer)
    if "gunicorn" in project.names:
        return recipe.changed(command=_gunicorn(found.target, found)).noting("Served by gunicorn", _where(project))
    if "waitress" in project.names and not found.is_factory:
        waitress = ("python", "-m", "waitress", f"--listen={HOST}:{PORT}", found.target)
        return recipe.changed(command=waitress).noting("Served by waitress", _where(project))
    application = found.file if found.folder else found.module
    command = ("python", "-m", "flask", "--app", application, "run", "--host", HOST, "--port", PORT)
    return recipe.changed(command=command).noting(
        "Served by Flask's development server: add gunicorn", f"no production server is in {_where(project)}"
    )


def _script(project: PythonProject, recipe: Recipe) -> Recipe | None:
    for name in (*SCRIPTS, *_only_script(project)):
        source = project.folder.text(name)
        if not source:
            continue
        if reads_port(source):
            recipe = _with_health(recipe, health_route(source)).changed(framework="Python script", command=("python", name))
            return recipe.noting("A script that listens on $PORT", name)
        port = fixed_port(source)
        if port is not None:
            recipe = _with_health(recipe, health_route(source))
            recipe = recipe.changed(framework="Python script", command=("python", name), port=port)
            return recipe.noting(f"A script that listens on port {port} only: let it read PORT from the environment", name)
    return None


def _only_script(project: PythonProject) -> tuple[str, ...]:
    top = tuple(name for name in project.folder.python_files if "/" not in name)
    return top if len(top) == 1 else ()


def _with_health(recipe: Recipe, path: str | None) -> Recipe:
    return recipe.changed(health_path=path).noting(f"Health at {path}", "a route of that name") if path else recipe


def _adding(recipe: Recipe, project: PythonProject, package: str, *, needed: bool) -> Recipe:
    if not needed:
        return recipe
    added = [*recipe.spec.install.get("add", ()), package]
    return recipe.with_install(add=added).noting(f"{package} is added", f"{_where(project)} does not list it")


def _where(project: PythonProject) -> str:
    return project.installer or "any requirements file"


def _gunicorn(target: str, found: AppObject | None = None) -> tuple[str, ...]:
    place = ("--pythonpath", found.folder) if found and found.folder else ()
    call = f"{target}()" if found and found.is_factory else target
    return ("python", "-m", "gunicorn", "--bind", f"{HOST}:{PORT}", "--threads", "8", *place, call)


def _uvicorn(target: str, found: AppObject | None = None) -> tuple[str, ...]:
    place = ("--app-dir", found.folder) if found and found.folder else ()
    factory = ("--factory",) if found and found.is_factory else ()
    return ("python", "-m", "uvicorn", "--host", HOST, "--port", PORT, *place, *factory, target)
