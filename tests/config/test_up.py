"""A whole Fairway, started and ended in every way: what goes on, what ends, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.installation import Installation, installed, wait_for
from tests.services.ports import free_port
from tests.services.waiting import PATIENCE


def run_file(one: Installation) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((one.data / "run" / "fairway.json").read_text())
    return found


def pids(one: Installation) -> dict[str, int]:
    """What the supervisor says it runs: ``{"web": pid, "worker": pid}``."""
    found: dict[str, int] = run_file(one)["processes"]
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def caddy_of(one: Installation) -> list[int]:
    """The proxies that run on this installation's folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(place / "cwd") == str(one.data / "caddy"):
                found.append(int(place.name))
        except OSError:
            continue
    return found


def up(data: Path, port: int, proxy_port: int) -> subprocess.CompletedProcess[str]:
    """A further ``fairway up``, waited for."""
    command = [sys.executable, "-m", "fairway.config.up", "--data", str(data), "--port", str(port)]
    command += ["--proxy-port", str(proxy_port)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)


def site(folder: Path) -> Path:
    folder.mkdir()
    (folder / "index.html").write_text("<title>Hello</title><p>Here I am.</p>")
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One installation for the tests that leave it running."""
    with installed(tmp_path_factory.mktemp("up") / "data") as one:
        yield one


def test_what_runs_is_a_supervisor_that_loaded_nothing_a_web_and_a_worker(shared: Installation) -> None:
    assert shared.process is not None
    facts = run_file(shared)
    assert (facts["pid"], facts["port"], facts["state"]) == (shared.process.pid, shared.port, "running")
    assert set(pids(shared)) == {"web", "worker"}
    libraries = Path(f"/proc/{shared.process.pid}/maps").read_text()
    assert "_sqlite3" not in libraries
    assert "pydantic_core" not in libraries
    for pid in pids(shared).values():
        assert f"PPid:\t{shared.process.pid}\n" in Path(f"/proc/{pid}/status").read_text()


def test_state_is_for_its_owner_only(shared: Installation) -> None:
    assert stat.S_IMODE(shared.data.stat().st_mode) == 0o700
    wait_for((shared.data / "run" / "storage.json").exists, "the disk was measured")
    places = [
        *shared.data.glob("*.sqlite3*"),
        *(p for name in ("keys", "run", "demo") for p in (shared.data / name).iterdir()),
    ]
    assert {"fairway.sqlite3", "lock", "fairway.json", "secret.key", "field.keys", "sign-in.json", "storage.json"} <= {
        p.name for p in places
    }
    assert {place.name: oct(stat.S_IMODE(place.stat().st_mode)) for place in places if place.stat().st_mode & 0o077} == {}


def test_a_second_one_with_the_same_data_is_refused(shared: Installation) -> None:
    done = up(shared.data, shared.port + 1, shared.proxy_port + 1)
    assert done.returncode == 2
    assert "another Fairway already uses" in done.stderr
    assert "fairway down" in done.stderr
    assert run_file(shared)["state"] == "running"


def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = up(tmp_path / "data", port, port)
    assert done.returncode == 2
    assert f"port {port} is not free" in done.stderr
    assert "--port" in done.stderr
    assert not (tmp_path / "data" / "run" / "fairway.json").exists()


def test_a_database_that_cannot_be_reached_ends_the_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "fairway.sqlite3").write_bytes(b"no database at all" * 300)
    done = up(data, free_port(), free_port())
    assert done.returncode == 1
    assert "file is not a database" in done.stderr
    assert not (data / "run" / "fairway.json").exists()


def test_a_web_process_that_is_told_to_end_ends_well_and_is_replaced(shared: Installation) -> None:
    old = pids(shared)["web"]
    os.kill(old, signal.SIGTERM)
    wait_for(lambda: pids(shared).get("web", old) != old, "another web")
    wait_for(lambda: shared.call("GET", "/health"), "it answers")
    assert "The web process ended (0); starting it again" in shared.log.read_text()


def test_a_killed_process_is_replaced(shared: Installation) -> None:
    for name in ("worker", "web"):
        old = pids(shared)
        os.kill(old[name], signal.SIGKILL)
        wait_for(lambda old=old, name=name: pids(shared).get(name, old[name]) != old[name], f"another {name}")
        wait_for(lambda: shared.call("GET", "/health"), "it answers")
        other = "web" if name == "worker" else "worker"
        assert pids(shared)[other] == old[other]
        assert is_alive(old[other])


def test_ending_the_control_plane_leaves_applications_serving_and_down_stops_them(tmp_path: Path) -> None:
    with installed(tmp_path / "data") as one:
        one.create("hello", one.upload(site(tmp_path / "site")))
        one.live(one.deploy("hello"))
        minded = [int(pid) for pid in _shims(one)]
        before = pids(one)
        assert one.process is not None
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(timeout=PATIENCE) == 0
        assert not any(is_alive(pid) for pid in before.values())
        assert "Here I am." in one.visit("hello.staging.localhost").text
        assert [int(pid) for pid in _shims(one)] == minded

        one.start()  # that was an upgrade: the new one adopts what runs
        assert "Here I am." in one.visit("hello.staging.localhost").text
        assert [int(pid) for pid in _shims(one)] == minded

        old = pids(one)
        os.kill(one.process.pid, signal.SIGKILL)
        one.process.wait(timeout=PATIENCE)
        wait_for(lambda: not any(is_alive(pid) for pid in old.values()), "web and worker follow the killed supervisor")
        assert "Here I am." in one.visit("hello.staging.localhost").text

        one.start()
        assert len(caddy_of(one)) == 1
        one.process.send_signal(signal.SIGINT)
        assert one.process.wait(timeout=PATIENCE) == 0
        assert not _shims(one)
        wait_for(lambda: not caddy_of(one), "the proxy ends")
        with pytest.raises(ConnectionError):
            one.visit("hello.staging.localhost")


def test_told_to_stop_while_it_still_loads_it_stops(tmp_path: Path) -> None:
    one = Installation(tmp_path / "data")
    command = [sys.executable, "-m", "fairway.config.up", "--data", str(one.data)]
    command += ["--port", str(one.port), "--proxy-port", str(one.proxy_port)]
    with subprocess.Popen(command, start_new_session=True) as process:
        wait_for((one.data / "run" / "fairway.json").exists, "it starts")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0
    wait_for(lambda: not _of_session(process.pid), "nothing of it is left")
    assert not (one.data / "run" / "fairway.json").exists()


def _shims(one: Installation) -> list[str]:
    """The processes that mind this installation's applications."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            where = os.readlink(place / "fd" / "2")
        except OSError:
            continue
        if where.startswith(str(one.data / "process" / "instances")) and where.endswith("minder.log"):
            found.append(place.name)
    return sorted(found, key=int)


def _of_session(number: int) -> list[int]:
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == number and fields[0] != "Z":
            found.append(int(place.parent.name))
    return found
