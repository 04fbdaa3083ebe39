"""Which file says what a Python folder depends on, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.detection.detect import detect
from fairway.drivers.builders.detection.python_project import PythonProject
from fairway.drivers.builders.detection.source_folder import SourceFolder

from ..folders import make

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
PROJECT = "[project]\nname='x'\nversion='1'\ndependencies=['flask']\n"
LOCK = '[[package]]\nname = "flask"\nversion = "3.0"\n'
PIPFILE = "[packages]\nflask = '*'\n"
PIPFILE_LOCK = '{"default": {"flask": {"version": "==3.0"}}}'


@pytest.mark.parametrize(
    ("files", "installer"),
    [
        ({"pyproject.toml": PROJECT, "uv.lock": LOCK, "requirements.txt": "flask"}, "uv.lock"),
        ({"pyproject.toml": PROJECT, "pdm.lock": LOCK, "requirements.txt": "flask"}, "pdm.lock"),
        ({"pyproject.toml": "[tool.poetry]\nname='x'\n", "poetry.lock": LOCK}, "poetry.lock"),
        ({"pyproject.toml": "[tool.poetry]\nname='x'\n[tool.poetry.dependencies]\nflask='*'\n"}, "pyproject.toml"),
        ({"Pipfile": PIPFILE, "Pipfile.lock": PIPFILE_LOCK, "requirements.txt": "flask"}, "Pipfile.lock"),
        ({"Pipfile": PIPFILE, "Pipfile.lock": "{}"}, "Pipfile"),
        ({"requirements-prod.txt": "flask", "requirements-dev.txt": "pytest"}, "requirements-prod.txt"),
        ({"requirements/web.txt": "flask", "requirements/dev.txt": "pytest"}, "requirements/web.txt"),
        ({"requirements/site.txt": "flask", "requirements/test.txt": "pytest"}, "requirements/site.txt"),
        ({"reqs.txt": "flask"}, "reqs.txt"),
        ({"Requirements.txt": "flask"}, "Requirements.txt"),
        ({"requirements_app.txt": "flask", "requirements_tests.txt": "pytest"}, "requirements_app.txt"),
        ({"requirements.in": "flask"}, "requirements.in"),
        ({"requirements.in": "flask", "requirements.txt": "flask==3.0"}, "requirements.txt"),
        ({"setup.py": "from setuptools import setup\nneeded = ['flask']\nsetup(install_requires=needed)\n"}, "setup.py"),
        ({"setup.cfg": "[metadata]\nname = x\n[options]\ninstall_requires =\n  flask>=2\n"}, "setup.cfg"),
        ({"environment.yml": "dependencies:\n- python=3.11\n- flask=3.0\n"}, "environment.yml"),
        ({"environment.yml": "dependencies:\n- pip:\n  - flask\n"}, "environment.yml"),
        ({"requirements.txt": "-r more/base.txt\n", "more/base.txt": "flask\n"}, "requirements.txt"),
    ],
)
def test_every_manifest_is_read(tmp_path: Path, files: dict[str, str], installer: str) -> None:
    project = PythonProject(SourceFolder(make(tmp_path, {"app.py": FLASK, **files})))
    assert project.installer == installer
    assert "flask" in project.names
    spec = detect(tmp_path).spec
    assert spec is not None
    assert (spec.framework, spec.install["from"]) == ("Flask", installer)
    assert spec.install.get("add", ["gunicorn"]) == ["gunicorn"]  # the server, and nothing that is listed


@pytest.mark.parametrize(
    ("pyproject", "chosen"),
    [
        ("[project]\nname='x'\n[project.optional-dependencies]\nweb=['flask']\n", {"extras": ["web"]}),
        ("[project]\nname='x'\n[project.optional-dependencies]\nstuff=['Flask>2']\nother=['six']\n", {"extras": ["stuff"]}),
        ("[project]\nname='x'\n[dependency-groups]\nsite=['flask']\n", {"groups": ["site"]}),
        ("[project]\nname='x'\ndependencies=['flask']\n[project.optional-dependencies]\ndev=['flask','pytest']\n", {}),
        (
            "[project]\nname='x'\ndependencies=['flask']\n[project.optional-dependencies]\nprod=['gunicorn']\n",
            {"extras": ["prod"]},
        ),
        (
            "[tool.poetry]\nname='x'\n[tool.poetry.dependencies]\nflask={version='^3',optional=true}\n"
            "[tool.poetry.extras]\nfront=['flask']\n",
            {"extras": ["front"]},
        ),
        ("[tool.poetry]\nname='x'\n[tool.poetry.group.site.dependencies]\nflask='^3'\n", {"groups": ["site"]}),
    ],
)
def test_what_the_application_imports_is_installed_though_it_is_optional(
    tmp_path: Path, pyproject: str, chosen: dict[str, list[str]]
) -> None:
    project = PythonProject(SourceFolder(make(tmp_path, {"app.py": FLASK, "pyproject.toml": pyproject})))
    assert project.chosen == chosen
    assert "flask" in project.names


@pytest.mark.parametrize(
    ("file", "text"),
    [("Pipfile", "[packages\n"), ("Pipfile.lock", "{"), ("pdm.lock", "[["), ("environment.yml", "dependencies: [")],
)
def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path, file: str, text: str) -> None:
    beside = {"Pipfile.lock": {"Pipfile": PIPFILE}, "pdm.lock": {"pyproject.toml": PROJECT}}.get(file, {})
    detection = detect(make(tmp_path, {"app.py": FLASK, **beside, file: text}))
    assert detection.spec is None
    assert detection.advice.startswith(f"{file} cannot be read: ")
