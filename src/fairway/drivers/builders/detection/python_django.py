"""Django: finds manage.py, the settings and the server, and what production needs besides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from fairway.drivers.builders.detection.python_look import Entry, Look, with_health
from fairway.drivers.builders.detection.python_modules import folder_of
from fairway.drivers.builders.detection.python_servers import daphne, gunicorn, gunicorn_for, uvicorn
from fairway.drivers.builders.detection.recipe import Recipe, health_route

_SETTINGS = re.compile(r"DJANGO_SETTINGS_MODULE[\"']\s*[,\]]\s*=?\s*[\"']([\w.]+)[\"']")
_ASGI = re.compile(r"^[ \t]*ASGI_APPLICATION\s*=", re.M)
_NO_HOSTS = re.compile(r"^[ \t]*ALLOWED_HOSTS\s*(?::[^=\n]{0,40})?=\s*\[\s*\]", re.M)
_STATIC = re.compile(r"^[ \t]*STATIC_ROOT\s*=", re.M)
_DATABASES = re.compile(r"^[ \t]*DATABASES\b", re.M)
_ELSEWHERE = re.compile(r"DATABASE_URL|dj_database_url|postgres|mysql|oracle|mssql|env\.db")
_LOCAL = ("local", "dev", "develop", "development", "debug")
_LIVE = ("production", "prod", "live", "deploy", "deployment")


def django(look: Look, base: Recipe) -> Iterator[Entry]:
    """The Django project of a folder: its topmost ``manage.py`` or, if there is none, a file with
    ``get_wsgi_application()``."""
    manage = next((file for file in look.folder.python_files if _is_manage(look, file)), "")
    if not manage:
        yield from _without_manage(look, base)
        return
    recipe = base.changed(framework="Django").noting("Django", manage)
    recipe = with_health(recipe, health_route(look.entries.sources_named("urls.py")))
    yield Entry(_settled(look, _served(look, recipe, manage), manage), manage)


def _is_manage(look: Look, file: str) -> bool:
    return PurePosixPath(file).name == "manage.py" and (look.lists("django") or "django" in look.entries.imports_of(file))


def _without_manage(look: Look, base: Recipe) -> Iterator[Entry]:
    found = look.entries.app_object("Django")
    if found and (look.lists("django") or not look.installer):
        recipe = base.changed(framework="Django").noting("Django", found.where)
        recipe = look.complete(recipe, found.file, found.folder, needs=("django", "gunicorn"))
        yield Entry(recipe.changed(command=gunicorn_for(found)).noting("Served by gunicorn", look.where), found.file)


def _served(look: Look, recipe: Recipe, manage: str) -> Recipe:
    """The recipe with the server: one for ASGI if the project uses ASGI, otherwise gunicorn."""
    folder = folder_of(manage)
    wsgi, asgi = (_beside(look, manage, name) for name in ("wsgi.py", "asgi.py"))
    speaks_asgi = bool(_ASGI.search(_settings_text(look, folder))) or look.lists("channels", "daphne")
    wants_asgi = bool(asgi) and (speaks_asgi or not wsgi or (look.lists("uvicorn") and not look.lists("gunicorn")))
    if wants_asgi and look.lists("daphne"):
        command = daphne(_target(asgi, folder))
        recipe = recipe.changed(command=("cd", folder, "&&", *command) if folder else command)
        return look.complete(recipe.noting("Served by daphne", look.where), manage, folder, needs=("django",))
    if wants_asgi:
        folder_option = ("--app-dir", folder) if folder else ()
        recipe = recipe.changed(command=uvicorn(_target(asgi, folder), *folder_option)).noting("Served by uvicorn", asgi)
        needs = ("django", "uvicorn", "websockets") if speaks_asgi else ("django", "uvicorn")
        return look.complete(recipe, manage, folder, needs=needs)
    if wsgi:
        folder_option = ("--chdir", folder) if folder else ()
        recipe = recipe.changed(command=gunicorn(_target(wsgi, folder), *folder_option)).noting("Served by gunicorn", wsgi)
        return look.complete(recipe, wsgi, folder, needs=("django", "gunicorn"))
    command = ("python", manage, "runserver", "--noreload", "--insecure", "{host}:{port}")
    what = "Served by Django's development server: add the wsgi.py that startproject makes"
    return recipe.changed(command=command).noting(what, f"there is none beside {manage}")


def _settled(look: Look, recipe: Recipe, manage: str) -> Recipe:
    """The recipe with what the settings require: migrations, static files, allowed hosts."""
    folder = folder_of(manage)
    text = _settings_text(look, folder)
    recipe = _migrated(recipe, text, manage)
    recipe = _with_settings_module(look, recipe, manage)
    if _STATIC.search(text):
        recipe = recipe.with_install(collectstatic=manage if folder else True)
        recipe = recipe.noting("Static files are collected in the build", "STATIC_ROOT")
    if "django.contrib.staticfiles" in text and "whitenoise" not in text.lower():
        recipe = recipe.remarking(
            "Pages come without their styles, because gunicorn and uvicorn serve no static files: add whitenoise to "
            f"{look.where}, its middleware to MIDDLEWARE, and STATIC_ROOT",
            _settings_file(look, folder),
        )
    if _NO_HOSTS.search(text):
        recipe = recipe.remarking(
            "ALLOWED_HOSTS is empty, so Django answers with error 400 under any address but localhost: name the hosts, or "
            "read them from the environment",
            _settings_file(look, folder),
        )
    return recipe


def _migrated(recipe: Recipe, settings: str, manage: str) -> Recipe:
    """The recipe with its migrations. For a database on another server they run once per version; for SQLite they run at
    each start, because the file lies in the instance's own folder and is new there."""
    migrate = ("python", manage, "migrate", "--noinput")
    if not _DATABASES.search(settings):
        return recipe
    if "sqlite3" in settings:
        recipe = recipe.changed(command=(*migrate, "&&", *(recipe.spec.command or ())))
        recipe = recipe.noting("Migrations run at each start", "the settings name a file of SQLite")
    if "sqlite3" not in settings or _ELSEWHERE.search(settings):
        recipe = recipe.changed(release=migrate).noting("Migrations run once before each new version starts", manage)
    return recipe


def _with_settings_module(look: Look, recipe: Recipe, manage: str) -> Recipe:
    """The recipe with one settings module for the server and for ``manage.py``: that of the server, which is meant for
    production."""
    server = _beside(look, manage, "asgi.py" if "uvicorn" in (recipe.spec.command or ()) else "wsgi.py")
    mine, theirs = (_settings_of(look, file) for file in (server, manage))
    if mine and theirs and mine != theirs:
        recipe = recipe.changed(environment={**recipe.spec.environment, "DJANGO_SETTINGS_MODULE": mine})
        recipe = recipe.noting(f"DJANGO_SETTINGS_MODULE is {mine}", server)
    used = mine or theirs
    package, _, name = used.rpartition(".")
    if package and name in _LOCAL:
        path = f"{folder_of(manage)}/{package.replace('.', '/')}".lstrip("/")
        live = next((candidate for candidate in _LIVE if look.folder.has(f"{path}/{candidate}.py")), "")
        if live:
            what = f"It starts with the settings {used}: set DJANGO_SETTINGS_MODULE to {package}.{live} for production"
            recipe = recipe.remarking(what, server or manage)
    return recipe


def _settings_of(look: Look, file: str) -> str:
    match = _SETTINGS.search(look.folder.text(file)) if file else None
    return match[1] if match else ""


def _beside(look: Look, manage: str, name: str) -> str:
    """The project's ``wsgi.py`` or ``asgi.py``: in the package of its settings or a parent package, otherwise the
    topmost."""
    folder, module = folder_of(manage), _settings_of(look, manage)
    while module:
        module = module.rpartition(".")[0]
        path = f"{folder}/{module.replace('.', '/')}/{name}".lstrip("/").replace("//", "/")
        if look.folder.has(path):
            return path
    start = f"{folder}/" if folder else ""
    files = [file for file in look.folder.python_files if PurePosixPath(file).name == name and file.startswith(start)]
    return next(iter(files), "")


def _target(file: str, folder: str) -> str:
    inside = file.removeprefix(f"{folder}/") if folder else file
    return f"{inside.removesuffix('.py').replace('/', '.')}:application"


def _settings_file(look: Look, folder: str) -> str:
    return next(iter(_settings_files(look, folder)), "settings.py")


def _settings_text(look: Look, folder: str) -> str:
    return "\n".join(look.folder.text(file) for file in _settings_files(look, folder))


def _settings_files(look: Look, folder: str) -> list[str]:
    start = f"{folder}/" if folder else ""
    return [file for file in look.folder.python_files if file.startswith(start) and "settings" in file]
