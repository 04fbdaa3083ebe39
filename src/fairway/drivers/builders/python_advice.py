"""Explains why an installation of Python packages failed, and what to change. Pure rules about the last lines that uv
printed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.version import Version

from fairway.drivers.builders.python_older import made_for

# (error of an old source distribution with build tools that are too new for it, constraint to the tools of its time).
_OLDER_TOOLS = (
    (r"use_2to3 is invalid", "setuptools<58"),
    (r"No module named '(?:pkg_resources|distutils)|pkg_resources|_msvccompiler", "setuptools<81"),
    (r"cython_sources|Cython\.Compiler\.Errors|cython.*(?:CompileError|error)", "cython<3"),
    (r"module 'configparser' has no attribute 'SafeConfigParser'", "setuptools<58"),
    (r"canonicalize_version\(\) got an unexpected keyword", "setuptools<71"),
    (r"Invalid dash-separated|has invalid `project\.license|license_files?`? .*invalid|install_layout", "setuptools<78"),
)
# (error, package, what to write instead). The packages to replace need a compiler and headers; their replacements do not.
_INSTEAD = (
    (
        r"pg_config executable not found|psycopg2(?!-binary)[^\n]*(?:failed|Failed)|libpq-fe\.h",
        "psycopg2",
        "psycopg2-binary",
    ),
    (
        r"mysql_config|MYSQLCLIENT_CFLAGS|mysql\.h",
        "mysqlclient",
        "PyMySQL, with “pymysql.install_as_MySQLdb()” at the start",
    ),
    (r"`sklearn`|sklearn' PyPI package is deprecated", "sklearn", "scikit-learn"),
    (r"uwsgi[^\n]*|Python\.h[^\n]*uwsgi", "uwsgi", "gunicorn"),
)
_HEADER = re.compile(r"fatal error: (?P<header>[\w./+-]+\.h)")
_NO_COMPILER = re.compile(
    r"(?:command|program) '?(?:[\w-]*gcc|cc|g\+\+|clang|x86_64-linux-gnu-gcc)'? (?:failed: No such file|not found)"
    r"|unable to execute '?(?:[\w-]*gcc|cc|g\+\+)|No such file or directory: '(?:[\w-]*gcc|cc|g\+\+|rustc|cargo)'"
    r"|(?:C|Rust) compiler (?:cannot|was not|not) |can't find Rust compiler|Unknown compiler",
    re.I,
)
_BUILT = re.compile(r"Failed to (?:build|download and build)(?: source distribution)? `(?P<package>[^`]+)`")
_CONFLICT = re.compile(
    r"No solution found when resolving dependencies.*?(?:╰─▶|cause:)\s*(?P<why>.+?)(?:\n\s*\n|\nhint|\Z)", re.S
)
_UNKNOWN = re.compile(r"Because (?P<package>[\w.-]+) was not found in the package registry")
_UNREAD = re.compile(r"Because (?P<package>[\w.-]+(?:==\S+)?) has invalid metadata")
_WRONG_LINE = re.compile(r"Metadata for [^\n]* could not be parsed:\n[^\n]*\n(?P<line>[^\n]{1,120})\n\s*\^")
LONGEST = 600  # characters of uv's own message that are quoted in a sentence


def older_tools(tail: Sequence[str]) -> tuple[str, ...]:
    """Constraints on build tools with which an old package may build after all; empty if no line points to that."""
    text = "\n".join(tail)
    if not _BUILT.search(text):
        return ()
    return tuple(dict.fromkeys(tools for pattern, tools in _OLDER_TOOLS if re.search(pattern, text)))


def advice_for(tail: Sequence[str], *, file: str, python: str) -> str:
    """One or two sentences for people: which package failed, why, and what to change; "" if the lines contain nothing
    known. `file` names the dependencies, `python` is the version they are installed for."""
    text = "\n".join(tail)
    where = file or "the requirements"
    built = _BUILT.search(text)
    if built is None:
        return _made_for_older(text, where, python) or _conflict(text, where)
    package = built["package"]
    for pattern, name, instead in _INSTEAD:
        if package.partition("==")[0].lower() == name or (name in package.lower() and re.search(pattern, text)):
            return f"{package} cannot be built on this machine; write {instead} instead of {name} in {where}."
    if header := _HEADER.search(text):
        return (
            f"{package} needs {header['header']}, which is not on this machine; install the package that brings it, "
            f"or choose a version of {package.partition('==')[0]} that is ready for Python {python} in {where}."
        )
    if _NO_COMPILER.search(text):
        return (
            f"{package} must be compiled for Python {python}, and this machine has no compiler for it; choose a version "
            f"that is ready for it in {where}, or ask for an older Python in .python-version."
        )
    return (
        f"{package} does not build for Python {python}; choose another version of it in {where}, or the Python it was made "
        "for in .python-version."
    )


def _made_for_older(text: str, where: str, python: str) -> str:
    package, newest = made_for(text)
    if package and Version(newest) < Version(".".join(python.split(".")[:2])):
        return (
            f"{package}, as {where} asks for it, was made for Python {newest} at most, and this is {python}: choose a newer "
            f"{package}, or write {newest} into .python-version, and install that Python here where it is missing."
        )
    return ""


def _conflict(text: str, where: str) -> str:
    if unknown := _UNKNOWN.search(text):
        return f"The package index has no “{unknown['package']}”; correct its name in {where}."
    if unread := _UNREAD.search(text):
        line = _WRONG_LINE.search(text)
        shown = f" (“{line['line'].strip()}”)" if line else ""
        return (
            f"{unread['package']} says what it needs in a form that installers no longer take{shown}: choose another "
            f"version of it in {where}."
        )
    if conflict := _CONFLICT.search(text):
        why = re.sub(r"\s+", " ", conflict["why"]).strip()[:LONGEST]
        ending = "" if why.endswith(".") else "."
        return f"The dependencies in {where} do not go together: {why}{ending}"
    return ""


_MISSING_VARIABLE = re.compile(
    r"KeyError: '(?P<key>[A-Z][A-Z0-9_]*)'|(?:UndefinedValueError|ImproperlyConfigured|ValueError)[^\n]*?"
    r"(?P<named>\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|(?<=The )[A-Z_]{3,}(?= setting))"
)


def missing_variable(tail: Sequence[str]) -> str:
    """The environment variable whose absence ended a program of the application; "" if its last lines name none."""
    found = _MISSING_VARIABLE.search("\n".join(tail[-5:]))
    return (found["key"] or found["named"] or "") if found else ""
