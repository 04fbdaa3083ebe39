"""What is taken of all that was found: what the environment runs, what a person chose, and true reasons otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.detection.choosing import ON_BUNDLES, ON_IMAGES, Unrunnable, chosen_spec
from fairway.drivers.builders.detection.detect import detect
from fairway.shared.names import Invalid

from ..folders import make

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
DATABASE = "services:\n  db:\n    image: postgres:16\n    ports: ['5432:5432']\n"
DEVELOPMENT = """
services:
  web:
    build: .
    volumes: ['.:/code']
    depends_on: [db]
  db:
    image: postgres:16
"""
PACKAGE = '{"scripts": {"start": "node index.js"}, "dependencies": {"express": "4"}}'


def names(folder: Path) -> list[str]:
    return [f"{one.spec.kind} {one.spec.root}" for one in detect(folder).candidates]


def test_a_compose_file_for_development_hides_nothing(tmp_path: Path) -> None:
    make(tmp_path, {"compose.yaml": DEVELOPMENT, "requirements.txt": "flask\n", "app.py": FLASK})
    spec, remarks = chosen_spec(tmp_path, {}, ON_BUNDLES)
    assert (spec.kind, spec.framework) == ("python", "Flask")
    assert any("compose.yaml has 2 services (web, db)" in remark.what for remark in remarks)


@pytest.mark.parametrize("kinds", [ON_BUNDLES, ON_IMAGES])
def test_a_database_is_never_taken_for_the_application(tmp_path: Path, kinds: frozenset[str]) -> None:
    make(tmp_path, {"docker-compose.yml": DATABASE, "requirements.txt": "flask\n", "app.py": FLASK})
    assert chosen_spec(tmp_path, {}, kinds)[0].kind == "python"


def test_a_database_alone_is_named(tmp_path: Path) -> None:
    make(tmp_path, {"docker-compose.yml": DATABASE})
    with pytest.raises(Unrunnable, match="runs postgres:16 only"):
        chosen_spec(tmp_path, {}, ON_IMAGES)
    chosen = chosen_spec(tmp_path, {"kind": "image"}, ON_IMAGES)[0]
    assert chosen.install == {"image": "postgres:16"}


def test_a_dockerfile_beside_code_is_for_docker_and_the_code_for_this_machine(tmp_path: Path) -> None:
    make(tmp_path, {"Dockerfile": "FROM x\nEXPOSE 99\n", "requirements.txt": "flask\n", "app.py": FLASK})
    assert chosen_spec(tmp_path, {}, ON_IMAGES)[0].kind == "dockerfile"
    assert chosen_spec(tmp_path, {}, ON_BUNDLES)[0].kind == "python"
    assert chosen_spec(tmp_path, {"kind": "python"}, ON_IMAGES)[0].framework == "Flask"
    with pytest.raises(Unrunnable, match="needs Docker"):
        chosen_spec(tmp_path, {"kind": "dockerfile"}, ON_BUNDLES)


def test_a_dockerfile_of_another_name_can_be_chosen(tmp_path: Path) -> None:
    make(tmp_path, {"Dockerfile": "FROM x\nEXPOSE 1\n", "Dockerfile.prod": "FROM x\nEXPOSE 2\n"})
    assert chosen_spec(tmp_path, {}, ON_IMAGES)[0].port == 1
    assert chosen_spec(tmp_path, {"install": {"dockerfile": "Dockerfile.prod"}}, ON_IMAGES)[0].port == 2
    with pytest.raises(Unrunnable, match=r"has a Dockerfile\b.*docker runtime"):
        chosen_spec(tmp_path, {}, ON_BUNDLES)


def test_the_folders_of_a_monorepo_are_listed_servers_first(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "backend/requirements.txt": "flask\n",
            "backend/app/main.py": FLASK,
            "frontend/index.html": "<h1>",
            "api/package.json": PACKAGE,
            "api/index.js": "",
            "docs/index.html": "",
        },
    )
    assert names(tmp_path)[:3] == ["node api", "python backend", "static frontend"]
    spec = chosen_spec(tmp_path, {"root": "backend"}, ON_BUNDLES)[0]
    assert (spec.root, spec.install["from"]) == ("backend", "requirements.txt")
    with pytest.raises(Invalid, match="root"):
        chosen_spec(tmp_path, {"root": "nowhere"}, ON_BUNDLES)


def test_what_was_not_recognised_can_be_said(tmp_path: Path) -> None:
    make(tmp_path, {"thing.py": "print(1)", "requirements.txt": "six\n"})
    with pytest.raises(Unrunnable, match="say how to start it"):
        chosen_spec(tmp_path, {}, ON_BUNDLES)
    spec = chosen_spec(tmp_path, {"command": ["python", "thing.py"], "port": 9}, ON_BUNDLES)[0]
    assert (spec.kind, spec.command, spec.port, spec.install["from"]) == (
        "python",
        ("python", "thing.py"),
        9,
        "requirements.txt",
    )
    assert chosen_spec(tmp_path, {"kind": "static", "install": {"publish": "."}}, ON_BUNDLES)[0].install["publish"] == "."


def test_what_was_chosen_and_is_gone_says_what_it_is_now(tmp_path: Path) -> None:
    make(tmp_path, {"requirements.txt": "flask\n", "app.py": FLASK})
    with pytest.raises(Unrunnable, match="set to run as python, Django, but it is Flask now"):
        chosen_spec(tmp_path, {"kind": "python", "framework": "Django"}, ON_BUNDLES)


def test_changes_are_laid_over_one_by_one(tmp_path: Path) -> None:
    make(tmp_path, {"package.json": PACKAGE, "index.js": ""})
    spec = chosen_spec(tmp_path, {"install": {"node": "20"}, "build": ["npm", "run", "x"], "release": None}, ON_BUNDLES)[0]
    assert spec.install == {"from": "package.json", "node": "20"}
    assert (spec.command, spec.build, spec.release) == (("node", "index.js"), ("npm", "run", "x"), None)


def test_fairway_yaml_says_everything_the_page_can(tmp_path: Path) -> None:
    settings = """
root: site
framework: Express
build: npm run css && npm run js
start: node --enable-source-maps index.js
release: node migrate.js
node: "22"
port: 4000
health: /up
environment: {MODE: live}
volumes: {files: /data}
services: {mails: node mails.js}
memory: 256m
cpus: 0.5
sticky: true
"""
    make(tmp_path, {"fairway.yaml": settings, "site/package.json": PACKAGE, "site/index.js": "", "index.html": ""})
    spec = chosen_spec(tmp_path, {"port": 5000}, ON_BUNDLES)[0]
    assert (spec.root, spec.kind, spec.port, spec.health_path, spec.sticky) == ("site", "node", 5000, "/up", True)
    assert spec.build == ("npm", "run", "css", "&&", "npm", "run", "js")
    assert (spec.command, spec.release) == (("node", "--enable-source-maps", "index.js"), ("node", "migrate.js"))
    assert (spec.environment, spec.volumes) == ({"MODE": "live"}, (("files", "/data"),))
    assert spec.services == {"mails": {"command": ["node", "mails.js"]}}
    assert (spec.memory_bytes, spec.cpus, spec.install["node"]) == (256 * 2**20, 0.5, "22")


def test_fairway_yaml_says_what_a_site_and_a_list_of_packages_are(tmp_path: Path) -> None:
    site = {"fairway.yaml": "single_page: true\nindex: start.html\npublish: web\n", "web/start.html": "<h1>x</h1>"}
    spec = chosen_spec(make(tmp_path / "site", {**site, "web/index.html": ""}), {}, ON_BUNDLES)[0]
    assert (spec.install["spa"], spec.install["index"], spec.install["publish"]) == (True, "start.html", "web")
    python = {"fairway.yaml": "requirements: lists/web.txt\n", "lists/web.txt": "flask\n", "app.py": FLASK}
    assert chosen_spec(make(tmp_path / "app", python), {}, ON_BUNDLES)[0].install["from"] == "lists/web.txt"


def test_fairway_yaml_alone_is_enough(tmp_path: Path) -> None:
    make(tmp_path, {"fairway.yaml": "kind: python\nstart: python serve.py $PORT\n", "data.csv": "1"})
    spec = chosen_spec(tmp_path, {}, ON_BUNDLES)[0]
    assert (spec.kind, spec.command, spec.install) == ("python", ("python", "serve.py", "{port}"), {})


@pytest.mark.parametrize(
    ("kind", "file", "text"),
    [
        ("python", "requirements.txt", "datasette==0.65.5\n"),
        ("python", "pyproject.toml", '[project]\nname = "notes"\nversion = "1"\ndependencies = ["datasette"]\n'),
        ("node", "package.json", '{"name": "notes", "dependencies": {"left-pad": "1.3.0"}}'),
    ],
)
def test_what_fairway_yaml_alone_starts_has_the_dependencies_that_are_listed(tmp_path, kind, file, text) -> None:
    """Nothing of the source says what to start, so no other way to run it exists."""
    make(tmp_path, {"fairway.yaml": f"kind: {kind}\nstart: serve it $PORT\n", file: text})
    spec = chosen_spec(tmp_path, {}, ON_BUNDLES)[0]
    assert (spec.kind, spec.command, spec.install["from"]) == (kind, ("serve", "it", "{port}"), file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("strat: x", "line 1.*strat"),
        ("port: many", "line 1.*number"),
        ("kind: python\nport: 99999", "line 2.*port"),
        ("start: a | b", "line 1.*start"),
        ("memory: lots", "line 1.*size"),
        ("volumes: {files: data}", "line 1.*volumes"),
        ("sticky: perhaps", "line 1.*true or false"),
        ("services: {web: node x.js}", "line 1.*services.*web"),
        ("- a", "mapping"),
    ],
)
def test_a_wrong_fairway_yaml_says_where(tmp_path: Path, text: str, words: str) -> None:
    make(tmp_path, {"fairway.yaml": text, "requirements.txt": "flask\n", "app.py": FLASK})
    with pytest.raises(Unrunnable, match=f"fairway.yaml.*{words}"):
        chosen_spec(tmp_path, {}, ON_BUNDLES)


def test_a_missing_toolchain_is_said_before_anything_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, {"go.mod": "module shop\n", "main.go": "package main\nfunc main() {}\n"})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unrunnable, match="This machine has no Go toolchain: install it"):
        chosen_spec(tmp_path, {}, ON_BUNDLES)
    assert chosen_spec(tmp_path, {}, ON_IMAGES)[0].kind == "program"  # an image brings its own
