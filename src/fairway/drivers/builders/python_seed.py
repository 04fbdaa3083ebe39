"""Decides whether an environment needs setuptools at run time although nothing requires it.

Until Python 3.12 every virtual environment had it, so packages and applications import ``pkg_resources`` without requiring
it. Since version 82 setuptools has no ``pkg_resources`` any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

SEED = "setuptools<81"
GUNICORN_MAIN = "from gunicorn.app.wsgiapp import run\n\nrun()\n"
# Packages often try an import inside a function or before “except ImportError”. Only an import without indentation must
# succeed.
_OLD = re.compile(rb"^(?:import|from)[ \t]+pkg_resources\b|^__import__\([\"']pkg_resources[\"']\)", re.M)
_OLDER = re.compile(_OLD.pattern + rb"|^(?:import|from)[ \t]+distutils\b", re.M)
_ANYWHERE = re.compile(rb"^[ \t]*(?:import|from)[ \t]+(?:pkg_resources|distutils)\b", re.M)
_OWN = ("setuptools", "pkg_resources", "_distutils_hack", "pip", "wheel", "numpy", "torch", "scipy")
LARGEST = 2 * 1024 * 1024  # bytes; larger files are generated ones that import nothing
MOST = 60_000  # files that are searched at most


def needs_seed(venv: Path, app: Path) -> bool:
    """Whether a package in `venv`, or the application in `app`, imports what only `SEED` provides."""
    packages = next(venv.glob("lib/python*/site-packages"), None)
    if packages is None or (packages / "pkg_resources").is_dir():
        return False
    minor = int(packages.parent.name.partition(".")[2] or 0)
    has_newer = (packages / "setuptools").is_dir()
    pattern = _OLD if has_newer or minor < 12 else _OLDER
    installed = (path for top in sorted(packages.iterdir()) if top.name not in _OWN for path in _sources(top))
    return any(_mentions(path, pattern) for path in installed) or (minor >= 12 and imports_old(app)) or _uses_old(app)


def let_gunicorn_start(venv: Path) -> None:
    """Make ``python -m gunicorn`` work for versions before 20.1, which could only be started as a program."""
    package = next(venv.glob("lib/python*/site-packages/gunicorn"), None)
    if package is not None and not (package / "__main__.py").exists():
        (package / "__main__.py").write_text(GUNICORN_MAIN)


def imports_old(app: Path) -> bool:
    """Whether the application itself imports modules that every environment had until Python 3.12."""
    return any(_mentions(path, _ANYWHERE) for path in _sources(app) if path.name != "setup.py")


def _uses_old(app: Path) -> bool:
    return any(_mentions(path, _OLD) for path in _sources(app) if path.name != "setup.py")


def _sources(top: Path) -> Iterable[Path]:
    if top.is_file():
        return (top,) if top.suffix == ".py" else ()
    return sorted(path for path in top.rglob("*.py") if path.is_file())[:MOST]


def _mentions(path: Path, pattern: re.Pattern[bytes]) -> bool:
    try:
        return path.stat().st_size <= LARGEST and bool(pattern.search(path.read_bytes()))
    except OSError:
        return False
