"""What detection says about folders: the six examples, every recipe, and what cannot be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.detection.detect import detect
from fairway.drivers.builders.spec_rules import parse_spec
from fairway.shared.names import Invalid

from ..folders import EXAMPLES, make

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
GUNICORN = ("gunicorn", "--bind", "{host}:{port}", "--threads", "8")


@pytest.mark.parametrize(
    ("example", "kind", "framework", "health", "first_words"),
    [
        ("django", "python", "Django", "/health", ("gunicorn",)),
        ("express", "node", "Express", "/health", ("node", "server.js")),
        ("fastapi", "python", "FastAPI", "/health", ("uvicorn",)),
        ("flask", "python", "Flask", "/health", ("gunicorn",)),
        ("static", "static", "Static site", "/", ()),
        ("streamlit", "python", "Streamlit", "/_stcore/health", ("streamlit",)),
    ],
)
def test_every_example_is_detected(
    example: str, kind: str, framework: str, health: str, first_words: tuple[str, ...]
) -> None:
    detection = detect(EXAMPLES / example)
    spec = detection.spec
    assert spec is not None, detection.advice
    assert (spec.kind, spec.framework, spec.health_path, spec.version) == (kind, framework, health, "1.0.0")
    assert (spec.command or ())[: len(first_words)] == first_words
    assert detection.findings
    assert parse_spec(spec.to_json()) == spec


COMMANDS: dict[str, tuple[dict[str, str], tuple[str, ...] | None]] = {
    "a start script with a shell": (
        {"package.json": '{"scripts": {"start": "node x.js | tee log"}, "version": "2"}'},
        ("npm", "start"),
    ),
    "a main file": ({"package.json": '{"main": "lib/run"}', "lib/run.js": ""}, ("node", "lib/run.js")),
    "a plain start script": (
        {"package.json": '{"scripts": {"start": "node --no-warnings ./x.mjs"}}'},
        ("node", "--no-warnings", "./x.mjs"),
    ),
    "a procfile above python": (
        {
            "Procfile": "release: ./migrate\nweb: MODE=live gunicorn -b :$PORT app:app",
            "requirements.txt": "flask\ngunicorn",
            "app.py": FLASK,
        },
        ("gunicorn", "-b", ":{port}", "app:app"),
    ),
    "html only": ({"public/index.html": "<h1>hi</h1>"}, None),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_of_a_folder(tmp_path: Path, name: str) -> None:
    files, command = COMMANDS[name]
    detection = detect(make(tmp_path, files))
    assert detection.spec is not None, detection.advice
    assert detection.spec.command == command
    assert parse_spec(detection.spec.to_json()) == detection.spec


def test_a_dockerfile_wins_and_can_be_left_out(tmp_path: Path) -> None:
    make(
        tmp_path,
        {"Dockerfile": "FROM scratch\nEXPOSE 9000/tcp\n", "requirements.txt": "flask", "app.py": FLASK, "VERSION": "4.1"},
    )
    docker, without = (one.spec for one in detect(tmp_path).candidates)
    assert (docker.kind, docker.port, docker.version, docker.command) == ("dockerfile", 9000, "4.1", None)
    assert (without.kind, without.framework) == ("python", "Flask")


def test_lock_files_are_preferred_and_python_is_told(tmp_path: Path) -> None:
    lock = '[[package]]\nname = "gunicorn"\nversion = "1"\n'
    project = "[project]\nname='x'\nversion='1.2.3'\nrequires-python='>=3.9'\ndependencies=['flask']"
    make(tmp_path, {"pyproject.toml": project, "uv.lock": lock, "requirements.txt": "flask", "app.py": FLASK})
    spec = detect(tmp_path).spec
    assert spec is not None
    assert spec.install == {"from": "uv.lock", "python": ">=3.9"}
    assert spec.version == "1.2.3"
    assert spec.command == (*GUNICORN, "app:app")


def test_a_site_that_npm_only_builds(tmp_path: Path) -> None:
    package = '{"version": "5.0.0", "scripts": {"build": "vite build", "start": "vite"}, "devDependencies": {"vite": "*"}}'
    spec = detect(make(tmp_path, {"package.json": package, "package-lock.json": "{}", "index.html": ""})).spec
    assert spec is not None
    assert (spec.kind, spec.command, spec.version) == ("static", None, "5.0.0")
    assert spec.install == {"from": "package-lock.json", "publish": "dist", "spa": True}
    assert spec.build == ("npm", "run", "build")


def test_a_subfolder_as_root(tmp_path: Path) -> None:
    make(tmp_path, {"backend/requirements.txt": "flask", "backend/app.py": FLASK, "front/index.html": ""})
    spec = detect(tmp_path, root="backend").spec
    assert spec is not None
    assert (spec.root, spec.framework) == ("backend", "Flask")
    with pytest.raises(Invalid, match="root"):
        detect(tmp_path, root="../elsewhere")
    with pytest.raises(Invalid, match="root"):
        detect(tmp_path, root="missing")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "empty"),
        ({"notes.txt": "x"}, "Procfile"),
        ({"thing.py": "print(1)"}, "thing.py answers no visitors"),
        ({"package.json": "{}"}, "start"),
        ({"package.json": "[1]"}, "package.json cannot be read"),
        ({"pyproject.toml": "[project"}, "pyproject.toml cannot be read"),
        ({"Procfile": "worker: python x.py", "x.py": ""}, "no “web:” line"),
        ({"Procfile": "web: ./run"}, "no language"),
        ({"compose.yaml": "services: {a: {image: x, privileged: true}}"}, "line 1"),
        ({"compose.yaml": "services: {a: {build: .}}", "x": ""}, "has no Dockerfile"),
    ],
)
def test_what_cannot_be_told_says_what_to_add(tmp_path: Path, files: dict[str, str], words: str) -> None:
    detection = detect(make(tmp_path, files))
    assert detection.spec is None
    assert words in detection.advice


def test_links_that_leave_the_folder_are_not_read(tmp_path: Path) -> None:
    secret = make(tmp_path / "outside", {"app.py": FLASK, "index.html": "secret"})
    folder = make(tmp_path / "inside", {"notes.txt": ""})
    (folder / "app.py").symlink_to(secret / "app.py")
    (folder / "public").symlink_to(secret)
    (folder / "loop.py").symlink_to(folder / "loop.py")
    assert detect(folder).spec is None


def test_project_code_is_never_run(tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    make(tmp_path, {"app.py": trap + FLASK, "manage.py": trap, "setup.py": trap, "requirements.txt": "flask"})
    assert detect(tmp_path).spec is not None
    assert not (tmp_path / "ran").exists()


def test_services_of_one_build_run_beside_each_other(tmp_path: Path) -> None:
    compose = """
services:
  mail_worker: {build: app, command: python mails.py, environment: {A: "1", QUEUE: "${QUEUE:?name it}"}}
  web: {build: app, command: python app.py, ports: ["8000"], environment: {A: "1"}}
  admin: {build: app, command: python admin.py, ports: ["9000"]}
  db: {image: postgres}
"""
    make(tmp_path, {"compose.yaml": compose, "app/requirements.txt": "flask", "app/app.py": FLASK})
    best = detect(tmp_path).best
    assert best is not None
    assert (best.spec.command, best.spec.requires) == (("python", "app.py"), ("QUEUE",))
    worker = {"command": ["python", "mails.py"], "environment": {"QUEUE": "${QUEUE:?name it}"}}
    database = {"image": "postgres", "health_command": ["pg_isready", "-q", "-h", "127.0.0.1"]}
    assert best.spec.services == {"mail-worker": worker, "db": database}
    assert "Runs beside it: mail_worker" in [one.what for one in best.findings]
    assert "Started with it: db (postgres)" in [one.what for one in best.findings]
    assert [one.what for one in best.remarks] == [
        "Not started: admin; give their addresses as variables",
    ]


def test_a_stack_as_people_write_it_is_understood(tmp_path: Path) -> None:
    """The order of starting, a migration that runs first, files of variables, checks, and what means nothing here."""
    compose = """
services:
  admin: {build: app, command: python admin.py, ports: ["9000"], profiles: [admin]}
  migrate:
    build: app
    command: python migrate.py
    restart: "no"
    depends_on: {db: {condition: service_healthy}}
  web:
    build: app
    command: python app.py
    container_name: shop
    ports: ["8000:8000"]
    env_file: [base.env, {path: local.env, required: false}, secret.env]
    environment: {MODE: live}
    networks: [back]
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:8000/up"], interval: 10s, retries: 3, start_period: 2m}
    depends_on: {migrate: {condition: service_completed_successfully}, db: {condition: service_healthy}}
  worker:
    build: app
    command: python worker.py
    healthcheck: {test: python alive.py || exit 1}
    depends_on: [web]
  debug: {build: app, command: python debug.py, profiles: [debug]}
  db: {image: postgres, healthcheck: {test: pg_isready}}
networks: {back: {driver: bridge}}
"""
    files = {"compose.yaml": compose, "app/requirements.txt": "flask", "app/app.py": FLASK}
    make(tmp_path, {**files, "base.env": "MODE=test\nLEVEL=info # usual\nDATABASE_URL=${DATABASE_URL}\n"})
    best = detect(tmp_path).best
    assert best is not None
    spec = best.spec
    assert (spec.command, spec.release) == (("python", "app.py"), ("python", "migrate.py"))
    assert (spec.health_path, spec.start_seconds) == ("/up", 150.0)
    assert spec.environment == {"MODE": "live", "LEVEL": "info", "DATABASE_URL": "${DATABASE_URL}"}
    assert spec.requires == ("DATABASE_URL",)
    assert spec.services == {
        "worker": {"command": ["python", "worker.py"], "health_command": ["python", "alive.py"]},
        "db": {"image": "postgres", "health_command": ["pg_isready"]},
    }
    assert [one.what for one in best.remarks] == [
        "“secret.env” is not in the source; set its variables on the configuration page",
        "Not used here: container_name, networks",
        "Not started: admin, debug; give their addresses as variables",
    ]


def test_compose_lays_over_what_is_below(tmp_path: Path) -> None:
    compose = """
services:
  web:
    build: {context: app}
    environment:
      DATABASE_URL: ${DATABASE_URL:?the database is needed}
    x-fairway: {health: /alive, port: 9001}
"""
    make(tmp_path, {"compose.yaml": compose, "app/requirements.txt": "flask\ngunicorn", "app/app.py": FLASK})
    spec = detect(tmp_path).spec
    assert spec is not None
    assert (spec.kind, spec.root, spec.port, spec.health_path) == ("python", "app", 9001, "/alive")
    assert spec.requires == ("DATABASE_URL",)
    assert spec.command == (*GUNICORN, "app:app")
