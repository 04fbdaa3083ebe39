"""A backup made while deployments run, the machine lost, and everything back on another: on both databases, and across."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.grown.test_grown import held_app
from tests.services.gate import Gate
from tests.services.installation import Installation, wait_for
from tests.services.postgres import Postgres, SharedPostgres, postgres_server  # noqa: F401
from tests.services.waiting import PATIENCE
from tests.upgrade.make_fixtures import SECRET
from tests.upgrade.test_upgrade import look_inside

INTERRUPTED = 2


def fairway(*words: object, **environ: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")} | environ
    command = [sys.executable, "-m", "fairway.cli.main", *map(str, words)]
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=PATIENCE)


@contextmanager
def busy(one: Installation) -> Iterator[None]:
    """Somebody restarts the site, again and again."""
    stop = threading.Event()

    def restart() -> None:
        while not stop.is_set():
            with suppress(OSError):
                one.api("POST", "/applications/site/environments/staging/placement/restart", {"reason": "again"})
            stop.wait(0.2)

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def save_in_the_middle(one: Installation, tmp_path: Path) -> Path:
    """A site with a secret and something stored, a deployment that is held while others come and go; then the backup."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("Version 1")
    one.create("site", one.upload(site))
    place = "/applications/site/environments/staging/configuration"
    one.call("PUT", place, {"variables": {"GREETING": "été"}, "secrets": {"PASSWORD": SECRET}})
    first = one.deploy("site")
    one.live(first)
    (one.data / "process" / "homes" / "site.staging" / "note").write_text("kept")
    with Gate() as gate:
        one.create("held", one.upload(held_app(tmp_path / "held", gate)))
        held = one.deploy("held")
        assert held == INTERRUPTED
        one.reached(held, "check")
        with busy(one):
            wait_for(lambda: one.api("GET", f"/deployments/{held + 1}").status == 200, "somebody restarts")
            done = fairway("backup", tmp_path / "saved.tar.gz", "--data", one.data, **one.environ)
    assert done.returncode == 0, done.stderr
    assert "where you keep passwords" in done.stdout
    (site / "index.html").write_text("Version 2")
    one.call("PATCH", "/applications/site", {"source": one.upload(site)})
    return tmp_path / "saved.tar.gz"


def lost(one: Installation) -> None:
    """Everything of it, from one moment to the next; what it had started is ended as a machine's end would."""
    one.stop()
    for folder, _, _ in os.walk(one.data):
        os.chmod(folder, 0o700)
    shutil.rmtree(one.data)


def everything_is_there(one: Installation, token: str) -> None:
    wait_for(lambda: "Version 1" in one.visit("site.staging.localhost").text, "what should run is started")

    def call(method: str, path: str) -> object:
        answer = one.api(method, path, token=token)
        assert answer.status == 200, answer.text
        return answer.json

    wait_for(lambda: call("GET", f"/deployments/{INTERRUPTED}")["status"] == "cancelled", "it is cleaned up")
    assert "restored from the backup" in call("GET", f"/deployments/{INTERRUPTED}")["sentence"]
    assert call("GET", "/deployments/1")["status"] in {"live", "superseded"}
    statuses = [row["status"] for row in call("GET", "/deployments")["items"]]
    assert statuses.count("live") == 1
    assert call("GET", "/audit/verification")["is_intact"]
    assert call("GET", "/events?verb=installation.restored")["items"]
    wait_for(lambda: len(one.instances("site")) == 1, "one instance")
    assert one.instances("held") == []
    assert (one.data / "process" / "homes" / "site.staging" / "note").read_text() == "kept"
    assert look_inside(one)[0] == SECRET
    verified = fairway("audit", "verify", FAIRWAY_URL=f"http://localhost:{one.port}", FAIRWAY_TOKEN=token)
    assert verified.returncode == 0, verified.stderr


def round_trip(tmp_path: Path, before: dict[str, str], after: dict[str, str]) -> None:
    one = Installation(tmp_path / "old", before)
    try:
        one.start()
        token = one.sign_in["token"]
        file = save_in_the_middle(one, tmp_path)
        refused = fairway("restore", file, "--data", one.data, **before)
        assert refused.returncode == 1
        assert "Fairway runs" in refused.stderr
    finally:
        one.stop()
    refused = fairway("restore", file, "--data", one.data, **before)
    assert (refused.returncode, "is not empty" in refused.stderr) == (1, True)
    lost(one)
    other = Installation(tmp_path / "new", after)
    done = fairway("restore", file, "--data", other.data, **after)
    assert done.returncode == 0, done.stderr
    assert "are ended as Cancelled" in done.stdout
    try:
        everything_is_there(other.start(), token)
    finally:
        other.stop()


def test_everything_is_back_on_sqlite(tmp_path: Path) -> None:
    round_trip(tmp_path, {}, {})


@pytest.mark.postgres
def test_everything_is_back_on_postgresql(postgres_server: SharedPostgres, tmp_path: Path) -> None:  # noqa: F811
    old, new = postgres_server.create_with_tables("backup_old"), postgres_server.create_database("backup_new")
    round_trip(tmp_path, {"FAIRWAY_DATABASE_URL": old}, {"FAIRWAY_DATABASE_URL": new})


@pytest.fixture(scope="module")
def saved(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:  # noqa: F811
    """An archive without keys made on SQLite; the data directory it is of (stopped); and a token."""
    folder = tmp_path_factory.mktemp("saved")
    one = Installation(folder / "data")
    try:
        one.start()
        token = one.sign_in["token"]
        (folder / "site").mkdir()
        (folder / "site" / "index.html").write_text("Version 1")
        one.create("site", one.upload(folder / "site"))
        one.live(one.deploy("site"))
    finally:
        one.stop()
    done = fairway("backup", folder / "saved.tar.gz", "--data", one.data, "--without-keys")
    assert done.returncode == 0, done.stderr
    return folder / "saved.tar.gz", str(one.data), token


@pytest.mark.postgres
def test_a_backup_of_sqlite_becomes_an_installation_on_postgresql(postgres_server, saved, tmp_path) -> None:  # noqa: F811
    file, data, token = saved
    url = postgres_server.create_database("moved")
    other = Installation(tmp_path / "new", {"FAIRWAY_DATABASE_URL": url})
    words = ("restore", file, "--data", other.data, "--keys", f"{data}/keys")
    assert fairway(*words, **other.environ).returncode == 0
    again = fairway("restore", file, "--data", tmp_path / "third", "--keys", f"{data}/keys", **other.environ)
    assert (again.returncode, "is not empty" in again.stderr) == (1, True)
    over = fairway(*words, "--replace", **other.environ)
    assert over.returncode == 0, over.stderr
    assert list(tmp_path.glob("new.before-*"))
    try:
        other.start()
        wait_for(lambda: "Version 1" in other.visit("site.staging.localhost").text, "it is started")
        assert other.api("GET", "/audit/verification", token=token).json["is_intact"]
        wanted = {"application": "site", "environment": "staging"}
        assert other.call("POST", "/deployments", wanted, token=token)["id"] == 2  # numbers go on
    finally:
        other.stop()
    assert not list(tmp_path.glob("*restoring*"))


def test_an_archive_without_keys_wants_the_right_ones(saved: tuple[Path, str, str], tmp_path: Path) -> None:
    file = saved[0]
    done = fairway("restore", file, "--data", tmp_path / "new")
    assert (done.returncode, "--keys" in done.stderr) == (1, True)
    with tarfile.open(file) as tar:
        assert not [name for name in tar.getnames() if name.startswith(("keys", "caddy"))]
        keys = [file.read_text().split() for file in (Path(saved[1]) / "keys").iterdir()]
        lets_in = [saved[2], *(word for words in keys for word in words if len(word) > 30)]
        for member in filter(tarfile.TarInfo.isfile, tar):
            content = tar.extractfile(member).read()  # type: ignore[union-attr]
            assert not any(word.encode() in content for word in lets_in), member.name
    wrong = Path(saved[1]).parent / "wrong"
    if not wrong.exists():
        shutil.copytree(f"{saved[1]}/keys", wrong)
        (wrong / "secret.key").write_text("another")
    done = fairway("restore", file, "--data", tmp_path / "new", "--keys", wrong)
    assert (done.returncode, "not those" in done.stderr) == (1, True)
    assert not (tmp_path / "new" / "fairway.sqlite3").exists()


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_archive_is_refused_before_anything_happens(saved, tmp_path, damage) -> None:
    broken = tmp_path / "broken.tar.gz"
    content = bytearray(saved[0].read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 0xFF
    broken.write_bytes(content)
    done = fairway("restore", broken, "--data", tmp_path / "new", "--keys", f"{saved[1]}/keys")
    assert done.returncode == 1
    assert "Nothing was restored" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_member_that_was_exchanged_is_named(saved: tuple[Path, str, str], tmp_path: Path) -> None:
    folder, changed = tmp_path / "out", tmp_path / "changed.tar.gz"
    with tarfile.open(saved[0]) as tar:
        tar.extractall(folder, filter="fully_trusted")
    (folder / "tables" / "fairway.environment.jsonl").write_text("{}\n")
    with tarfile.open(changed, "w:gz") as tar:
        for place in sorted(folder.rglob("*"), key=lambda place: place.name == "manifest.json"):
            tar.add(place, place.relative_to(folder), recursive=False)
    done = fairway("restore", changed, "--data", tmp_path / "new", "--keys", f"{saved[1]}/keys")
    assert (done.returncode, "fairway.environment.jsonl is not what was saved" in done.stderr) == (1, True)


def test_a_file_that_is_there_is_not_overwritten_and_no_fairway_is_no_backup(saved, tmp_path) -> None:
    done = fairway("backup", saved[0], "--data", saved[1])
    assert (done.returncode, "exists already" in done.stderr) == (1, True)
    done = fairway("backup", tmp_path / "x.tar.gz", "--data", tmp_path / "nowhere")
    assert (done.returncode, "no Fairway" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []
