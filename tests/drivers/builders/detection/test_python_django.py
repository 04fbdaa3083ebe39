"""Django: the project wherever it lies, its server, and what is said of its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from .told import GUNICORN, UVICORN, added, best, line, remarks

MANAGE = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', '{}')\nimport django\n"
WSGI = "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = '{}'\napplication = 1\n"
SETTINGS = "ALLOWED_HOSTS = ['*']\n"
STATIC = "INSTALLED_APPS = ['django.contrib.staticfiles']\n"


def project(folder: str = "", *, settings: str = SETTINGS, requirements: str = "django\ngunicorn") -> dict[str, str]:
    return {
        "requirements.txt": requirements,
        f"{folder}manage.py": MANAGE.format("shop.settings"),
        f"{folder}shop/settings.py": settings,
        f"{folder}shop/wsgi.py": WSGI.format("shop.settings"),
        f"{folder}shop/asgi.py": WSGI.format("shop.settings"),
    }


CASES: dict[str, tuple[dict[str, str], str, list[str]]] = {
    "at the top": (project(), f"{GUNICORN} shop.wsgi:application", []),
    "without a server": (project(requirements="django"), f"{GUNICORN} shop.wsgi:application", ["gunicorn"]),
    "in a folder": (project("site/"), f"{GUNICORN} --chdir site shop.wsgi:application", []),
    "with uvicorn": (project(requirements="django\nuvicorn"), f"{UVICORN} shop.asgi:application", []),
    "with uvicorn in a folder": (
        project("site/", requirements="django\nuvicorn"),
        f"{UVICORN} --app-dir site shop.asgi:application",
        [],
    ),
    "with daphne": (
        project(requirements="django\ndaphne\nchannels"),
        "daphne -b {host} -p {port} shop.asgi:application",
        [],
    ),
    "with daphne in a folder": (
        project("site/", requirements="django\ndaphne"),
        "cd site && daphne -b {host} -p {port} shop.asgi:application",
        [],
    ),
    "with channels alone": (
        project(requirements="django\nchannels"),
        f"{UVICORN} shop.asgi:application",
        ["uvicorn", "websockets"],
    ),
    "whose settings name the ASGI": (
        project(settings=SETTINGS + "ASGI_APPLICATION = 'shop.asgi.application'\n"),
        f"{UVICORN} shop.asgi:application",
        ["uvicorn", "websockets"],
    ),
    "in one file": (
        {"requirements.txt": "django", "app.py": "from django.core.wsgi import get_wsgi_application as g\napp = g()\n"},
        f"{GUNICORN} app:app",
        ["gunicorn"],
    ),
    "without wsgi.py": (
        {"requirements.txt": "django", "manage.py": MANAGE.format("shop.settings"), "shop/settings.py": SETTINGS},
        "python manage.py runserver --noreload --insecure {host}:{port}",
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_server_of_a_project(tmp_path: Path, name: str) -> None:
    files, command, packages = CASES[name]
    one = best(tmp_path, files)
    assert (one.spec.framework, line(one), added(one)) == ("Django", command, packages)


POSTGRES = "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql'}}\n"
SQLITE = "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3'}}\n"


@pytest.mark.parametrize(("folder", "manage"), [("", "manage.py"), ("site/", "site/manage.py")])
@pytest.mark.parametrize(
    ("settings", "at_start", "at_release"),
    [
        (POSTGRES, False, True),
        (SQLITE, True, False),
        (SQLITE + "import dj_database_url\nDATABASES['default'] = dj_database_url.config()\n", True, True),
        (SETTINGS, False, False),
    ],
)
def test_migrations_run_where_the_database_is(
    tmp_path: Path, settings: str, at_start: bool, at_release: bool, folder: str, manage: str
) -> None:
    one = best(tmp_path, project(folder, settings=settings))
    migrate = ("python", manage, "migrate", "--noinput")
    assert one.spec.release == (migrate if at_release else None)
    assert line(one).startswith(f"{' '.join(migrate)} && gunicorn ") is at_start


@pytest.mark.parametrize(("folder", "option"), [("", True), ("site/", "site/manage.py")])
def test_static_files_are_collected_where_the_settings_say_where_to(tmp_path: Path, folder: str, option: object) -> None:
    one = best(tmp_path, project(folder, settings=STATIC + "STATIC_ROOT = 'static'\n"))
    assert one.spec.install["collectstatic"] == option
    commented = best(tmp_path / "other", project(folder, settings="# STATIC_ROOT = 'static'\n"))
    assert "collectstatic" not in commented.spec.install


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (STATIC, "add whitenoise to requirements.txt"),
        ("ALLOWED_HOSTS = []\n", "ALLOWED_HOSTS is empty"),
        ("ALLOWED_HOSTS: list[str] = [ ]\n", "ALLOWED_HOSTS is empty"),
        (STATIC + "MIDDLEWARE = ['whitenoise.middleware.WhiteNoiseMiddleware']\n", ""),
        (SETTINGS, ""),
    ],
)
def test_settings_that_do_not_work_in_production_are_said(tmp_path: Path, settings: str, words: str) -> None:
    best(tmp_path, project(settings=settings))
    said = remarks(tmp_path)
    assert words in said
    assert bool(said) == bool(words)


def test_manage_and_server_use_the_settings_of_the_server(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "django\ngunicorn",
        "manage.py": MANAGE.format("shop.settings.local"),
        "shop/wsgi.py": WSGI.format("shop.settings.production"),
        "shop/settings/production.py": SETTINGS,
        "shop/settings/local.py": SETTINGS,
    }
    one = best(tmp_path, files)
    assert one.spec.environment == {"DJANGO_SETTINGS_MODULE": "shop.settings.production"}
    assert line(one) == f"{GUNICORN} shop.wsgi:application"


def test_settings_for_a_desk_are_said_where_others_lie_beside_them(tmp_path: Path) -> None:
    files = {
        **project(),
        "manage.py": MANAGE.format("shop.settings.dev"),
        "shop/wsgi.py": WSGI.format("shop.settings.dev"),
        "shop/settings/dev.py": SETTINGS,
        "shop/settings/prod.py": SETTINGS,
    }
    best(tmp_path, files)
    assert "set DJANGO_SETTINGS_MODULE to shop.settings.prod" in remarks(tmp_path)
