"""What a source says to other platforms is used where it means the same, and said where it matters."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.command_line import join_command
from fairway.drivers.builders.contract import Detection
from fairway.drivers.builders.detection.detect import detect
from tests.drivers.builders.folders import make

FLASK = {"requirements.txt": "flask\ngunicorn\n", "app.py": "from flask import Flask\napp = Flask(__name__)\n"}
NODE = {"package.json": '{"scripts": {"start": "node server.js"}, "dependencies": {"express": "4"}}', "server.js": ""}
SITE = {"package.json": '{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "5"}}'}
RENDER = """services:
  - type: worker
    startCommand: celery
  - type: web
    runtime: python
    buildCommand: pip install -r requirements.txt && python manage.py collectstatic --noinput
    startCommand: gunicorn app:app -b 0.0.0.0:$PORT
    preDeployCommand: flask db upgrade
    healthCheckPath: /ok
    envVars:
      - {key: MODE, value: live}
      - {key: PORT, value: "10000"}
      - {key: SECRET, sync: false}
"""
FLY = """[deploy]
release_command = "flask db upgrade"
[env]
PORT = "8080"
MODE = "live"
[[http_service.checks]]
path = "/ok"
"""
RAILWAY = '{"build": {"buildCommand": "npm ci && npm run make"}, "deploy": {"startCommand": "node x.js"}}'
ENGINE = "runtime: python312\nentrypoint: gunicorn -b :$PORT app:app\nenv_variables:\n  MODE: live\n"
HEROKU = '{"env": {"MODE": {"value": "live"}, "B": "2", "C": {"required": true}}}'
NETLIFY = '[build]\npublish = "./out/"\ncommand = "npm run site"\n'
ELSEWHERE = """services:
  - {type: web, runtime: docker, startCommand: x}
  - {type: web, rootDir: api, startCommand: y}
"""
NIX = '[phases.build]\ncmds = ["npm ci", "npm run make"]\n[start]\ncmd = "node other.js"\n[variables]\nMODE = "live"\n'


def found(tmp_path: Path, *files: dict[str, str]) -> Detection:
    return detect(make(tmp_path, {name: text for part in files for name, text in part.items()}))


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (
            {**FLASK, "render.yaml": RENDER},
            {
                "command": "gunicorn app:app -b 0.0.0.0:{port}",
                "build": "python manage.py collectstatic --noinput",
                "release": "flask db upgrade",
                "health_path": "/ok",
                "environment": {"MODE": "live"},
            },
        ),
        (
            {**NODE, "railway.json": RAILWAY},
            {"command": "node x.js", "build": "npm run make"},
        ),
        (
            {**FLASK, "railway.toml": '[deploy]\nhealthcheckPath = "/ok"\npreDeployCommand = ["flask db upgrade"]\n'},
            {"health_path": "/ok", "release": "flask db upgrade"},
        ),
        (
            {**NODE, "nixpacks.toml": NIX},
            {"command": "node other.js", "build": "npm run make", "environment": {"MODE": "live"}},
        ),
        ({**FLASK, "fly.toml": FLY}, {"release": "flask db upgrade", "health_path": "/ok", "environment": {"MODE": "live"}}),
        (
            {**FLASK, "app.yaml": ENGINE},
            {"command": "gunicorn -b :{port} app:app", "environment": {"MODE": "live"}},
        ),
        ({**FLASK, "app.json": HEROKU}, {"environment": {"MODE": "live", "B": "2"}}),
        ({**SITE, "vercel.json": '{"outputDirectory": "build"}'}, {"install.publish": "build"}),
        ({**SITE, "netlify.toml": NETLIFY}, {"install.publish": "out", "build": "npm run site"}),
        ({"examples/index.html": "", "Staticfile": "root: examples\n"}, {"kind": "static", "install.publish": "examples"}),
    ],
)
def test_what_means_the_same_is_used(tmp_path: Path, files: dict[str, str], wanted: dict[str, object]) -> None:
    spec = found(tmp_path, files).spec
    assert spec
    for name, value in wanted.items():
        seen = spec.install.get("publish") if name == "install.publish" else getattr(spec, name)
        assert (join_command(seen) if isinstance(seen, tuple) else seen) == value, name


def test_the_file_is_named_among_the_reasons(tmp_path: Path) -> None:
    reasons = [one.because for one in found(tmp_path, FLASK, {"fly.toml": FLY}).findings]
    assert reasons.count("fly.toml") == 3


def test_a_procfile_and_fairway_yaml_have_the_last_word(tmp_path: Path) -> None:
    theirs = {"Procfile": "web: gunicorn app:app\n", "render.yaml": RENDER}
    spec = found(tmp_path / "one", FLASK, theirs).spec
    assert spec
    assert spec.command == ("gunicorn", "app:app")
    spec = found(tmp_path / "two", FLASK, theirs, {"fairway.yaml": "health: /mine\nstart: python app.py\n"}).spec
    assert spec
    assert (spec.command, spec.health_path) == (("python", "app.py"), "/mine")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"vercel.json": '{"functions": {"api/x.py": {}}}'}, "Functions are not run"),
        ({"vercel.json": '{"builds": [{"src": "api/*.py", "use": "@vercel/python"}]}'}, "Functions are not run"),
        ({"netlify.toml": '[build]\nfunctions = "f"\n'}, "Functions are not run"),
        ({"app.json": '{"scripts": {"postdeploy": "flask seed"}}'}, "“flask seed” is not run"),
        (
            {"railway.json": '{"build": {"buildCommand": "cd web && npm run build"}}'},
            "is not run: it is for another language",
        ),
        ({"railway.json": '{"build": {"buildCommand": "./build.sh"}}'}, "“./build.sh” is not run"),
        ({"railway.json": '{"deploy": {"startCommand": "a | b"}}'}, "start command is not used"),
        ({"railway.json": "{"}, "cannot be read"),
        ({"render.yaml": "services: [}"}, "cannot be read"),
    ],
)
def test_what_is_not_used_is_said_where_it_matters(tmp_path: Path, files: dict[str, str], words: str) -> None:
    detection = found(tmp_path, FLASK, files)
    assert detection.spec
    assert detection.spec.framework == "Flask"
    assert [words in remark.what for remark in detection.remarks_on(detection.best)] == [True]


@pytest.mark.parametrize(
    "files",
    [
        {"app.json": '{"expo": {"name": "x"}, "name": "x"}'},
        {"render.yaml": ELSEWHERE},
        {"app.yaml": "kind: Deployment\n"},
        {"nixpacks.toml": '[phases.build]\ncmds = ["...", "more"]\n'},
        {"vercel.json": '{"builds": [{"src": "app.py", "use": "@vercel/python"}]}'},
        {"vercel.json": '{"buildCommand": null, "outputDirectory": "../x"}'},
    ],
)
def test_what_means_something_else_changes_nothing(tmp_path: Path, files: dict[str, str]) -> None:
    assert found(tmp_path / "one", FLASK, files) == found(tmp_path / "two", FLASK)
