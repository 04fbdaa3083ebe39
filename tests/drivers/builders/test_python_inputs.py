"""What other package managers write, in the words of uv."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairway.drivers.builders.python_conda import conda_requirements
from fairway.drivers.builders.python_inputs import read_inputs
from fairway.drivers.builders.version_ranges import pep440
from fairway.shared.failures import Refused

from .folders import make


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0", ">=0,<1"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("~=1.4", "~=1.4"),
        ("*", ""),
        ("", ""),
        ("1.2.*", "==1.2.*"),
        ("1.2.3", "==1.2.3"),
        ("= 1.2", "==1.2"),
        (">= 3.8, < 4", ">=3.8,<4"),
        (">=3.8 <4", ">=3.8,<4"),
        ("^1.0 || ^2.0", ">=2.0,<3"),
        ("!=1.5,>1", "!=1.5,>1"),
    ],
)
def test_a_range_in_the_words_of_pep_440(text: str, words: str) -> None:
    assert pep440(text) == words


@pytest.mark.parametrize("text", ["latest", "^x", ">=", "1.2 or so"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        pep440(text)


def lines(folder: Path, file: str, files: dict[str, str], **install: list[str]) -> list[str]:
    return read_inputs(make(folder, files), {"from": file, **install}).requirements.splitlines()


@pytest.mark.parametrize(
    ("wish", "line"),
    [
        ("thing = '^1.2'", "thing>=1.2,<2"),
        ("thing = '*'", "thing"),
        ("thing = {version='~2.1', extras=['a','b']}", "thing[a,b]>=2.1,<2.2"),
        ("thing = {version='^1', python='<3.11'}", "thing>=1,<2 ; python_full_version < '3.11'"),
        (
            "thing = {version='1', markers=\"os_name == 'nt'\", platform='win32'}",
            "thing==1 ; (os_name == 'nt') and (sys_platform == 'win32')",
        ),
        ("thing = {git='https://x.org/y.git', tag='v1'}", "thing @ git+https://x.org/y.git@v1"),
        (
            "thing = {git='git@x.org:me/y.git', rev='abc', subdirectory='s'}",
            "thing @ git+https://x.org/me/y.git@abc#subdirectory=s",
        ),
        ("thing = {url='https://x.org/y.whl'}", "thing @ https://x.org/y.whl"),
        ("thing = {path='inner', develop=true}", "./inner"),
        ("thing = {version='^1', optional=true}", ""),
    ],
)
def test_every_form_of_a_dependency_of_poetry(tmp_path: Path, wish: str, line: str) -> None:
    project = f"[tool.poetry]\nname='x'\n[tool.poetry.dependencies]\npython='^3.9'\n{wish}\n"
    project += "[tool.poetry.group.dev.dependencies]\npytest='*'\n"
    assert lines(tmp_path, "pyproject.toml", {"pyproject.toml": project}) == ([line] if line else [])


def test_several_versions_for_several_pythons_are_told_apart(tmp_path: Path) -> None:
    project = "[tool.poetry.dependencies]\nthing=[{version='1',python='<3.9'},{version='2',python='>=3.9'}]\n"
    found = lines(tmp_path, "pyproject.toml", {"pyproject.toml": project})
    assert found == ["thing==1 ; python_full_version < '3.9'", "thing==2 ; python_full_version >= '3.9'"]


def test_a_version_that_is_none_is_named(tmp_path: Path) -> None:
    make(tmp_path, {"pyproject.toml": "[tool.poetry.dependencies]\nthing='soon'\n"})
    with pytest.raises(Refused, match="the version of “thing”: “soon” is no range of versions"):
        read_inputs(tmp_path, {"from": "pyproject.toml"})


@pytest.mark.parametrize("name", ["poetry.lock", "pdm.lock"])
def test_the_versions_of_a_lock_bind_and_those_of_several_platforms_do_not(tmp_path: Path, name: str) -> None:
    entries = (("one", "1.0"), ("two", "1.0"), ("two", "2.0"))
    lock = "".join(f'[[package]]\nname = "{entry}"\nversion = "{version}"\n' for entry, version in entries)
    make(tmp_path, {"pyproject.toml": "[project]\nname='x'\ndependencies=['one','two']\n", name: lock})
    found = read_inputs(tmp_path, {"from": name})
    assert (found.requirements, found.constraints) == ("one\ntwo", "one==1.0")


@pytest.mark.parametrize(
    ("wish", "line"),
    [
        ("thing = '*'", "thing"),
        ("thing = '==1.0'", "thing==1.0"),
        ("thing = {version='~=1.0', extras=['x']}", "thing[x]~=1.0"),
        ("thing = {git='https://x.org/y', ref='main', editable=true}", "thing @ git+https://x.org/y@main"),
        ("thing = {path='.', editable=true}", "./."),
        ("thing = {version='*', sys_platform=\"== 'linux'\"}", "thing ; (sys_platform == 'linux')"),
    ],
)
def test_every_form_of_a_dependency_of_pipenv(tmp_path: Path, wish: str, line: str) -> None:
    text = f"[packages]\n{wish}\n[dev-packages]\npytest='*'\n"
    assert lines(tmp_path, "Pipfile", {"Pipfile": text}) == [line]


def test_what_pipenv_locked_is_installed_with_its_hashes_from_its_index(tmp_path: Path) -> None:
    lock = {
        "_meta": {"sources": [{"url": "https://pypi.org/simple"}, {"url": "https://x.org/simple"}]},
        "default": {"thing": {"version": "==1.0", "hashes": ["sha256:aa"], "markers": "python_version >= '3.8'"}},
        "develop": {"pytest": {"version": "==8"}},
    }
    found = lines(tmp_path, "Pipfile.lock", {"Pipfile.lock": json.dumps(lock)})
    assert found == [
        "--extra-index-url https://x.org/simple",
        "thing==1.0 ; (python_version >= '3.8') --hash=sha256:aa",
    ]


def test_condas_packages_are_taken_from_pypi_and_its_libraries_are_left_to_the_machine() -> None:
    text = (
        "channels: [conda-forge]\ndependencies:\n- python=3.11\n- flask=3.0\n- numpy=1.26.4=py311h_0\n- pytorch>=2\n- pip\n"
        "- conda-forge::six>=1.16\n- libffi=3.4\n- pip:\n  - gunicorn==22.0\n"
    )
    wanted, left_out = conda_requirements(text, "environment.yml")
    assert wanted == ["flask==3.0.*", "numpy==1.26.4", "torch", "six>=1.16", "gunicorn==22.0"]
    assert left_out == ["python", "pip", "libffi"]


@pytest.mark.parametrize(
    ("line", "installed"),
    [
        ("-e .", "."),
        ("-e ./inner[x]", "./inner[x]"),
        ("-e file:.", "./."),
        ("-e git+https://x.org/y.git@v1#egg=thing", "thing @ git+https://x.org/y.git@v1"),
        ("-e git+https://x.org/y.git#egg=thing&subdirectory=s", "thing @ git+https://x.org/y.git#subdirectory=s"),
        ("--editable=git+https://x.org/y.git", "git+https://x.org/y.git"),
        ("--trusted-host x.org", ""),
        ("six==1.16 --hash=sha256:aa", "six==1.16 --hash=sha256:aa"),
    ],
)
def test_a_line_for_pip_as_uv_takes_it(tmp_path: Path, line: str, installed: str) -> None:
    assert lines(tmp_path, "requirements.txt", {"requirements.txt": line}) == ([installed] if installed else [])


def test_a_repository_is_taken_out_of_included_files_too(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "-r more/base.txt\nsix\n",
        "more/base.txt": "-r ../requirements.txt\n-e git+https://x.org/y\n",
    }
    found = read_inputs(make(tmp_path, files), {"from": "requirements.txt"}, {"requirements.txt", "more/base.txt"})
    assert found.requirements.splitlines() == ["git+https://x.org/y", "six"]


@pytest.mark.parametrize(
    ("line", "option"),
    [("--pre", "--prerelease=allow"), ("--extra-index-url https://x.org/simple", "--index-strategy=unsafe-best-match")],
)
def test_what_pip_would_do_about_indexes_and_prereleases_is_done(tmp_path: Path, line: str, option: str) -> None:
    make(tmp_path, {"requirements.txt": f"{line}\nsix\n"})
    assert read_inputs(tmp_path, {"from": "requirements.txt"}).options == (option,)


@pytest.mark.parametrize(
    ("files", "is_package"),
    [
        ({"x/__init__.py": ""}, True),
        ({"src/x/__init__.py": ""}, True),
        ({"app.py": ""}, False),
    ],
)
def test_a_project_of_poetry_is_installed_only_where_it_is_a_package(
    tmp_path: Path, files: dict[str, str], is_package: bool
) -> None:
    project = "[tool.poetry]\nname='x'\n[build-system]\nrequires=['poetry-core']\n"
    make(tmp_path, {"pyproject.toml": project, **files})
    assert read_inputs(tmp_path, {"from": "pyproject.toml"}).is_package is is_package


def test_chosen_extras_and_groups_are_installed(tmp_path: Path) -> None:
    project = (
        "[project]\nname='x'\ndependencies=['one']\n[project.optional-dependencies]\nweb=['two']\n"
        "[dependency-groups]\nsite=['three', {include-group='base'}]\nbase=['four']\n"
    )
    found = lines(tmp_path, "pyproject.toml", {"pyproject.toml": project}, extras=["web"], groups=["site"])
    assert found == ["one", "two", "three", "four"]
