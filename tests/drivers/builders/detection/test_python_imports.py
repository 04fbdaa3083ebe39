"""What the code imports and no list names: added where it is well known, said in any case."""

from __future__ import annotations

from pathlib import Path

import pytest

from .told import FLASK, added, best, remarks


@pytest.mark.parametrize(
    ("requirements", "imports", "packages"),
    [
        ("flask\ngunicorn", "import requests\n", ["requests"]),
        ("flask\ngunicorn", "import yaml, cv2\nfrom PIL import Image\n", ["pyyaml", "opencv-python-headless", "pillow"]),
        ("flask\ngunicorn", "import werkzeug, jinja2, json, os.path\nfrom __future__ import annotations\n", []),
        ("flask\ngunicorn\npsycopg2-binary\npillow", "import psycopg2, PIL\n", []),
        ("flask\ngunicorn\npython-telegram-bot", "import telegram\n", []),
        ("flask\ngunicorn\npandas", "import numpy\n", []),
        ("flask\ngunicorn\nflask-migrate", "import sqlalchemy\n", []),
        ("flask\ngunicorn", "try:\n    import redis\nexcept ImportError:\n    redis = None\n", []),
        ("flask\ngunicorn", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import redis\n", []),
        ("flask\ngunicorn", "def late():\n    import redis\n", []),
        ("flask\ngunicorn", "import helper\n", ["httpx"]),
        ("flask\ngunicorn", "from inner import thing\n", ["httpx"]),
    ],
)
def test_well_known_packages_are_added(tmp_path: Path, requirements: str, imports: str, packages: list[str]) -> None:
    beside = {"helper.py": "import httpx\n", "inner/__init__.py": "", "inner/thing.py": "from helper import x\n"}
    one = best(
        tmp_path, {"requirements.txt": requirements, "app.py": imports + FLASK, "unused.py": "import boto3\n", **beside}
    )
    assert added(one) == packages
    assert ("list what the code imports in requirements.txt (app.py)" in remarks(tmp_path)) == bool(packages)


def test_lists_that_are_included_count(tmp_path: Path) -> None:
    lists = {
        "requirements.txt": "-r requirements/live.txt\n",
        "requirements/live.txt": "-r base.txt\n--requirement ../requirements.txt\ngunicorn==23.0\n",
        "requirements/base.txt": "Flask>=3  # the framework\n",
    }
    assert added(best(tmp_path, {**lists, "app.py": FLASK})) == []


def test_a_name_that_may_be_anybodys_package_is_said_and_never_installed(tmp_path: Path) -> None:
    one = best(tmp_path, {"requirements.txt": "flask\ngunicorn", "app.py": "import acme_billing\n" + FLASK})
    assert added(one) == []
    assert "It imports acme_billing, and requirements.txt has nothing of that name" in remarks(tmp_path)


def test_without_any_list_the_imports_are_the_list(tmp_path: Path) -> None:
    one = best(tmp_path, {"app.py": "import requests\n" + FLASK})
    assert added(one) == ["flask", "gunicorn", "requests"]
    assert remarks(tmp_path) == ""
