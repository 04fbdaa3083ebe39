"""Which Python a folder asks for, and which file says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.detection.detect import detect
from fairway.drivers.builders.detection.python_version import asked_python, python_words
from fairway.drivers.builders.detection.source_folder import SourceFolder

from ..folders import make

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
POETRY = "[tool.poetry]\nname='x'\n[tool.poetry.dependencies]\npython = '{}'\n"


@pytest.mark.parametrize(
    ("file", "text", "asked"),
    [
        (".python-version", "3.12\n", "3.12"),
        (".python-version", "# ours\n3.12.1 # pinned\n3.11\n", "3.12.1"),
        (".python-version", "cpython-3.12\n", "3.12"),
        (".python-version", "cpython@3.13.1\n", "3.13.1"),
        (".python-version", "cpython-3.12.3-linux-x86_64-gnu\n", "3.12.3"),
        (".python-version", "pypy3.10\n3.11\n", "3.11"),
        (".python-version", "3.14-dev\n", "3.14"),
        (".python-version", ">=3.12\n", ">=3.12"),
        ("runtime.txt", "python-3.12.1\n", "3.12.1"),
        ("runtime.txt", "python-3.14", "3.14"),
        ("runtime.txt", "3.12\n", "3.12"),
        (".tool-versions", "nodejs 22.1\npython 3.12.1 3.11.2\n", "3.12.1"),
        ("mise.toml", "[tools]\npython = '3.12'\n", "3.12"),
        ("mise.toml", "[tools]\npython = ['3.12', '3.11']\n", "3.12"),
        (".mise.toml", "[tools]\npython = {version = '3.13'}\n", "3.13"),
        ("Pipfile", "[requires]\npython_version = '3.11'\n", "3.11"),
        ("Pipfile", "[requires]\npython_version = '3.11'\npython_full_version = '3.11.4'\n", "3.11.4"),
        ("pyproject.toml", "[project]\nname='x'\nrequires-python = '>=3.10'\n", ">=3.10"),
        ("pyproject.toml", POETRY.format("^3.11"), ">=3.11,<4"),
        ("pyproject.toml", POETRY.format(">=3.10,<4"), ">=3.10,<4"),
        ("pyproject.toml", POETRY.format("~3.11"), ">=3.11,<3.12"),
        ("pyproject.toml", POETRY.format("3.*"), "3"),
        ("pyproject.toml", POETRY.format("^2.7 || ^3.8"), ">=3.8,<4"),
        ("uv.lock", 'version = 1\nrequires-python = ">=3.13"\n', ">=3.13"),
        ("setup.cfg", "[options]\npython_requires = >=3.9\n", ">=3.9"),
        ("setup.py", "setup(python_requires='>=3.8, <4')\n", ">=3.8,<4"),
        ("environment.yml", "dependencies:\n- python=3.11\n", "3.11"),
        ("environment.yml", "dependencies:\n- conda-forge::python=3.10.13=h1234_0\n", "3.10.13"),
        ("environment.yml", "dependencies:\n- python>=3.9\n", ">=3.9"),
    ],
)
def test_every_file_that_names_a_python_is_read(tmp_path: Path, file: str, text: str, asked: str) -> None:
    found = asked_python(SourceFolder(make(tmp_path, {file: text})))
    assert (found.text, found.file, found.problem) == (asked, file, "")


def test_what_was_written_for_this_very_purpose_comes_first(tmp_path: Path) -> None:
    files = {
        ".python-version": "3.13\n",
        "runtime.txt": "python-3.12\n",
        ".tool-versions": "python 3.11\n",
        "pyproject.toml": "[project]\nname='x'\nrequires-python='>=3.10'\n",
        "setup.cfg": "[options]\npython_requires = >=3.9\n",
    }
    make(tmp_path, files)
    found = []
    for name in files:
        found.append(asked_python(SourceFolder(tmp_path)).file)
        (tmp_path / name).unlink()
    assert found == list(files)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        (".python-version", "pypy3.10\n", "“pypy3.10”; Fairway runs CPython 3"),
        ("runtime.txt", "python-2.7.18\n", "“python-2.7.18”, which is no version of Python 3"),
        (".python-version", "3.x.y.z\n", "which is no version of Python 3; write e.g. 3.12"),
        ("pyproject.toml", "[project]\nname='x'\nrequires-python='>=three.9'\n", "write e.g. 3.12 or >=3.11"),
        ("pyproject.toml", "[project]\nname='x'\nrequires-python='<3'\n", "no version of Python 3"),
    ],
)
def test_what_is_no_python_is_said_in_a_sentence_that_names_the_file(
    tmp_path: Path, file: str, text: str, words: str
) -> None:
    detection = detect(make(tmp_path, {"requirements.txt": "flask\n", "app.py": FLASK, file: text}))
    assert detection.candidates[0].problem.startswith(f"{file} asks for ")
    assert words in detection.candidates[0].problem


def test_the_name_of_somebodys_environment_is_told_and_not_followed(tmp_path: Path) -> None:
    files = {"requirements.txt": "flask\n", "app.py": FLASK, ".python-version": "my-env\n", "runtime.txt": "3.12\n"}
    detection = detect(make(tmp_path, files))
    assert detection.spec is not None
    assert detection.spec.install["python"] == "3.12"
    assert any(".python-version says “my-env”" in remark.what for remark in detection.remarks_on(detection.best))


@pytest.mark.parametrize("word", ["*", "latest", "system"])
def test_any_python_is_no_wish(word: str) -> None:
    assert python_words(word) == ""
