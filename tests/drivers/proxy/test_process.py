from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fairway.drivers.proxy import CaddyProxy
from fairway.drivers.proxy.caddy import CaddyProcess
from fairway.drivers.proxy.configuration import ProxySettings
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.drivers.proxy.token import shared_token
from fairway.shared.failures import Failure, NeedsPerson, Refused
from tests.services.ports import free_port
from tests.services.waiting import PATIENCE, eventually

from .conftest import Stage
from .upstreams import Upstream, get

Maker = Callable[..., Upstream]
OWNER = """
import sys, time
from pathlib import Path
from fairway.drivers.proxy.caddy import CaddyProcess
from fairway.drivers.proxy.token import shared_token
from fairway.drivers.proxy.configuration import ProxySettings
folder = Path(sys.argv[1])
process = CaddyProcess(folder, ProxySettings(port=int(sys.argv[2]), web=sys.argv[3], token=shared_token(folder)))
process.ensure_running()
print(process.pid(), flush=True)
time.sleep(600)
"""


def test_killed_it_comes_back_with_the_same_routes(stage: Stage, upstream: Maker) -> None:
    stage.serve("shop.localhost", upstream("shop"))
    stop, running, failures = threading.Event(), threading.Event(), list[Failure]()

    def heard(failure: Failure | None) -> None:
        running.set() if failure is None else failures.append(failure)

    keeper = threading.Thread(target=stage.process.supervise, args=(stop, heard))
    keeper.start()
    try:
        assert running.wait(PATIENCE)
        for _ in range(2):
            first = stage.process.pid()
            assert first is not None
            running.clear()
            os.kill(first, signal.SIGKILL)
            assert running.wait(PATIENCE)
            assert stage.process.pid() not in (None, first)
            assert stage.get("shop.localhost").name == "shop"
    finally:
        stop.set()
        keeper.join()
    assert failures == []
    assert stage.get("shop.localhost").name == "shop", "it serves on when nobody watches"


def test_it_outlives_its_owner_and_is_adopted(tmp_path: Path, settings: ProxySettings, upstream: Maker) -> None:
    folder, shop = tmp_path / "caddy", upstream("shop")
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), str(settings.port), settings.web], stdout=subprocess.PIPE, text=True
    )
    heir = CaddyProcess(folder, settings)
    try:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        CaddyProxy(folder).ensure_route(Route("shop.localhost", RouteKind.OPEN, (shop.address,)))
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        assert get(settings.port, "shop.localhost").name == "shop"
        heir.ensure_running()
        assert heir.pid() == pid
        assert get(settings.port, "shop.localhost").name == "shop"
    finally:
        owner.kill()
        owner.communicate()
        heir.stop()
    assert not heir.is_running()


def test_ensure_running_again_changes_nothing(stage: Stage) -> None:
    pid = stage.process.pid()
    stage.process.ensure_running()
    assert stage.process.pid() == pid


def test_two_workers_start_one(tmp_path: Path, settings: ProxySettings) -> None:
    processes = [CaddyProcess(tmp_path / "caddy", settings) for _ in range(4)]
    threads = [threading.Thread(target=process.ensure_running) for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len({process.pid() for process in processes}) == 1
        assert processes[0].is_running()
    finally:
        for process in processes:
            process.stop()


def test_a_changed_setting_is_loaded_by_the_running_one(stage: Stage, upstream: Maker) -> None:
    stage.serve("shop.localhost", upstream("shop"))
    changed = CaddyProcess(stage.process.folder, replace(stage.process.settings, port=free_port()))
    pid = changed.pid()
    changed.ensure_running()
    assert changed.pid() == pid
    assert get(changed.settings.port, "shop.localhost").name == "shop"
    with pytest.raises(ConnectionRefusedError):
        stage.get("shop.localhost")


def test_another_program_in_its_place_is_replaced(stage: Stage, tmp_path: Path) -> None:
    """After an upgrade the old binary serves on until the new one takes over."""
    other = tmp_path / "newer" / "caddy"
    other.parent.mkdir()
    other.symlink_to(os.path.realpath(f"/proc/{stage.process.pid()}/exe"))
    same = CaddyProcess(stage.process.folder, stage.process.settings, binary=other)
    pid = same.pid()
    same.ensure_running()
    assert same.pid() == pid, "a link to the same program is the same program"
    other.unlink()
    other.write_bytes(Path(f"/proc/{pid}/exe").read_bytes())
    other.chmod(0o755)
    same.ensure_running()
    assert same.pid() not in (None, pid)
    same.stop()


def test_one_that_hangs_is_replaced(stage: Stage, upstream: Maker) -> None:
    stage.serve("shop.localhost", upstream("shop"))
    pid = stage.process.pid()
    assert pid is not None
    heir = CaddyProcess(stage.process.folder, stage.process.settings, patience=0.5, stop_seconds=0.5, check_seconds=0.1)
    stop, running = threading.Event(), threading.Event()
    keeper = threading.Thread(target=heir.supervise, args=(stop, lambda failure: failure is None and running.set()))
    keeper.start()
    try:
        assert running.wait(PATIENCE)
        assert heir.pid() == pid
        running.clear()
        os.kill(pid, signal.SIGSTOP)
        assert running.wait(PATIENCE)
        assert heir.pid() not in (None, pid)
        assert stage.get("shop.localhost").name == "shop"
    finally:
        stop.set()
        keeper.join()
        heir.stop()


def test_a_taken_port_is_named_with_who_has_it(tmp_path: Path, settings: ProxySettings) -> None:
    with socket.create_server(("127.0.0.1", settings.port)):
        process = CaddyProcess(tmp_path / "caddy", settings)
        with pytest.raises(
            NeedsPerson, match=rf"Port {settings.port} is in use by “.+” \(pid {os.getpid()}\).*--proxy-port"
        ):
            process.ensure_running()
        assert not process.is_running()
    process.ensure_running()
    process.stop()


def test_two_proxies_never_share_a_port(tmp_path: Path, settings: ProxySettings) -> None:
    first, second = CaddyProcess(tmp_path / "first", settings), CaddyProcess(tmp_path / "second", settings)
    first.ensure_running()
    try:
        with pytest.raises(NeedsPerson, match=rf"Port {settings.port} is in use by “caddy”"):
            second.ensure_running()
        assert not second.is_running()
    finally:
        first.stop()


def test_a_program_that_does_not_start_says_why(tmp_path: Path, settings: ProxySettings) -> None:
    with pytest.raises(Refused, match="ended while it started"):
        CaddyProcess(tmp_path / "caddy", settings, binary=Path("/bin/false")).ensure_running()


def test_supervision_reports_and_goes_on(tmp_path: Path, settings: ProxySettings) -> None:
    process, stop, failed, running = CaddyProcess(tmp_path / "caddy", settings), *(threading.Event() for _ in range(3))
    taken = socket.create_server(("127.0.0.1", settings.port))
    keeper = threading.Thread(
        target=process.supervise, args=(stop, lambda failure: (running if failure is None else failed).set())
    )
    keeper.start()
    try:
        assert failed.wait(PATIENCE)
        taken.close()
        assert running.wait(PATIENCE)
    finally:
        taken.close()
        stop.set()
        keeper.join()
        process.stop()


def test_a_data_directory_may_be_long_and_odd(tmp_path: Path, settings: ProxySettings, upstream: Maker) -> None:
    """A socket address holds 107 bytes; a glob and a placeholder have characters of their own."""
    folder = tmp_path / ("long" * 40) / "o[d]d {env.HOME} *?" / "caddy"
    process, proxy = CaddyProcess(folder, settings), CaddyProxy(folder)
    process.ensure_running()
    try:
        proxy.ensure_route(Route("shop.localhost", RouteKind.OPEN, (upstream("shop").address,)))
        assert get(settings.port, "shop.localhost").name == "shop"
        assert proxy.in_flight()
    finally:
        process.stop()


def test_everything_it_keeps_is_private_and_the_token_stays_out_of_sight(stage: Stage, upstream: Maker) -> None:
    stage.serve("shop.localhost", f"127.0.0.1:{free_port()}")
    assert stage.get("shop.localhost", headers={"X-Fairway-Probe": stage.token}).status == 502
    pid, folder = stage.process.pid(), stage.process.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.rglob("*"):
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    told = [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
    logs = [(folder / name).read_bytes() for name in ("caddy.log", "start.log")]
    assert not [text for text in (*told, *logs) if stage.token.encode() in text]
    assert stage.token not in repr(stage.process.settings)


def _target(link: Path) -> str:
    """Where it leads; "" when that was closed meanwhile."""
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""


def test_the_admin_api_is_on_no_port(stage: Stage) -> None:
    pid = stage.process.pid()
    inodes = {target for link in Path(f"/proc/{pid}/fd").iterdir() if (target := _target(link))}
    ports = set()
    for table in ("tcp", "tcp6"):
        for row in map(str.split, Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]):
            if row[3] == "0A" and f"socket:[{row[9]}]" in inodes:
                ports.add(int(row[1].rpartition(":")[2], 16))
    assert ports == {stage.port}


def test_behind_a_load_balancer(tmp_path: Path, settings: ProxySettings, upstream: Maker) -> None:
    """Listening everywhere, and believing what the balancer says about the visitor."""
    process = CaddyProcess(tmp_path / "caddy", replace(settings, binds=("",), trusted_proxies=("127.0.0.0/8",)))
    process.ensure_running()
    try:
        CaddyProxy(process.folder).ensure_route(Route("shop.localhost", RouteKind.OPEN, (upstream("shop").address,)))
        said = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
        headers = get(settings.port, "shop.localhost", headers=said).json["headers"]
    finally:
        process.stop()
    assert isinstance(headers, dict)
    assert headers["X-Forwarded-Proto"] == "https"
    assert headers["X-Forwarded-For"].startswith("203.0.113.9")


def test_the_folder_is_private_whoever_makes_it(tmp_path: Path) -> None:
    CaddyProxy(tmp_path / "caddy")
    assert stat.S_IMODE((tmp_path / "caddy").stat().st_mode) == 0o700


def test_the_token_is_made_once(tmp_path: Path) -> None:
    assert shared_token(tmp_path / "a") == shared_token(tmp_path / "a") != shared_token(tmp_path / "b")


def test_stop_waits_for_what_is_in_flight(stage: Stage, upstream: Maker) -> None:
    shop = upstream("shop")
    stage.serve("shop.localhost", shop)
    answers: list[object] = []
    asking = threading.Thread(target=lambda: answers.append(stage.get("shop.localhost", "/slow").name))
    asking.start()
    assert shop.entered.wait(PATIENCE)
    stopping = threading.Thread(target=stage.process.stop)
    stopping.start()
    eventually(lambda: not _accepts(stage.port))
    shop.release.set()
    stopping.join()
    asking.join()
    assert answers == ["shop"]
    assert not stage.process.is_running()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
