"""What a failed installation means: the sentence says which package, and what to change."""

from __future__ import annotations

import pytest

from fairway.drivers.builders.build_env import failure_of
from fairway.drivers.builders.python_advice import advice_for, missing_variable, older_tools
from fairway.drivers.builders.python_older import culprits, last_python, older_than
from fairway.drivers.builders.pythons import Interpreter
from fairway.drivers.builders.running import Finished
from fairway.shared.failures import Refused, Retry

FAILED = "error: Failed to build `{}`\n  cause: The build backend returned an error\n"


@pytest.mark.parametrize(
    ("package", "lines", "words"),
    [
        (
            "psycopg2==2.9.9",
            "Error: pg_config executable not found.",
            "write psycopg2-binary instead of psycopg2 in req.txt",
        ),
        ("mysqlclient==2.2.4", "Specify MYSQLCLIENT_CFLAGS and MYSQLCLIENT_LDFLAGS", "write PyMySQL"),
        ("sklearn==0.0", "The 'sklearn' PyPI package is deprecated", "write scikit-learn instead of sklearn"),
        ("pyaudio==0.2.14", "device_api.c:9:10: fatal error: portaudio.h: No such file", "needs portaudio.h"),
        ("thing==1", "error: command 'gcc' failed: No such file or directory", "this machine has no compiler"),
        ("thing==1", "[Errno 2] No such file or directory: 'cargo'", "this machine has no compiler"),
        (
            "thing==1",
            "AttributeError: x",
            "thing==1 does not build for Python 3.12.1; choose another version of it in req.txt",
        ),
    ],
)
def test_a_package_that_does_not_build_is_named_with_what_to_do(package: str, lines: str, words: str) -> None:
    tail = (FAILED.format(package) + lines).splitlines()
    said = advice_for(tail, file="req.txt", python="3.12.1")
    assert words in said
    assert said.startswith(package.partition("==")[0])


@pytest.mark.parametrize(
    ("head", "mark"),
    [
        ("  × No solution found when resolving dependencies:", "╰─▶"),
        ("error: No solution found when resolving dependencies", "cause:"),
    ],
)
def test_a_conflict_is_told_in_uvs_own_words(head: str, mark: str) -> None:
    tail = [
        head,
        f"  {mark} Because flask==3.0.0 depends on werkzeug>=3 and you require flask==3.0.0, we can conclude that your",
        "      requirements and werkzeug==2 are incompatible.",
    ]
    said = advice_for(tail, file="requirements.txt", python="3.12.1")
    assert said.startswith("The dependencies in requirements.txt do not go together: Because flask==3.0.0 depends on")
    assert said.endswith("that your requirements and werkzeug==2 are incompatible.")


def test_a_name_that_no_index_has_is_told() -> None:
    tail = [
        "× No solution found when resolving dependencies:",
        "╰─▶ Because flaks was not found in the package registry and",
    ]
    assert advice_for(tail, file="x.txt", python="3") == "The package index has no “flaks”; correct its name in x.txt."


@pytest.mark.parametrize(
    ("line", "tools"),
    [
        ("error in x setup command: use_2to3 is invalid.", ("setuptools<58",)),
        ("ModuleNotFoundError: No module named 'pkg_resources'", ("setuptools<81",)),
        ("AttributeError: 'build_ext' object has no attribute 'cython_sources'", ("cython<3",)),
        ("SyntaxError: invalid syntax", ()),
    ],
)
def test_packages_of_long_ago_are_tried_with_the_tools_of_their_time(line: str, tools: tuple[str, ...]) -> None:
    assert older_tools([*FAILED.format("x==1").splitlines(), line]) == tools
    assert older_tools([line]) == ()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("KeyError: 'SECRET_KEY'", "SECRET_KEY"),
        (
            "decouple.UndefinedValueError: SECRET_KEY not found. Declare it as envvar or define a default value.",
            "SECRET_KEY",
        ),
        ("django.core.exceptions.ImproperlyConfigured: Set the DATABASE_URL environment variable", "DATABASE_URL"),
        ("django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.", "SECRET_KEY"),
        ("KeyError: 'name'", ""),
        ("ImportError: x", ""),
    ],
)
def test_the_variable_that_settings_miss_is_found(line: str, name: str) -> None:
    assert missing_variable(["Traceback (most recent call last):", line]) == name


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("ModuleNotFoundError: No module named 'x'", Refused),
        ("npm error code ENOTFOUND", Retry),
        ("getaddrinfo EAI_AGAIN registry.npmjs.org", Retry),
        ("error sending request for url (https://pypi.org/simple/x/)", Retry),
    ],
)
def test_only_a_network_that_does_not_answer_is_tried_again(line: str, kind: type[Exception]) -> None:
    assert isinstance(failure_of(Finished(1, (line,)), "the build"), kind)


OLD = """  × No solution found when resolving dependencies:
  ╰─▶ Because tensorflow-cpu==2.3.1 has no wheels with a matching Python ABI tag (e.g., `cp311`) and you require
      tensorflow-cpu==2.3.1, we can conclude that your requirements are unsatisfiable.

hint: You require CPython 3.11 (`cp311`), but we only found wheels for `tensorflow-cpu` (v2.3.1) with the following Python \
ABI tags: `cp35m`, `cp37m`, `cp38`"""


def test_a_package_of_an_older_python_is_named_with_the_python_it_was_made_for() -> None:
    said = advice_for(OLD.splitlines(), file="requirements.txt", python="3.11.7")
    assert said.startswith(
        "tensorflow-cpu, as requirements.txt asks for it, was made for Python 3.8 at most, and this is 3.11.7"
    )
    assert "write 3.8 into .python-version" in said


@pytest.mark.parametrize(
    ("text", "packages"),
    [
        (OLD, {"tensorflow-cpu"}),
        ("cause: Because pandas==0.24.2 has invalid metadata and you require pandas==0.24.2", {"pandas"}),
        ("error: Failed to build `numpy==1.16.4`", {"numpy"}),
        ("Because flask==3 depends on werkzeug>=3 and you require werkzeug==2", set()),
    ],
)
def test_who_is_too_old_for_a_python(text: str, packages: set[str]) -> None:
    assert culprits(text) == packages


def test_older_pythons_are_tried_from_the_newest_down() -> None:
    here = [Interpreter(f"/{version}", version) for version in ("3.12.1", "3.6.15", "3.8.18", "3.9.2", "3.9.18", "3.11.7")]
    assert [one.version for one in older_than("3.11.7", here)] == ["3.9.18", "3.8.18"]


def test_metadata_that_is_no_longer_taken_is_said_with_its_line() -> None:
    text = """error: No solution found when resolving dependencies
  cause: Because pandas==0.24.2 has invalid metadata and you require pandas==0.24.2, we can conclude that your requirements.

hint: Metadata for `pandas` (v0.24.2) could not be parsed:
  after parsing `2011`, found `k`, which is not part of a valid version
  pytz (>=2011k)
        ^^^^^^^"""
    said = advice_for(text.splitlines(), file="requirements.txt", python="3.11.7")
    assert said.startswith("pandas==0.24.2 says what it needs in a form that installers no longer take (“pytz (>=2011k)”)")


@pytest.mark.parametrize(
    ("requirements", "python"),
    [
        ("Flask==1.1.1\nJinja2==2.10.1\n", "3.9"),
        ("Jinja2==2.11.3\n", ""),
        ("Jinja2>=2.10\n", ""),
        ("networkx==2.4", "3.8"),
        ("", ""),
    ],
)
def test_pins_that_newer_pythons_cannot_import_are_known(requirements: str, python: str) -> None:
    assert last_python(requirements) == python
