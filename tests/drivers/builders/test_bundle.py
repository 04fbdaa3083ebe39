"""Real builds: uv and npm run, the bundles serve, and a second build takes what the first one made."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fairway.drivers.builders.bundle import BundleBuilder
from fairway.drivers.builders.contract import BuildLimits, BuildRequest, Built, Checkout, Spec
from fairway.drivers.builders.detection.detect import detect
from fairway.drivers.builders.tree import tree_checksum
from fairway.drivers.runtimes.contract import ArtifactKind
from fairway.drivers.runtimes.process.bundle import Bundle, verify
from fairway.shared.failures import Cancelled, NeedsPerson, Refused

from .conftest import Heard
from .folders import EXAMPLES, make
from .serving import served

INSTALLED = "$ uv pip install"


def build(data: Path, folder: Path, heard: Heard, spec: Spec | None = None, limits: BuildLimits | None = None) -> Built:
    detected = spec or detect(folder).spec
    assert detected is not None
    request = BuildRequest("test", Checkout(folder, tree_checksum(folder)), detected, limits or BuildLimits())
    return BundleBuilder(data).build(request, heard)


def place_of(built: Built) -> Path:
    assert built.artifact.kind is ArtifactKind.BUNDLE
    assert built.artifact.location is not None
    return built.artifact.location


def is_alive(pid: str) -> bool:
    status = Path("/proc", pid, "stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize(("example", "health"), [("flask", "/health"), ("fastapi", "/health"), ("django", "/health")])
def test_a_python_example_serves_from_its_bundle(
    example: str, health: str, built_data: Path, heard: Heard, tmp_path: Path
) -> None:
    built = build(built_data, EXAMPLES / example, heard)
    assert built.builder == "uv"
    with served(place_of(built), tmp_path, {"GREETING": "Good <morning>"}) as client:
        assert client.get(health).json() == {"status": "ok", "version": "1.0.0"}
        assert "Good &lt;morning&gt;" in client.get("/").text
    verify(place_of(built))  # running it changed nothing that counts


def test_a_program_whose_port_stands_in_its_code_serves_where_it_is_asked(
    built_data: Path, heard: Heard, tmp_path: Path
) -> None:
    source = "from http.server import HTTPServer, SimpleHTTPRequestHandler as H\nHTTPServer(('', 8123), H).serve_forever()\n"
    built = build(built_data, make(tmp_path / "source", {"run.py": source, "hello.txt": "hi"}), heard)
    with served(place_of(built), tmp_path) as client:
        assert client.get("/hello.txt").text == "hi"


@pytest.mark.node
def test_the_express_example_serves_from_its_bundle(npm: str, built_data: Path, heard: Heard, tmp_path: Path) -> None:
    built = build(built_data, EXAMPLES / "express", heard)
    with served(place_of(built), tmp_path, {"GREETING": "Good <morning>"}) as client:
        assert client.get("/health").json() == {"status": "ok", "version": "1.0.0"}
        assert client.post("/guests", data={"line": "<b>me</b>"}).status_code == 303
        assert "&#60;b&#62;me" in client.get("/").text


def test_the_static_example_serves_from_its_bundle(built_data: Path, heard: Heard, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    shutil.copytree(EXAMPLES / "static", folder)
    make(folder, {"404.html": "lost", ".secret": "hidden", "about/.env": "hidden", ".well-known/security.txt": "mail us"})
    with served(place_of(build(built_data, folder, heard)), tmp_path) as client:
        assert "A folder of files" in client.get("/").text
        assert client.get("/about/").status_code == 200
        assert client.get("/VERSION").text == "1.0.0\n"
        missing, hidden = client.get("/nothing"), client.get("/.secret")
        assert (missing.status_code, missing.text) == (404, "lost")
        assert (hidden.status_code, hidden.text) == (404, "lost")
        assert client.get("/about/.env").status_code == client.get("/%2esecret").status_code == 404
        assert client.get("/.well-known/security.txt").text == "mail us"


def test_the_same_source_is_built_once_and_a_change_installs_nothing(built_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    shutil.copytree(EXAMPLES / "flask", folder)
    first, second, third = Heard(), Heard(), Heard()
    built = build(built_data, folder, first)
    assert build(built_data, folder, second) == built
    assert second.lines == ["This source was built before with the same settings: its bundle is used."]
    make(folder, {"VERSION": "1.1.0\n"})
    changed = build(built_data, folder, third)
    assert changed.artifact.digest != built.artifact.digest
    assert not any(line.startswith("$ uv") for line in third.lines)
    assert not list((built_data / "cache" / "staging").iterdir())


def test_equal_sources_have_equal_digests_wherever_they_were_built(tmp_path: Path, built_data: Path, heard: Heard) -> None:
    here = build(built_data, EXAMPLES / "flask", heard)
    shutil.copytree(built_data / "cache" / "uv", tmp_path / "cache" / "uv", symlinks=True)  # the rest is made anew
    there = build(tmp_path, EXAMPLES / "flask", Heard())
    assert there.artifact.digest == here.artifact.digest
    assert place_of(there) != place_of(here)


def test_a_lost_bundle_is_built_again(tmp_path: Path) -> None:
    folder = make(tmp_path / "site", {"index.html": "hi"})
    first = build(tmp_path, folder, Heard())
    shutil.rmtree(place_of(first))
    again = build(tmp_path, folder, Heard())
    assert again == first
    verify(place_of(again))


def test_nothing_of_fairway_reaches_the_build(tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRWAY_SECRET_KEY", "do-not-tell")
    manage = "import os, sys, json\nprint('SEEN', json.dumps(sorted(os.environ)))\n"
    spec = Spec(kind="python", command=("python", "manage.py"), install={"collectstatic": "site/manage.py"})
    build(tmp_path, make(tmp_path / "app", {"site/manage.py": manage}), heard, spec)
    seen = next(line for line in heard.lines if line.startswith("SEEN"))
    assert "FAIRWAY" not in seen
    assert {"HOME", "PATH"} <= set(json.loads(seen[5:]))


def test_a_project_with_a_build_system_is_installed_without_naming_the_staging_folder(tmp_path: Path, heard: Heard) -> None:
    project = (
        "[build-system]\nrequires=['hatchling']\nbuild-backend='hatchling.build'\n"
        "[project]\nname='greeter'\nversion='2'\n[project.scripts]\ngreet='greeter:main'\n"
    )
    source = (
        "import os, http.server as h\n"
        "def main():\n"
        "    place = ('127.0.0.1', int(os.environ['PORT']))\n"
        "    h.HTTPServer(place, h.SimpleHTTPRequestHandler).serve_forever()\n"
    )
    folder = make(tmp_path / "app", {"pyproject.toml": project, "src/greeter/__init__.py": source, "index.html": "moved"})
    spec = Spec(kind="python", command=("greet",), install={"from": "pyproject.toml"})
    built = build(tmp_path, folder, heard, spec)
    where = str(tmp_path / "cache" / "staging").encode()
    texts = [
        place
        for place in place_of(built).rglob("*")
        if place.is_file() and not place.is_symlink() and place.suffix != ".pyc"
    ]
    assert not [place for place in texts if where in place.read_bytes()]
    bundle = Bundle.read(place_of(built))
    assert os.access(bundle.folder / ".venv/bin/greet", os.X_OK)
    with served(place_of(built), tmp_path / "cache") as client:
        assert client.get("/").text == "moved"


def test_a_poetry_lock_file_decides_versions(tmp_path: Path, heard: Heard) -> None:
    lock = '[[package]]\nname = "itsdangerous"\nversion = "2.1.2"\n'
    project = '[tool.poetry]\nname="x"\nversion="1"\n[tool.poetry.dependencies]\npython="^3.11"\nitsdangerous="^2.0"\n'
    folder = make(tmp_path / "app", {"pyproject.toml": project, "poetry.lock": lock, "main.py": ""})
    spec = Spec(kind="python", command=("python", "main.py"), install={"from": "poetry.lock"})
    built = build(tmp_path, folder, heard, spec)
    assert list(place_of(built).glob(".venv/lib/*/site-packages/itsdangerous-2.1.2.dist-info"))


@pytest.mark.parametrize(
    ("requirements", "words", "said"),
    [
        ("no-such-package-on-any-index-zzz==1\n", "no-such-package", "has no “no-such-package-on-any-index-zzz”"),
        ("idna==3.4\nidna==3.5\n", "idna==3.5", "The dependencies in requirements.txt do not go together: Because"),
        ("flask @@ what\n", "what", "uv pip install ended with code 1. Its error: Distribution not found at: @%20what."),
    ],
)
def test_a_failing_install_shows_the_last_lines(
    tmp_path: Path, requirements: str, words: str, said: str, heard: Heard
) -> None:
    spec = Spec(kind="python", command=("python", "x.py"), install={"from": "requirements.txt"})
    with pytest.raises(Refused) as caught:
        build(tmp_path, make(tmp_path / "app", {"requirements.txt": requirements}), heard, spec)
    assert words in caught.value.detail
    assert said in caught.value.sentence
    assert not list((tmp_path / "bundles").iterdir())
    assert not list((tmp_path / "cache" / "staging").iterdir())


def test_a_python_that_is_not_here_needs_a_person(tmp_path: Path, heard: Heard) -> None:
    spec = Spec(kind="python", command=("python", "x.py"), install={"python": ">=3.99"})
    with pytest.raises(NeedsPerson, match=r"Python >=3\.99"):
        build(tmp_path, make(tmp_path / "app", {"x.py": ""}), heard, spec)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (Spec(kind="dockerfile"), "needs Docker"),
        (Spec(kind="static", root="../.."), "points outside"),
        (Spec(kind="static", root="missing"), "no folder"),
        (Spec(kind="static", install={"publish": "missing"}), "publish"),
        (Spec(kind="python", command=("python", "x"), install={"from": "uv.lock"}), "no uv.lock"),
    ],
)
def test_what_cannot_be_built_is_refused(tmp_path: Path, heard: Heard, spec: Spec, words: str) -> None:
    with pytest.raises(Refused, match=words):
        build(tmp_path, make(tmp_path / "app", {"index.html": ""}), heard, spec)


def test_links_that_leave_are_left_out(tmp_path: Path, heard: Heard) -> None:
    folder = make(tmp_path / "app", {"index.html": "hi", "inner/a.txt": "a"})
    make(tmp_path, {"secret.txt": "s"})
    (folder / "out").symlink_to("../secret.txt")
    (folder / "absolute").symlink_to("/etc/passwd")
    (folder / "stays").symlink_to("inner/a.txt")
    app = place_of(build(tmp_path, folder, heard)) / "app"
    assert sorted(place.name for place in app.iterdir()) == ["index.html", "inner", "stays"]
    assert "Left out: 2 links with a target outside the source (absolute, out)." in heard.lines


def test_a_published_folder_goes_live_whole(built_data: Path, tmp_path: Path, heard: Heard) -> None:
    """Packages that a page loads, folders that sound like a program's, names with an underscore; what is not is said."""
    shown = ("node_modules/x/dist/x.js", "venv/index.html", "env/a.txt", "_next/app.js", ".well-known/a.txt", "build/x")
    unseen = (".nojekyll", ".git/config", "sub/.DS_Store", "sub/._a.txt", "__pycache__/a.pyc")
    folder = make(tmp_path / "site", dict.fromkeys((*shown, *unseen), "x") | {"index.html": "hi", "package.json": "{}"})
    spec = Spec(kind="static", install={"publish": "."})
    with served(place_of(build(built_data, folder, heard, spec)), tmp_path) as client:
        assert {name: client.get(f"/{name}").text for name in shown} == dict.fromkeys(shown, "x")
        assert {client.get(f"/{name}").status_code for name in unseen} == {404}
    assert [line for line in heard.lines if not line.startswith("Bundle")] == [
        "Left out: 1 folder that the build makes again (__pycache__/).",
        "Left out: 2 files that the file manager of macOS or Windows wrote (sub/.DS_Store, sub/._a.txt).",
        "Left out: 1 folder that version control keeps for itself (.git/).",
        "Not shown to visitors: 1 hidden file (.nojekyll).",
    ]


def test_a_change_in_committed_packages_is_a_change(tmp_path: Path) -> None:
    folder = make(tmp_path / "site", {"node_modules/x.js": "old", "venv/a": ""})
    before = tree_checksum(folder)
    make(folder, {"node_modules/x.js": "new"})
    assert tree_checksum(folder) != before


@pytest.mark.node
def test_a_site_built_by_npm_is_only_its_result(npm: str, tmp_path: Path, heard: Heard) -> None:
    script = "const f=require('fs'); f.mkdirSync('dist'); f.writeFileSync('dist/index.html','built')"
    package = {"version": "1.0.0", "scripts": {"build": "node make.js"}}
    folder = make(tmp_path / "app", {"package.json": json.dumps(package), "make.js": script})
    built = build(tmp_path, folder, heard)
    app = place_of(built) / "app"
    assert [place.name for place in app.iterdir()] == ["index.html"]
    assert (app / "index.html").read_text() == "built"


@pytest.mark.node
def test_a_build_that_takes_too_long_or_is_cancelled_leaves_nothing(npm: str, tmp_path: Path) -> None:
    package = {"version": "1.0.0", "scripts": {"build": "node wait.js"}}
    wait = "console.log('waiting ' + process.pid); setInterval(() => 0, 1000)"
    folder = make(tmp_path / "app", {"package.json": json.dumps(package), "wait.js": wait})
    cancelled, late = Heard(cancel_when=lambda line: "waiting" in line), Heard()
    with pytest.raises(Cancelled):
        build(tmp_path, folder, cancelled)
    with pytest.raises(Refused, match="longer than"):
        build(tmp_path, folder, late, limits=BuildLimits(seconds=5.0))
    pids = [line.split()[1] for line in (*cancelled.lines, *late.lines) if line.startswith("waiting ")]
    assert pids
    assert not any(map(is_alive, pids))
    assert not list((tmp_path / "bundles").iterdir())


def test_layers_that_nobody_uses_are_trimmed_and_bundles_stay_whole(tmp_path: Path, heard: Heard) -> None:
    folder = make(tmp_path / "app", {"x.py": ""})
    built = build(tmp_path, folder, heard, Spec(kind="python", command=("python", "x.py")))
    builder = BundleBuilder(tmp_path)
    died = make(tmp_path / "cache/staging/died", {"x": ""})
    os.utime(died, (1, 1))
    assert builder.trim(older_than=3600) == 0
    assert builder.trim(older_than=-1) == 1
    assert not died.exists()
    verify(place_of(built))
    other = build(tmp_path, folder, Heard(), replace(Spec(kind="python", command=("python", "y.py"))))
    assert other.artifact.digest != built.artifact.digest


@pytest.mark.node
def test_development_packages_build_it_and_are_left_behind(npm: str, built_data: Path, tmp_path: Path, heard: Heard) -> None:
    package = {
        "version": "1.0.0",
        "scripts": {
            "build": "node -e \"require('ms'); require('fs').writeFileSync('built', 'yes')\"",
            "start": "node main.js",
        },
        "dependencies": {"has-flag": "4.0.0"},
        "devDependencies": {"ms": "2.1.3"},
    }
    folder = make(tmp_path / "app", {"package.json": json.dumps(package), "main.js": ""})
    app = place_of(build(built_data, folder, heard)) / "app"
    assert (app / "built").read_text() == "yes"
    assert (app / "node_modules/has-flag/package.json").is_file()
    assert not (app / "node_modules/ms").exists()
    layers = [place for place in (built_data / "cache/layers").iterdir() if (place / "node_modules/ms").is_dir()]
    assert layers  # pruning took nothing from the layer, so that the next build has it


def test_requirements_may_name_other_files_and_the_project_itself(built_data: Path, tmp_path: Path, heard: Heard) -> None:
    project = (
        "[build-system]\nrequires=['hatchling']\nbuild-backend='hatchling.build'\n[project]\nname='inner'\nversion='1'\n"
    )
    files = {
        "requirements.txt": "-r requirements/web.txt\n-e ./inner\n",
        "requirements/web.txt": "-c ../constraints.txt\nitsdangerous\n",
        "constraints.txt": "itsdangerous==2.1.2\n",
        "inner/pyproject.toml": project,
        "inner/inner/__init__.py": "WORD = 'one'\n",
        "main.py": "",
    }
    folder = make(tmp_path / "app", files)
    spec = Spec(kind="python", command=("python", "main.py"), install={"from": "requirements.txt"})
    built = build(built_data, folder, heard, spec)
    installed = next(place_of(built).glob(".venv/lib/python*/site-packages"))
    assert (installed / "itsdangerous-2.1.2.dist-info").is_dir()
    assert (installed / "inner/__init__.py").read_text() == "WORD = 'one'\n"
    assert not (place_of(built) / "app/.fairway-requirements.txt").exists()
    make(folder, {"inner/inner/__init__.py": "WORD = 'two'\n"})
    again = place_of(build(built_data, folder, Heard(), spec))
    assert next(again.glob(".venv/lib/python*/site-packages/inner/__init__.py")).read_text() == "WORD = 'two'\n"
