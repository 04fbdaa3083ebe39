"""What old releases need of other packages without saying so."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.python_inputs import read_inputs
from fairway.drivers.builders.python_partners import partners

from .folders import make


@pytest.mark.parametrize(
    ("requirements", "needed"),
    [
        ("Flask==2.2.2\n", {"werkzeug<3"}),
        ("Flask==1.1.2\n", {"werkzeug<2.1", "jinja2<3.1", "itsdangerous<2.1", "markupsafe<2.1"}),
        ("flask==2.2.2\nWerkzeug==2.2.3\n", set()),
        ("Flask==2.3.2\n", set()),
        ("Flask>=2\nFlask\n", set()),
        ("pandas==1.5.3 # the last\nnumpy\n", {"numpy<2", "pyarrow<19"}),
        ("pandas==1.5.3; python_version > '3.8'\nnumpy>=1.20\n", set()),
        ("Flask_SQLAlchemy==2.5.1", {"sqlalchemy<2"}),
        ("streamlit[snowflake]==0.72.0", {"protobuf<4", "altair<5"}),
        ("-r base.txt\n--index-url https://x/simple\n", set()),
    ],
)
def test_what_nobody_says_and_an_old_release_needs(requirements: str, needed: set[str]) -> None:
    assert set(partners(requirements)) == needed


def test_it_is_a_constraint_of_the_installation_and_decides_the_layer(tmp_path: Path) -> None:
    old = read_inputs(make(tmp_path / "a", {"requirements.txt": "Flask==2.2.2\n"}), {"from": "requirements.txt"})
    assert old.constraints == "werkzeug<3"
    new = read_inputs(make(tmp_path / "b", {"requirements.txt": "Flask==3.0.0\n"}), {"from": "requirements.txt"})
    assert new.constraints == ""
    assert "werkzeug<3" in old.key
