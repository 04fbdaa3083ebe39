"""What a build runs stands behind the same walls, and leaves nothing behind: no process, nothing another build trusts."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from fairway.drivers.builders.bundle import BundleBuilder
from fairway.drivers.builders.contract import BuildRequest, Checkout, Spec
from fairway.drivers.builders.tree import tree_checksum
from fairway.drivers.wall.abilities import abilities
from tests.drivers.builders.conftest import Heard
from tests.drivers.builders.folders import make
from tests.drivers.wall.stage import ATTACKER, SECRET

SPEC = Spec(kind="python", command=("python", "main.py"), install={"collectstatic": True})
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 3)
        time.sleep(600)
    os._exit(0)
os.wait()
"""
MANAGE = """
import json, os, main
print("REACHED " + json.dumps(main.attack(json.load(open("targets.json")))), flush=True)
print("BECAME " + str(os.getuid()), flush=True)
"""


def build(data: Path, folder: Path, name: str, heard: Heard) -> Path:
    checkout = Checkout(folder, tree_checksum(folder))
    artifact = BundleBuilder(data).build(BuildRequest(name, checkout, SPEC), heard).artifact
    assert artifact.location is not None
    return artifact.location


def test_a_hostile_build_reaches_nothing_and_poisons_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "key").write_text(SECRET)
    other = build(data, make(tmp_path / "other", {"main.py": "", "manage.py": ""}), "other", Heard())
    theirs = [place for place in data.rglob("*") if place.is_file() and place.is_relative_to(data / "cache")]
    hostile = make(tmp_path / "evil", {"manage.py": MANAGE})
    shutil.copy(ATTACKER / "main.py", hostile / "main.py")
    targets = {
        "files": [str(data / "key"), str(other / "app/main.py"), "/etc/shadow", *map(str, theirs)],
        "folders": [
            str(data),
            str(other),
            *(str(data / "cache" / name) for name in ("uv", "npm", "layers", "uv/other", "builds")),
        ],
        "pids": [os.getpid(), os.getppid()],
        "words": [SECRET],
        "variables": [name for name in os.environ if name.startswith(("FAIRWAY", "PYTEST"))],
    }
    (hostile / "targets.json").write_text(json.dumps(targets))
    before = {place: place.lstat().st_mode for place in (data / "key", other, *theirs)}
    heard = Heard()
    build(data, hostile, "evil", heard)
    said = dict(line.split(" ", 1) for line in heard.lines if line.startswith(("REACHED ", "BECAME ")))
    own_view = {"listed", "made", "mode", "renamed"}
    same_user = set() if abilities().own_user else {"descriptors"}
    reached = {name: hits for name, hits in json.loads(said["REACHED"]).items() if hits and name not in own_view | same_user}
    assert reached == {}
    assert {place: place.lstat().st_mode for place in before} == before
    assert not list(data.rglob("made-by-the-attacker"))
    if abilities().own_user:
        assert int(said["BECAME"]) >= 40_000


def test_applications_share_no_cache_layer_or_bundle(tmp_path: Path) -> None:
    """Equal sources: had the other application's build been poisoned before, its bundle would not be this one's."""
    folder = make(tmp_path / "source", {"main.py": "", "manage.py": ""})
    said = {name: Heard() for name in ("one", "two")}
    places = [build(tmp_path / "data", folder, name, heard) for name, heard in said.items()]
    assert places[0] == places[1]  # equal bytes are one bundle, whoever made them
    assert not any(
        "taken from the cache" in line or "was built before" in line for heard in said.values() for line in heard.lines
    )
    assert len(list((tmp_path / "data/cache/layers").glob("[0-9a-f]*"))) == 2
    assert {place.name for place in (tmp_path / "data/cache/uv").iterdir()} == {"one", "two"}
    if abilities().own_user:
        assert {place.lstat().st_uid for place in places[0].rglob("*")} == {0}


def test_what_a_build_leaves_running_ends_with_it(tmp_path: Path) -> None:
    heard = Heard()
    make(tmp_path / "source", {"main.py": "", "manage.py": f"{DAEMON}\nprint('DONE', os.getpid(), os.getuid())"})
    build(tmp_path / "data", tmp_path / "source", "daemon", heard)
    assert any(line.startswith("DONE") for line in heard.lines)
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and str(tmp_path).encode() in _words(pid)]


def _words(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
