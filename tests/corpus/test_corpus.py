"""Small applications of our own, one per kind that people bring: each goes live as it is, or is named for what it is.

``FAIRWAY_CORPUS=all`` adds those that take long, or need what a test machine has not always.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.corpus import Found, deploy_all
from tests.services.installation import installed

APPS = Path(__file__).parent / "apps"
SEVERAL = 3
LIVE = {  # folder → what is detected
    "aiohttp": "aiohttp",
    "bottle": "Bottle",
    "compose-with-database": "Flask",
    "django": "Django",
    "django-in-src": "Django",
    "dockerfile-beside": "Bottle",
    "express": "Express",
    "express-exported": "Express",
    "fairway-yaml": "Bottle",
    "fastapi-in-backend": "FastAPI in backend",
    "fastify": "Fastify",
    "fixed-port": "Python script",
    "flask": "Flask",
    "flask-factory": "Flask",
    "flask-flaskenv": "Flask",
    "google-function": "Functions Framework",
    "hono": "Hono",
    "koa": "Koa",
    "litestar": "Litestar",
    "mkdocs": "MkDocs",
    "monorepo": "Bottle in backend",
    "node-fixed-port": "Node.js",
    "node-http": "Node.js",
    "node-no-script": "Node.js",
    "old-gunicorn": "Bottle",
    "optional-dependencies": "Bottle",
    "pdm": "Bottle",
    "perl": "Perl",
    "pipenv": "Bottle",
    "pnpm": "Koa",
    "poetry": "Bottle",
    "procfile-and": "Bottle",
    "procfile-cd": "Python script in backend",
    "procfile-shell-script": "Python script",
    "procfile-uvicorn": "Starlette",
    "python-version": "Bottle",
    "quart": "Quart",
    "requirements-folder": "Bottle",
    "requirements-in": "Bottle",
    "requirements-utf16": "Bottle",
    "setup-py": "Bottle",
    "starlette": "Starlette",
    "static": "Static site",
    "static-clean-urls": "Static site",
    "static-in-public": "Static site",
    "static-one-page": "Static site",
    "static-procfile": "python",
    "static-template": "Static site in startup-theme-1.0",
    "tornado": "Python script",
    "uv-src-layout": "Python script",
    "vite": "Vite",
    "workspaces": "Node.js in packages/web",
    "wsgi-function": "WSGI",
    "wsgiref-port": "Python script",
    "yarn": "Node.js",
}
NAMED = {  # folder → words of the reason
    "command-line-tool": "say how to start it",
    "dockerfile-prod": "it has a Dockerfile.prod",
    "empty-notebook": "analysis.ipynb holds no notebook",
    "jekyll": "This is a Jekyll site",
    "lambda-function": "This is a function for AWS Lambda",
    "node-library": "exited with code 0",
    "python-library": "This is a Python library",
    "telegram-bot": "This is a Telegram bot",
    "worker-only": "starts worker, but nothing that answers visitors",
}
LONG = {"worker-exported": "Hono", "notebooks": "Voila", "java": "Java", "rust": "Rust", "discord-bot-node": "Node.js"}
IS_WHOLE = os.environ.get("FAIRWAY_CORPUS") == "all"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Found]]:
    """What became of each folder."""
    names = [*LIVE, *NAMED, *(LONG if IS_WHOLE else ())]
    with installed(tmp_path_factory.mktemp("corpus") / "data") as one:
        results = deploy_all(one, [APPS / name for name in names], several=SEVERAL, seconds=900)
        yield {result.folder: result for result in results}


def test_every_folder_has_its_line() -> None:
    assert {place.name for place in APPS.iterdir()} == {*LIVE, *NAMED, *LONG}


@pytest.mark.parametrize("name", LIVE)
def test_it_serves_its_page(found: dict[str, Found], name: str) -> None:
    result = found[name]
    assert result.is_right, f"{result.reason}\n{result.log[-4000:]}"
    assert f"hello from {name}" in result.text
    assert result.detected == LIVE[name]


@pytest.mark.parametrize("name", NAMED)
def test_it_is_named_for_what_it_is(found: dict[str, Found], name: str) -> None:
    assert not found[name].live
    assert NAMED[name] in found[name].reason


if IS_WHOLE:

    @pytest.mark.parametrize("name", LONG)
    def test_what_takes_long_is_recognised(found: dict[str, Found], name: str) -> None:
        assert found[name].detected == LONG[name]
