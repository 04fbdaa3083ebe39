"""Start commands that people wrote for a machine of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.command_line import join_command, split_command
from fairway.drivers.builders.detection.detect import detect
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.detection.start_words import for_here

from ..folders import make

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
PYTHON = {"requirements.txt": "flask\ngunicorn\n", "app.py": FLASK}
SERVER = {"server/package.json": '{"scripts": {"start": "node src/index.js"}}', "server/src/index.js": ""}
BELOW = {f"backend/{name}": text for name, text in PYTHON.items()}


@pytest.mark.parametrize(
    ("files", "line", "command", "root", "listed"),
    [
        (BELOW, "cd backend && gunicorn app:app", "gunicorn app:app", "backend", "requirements.txt"),
        (BELOW, "cd ./backend/ && A=1 python app.py", "A=1 python app.py", "backend", "requirements.txt"),
        (PYTHON, "cd sub && gunicorn app:app", "cd sub && gunicorn app:app", ".", "requirements.txt"),
        (BELOW, "gunicorn --chdir backend app:app", "gunicorn --chdir backend app:app", ".", "backend/requirements.txt"),
        (BELOW, "python backend/app.py", "python backend/app.py", ".", "backend/requirements.txt"),
        (PYTHON, "venv/bin/gunicorn app:app", "gunicorn app:app", ".", "requirements.txt"),
        (PYTHON, "source venv/bin/activate && gunicorn app:app", "gunicorn app:app", ".", "requirements.txt"),
        (PYTHON, ". .venv/bin/activate && gunicorn app:app", "gunicorn app:app", ".", "requirements.txt"),
        (PYTHON, "pip install -r requirements.txt && python app.py", "python app.py", ".", "requirements.txt"),
        (PYTHON, "bin/start-nginx gunicorn app:app", "bin/start-nginx gunicorn app:app", ".", "requirements.txt"),
        (SERVER, "npm start --prefix server", "npm start", "server", "package.json"),
        (SERVER, "cd server && npm start", "npm start", "server", "package.json"),
        (SERVER, "node server/src/index.js", "node src/index.js", "server", "package.json"),
        ({**PYTHON, "bin/web": "#!/bin/sh\n"}, "bin/web", "bin/web", ".", "requirements.txt"),
        (
            {**PYTHON, "v/pyvenv.cfg": "", "v/bin/python": ""},
            "v/bin/python app.py",
            "python app.py",
            ".",
            "requirements.txt",
        ),
    ],
)
def test_it_is_started_as_it_is_meant_here(
    tmp_path: Path, files: dict[str, str], line: str, command: str, root: str, listed: str
) -> None:
    found = detect(make(tmp_path, {**files, "Procfile": f"web: {line}\n"})).best
    assert found is not None
    assert join_command(found.spec.command or ()) == command
    assert (found.spec.root, found.spec.install["from"]) == (root, listed)


def test_the_release_line_of_the_same_folder_comes_along_and_one_for_elsewhere_does_not(tmp_path: Path) -> None:
    web = "web: cd backend && gunicorn app:app\n"
    along = detect(make(tmp_path / "a", {**BELOW, "Procfile": f"{web}release: cd backend && flask db upgrade\n"})).spec
    other = detect(make(tmp_path / "b", {**BELOW, "Procfile": f"{web}release: python backend/migrate.py\n"})).spec
    assert along is not None
    assert along.release == ("flask", "db", "upgrade")
    assert other is not None
    assert other.release is None


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("uvicorn main:app --host 0.0.0.0", "uvicorn main:app --host 0.0.0.0 --port {port}"),
        ("uvicorn main:app --host 0.0.0.0 --port 8000", "uvicorn main:app --host 0.0.0.0 --port {port}"),
        ("uvicorn main:app --port=8000", "uvicorn main:app --port={port}"),
        ("python -m uvicorn main:app", "python -m uvicorn main:app --port {port}"),
        ("uvicorn main:app --port ${PORT:-8000}", "uvicorn main:app --port {port}"),
        ("uvicorn main:app --uds app.sock", "uvicorn main:app --uds app.sock"),
        ("gunicorn -b 0.0.0.0:5000 app:app", "gunicorn -b 0.0.0.0:{port} app:app"),
        ("gunicorn --bind=:5000 app:app", "gunicorn --bind=:{port} app:app"),
        ("gunicorn app:app", "gunicorn app:app"),
        ("hypercorn app:app", "hypercorn app:app --bind {host}:{port}"),
        ("python manage.py runserver", "python manage.py runserver {host}:{port}"),
        ("python manage.py runserver 0.0.0.0:8000", "python manage.py runserver 0.0.0.0:{port}"),
        ("flask run -h 0.0.0.0 -p 5000", "flask run -h 0.0.0.0 -p {port}"),
        ("flask run", "flask run --host {host} --port {port}"),
        ("flask db upgrade", "flask db upgrade"),
        ("python -m http.server 8000", "python -m http.server {port}"),
        ("python main.py --port 8000", "python main.py --port 8000"),
        ("poetry run uvicorn main:app", "uvicorn main:app --port {port}"),
        ("pipenv run python app.py", "python app.py"),
        ("uv run --with httpx main.py", "python main.py"),
        ("uv run -m shop.web", "python -m shop.web"),
        ("uv sync && uv run gunicorn shop:app", "gunicorn shop:app"),
        ("nohup python app.py", "python app.py"),
        ("npm run web", "npm run web"),
    ],
)
def test_a_server_is_given_the_port(tmp_path: Path, line: str, command: str) -> None:
    start = for_here(SourceFolder(tmp_path), split_command(line)[1])
    assert join_command(start.words) == command
