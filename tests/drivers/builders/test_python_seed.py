"""An environment gets what old packages silently expect, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.python_seed import let_gunicorn_start, needs_seed

from .folders import make

SITE = ".venv/lib/python3.{}/site-packages"


@pytest.mark.parametrize(
    ("minor", "installed", "app", "needed"),
    [
        (11, "import pkg_resources\n", "", True),
        (11, "__import__('pkg_resources').declare_namespace(__name__)\n", "", True),
        (11, "try:\n    import pkg_resources\nexcept ImportError:\n    pass\n", "", False),
        (11, "from distutils.version import StrictVersion\n", "", False),
        (12, "from distutils.version import StrictVersion\n", "", True),
        (12, "import distutilsx\n", "", False),
        (12, "", "    from distutils.util import strtobool\n", True),
        (11, "", "import pkg_resources\n", True),
        (13, "", "", False),
    ],
)
def test_setuptools_comes_along_where_something_imports_it(
    tmp_path: Path, minor: int, installed: str, app: str, needed: bool
) -> None:
    make(tmp_path, {f"{SITE.format(minor)}/thing/__init__.py": installed, "app/main.py": app})
    assert needs_seed(tmp_path / ".venv", tmp_path / "app") is needed
    make(tmp_path, {f"{SITE.format(minor)}/pkg_resources/__init__.py": ""})
    assert needs_seed(tmp_path / ".venv", tmp_path / "app") is False


def test_a_gunicorn_that_was_only_a_program_becomes_a_module(tmp_path: Path) -> None:
    package = tmp_path / SITE.format(11) / "gunicorn"
    make(package, {"__init__.py": ""})
    let_gunicorn_start(tmp_path / ".venv")
    assert "gunicorn.app.wsgiapp" in (package / "__main__.py").read_text()
    make(package, {"__main__.py": "its own"})
    let_gunicorn_start(tmp_path / ".venv")
    assert (package / "__main__.py").read_text() == "its own"
