"""Real builds of Python applications: every package manager, old pins, build commands, sites, and fetched Pythons."""

from __future__ import annotations

import json
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from fairway.drivers.builders.bundle import BundleBuilder
from fairway.drivers.builders.contract import BuildRequest, Built, Checkout, Spec
from fairway.drivers.builders.detection.detect import detect
from fairway.drivers.builders.inventory import of_bundle
from fairway.drivers.builders.layers import erase
from fairway.drivers.builders.python_older import older_than
from fairway.drivers.builders.pythons import Pythons, PythonSource
from fairway.drivers.builders.tree import tree_checksum
from fairway.drivers.wall.programs import homes_of
from fairway.shared.failures import NeedsPerson, Refused

from .conftest import Heard
from .folders import make
from .python_mirror import mirror_in
from .serving import served

FLASK = "from flask import Flask\napp = Flask(__name__)\n@app.get('/')\ndef home(): return 'served'\n"
SERVER = (
    "import os, http.server as h, {imported}\n"
    "class Answer(h.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200); self.end_headers(); self.wfile.write(str({shown}).encode())\n"
    "h.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Answer).serve_forever()\n"
)
IDNA = SERVER.format(imported="idna", shown="idna.__version__")
POETRY = "[tool.poetry]\nname='x'\nversion='1'\n[tool.poetry.dependencies]\npython='^3.9'\nidna='~3.4'\n"
PDM = "[project]\nname='x'\nversion='1'\ndependencies=['idna']\n"
PIPFILE_LOCK = {
    "default": {
        "idna": {"version": "==3.4", "hashes": ["sha256:90b77e79eaa3eba6de819a0c442c0b4ceefc341a7a2ab77d7562bf49f425c5c2"]}
    }
}


def build(data: Path, folder: Path, heard: Heard, spec: Spec | None = None, source: PythonSource | None = None) -> Built:
    detected = spec or detect(folder).spec
    assert detected is not None
    request = BuildRequest("test", Checkout(folder, tree_checksum(folder)), detected)
    return BundleBuilder(data, source).build(request, heard)


def place_of(built: Built) -> Path:
    assert built.artifact.location is not None
    return built.artifact.location


@pytest.mark.parametrize(
    ("files", "installer", "version"),
    [
        ({"Pipfile": "[packages]\nidna='*'\n", "Pipfile.lock": json.dumps(PIPFILE_LOCK)}, "Pipfile.lock", "3.4"),
        ({"pyproject.toml": POETRY}, "pyproject.toml", "3.4"),
        ({"pyproject.toml": PDM, "pdm.lock": '[[package]]\nname = "idna"\nversion = "3.4"\n'}, "pdm.lock", "3.4"),
        ({"requirements.in": "idna==3.4\n"}, "requirements.in", "3.4"),
        ({"environment.yml": "dependencies:\n- pip:\n  - idna==3.4\n"}, "environment.yml", "3.4"),
        (
            {
                "setup.py": "from setuptools import setup\nwanted = open('wanted.txt').read().split()\n"
                "setup(name='x', version='1', install_requires=wanted, packages=[])\n",
                "wanted.txt": "idna==3.4\n",
            },
            "setup.py",
            "3.4",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_package_manager_installs_and_the_application_serves(
    built_data: Path, tmp_path: Path, heard: Heard, files: dict[str, str], installer: str, version: str
) -> None:
    folder = make(tmp_path / "app", {**files, "main.py": IDNA})
    spec = detect(folder).spec
    assert spec is not None
    assert spec.install["from"] == installer
    built = build(built_data, folder, heard, spec)
    with served(place_of(built), tmp_path) as client:
        assert client.get("/").text == version
    assert {f"pkg:pypi/idna@{version}", "cpython"} <= {
        word for one in of_bundle(place_of(built)) for word in (one.purl, one.name)
    }
    litter = sorted(place.name for place in (place_of(built) / "app").iterdir())
    assert litter == sorted([*files, "main.py"])


def test_packages_are_compiled_but_not_their_tests(built_data: Path, tmp_path: Path, heard: Heard) -> None:
    """An application cannot write byte code: without it, each start would compile what it imports. Nobody imports tests."""
    make(tmp_path, {"requirements.txt": "toolz==1.0.0\n", "main.py": IDNA.replace("idna", "toolz")})
    (package,) = place_of(build(built_data, tmp_path, heard)).glob(".venv/lib/python*/site-packages/toolz")
    compiled = {path.relative_to(package).parts[0] for path in package.rglob("*.pyc")}
    assert "__pycache__" in compiled
    assert ("tests" in compiled, (package / "tests" / "test_functoolz.py").is_file()) == (False, True)


def test_an_old_pin_works_as_it_did_under_pip(built_data: Path, tmp_path: Path, heard: Heard) -> None:
    """gunicorn 20.0 imports ``pkg_resources``, which setuptools no longer has since version 82."""
    folder = make(tmp_path / "app", {"requirements.txt": "gunicorn==20.0.4\nflask==3.0.3\n", "app.py": FLASK})
    built = build(built_data, folder, heard)
    assert any("what older setuptools bring" in line for line in heard.lines)
    with served(place_of(built), tmp_path) as client:
        assert client.get("/").text == "served"


def test_a_package_of_long_ago_is_built_with_the_tools_of_its_time(built_data: Path, tmp_path: Path, heard: Heard) -> None:
    spec = Spec(kind="python", command=("python", "x.py"), install={"from": "requirements.txt"})
    folder = make(tmp_path / "app", {"requirements.txt": "anyjson==0.3.3\n", "x.py": ""})
    built = build(built_data, folder, heard, spec)
    assert any("tried with setuptools<58" in line for line in heard.lines)
    assert list(place_of(built).glob(".venv/lib/*/site-packages/anyjson"))


def test_a_fetched_python_is_shared_and_serves(tmp_path: Path) -> None:
    source = PythonSource("only", mirror_in(tmp_path / "mirror"))
    data, first, second = tmp_path / "data", Heard(), Heard()
    folder = make(tmp_path / "app", {"main.py": SERVER.format(imported="sys", shown="sys.base_prefix")})
    built = build(data, folder, first, source=source)
    with served(place_of(built), tmp_path) as client:
        assert client.get("/").text.startswith(str(data.resolve() / "pythons" / "cpython-3."))
    make(folder, {"other.txt": ""})
    build(data, folder, second, source=source)
    assert [sum("is downloaded once" in line for line in heard.lines) for heard in (first, second)] == [1, 0]
    interpreter = next((data.resolve() / "pythons").glob("cpython-3.*.*/bin/python3.*"))
    assert not interpreter.stat().st_mode & 0o222
    started = str(place_of(built) / ".venv/bin/python")
    assert interpreter.parent.parent in homes_of([started], "", private=data.resolve())  # what a walled application sees
    BundleBuilder(data, source).trim(older_than=-1)
    assert interpreter.exists()  # the bundle links to it
    erase(data.resolve() / "bundles")
    BundleBuilder(data, source).trim(older_than=3600)
    assert interpreter.exists()  # it was built with within the hour
    BundleBuilder(data, source).trim(older_than=-1)
    assert not interpreter.exists()


def test_what_was_made_for_an_older_python_of_this_machine_is_built_with_it(built_data: Path, tmp_path: Path) -> None:
    here = Pythons(tmp_path / "none", PythonSource("off")).here()
    older = next(iter(older_than(".".join(map(str, sys.version_info[:3])), list(here))), None)
    if older is None:
        pytest.skip("this machine has no older Python")
    minor = "".join(older.version.split(".")[:2])
    folder = make(
        tmp_path / "app",
        {
            "main.py": SERVER.format(imported="oldthing, sys", shown="sys.version"),
            "requirements.txt": "--no-index\n--find-links wheels\noldthing==1.0\n",
        },
    )
    (folder / "wheels").mkdir()
    with zipfile.ZipFile(folder / "wheels" / f"oldthing-1.0-cp{minor}-none-any.whl", "w") as wheel:
        wheel.writestr("oldthing.py", "")
        wheel.writestr("oldthing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: oldthing\nVersion: 1.0\n")
        wheel.writestr("oldthing-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: cp{minor}-none-any\n")
        wheel.writestr("oldthing-1.0.dist-info/RECORD", "")
    heard = Heard()
    built = build(built_data, folder, heard)
    with served(place_of(built), tmp_path) as client:
        assert client.get("/").text.startswith(older.version)
    assert any(f"this machine's Python {older.version} is taken" in line for line in heard.lines)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (PythonSource("off"), "downloads of Python are turned off"),
        (PythonSource("on", "file:///nowhere/downloads.json"), "could not be downloaded"),
    ],
)
def test_a_python_that_cannot_be_had_is_said_before_anything_is_built(
    tmp_path: Path, heard: Heard, source: PythonSource, words: str
) -> None:
    folder = make(tmp_path / "app", {"main.py": IDNA, ".python-version": "3.99\n"})
    with pytest.raises(NeedsPerson, match=words) as caught:
        build(tmp_path / "data", folder, heard, source=source)
    assert "asks for Python 3.99 in .python-version, which is not on this machine (here: 3." in caught.value.sentence
    assert not any(line.startswith("$") for line in heard.lines)


def test_a_word_that_means_nothing_for_downloads_is_told() -> None:
    with pytest.raises(NeedsPerson, match="FAIRWAY_PYTHON_DOWNLOADS is “maybe”; set it to one of on, off, only"):
        PythonSource("maybe")


def test_a_build_command_runs_with_the_programs_of_the_environment(built_data: Path, tmp_path: Path, heard: Heard) -> None:
    make_it = "import os, idna\nopen('made.txt', 'w').write(idna.__version__ + os.environ['WORD'])\n"
    folder = make(tmp_path / "app", {"requirements.txt": "idna==3.4\n", "make.py": make_it, "src/inner.py": "X = 1\n"})
    spec = Spec(
        kind="python",
        command=("python", "-c", "import inner"),
        install={"from": "requirements.txt"},
        environment={"WORD": "!"},
        build=("python", "make.py", "&&", "python", "-c", "import inner"),
    )
    app = place_of(build(built_data, folder, heard, spec)) / "app"
    assert (app / "made.txt").read_text() == "3.4!"
    with pytest.raises(Refused, match="python -c"):
        build(built_data, folder, heard, replace(spec, build=("python", "-c", "import nothing_like_it")))


def test_a_site_made_by_python_is_only_its_result(built_data: Path, tmp_path: Path, heard: Heard) -> None:
    files = {"requirements.txt": "mkdocs==1.6.1\n", "mkdocs.yml": "site_name: Harbour\n", "docs/index.md": "# Welcome\n"}
    spec = Spec(
        kind="static",
        build=("mkdocs", "build", "-d", "site"),
        install={"from": "requirements.txt", "publish": "site", "by": "python"},
    )
    built = build(built_data, make(tmp_path / "app", files), heard, spec)
    assert built.builder == "uv"
    with served(place_of(built), tmp_path) as client:
        assert "Welcome" in client.get("/").text
    assert not (place_of(built) / ".venv").exists()


def test_a_project_that_is_no_package_runs_from_its_folder(built_data: Path, tmp_path: Path, heard: Heard) -> None:
    project = "[build-system]\nrequires=['hatchling']\nbuild-backend='hatchling.build'\n" + PDM.replace("idna", "idna==3.4")
    folder = make(tmp_path / "app", {"pyproject.toml": project, "src/main.py": IDNA})
    spec = Spec(kind="python", command=("python", "-m", "main"), install={"from": "pyproject.toml"})
    with served(place_of(build(built_data, folder, heard, spec)), tmp_path) as client:
        assert client.get("/").text == "3.4"
    assert any("runs from its folder" in line for line in heard.lines)
    with pytest.raises(Refused, match=r"does not build|last lines"):
        make(folder, {"pyproject.toml": project + "[project.scripts]\nrun-it='main:x'\n"})
        build(built_data, folder, heard, replace(spec, command=("run-it",)))


def test_settings_that_miss_a_variable_still_collect_their_files(built_data: Path, tmp_path: Path, heard: Heard) -> None:
    manage = (
        "import os\nos.environ['SECRET_KEY']\nos.environ['DEBUG']\nopen('collected', 'w').write(os.environ['SECRET_KEY'])\n"
    )
    spec = Spec(kind="python", command=("python", "manage.py"), install={"collectstatic": True})
    app = place_of(build(built_data, make(tmp_path / "app", {"manage.py": manage}), heard, spec)) / "app"
    assert (app / "collected").exists()
    assert [line.split()[3] for line in heard.lines if line.startswith("The settings read")] == ["SECRET_KEY,", "DEBUG,"]
