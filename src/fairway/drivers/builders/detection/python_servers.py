"""Commands of the servers that run Python applications. Each server is started by its own program. Every command here was
tried with the real server."""

from __future__ import annotations

from fairway.drivers.builders.detection.python_entries import AppObject
from fairway.drivers.builders.detection.python_look import path_option, under
from fairway.drivers.builders.detection.recipe import HOST, PORT

LISTEN = f"{HOST}:{PORT}"


def gunicorn(target: str, *options: str, threads: int = 8) -> tuple[str, ...]:
    """gunicorn for a WSGI application, with threads, so that a slow response does not delay others."""
    return ("gunicorn", "--bind", LISTEN, "--threads", str(threads), *options, target)


def gunicorn_for(found: AppObject, *options: str, threads: int = 8) -> tuple[str, ...]:
    """gunicorn for an application object, or for a factory that it calls."""
    return gunicorn(found.called, *options, *path_option(found, "--pythonpath"), threads=threads)


def gunicorn_worker(found: AppObject, worker: str) -> tuple[str, ...]:
    """gunicorn with another worker class, which handles concurrent requests in its own way."""
    folder_option = path_option(found, "--pythonpath")
    return ("gunicorn", "--bind", LISTEN, "--worker-class", worker, *folder_option, found.called)


def waitress(target: str, folder: str = "") -> tuple[str, ...]:
    """waitress, which also accepts an attribute of an object (``app:app.server``)."""
    return under(folder, ("waitress-serve", f"--listen={LISTEN}", target))


def uvicorn(target: str, *options: str) -> tuple[str, ...]:
    """uvicorn for an ASGI application."""
    return ("uvicorn", "--host", HOST, "--port", PORT, *options, target)


def uvicorn_for(found: AppObject) -> tuple[str, ...]:
    """uvicorn for an application object, or for a factory that it calls."""
    factory = ("--factory",) if found.is_factory else ()
    return uvicorn(found.target, *path_option(found, "--app-dir"), *factory)


def hypercorn_for(found: AppObject) -> tuple[str, ...]:
    """hypercorn for an application object, or for a factory that it calls."""
    target = f"{found.folder}/{found.target}" if found.folder else found.target  # hypercorn accepts a path before the module
    return ("hypercorn", "--bind", LISTEN, f"{target}()" if found.is_factory else target)


def daphne(target: str) -> tuple[str, ...]:
    """daphne, the server of Django Channels."""
    return ("daphne", "-b", HOST, "-p", PORT, target)


def sanic_for(found: AppObject) -> tuple[str, ...]:
    """Sanic's own server, in one process."""
    factory = ("--factory",) if found.is_factory else ()
    return under(found.folder, ("sanic", found.target, "--host", HOST, "--port", PORT, "--single-process", *factory))
