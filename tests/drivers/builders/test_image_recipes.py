"""The pure parts of the image builders: Dockerfiles, manifests, contexts, the buildx command. No Engine needed."""

from __future__ import annotations

import io
import json
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from fairway.drivers.builders import image_buildx, image_classic
from fairway.drivers.builders.contract import BuildLimits, Checkout, Spec
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.dockerfile_node import node_image
from fairway.drivers.builders.dockerfiles import CONSTRAINTS, REQUIREMENTS, Bases, Manifests, dockerfile_for, python_image
from fairway.drivers.builders.exclusions import of_published
from fairway.drivers.builders.image_context import (
    Extra,
    ignore_patterns,
    ignores_of,
    included,
    static_ignores,
    write_context,
)
from fairway.drivers.builders.image_manifests import manifests_of
from fairway.drivers.builders.image_plan import ImageBuild, build_failure, recipe_checksum
from fairway.drivers.builders.image_steady import steady
from fairway.drivers.runtimes.contract import NullProgress
from fairway.shared.failures import Cancelled, NeedsPerson, Refused, Retry

PYTHON = Spec(kind="python", command=("python", "app.py", "{host}:{port}"), port=9000, install={"from": "requirements.txt"})
NODE = Spec(kind="node", command=("node", "server.js"), port=3000, install={"from": "package-lock.json"})
STATIC = Spec(kind="static", install={"publish": "public"})
BUILD = ImageBuild(
    tag="fairway/hello:abc",
    dockerfile="Dockerfile",
    labels={"fairway.data": "0123abcd"},
    limits=BuildLimits(memory_bytes=1024, cpus=0.5),
    arguments={"PIP_INDEX_URL": "https://user:hunter22@index.example"},
)


def nothing() -> None: ...


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


# -- generated Dockerfiles


def test_dependencies_come_before_the_source() -> None:
    lines = dockerfile_for(PYTHON, Manifests(("requirements.txt",)), Bases()).splitlines()
    install = lines.index('RUN ["/opt/uv/bin/uv", "pip", "install", "-r", "requirements.txt"]')
    assert lines.index('COPY ["requirements.txt", "./"]') < install < lines.index('COPY --chown=10001:10001 [".", "./"]')
    assert lines[0] == "FROM python:3.12-slim"
    assert lines[-1] == 'CMD ["python", "app.py", "0.0.0.0:9000"]'
    assert "USER 10001:10001" in lines


def test_what_needs_the_source_is_installed_after_it() -> None:
    lines = dockerfile_for(PYTHON, Manifests(), Bases()).splitlines()
    assert lines.index('COPY --chown=10001:10001 [".", "./"]') < lines.index(
        'RUN ["/opt/uv/bin/uv", "pip", "install", "-r", "requirements.txt"]'
    )


def test_a_new_version_number_alone_installs_nothing_again() -> None:
    """The layer of the dependencies is made from manifests in which the project's own version, and nothing else, is gone."""
    pyproject = '[project]\nname = "x"\nversion = "{}"\ndependencies = ["a==1.0.0"]\n[tool.x]\nversion = "1"\n'
    own = '[[package]]\nname = "x"\nversion = "{}"\nsource = {{ virtual = "." }}\n'
    lock = 'version = 1\n[[package]]\nname = "a"\nversion = "1.0.0"\nsource = {{ registry = "r" }}\n' + own
    package = '{{"name": "x", "version": "{}", "dependencies": {{"a": "1.0.0"}}}}'
    npm_lock = '{{"version": "{0}", "packages": {{"": {{"version": "{0}"}}, "node_modules/a": {{"version": "1.0.0"}}}}}}'
    texts = {"pyproject.toml": pyproject, "uv.lock": lock, "package.json": package, "deep/package-lock.json": npm_lock}
    for name, text in texts.items():
        assert steady(name, text.format("1.0.0")) == steady(name, text.format("2.0.0")), name
        assert "1.0.0" in steady(name, text.format("2.0.0")), name  # what others are pinned to stays
    assert steady("package.json", "not JSON") == "not JSON"
    lines = dockerfile_for(NODE, Manifests(("package.json", ".npmrc")), Bases()).splitlines()
    assert 'COPY [".fairway/manifests/package.json", ".npmrc", "./"]' in lines


def test_a_lock_file_is_honoured() -> None:
    locked = Spec(kind="python", command=("x",), install={"from": "uv.lock"})
    text = dockerfile_for(locked, Manifests(("pyproject.toml", "uv.lock"), is_package=True), Bases())
    assert '"sync", "--frozen", "--no-dev", "--no-install-project"' in text
    assert '"pip", "install", "--no-deps", "."' in text
    assert '"npm", "ci"' in dockerfile_for(NODE, Manifests(("package.json", "package-lock.json")), Bases())
    assert '"npm", "install"' in dockerfile_for(Spec(kind="node"), Manifests(("package.json",)), Bases())


def test_static_files_of_django_are_collected_wherever_manage_lies() -> None:
    for option, file in ((True, "manage.py"), ("site/manage.py", "site/manage.py")):
        spec = Spec(kind="python", command=("x",), install={"collectstatic": option})
        assert f'RUN ["python", "{file}", "collectstatic", "--noinput"]' in dockerfile_for(spec, Manifests(), Bases())


def test_a_node_build_installs_development_packages_and_prunes_them() -> None:
    built = Spec(kind="node", command=("node", "x.js"), install={"from": "package-lock.json"}, build=("npm", "run", "build"))
    text = dockerfile_for(built, Manifests(("package.json",)), Bases())
    assert '"--omit=dev"]\nENV' not in text.split("RUN")[2]
    assert text.index('"npm", "run", "build"') < text.index('"npm", "prune"')


def test_a_static_site_is_an_empty_image_with_a_server() -> None:
    text = dockerfile_for(STATIC, Manifests(), Bases())
    assert text.startswith("FROM scratch\n")
    assert 'COPY --chown=10001:10001 ["public/", "/site/"]' in text
    built = Spec(kind="static", install={"publish": "dist", "from": "package-lock.json"}, build=("npm", "run", "build"))
    text = dockerfile_for(built, Manifests(("package.json",)), Bases())
    assert text.startswith("FROM node:22-slim AS site\n")
    assert 'COPY --from=site --chown=10001:10001 ["/app/dist/", "/site/"]' in text
    assert 'CMD ["/caddy", "run", "--config", "/site.json"]' in text


@pytest.mark.parametrize(
    ("manager", "lock", "lines"),
    [
        (
            "pnpm@9",
            "pnpm-lock.yaml",
            ['"npm", "install", "--global", "--force"', '"pnpm@9"]', '"pnpm", "install", "--frozen-lockfile"]'],
        ),
        ("yarn@1", "yarn.lock", ['"yarn@1"]', '"--ignore-engines", "--frozen-lockfile", "--production=false"]']),
        (
            "yarn@4",
            "yarn.lock",
            ['"@yarnpkg/cli-dist@4"]', 'ENV YARN_NODE_LINKER="node-modules"', '"yarn", "install", "--immutable"]'],
        ),
        ("bun@1", "bun.lock", ['"bun@1"]', '"bun", "install", "--frozen-lockfile"]']),
    ],
)
def test_an_image_installs_with_the_projects_own_package_manager(manager: str, lock: str, lines: list[str]) -> None:
    spec = Spec(
        kind="node",
        command=("node", "x.js"),
        install={"from": lock, "manager": manager},
        build=("A=b", "pnpm", "run", "build"),
    )
    text = dockerfile_for(spec, Manifests(("package.json", lock)), Bases())
    assert all(line in text for line in lines), text
    assert 'RUN ["env", "A=b", "pnpm", "run", "build"]' in text


def test_a_package_of_a_workspace_is_built_after_what_it_needs_and_started_in_its_folder() -> None:
    spec = Spec(kind="node", command=("next", "start"), build=("npm", "run", "build"))
    lines = dockerfile_for(spec, Manifests((), False, "apps/web", ("packages/ui",)), Bases()).splitlines()
    first = lines.index("WORKDIR /app/packages/ui")
    assert lines[first + 1 : first + 4] == [
        'RUN ["npm", "run", "build"]',
        "WORKDIR /app/apps/web",
        'RUN ["npm", "run", "build"]',
    ]
    assert 'ENV PATH="/app/apps/web/node_modules/.bin:/app/node_modules/.bin:$PATH"' in lines
    assert not any('"prune"' in line for line in lines)


def test_nothing_from_a_spec_escapes_its_line() -> None:
    nasty = Spec(
        kind="python",
        command=("python", 'a"b\nRUN evil', "$(id)"),
        environment={"GREETING": 'say "$HOME" \\', "LINES": "a\nRUN evil"},
        volumes=(("data", "/data"),),
    )
    lines = dockerfile_for(nasty, Manifests(), Bases(arguments=("PIP_INDEX_URL",))).splitlines()
    assert not any(line.startswith("RUN evil") for line in lines)
    assert 'ENV GREETING="say \\"\\$HOME\\" \\\\"' in lines
    assert json.loads(lines[-1].removeprefix("CMD ")) == ["python", 'a"b\nRUN evil', "$(id)"]
    assert "ARG PIP_INDEX_URL" in lines
    assert any('"/data"' in line and '"install"' in line for line in lines)


@pytest.mark.parametrize(
    ("configured", "asked", "chosen"),
    [
        ("python:3.12-slim", "", "python:3.12-slim"),
        ("python:3.12-slim", ">=3.11", "python:3.12-slim"),
        ("python:3.12-slim", "3.11", "python:3.11-slim"),
        ("python:3.12-slim", "3.11.4", "python:3.11-slim"),
        ("python:3.12.1-slim-bookworm", ">=3.13", "python:3.14-slim-bookworm"),
        ("mirror.example/library/python:3.12-slim", "<3.12", "mirror.example/library/python:3.11-slim"),
        ("python:3.12-slim", "3.8", "python:3.8-slim"),
        ("python:3.12-slim", "3.15", "python:3.15-slim"),
        ("python:3.12-slim", ">=3.8,<3.9", "python:3.8-slim"),
        ("python:3.12-slim", "3", "python:3.12-slim"),
        ("my/own-base:1", "3.11", "my/own-base:1"),
        ("python:3.12-slim", "nonsense", "python:3.12-slim"),
    ],
)
def test_the_python_asked_for(configured: str, asked: str, chosen: str) -> None:
    assert python_image(configured, asked) == chosen


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        *(("", "node:22-slim"), (">=18", "node:22-slim"), ("20.x", "node:20-slim"), ("^18.1.0", "node:18-slim")),
        *(
            ("lts/iron", "node:20-slim"),
            (">=18 <21", "node:20-slim"),
            ("^20 || ^24", "node:24-slim"),
            ("nonsense", "node:22-slim"),
        ),
    ],
)
def test_the_node_asked_for(asked: str, chosen: str) -> None:
    assert node_image("node:22-slim", asked) == chosen


# -- manifests


@pytest.mark.parametrize(
    ("files", "source", "manifests"),
    [
        ({"requirements.txt": "flask\n"}, "requirements.txt", ("requirements.txt",)),
        (
            {"requirements.txt": "-r more/base.txt\n-c pins.txt\n", "more/base.txt": "flask", "pins.txt": ""},
            "requirements.txt",
            ("more/base.txt", "pins.txt", "requirements.txt"),
        ),
        ({"requirements.txt": "-e .\n"}, "requirements.txt", ()),
        ({"requirements.txt": "./wheels/x.whl\n"}, "requirements.txt", ()),
        ({"requirements.txt": "x @ file:///x\n"}, "requirements.txt", ()),
        ({"requirements.txt": "-r ../outside.txt\n"}, "requirements.txt", ()),
        ({"pyproject.toml": "[project]\nname='x'\n", "uv.lock": ""}, "uv.lock", ("pyproject.toml", "uv.lock")),
        ({"setup.py": "setup()"}, "setup.py", ()),
        ({"pyproject.toml": "[project]\nname='x'\ndependencies=['y']\n"}, "pyproject.toml", (REQUIREMENTS,)),
        ({"Pipfile": "[packages]\ny='*'\n"}, "Pipfile", (REQUIREMENTS,)),
        ({"Pipfile": "[packages]\ny={path='y'}\n"}, "Pipfile", ()),
        ({"requirements.in": "flask\n"}, "requirements.in", ("requirements.in",)),
        ({"pyproject.toml": "[project]\nname='x'\ndynamic=['dependencies']\n"}, "pyproject.toml", ()),
        ({"pyproject.toml": "[project]\nname='x'\n[tool.uv.sources]\ny={path='y'}\n", "uv.lock": ""}, "uv.lock", ()),
    ],
)
def test_what_suffices_to_install(tmp_path: Path, files: dict[str, str], source: str, manifests: tuple[str, ...]) -> None:
    spec = Spec(kind="python", install={"from": source})
    assert manifests_of(spec, SourceFolder(write(tmp_path, files))).files == manifests


@pytest.mark.parametrize(
    ("files", "source", "installs"),
    [
        ({"Pipfile": "[packages]\ny='==1'\n"}, "Pipfile", ["-r", REQUIREMENTS]),
        (
            {
                "pyproject.toml": "[tool.poetry.dependencies]\ny='^1'\n",
                "poetry.lock": "[[package]]\nname='y'\nversion='1.2'\n",
            },
            "poetry.lock",
            ["-r", REQUIREMENTS, "-c", CONSTRAINTS],
        ),
        ({"setup.py": "setup()"}, "setup.py", ["-r", "setup.py"]),
        ({"environment.yml": "dependencies: [y]"}, "environment.yml", ["-r", REQUIREMENTS]),
        ({"requirements.in": "y"}, "requirements.in", ["-r", "requirements.in"]),
    ],
)
def test_every_package_manager_of_python_installs_in_an_image_what_it_does_in_a_bundle(
    tmp_path: Path, files: dict[str, str], source: str, installs: list[str]
) -> None:
    spec = Spec(kind="python", command=("python", "x.py"), install={"from": source})
    manifests = manifests_of(spec, SourceFolder(write(tmp_path, files)))
    lines = dockerfile_for(spec, manifests, Bases()).splitlines()
    assert f"RUN {json.dumps(['/opt/uv/bin/uv', 'pip', 'install', *installs])}" in lines


def test_a_build_command_of_python_runs_before_the_start() -> None:
    build = ("python", "manage.py", "compilemessages", "&&", "cd", "web", "&&", "LANG=fr", "make", "${WORD}")
    spec = replace(PYTHON, build=build, environment={"WORD": "all"})
    lines = dockerfile_for(spec, Manifests(("requirements.txt",)), Bases()).splitlines()
    start = lines.index('RUN ["python", "manage.py", "compilemessages"]')
    assert lines[start : start + 4][1:] == ['WORKDIR "web"', 'RUN ["env", "LANG=fr", "make", "all"]', "WORKDIR /app"]


def test_a_site_made_by_python_leaves_python_behind() -> None:
    install = {"from": "requirements.txt", "publish": "site", "by": "python"}
    spec = Spec(kind="static", install=install, build=("mkdocs", "build", "-d", "site"))
    text = dockerfile_for(spec, Manifests(("requirements.txt",)), Bases())
    assert text.startswith("FROM python:3.12-slim AS site\n")
    assert 'RUN ["mkdocs", "build", "-d", "site"]' in text
    assert text.index("FROM scratch") > text.index("mkdocs")


def test_only_a_package_is_installed_itself(tmp_path: Path) -> None:
    spec = Spec(kind="python", install={"from": "pyproject.toml"})
    write(tmp_path, {"pyproject.toml": "[project]\nname='x'\n"})
    assert not manifests_of(spec, SourceFolder(tmp_path)).is_package
    write(tmp_path, {"pyproject.toml": "[project]\nname='x'\n[build-system]\nrequires=['hatchling']\n"})
    assert manifests_of(spec, SourceFolder(tmp_path)).is_package


@pytest.mark.parametrize(
    ("package", "manifests"),
    [
        ({}, (".npmrc", "package-lock.json", "package.json")),
        ({"scripts": {"postinstall": "node x.js"}}, ()),
        ({"dependencies": {"x": "file:../x"}}, ()),
        ({"workspaces": ["packages/*"]}, (".npmrc", "package-lock.json", "package.json", "packages/a/package.json")),
        ({"dependencies": {"prisma": "5"}}, ()),
    ],
)
def test_what_suffices_for_npm(tmp_path: Path, package: dict[str, object], manifests: tuple[str, ...]) -> None:
    files = {"package.json": json.dumps(package), "package-lock.json": "{}", ".npmrc": "", "packages/a/package.json": "{}"}
    write(tmp_path, files)
    assert manifests_of(NODE, SourceFolder(tmp_path)).files == manifests


# -- the context


def test_the_context_is_the_folder_less_what_is_ignored(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "", "b.log": "", "keep.log": "", "logs/c.log": "", ".git/config": "", "sub/.git": ""})
    ignores = ignore_patterns("# comment\n\n*.log\n!keep.log\nlogs\n.git\n #kept\n")
    assert ignores[-1] == "#kept"
    assert list(included(tmp_path, ignores)) == ["a.py", "keep.log", "sub", "sub/.git"]


def test_hidden_files_of_a_site_stay_at_home(tmp_path: Path) -> None:
    write(tmp_path, {"index.html": "", ".env": "", ".git/config": "", ".well-known/security.txt": "", "sub/.htpasswd": ""})
    seen = list(included(tmp_path, (*ignores_of(tmp_path, of_published), *static_ignores("."))))
    assert seen == [".well-known", ".well-known/security.txt", "index.html", "sub"]


def test_links_travel_as_links_and_pipes_not_at_all(tmp_path: Path) -> None:
    write(tmp_path / "source", {"run.sh": "#!", "a.txt": "a"})
    write(tmp_path, {"secret": "do-not-leak"})
    (tmp_path / "source/leak").symlink_to(tmp_path / "secret")
    (tmp_path / "source/run.sh").chmod(0o700)
    os.mkfifo(tmp_path / "source/pipe")
    packed = io.BytesIO()
    extras = {"a.txt": Extra(b"ours"), ".fairway/x": Extra(tmp_path / "secret", 0o755)}
    write_context(tmp_path / "source", packed, ignores=[], extras=extras, check=nothing)
    assert packed.getvalue().count(b"do-not-leak") == 1  # our own extra file
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        entries = {entry.name: entry for entry in archive}
        assert archive.extractfile("a.txt").read() == b"ours"  # type: ignore[union-attr]
    assert set(entries) == {"run.sh", "a.txt", "leak", ".fairway/x"}
    assert entries["leak"].issym()
    assert (entries["run.sh"].mode, entries["run.sh"].uid, entries["run.sh"].mtime) == (0o755, 0, 0)


def test_a_cancel_is_heard_while_packing(tmp_path: Path) -> None:
    def stop() -> None:
        raise Cancelled

    write(tmp_path, {"a": ""})
    with pytest.raises(Cancelled):
        write_context(tmp_path, io.BytesIO(), ignores=[], extras={}, check=stop)


# -- what is asked of the builders


def test_the_recipe_knows_what_makes_an_image() -> None:
    source = Checkout(Path("/x"), "c1")
    first = recipe_checksum(source, PYTHON, "FROM a", {})
    others = [
        recipe_checksum(Checkout(Path("/x"), "c2"), PYTHON, "FROM a", {}),
        recipe_checksum(source, NODE, "FROM a", {}),
        recipe_checksum(source, PYTHON, "FROM b", {}),
        recipe_checksum(source, PYTHON, "FROM a", {"X": "1"}),
    ]
    assert len({first, *others}) == 5
    assert recipe_checksum(Checkout(Path("/y"), "c1"), PYTHON, "FROM a", {}) == first


def test_the_classic_builder_is_limited() -> None:
    asked = image_classic.query(BUILD)
    assert (asked["memory"], asked["memswap"], asked["cpuquota"], asked["cpuperiod"]) == ("1024", "1024", "50000", "100000")
    assert json.loads(asked["labels"]) == {"fairway.data": "0123abcd"}
    assert "hunter22" not in repr(BUILD)


def test_what_comes_from_stderr_is_told_by_its_paint() -> None:
    assert list(image_classic.lines({"stream": "\x1b[91mwarning\nmore\x1b[0m"})) == [
        ("stderr", "warning"),
        ("stderr", "more"),
    ]
    assert list(image_classic.lines({"stream": "Step 1/2 : FROM x\n"})) == [("stdout", "Step 1/2 : FROM x")]


@pytest.mark.parametrize(
    ("text", "kind", "word"),
    [
        ("The command 'x' returned a non-zero code: 7", Refused, "code 7"),
        ('process "/bin/sh -c x" did not complete successfully: exit code: 7', Refused, "code 7"),
        ("The command 'x' returned a non-zero code: 137", Refused, "memory"),
        ("the --mount option requires BuildKit", NeedsPerson, "buildx"),
        ("write /x: no space left on device", NeedsPerson, "full"),
        ("manifest for python:9 not found: manifest unknown", NeedsPerson, "FROM"),
        ("Get https://registry-1.docker.io/v2/: dial tcp: lookup x: no such host", Retry, "registry"),
        ("dockerfile parse error line 1: unknown instruction: FORM", Refused, "FORM"),
    ],
)
def test_what_failed_builds_say(text: str, kind: type[Exception], word: str) -> None:
    failure = build_failure(text, ["last line"], BUILD.limits)
    assert type(failure) is kind
    assert word in failure.sentence
    assert "last line" in failure.detail


def test_build_arguments_are_words_of_the_command_and_never_its_environment(tmp_path: Path) -> None:
    """A compose file that set ``PATH`` or ``LD_PRELOAD`` once ran its own program as the client, on our machine."""
    hostile = {
        "PATH": "/evil",
        "LD_PRELOAD": "/evil.so",
        "DOCKER_CONFIG": "/evil",
        "HOME": "/evil",
        "DOCKER_HOST": "tcp://evil",
    }
    build = replace(BUILD, arguments={**BUILD.arguments, **hostile})
    command = image_buildx.argv(build, id_file=tmp_path / "id")
    assert command[:3] == ["docker", "buildx", "build"]
    assert command[-1] == "-"
    given = [command[at + 1] for at, word in enumerate(command) if word == "--build-arg"]
    assert dict(word.split("=", 1) for word in given) == dict(build.arguments)
    environment = image_buildx.client_environment("unix:///x")
    assert not any("evil" in value for value in environment.values())
    assert set(environment) <= {
        *image_buildx._KEPT_VARIABLES,
        "DOCKER_HOST",
        "DOCKER_BUILDKIT",
        "BUILDX_NO_DEFAULT_ATTESTATIONS",
    }
    assert environment["DOCKER_HOST"] == "unix:///x"


def test_a_hostile_compose_file_does_not_choose_the_client(client: str, tmp_path: Path) -> None:
    """The attack itself: the file's ``PATH`` leads to another program of the client's name, its ``LD_PRELOAD`` to code."""
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "docker").write_text('#!/bin/sh\ntouch "$(dirname $0)/ran"\n')
    (evil / "docker").chmod(0o755)
    hostile = {"PATH": str(evil), "LD_PRELOAD": str(evil / "evil.so"), "HOME": str(evil), "PYTHONPATH": str(evil)}
    run(client, replace(BUILD, arguments=hostile), tmp_path, log := Log())
    assert log.lines == ["context 1000 unix:///x.sock None"]
    assert not (evil / "ran").exists()


# -- the plumbing around the buildx client, with a stand-in program: no machine of ours has the plugin


CLIENT = """#!/usr/bin/env python3
import os, sys, time
if sys.argv[1:3] == ["buildx", "version"]:
    sys.exit(0)
print("context", len(sys.stdin.buffer.read()), os.environ["DOCKER_HOST"], os.environ.get("NOT_FOR_BUILDS"), flush=True)
if "--target" in sys.argv:
    print("process \\"x\\" did not complete successfully: exit code: 3", flush=True)
    sys.exit(1)
if "PIP_INDEX_URL=slow" in sys.argv:
    time.sleep(600)
"""


@pytest.fixture
def client(tmp_path: Path) -> str:
    program = tmp_path / "docker"
    program.write_text(CLIENT)
    program.chmod(0o755)
    return str(program)


class Log(NullProgress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str, *, stream: str = "stdout") -> None:
        self.lines.append(text)


def run(client: str, build: ImageBuild, tmp_path: Path, log: Log, check: object = nothing) -> None:
    context = tmp_path / "context"
    context.write_bytes(b"x" * 1000)
    command = image_buildx.argv(build, id_file=tmp_path / "id", client=client)
    with context.open("rb") as file:
        image_buildx.run(command, build, host="unix:///x.sock", context=file, progress=log, check=check)  # type: ignore[arg-type]


def test_the_client_gets_the_context_and_little_else(client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOT_FOR_BUILDS", "secret")
    log = Log()
    run(client, BUILD, tmp_path, log)
    assert log.lines == ["context 1000 unix:///x.sock None"]
    assert image_buildx.is_present(client)
    assert not image_buildx.is_present(str(tmp_path / "none"))


def test_a_failed_client_is_a_failed_build(client: str, tmp_path: Path) -> None:
    failing = ImageBuild(tag="t", dockerfile="D", labels={}, limits=BUILD.limits, target="stage")
    with pytest.raises(Refused, match="code 3"):
        run(client, failing, tmp_path, Log())


def test_a_cancelled_client_is_gone(client: str, tmp_path: Path) -> None:
    log = Log()

    def stop() -> None:
        if log.lines:
            raise Cancelled

    slow = ImageBuild(tag="t", dockerfile="D", labels={}, limits=BUILD.limits, arguments={"PIP_INDEX_URL": "slow"})
    with pytest.raises(Cancelled):
        run(client, slow, tmp_path, log, stop)
    assert not any(client in command for command in commands())


def commands() -> list[str]:
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(place.read_text(errors="replace"))
        except OSError:
            continue
    return found
