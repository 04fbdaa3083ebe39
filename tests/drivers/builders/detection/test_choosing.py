"""What is taken of all that was found: what the environment runs, what a person chose, and true reasons otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.contract import Finding
from fairway.drivers.builders.detection.choosing import ON_BUNDLES, ON_IMAGES, Unrunnable, chosen_spec
from fairway.drivers.builders.detection.detect import detect
from fairway.drivers.builders.services import required_variables_of
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
    assert [remark.what for remark in remarks if "db" in remark.what] == [
        "Not started: db (postgres:16); give their addresses as variables"
    ]


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


STACK = """
services:
  web: {build: ., ports: ["8000:8000"], environment: {DB: db, KEY: "${KEY}"}, depends_on: [db, cache]}
  proxy: {image: "nginx:1", ports: ["80:80"], volumes: ["./nginx.conf:/etc/nginx/nginx.conf"], depends_on: [web]}
  db:
    image: example.com/postgres:16
    environment: {POSTGRES_PASSWORD: "${DB_PASSWORD}"}
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:5432/"]}
  Search_index:
    image: search:2
    ports: ["9200:9200", "9300:9300"]
    env_file: s.env
    depends_on: {db: {condition: service_healthy}}
  cache: {image: "redis:7", healthcheck: {disable: true}}
  tool: {image: "tool:1", profiles: [debug]}
  once: {image: "once:1", restart: "no"}
volumes: {data: }
"""
FILES = {
    "compose.yaml": STACK,
    "Dockerfile": "FROM scratch",
    "s.env": "HEAP=1g",
    "app.py": FLASK,
    "requirements.txt": "flask",
}


def test_services_with_an_image_come_with_the_application(tmp_path: Path) -> None:
    make(tmp_path, FILES)
    spec, remarks = chosen_spec(tmp_path, {}, ON_IMAGES)
    assert (spec.kind, spec.port, spec.environment) == ("dockerfile", 8000, {"DB": "db", "KEY": "${KEY}"})
    assert spec.services == {
        "db": {
            "image": "example.com/postgres:16",
            "environment": {"POSTGRES_PASSWORD": "${DB_PASSWORD}"},
            "volumes": [["data", "/var/lib/postgresql/data"]],
            "health_command": ["curl", "-f", "http://localhost:5432/"],
        },
        "search-index": {
            "image": "search:2",
            "hostname": "Search_index",
            "environment": {"HEAP": "1g"},
            "depends_on": ["db"],
        },
        "cache": {"image": "redis:7"},
    }
    assert required_variables_of(spec) == ("KEY", "DB_PASSWORD")
    why, left = (one.what for one in remarks)
    assert "Why “proxy” is not started: compose.yaml: “nginx.conf” is not in the source" in why
    assert left == "Not started: proxy (nginx:1), tool (tool:1), once (once:1); give their addresses as variables"


def test_where_no_image_runs_they_are_left_out_and_named(tmp_path: Path) -> None:
    database = "{image: 'postgres:16', environment: {PW: '${PW}'}, memory: 1g, health: pg_isready -q}"
    settings = f"kind: python\nservices: {{worker: python w.py, db: {database}}}\n"
    make(tmp_path, {"fairway.yaml": settings, "requirements.txt": "flask\n", "app.py": FLASK})
    spec, remarks = chosen_spec(tmp_path, {}, ON_BUNDLES)
    assert list(spec.services) == ["worker"]
    assert required_variables_of(spec) == ()
    assert (
        Finding("Not started: db (postgres:16); give their addresses as variables", "this environment runs no images")
        in remarks
    )
    spec, remarks = chosen_spec(tmp_path, {}, ON_IMAGES)
    assert list(spec.services) == ["worker", "db"]
    lost = "“db” has no named volume: what it stores goes when its service changes"
    assert remarks == (Finding(lost, "postgres:16"),)
    stated = {"environment": {"PW": "${PW}"}, "memory_bytes": 2**30, "health_command": ["pg_isready", "-q"]}
    assert spec.services["db"] == {"image": "postgres:16", **stated}


def test_a_persons_own_workers_stand_beside_them(tmp_path: Path) -> None:
    make(tmp_path, FILES)
    spec, _ = chosen_spec(tmp_path, {"services": {"worker": {"command": ["python", "w.py"]}}}, ON_IMAGES)
    assert set(spec.services) == {"worker", "db", "search-index", "cache"}


def test_two_services_never_share_a_volume(tmp_path: Path) -> None:
    shared = STACK.replace('cache: {image: "redis:7", ', 'cache: {image: "redis:7", volumes: ["data:/d"], ')
    make(tmp_path, {**FILES, "compose.yaml": shared})
    with pytest.raises(Invalid, match="give each its own"):
        chosen_spec(tmp_path, {}, ON_IMAGES)


def test_a_stack_of_images_is_the_one_that_visitors_reach_and_what_it_needs(tmp_path: Path) -> None:
    stack = """
services:
  search:
    image: elasticsearch:7
    environment: {discovery.type: single-node}
    ports: ["9200:9200", "9300:9300"]
    volumes: ["Search_data:/data"]
  kibana: {image: "kibana:7", ports: ["5601:5601"], depends_on: [search]}
volumes: {Search_data: }
"""
    make(tmp_path, {"compose.yaml": stack})
    spec, remarks = chosen_spec(tmp_path, {}, ON_IMAGES)
    assert (spec.kind, spec.install, spec.port, remarks) == ("image", {"image": "kibana:7"}, 5601, ())
    search = {
        "image": "elasticsearch:7",
        "environment": {"discovery.type": "single-node"},
        "volumes": [["search-data", "/data"]],
    }
    assert spec.services == {"search": search}


def test_two_volumes_that_would_have_one_name_are_refused(tmp_path: Path) -> None:
    text = "services: {a: {image: x, volumes: ['d_1:/d']}}\nvolumes: {d_1: , D-1: }\n"
    make(tmp_path, {"compose.yaml": text})
    with pytest.raises(Unrunnable, match="another one is called so, too"):
        chosen_spec(tmp_path, {}, ON_IMAGES)


MOUNTS = """
services:
  proxy:
    image: nginx:1
    ports: ["80:80"]
    configs: [{source: page, target: /usr/share/nginx/html/index.html}]
    volumes: ["./proxy/nginx.conf:/etc/nginx/conf.d/default.conf:ro", {type: bind, source: ./pages, target: /pages}]
  db:
    image: postgres:16
    secrets: [db-password, {source: of_ours, target: /etc/ours}]
    environment: [POSTGRES_PASSWORD_FILE=/run/secrets/db-password]
    volumes: ["data:/var/lib/postgresql/data", "./init:/docker-entrypoint-initdb.d"]
  metrics: {image: "prom:1", volumes: ["./nowhere:/etc/prom"]}
volumes: {data: }
secrets: {db-password: {file: db/password.txt}, of_ours: {environment: OURS}}
configs: {page: {content: "Served to ${WHOM:-all}"}}
"""


def test_files_of_the_source_are_copied_and_secrets_are_asked_for(tmp_path: Path) -> None:
    files = {
        "compose.yaml": MOUNTS,
        "proxy/nginx.conf": "server { set $a 1; }",
        "pages/a/b.html": "b",
        "db/password.txt": "x",
    }
    make(tmp_path, {**files, "init/one.sh": "#!/bin/sh\n", "init/two.sql": "SELECT 1;"})
    spec, remarks = chosen_spec(tmp_path, {}, ON_IMAGES)
    assert spec.files == {
        "/etc/nginx/conf.d/default.conf": "server { set $$a 1; }",
        "/pages/a/b.html": "b",
        "/usr/share/nginx/html/index.html": "Served to ${WHOM:-all}",
    }
    assert spec.services["db"]["files"] == {
        "/docker-entrypoint-initdb.d/one.sh": "#!/bin/sh\n",
        "/docker-entrypoint-initdb.d/two.sql": "SELECT 1;",
        "/run/secrets/db-password": "${DB_PASSWORD}",
        "/etc/ours": "${OURS}",
    }
    assert required_variables_of(spec) == ("DB_PASSWORD", "OURS")
    assert "x" not in spec.services["db"]["files"].values(), "a secret of the source is not in what people see"
    assert any("Why “metrics” is not started: compose.yaml: “nowhere” is not in the source" in one.what for one in remarks)


def test_what_is_mounted_for_development_is_in_the_image(tmp_path: Path) -> None:
    compose = """
services:
  web:
    build: app
    ports: ["8000:8000"]
    volumes: ["./app:/code", "/code/node_modules", "./certs:/certs:ro"]
"""
    make(tmp_path, {"compose.yaml": compose, "app/Dockerfile": "FROM scratch", "certs/ca.pem": "pem"})
    spec, remarks = chosen_spec(tmp_path, {}, ON_IMAGES)
    assert (spec.kind, spec.files) == ("dockerfile", {"/certs/ca.pem": "pem"})
    assert [one.what for one in remarks] == ["Not mounted here: “app”, from which the image is built"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("big", "x" * 200_000, "mounts more than 40 files and 128 KiB"),
        ("gone", None, "is not in the source"),
        ("bin", "a\0b", "no text or too large"),
    ],
)
def test_what_cannot_be_copied_is_said(tmp_path: Path, name: str, content: str | None, words: str) -> None:
    compose = f"services: {{web: {{image: x, ports: ['80'], volumes: ['./{name}:/etc/{name}']}}}}"
    make(tmp_path, {"compose.yaml": compose, **({name: content} if content is not None else {})})
    with pytest.raises(Unrunnable, match=words):
        chosen_spec(tmp_path, {}, ON_IMAGES)
