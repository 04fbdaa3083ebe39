"""A hostile application tries everything, behind every set of walls; what it reached is what is said, and nothing more."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fairway.drivers.wall.abilities import abilities
from tests.drivers.wall.stage import Answer, Stage

ROOT = Path(__file__).parents[3]
NOBODY = 65534
IS_ROOT = os.geteuid() == 0


def works(worked: Answer) -> None:
    """An application can do what every application must."""
    assert "error" not in worked, worked
    expected = {name: value for name, value in worked.items() if name not in ("uid", "gid", "groups", "kept")}
    assert all(expected.values()), worked
    assert worked["kept"] >= 1


@pytest.mark.skipif(not IS_ROOT or not abilities().own_user, reason="needs root")
def test_where_fairway_is_root_nothing_is_reached(tmp_path: Path) -> None:
    worked, reached = Stage(tmp_path).attack()
    works(worked)
    assert worked["uid"] >= 40_000
    assert worked["gid"] == worked["uid"]
    assert worked["groups"] == []
    own_view = {"listed", "made", "mode", "renamed"}  # of empty folders that stand where the real ones lie
    assert {name: hits for name, hits in reached.items() if hits and name not in own_view} == {}


def as_nobody(tmp_path: Path, *, landlock_only: bool) -> tuple[Answer, Answer]:
    """The same with a Fairway that is nobody special; a Python that nobody may start is of no use for it."""
    python = (
        sys.executable if not IS_ROOT else shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin")
    )
    if python is None:
        pytest.skip("needs a Python of this version for everybody")
    folder = Path("/var/tmp") / f"fairway-wall-{os.getpid()}"
    folder.mkdir(mode=0o700)
    try:
        packages = next(place for place in sys.path if place.endswith("site-packages"))
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}:{packages}"}
        if IS_ROOT:
            os.chown(folder, NOBODY, NOBODY)
        done = subprocess.run(
            [python, "-W", "ignore", "-m", "tests.drivers.wall.stage", str(folder), "yes" if landlock_only else "no"],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
            **({"user": NOBODY, "group": NOBODY, "extra_groups": []} if IS_ROOT else {}),
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        return answer["worked"], answer["reached"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


SAME_USER = {"descriptors"}  # of a process of the same user the kernel tells how many files it has open


@pytest.mark.skipif(abilities().view == "" or abilities().landlock < 6, reason="needs user namespaces and Landlock")
def test_where_fairway_is_not_root_a_view_and_landlock_keep_what_matters(tmp_path: Path) -> None:
    worked, reached = as_nobody(tmp_path, landlock_only=False)
    works(worked)
    own_view = {"listed", "made", "mode", "renamed"}
    assert {name: hits for name, hits in reached.items() if hits and name not in own_view | SAME_USER} == {}


@pytest.mark.skipif(abilities().landlock < 6, reason="needs Landlock")
def test_landlock_alone_keeps_files_memory_and_ports_but_not_sockets_and_modes(tmp_path: Path) -> None:
    worked, reached = as_nobody(tmp_path, landlock_only=True)
    assert worked.pop("/tmp") is None  # which is the machine's, and what Fairway itself keeps there is ours
    works(worked)
    found = {name for name, hits in reached.items() if hits}
    assert found <= {*SAME_USER, "mode", "changed", "sockets"}  # which is what the page says of it
