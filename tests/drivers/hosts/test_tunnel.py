"""The tunnel, against a real sshd with a real Docker Engine behind it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fairway.drivers.hosts.address import SshAddress, loopback_of
from fairway.drivers.hosts.keys import fingerprint, scan
from fairway.drivers.hosts.reasons import Reason, Unreached
from fairway.drivers.hosts.tunnel import Access, Tunnel
from fairway.drivers.runtimes.docker.daemon import Daemon
from fairway.shared.keypairs import new_key_pair
from tests.services import plainly
from tests.services.docker import program, start, stop
from tests.services.far_host import FarHost
from tests.services.waiting import eventually

pytestmark = pytest.mark.docker
WEB = 21999
DEEP = "a-folder-that-lies-deeper-than-the-107-bytes-that-the-kernel-takes-for-the-path-of-a-socket-may-be-long"


@pytest.fixture(scope="module")
def access(far_host: FarHost) -> Access:
    private, public = new_key_pair("fairway tests")
    far_host.let_in(public)
    return Access(private, far_host.host_key)


@pytest.fixture(params=["", DEEP], ids=["short path", "long path"])
def tunnel(request: pytest.FixtureRequest, far_host: FarHost, tmp_path: Path) -> Iterator[Tunnel]:
    tunnel = Tunnel(SshAddress.parse(far_host.url), tmp_path / request.param)
    yield tunnel
    tunnel.close()


@pytest.fixture
def web(far_host: FarHost, tmp_path: Path) -> Iterator[int]:
    """A web server on the host's own loopback address."""
    python = program("python3", "python3")
    process = start(
        [*far_host.engine.inside, python, "-m", "http.server", str(WEB), "--bind", "127.0.0.1"], tmp_path / "web.log"
    )
    yield WEB
    stop(process)


def version(tunnel: Tunnel) -> str:
    daemon = Daemon(tunnel.url)
    try:
        return str(daemon.api.version()["Version"])
    finally:
        daemon.close()


def reaches(address: str, port: int) -> bool:
    try:
        return plainly.get(f"http://{address}:{port}/").status_code == 200
    except httpx.TransportError:
        return False


def test_it_leads_to_the_engine_and_is_adopted_by_the_next(tunnel: Tunnel, access: Access) -> None:
    assert tunnel.pid() is None
    assert tunnel.ensure_up(access)
    assert version(tunnel)
    pid = tunnel.pid()

    other = Tunnel(tunnel.address, tunnel.folder.parents[1])  # what the next worker makes
    assert not other.ensure_up(access)
    assert (other.pid(), version(other)) == (pid, version(tunnel))
    assert [oct((tunnel.folder / name).stat().st_mode & 0o777) for name in ("key", "control")] == ["0o600", "0o600"]
    argv = Path(f"/proc/{pid}/cmdline").read_text()
    assert "PRIVATE" not in argv
    assert access.private_key.splitlines()[1] not in argv
    tunnel.close()
    assert (tunnel.pid(), other.pid()) == (None, None)


def test_ports_are_opened_kept_and_taken_back(tunnel: Tunnel, access: Access, web: int) -> None:
    tunnel.ensure_up(access)
    local = loopback_of(tunnel.address, f"{os.getpid():08x}")
    assert not reaches(local, web)
    tunnel.ensure_open(local, [web, web + 1])
    tunnel.ensure_open(local, [web])
    assert tunnel.open_ports(local) == {web, web + 1}
    eventually(lambda: reaches(local, web), "the web server over there answers here")
    tunnel.ensure_closed(local, [web + 1])
    assert tunnel.open_ports(local) == {web}


def test_one_that_was_killed_is_made_anew_at_the_same_place(tunnel: Tunnel, access: Access) -> None:
    tunnel.ensure_up(access)
    before, pid = tunnel.url, tunnel.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: tunnel.pid() is None, "it is gone")
    assert tunnel.ensure_up(access)
    assert tunnel.url == before
    assert version(tunnel)


def test_a_new_key_replaces_the_tunnel_of_the_old_one(tunnel: Tunnel, access: Access, far_host: FarHost) -> None:
    tunnel.ensure_up(access)
    private, public = new_key_pair("another")
    before = (far_host.folder / "authorized_keys").read_text()
    far_host.let_in(before.strip(), public)
    pid = tunnel.pid()
    assert tunnel.ensure_up(Access(private, access.host_key))
    assert tunnel.pid() not in (None, pid)
    far_host.let_in(before.strip())


def test_the_key_a_host_shows_is_its_own(far_host: FarHost) -> None:
    assert fingerprint(scan(SshAddress.parse(far_host.url))) == far_host.fingerprint


@pytest.mark.parametrize("tunnel", [""], indirect=True)
def test_why_not_is_known(tunnel: Tunnel, access: Access, far_host: FarHost) -> None:
    def why(url: str, wanted: Access) -> Reason:
        one = Tunnel(SshAddress.parse(url), tunnel.folder.parents[1])
        with pytest.raises(Unreached) as away:
            one.ensure_up(wanted)
        assert one.pid() is None
        return away.value.reason

    stranger, _ = new_key_pair("nobody let in")
    _, other = new_key_pair("not its key")
    assert why(far_host.url, Access(stranger, access.host_key)) is Reason.DENIED
    assert why(far_host.url, Access(access.private_key, " ".join(other.split()[:2]))) is Reason.UNTRUSTED
    assert why(far_host.url, Access(access.private_key, "")) is Reason.UNTRUSTED, "nobody confirmed a key"
    assert why(f"ssh://root@{far_host.address}:2", access) is Reason.REFUSED
    assert why("ssh://root@nobody.invalid", access) is Reason.UNRESOLVED


@pytest.mark.parametrize("tunnel", [""], indirect=True)
def test_a_host_that_falls_silent_ends_the_tunnel(tunnel: Tunnel, access: Access, far_host: FarHost) -> None:
    """Nothing is refused and nothing reset: only the missing answers tell."""
    tunnel.ensure_up(access)
    far_host.unplug()
    try:
        eventually(lambda: tunnel.pid() is None, "the tunnel has ended")
        assert "not responding" in (tunnel.folder / "ssh.log").read_text()
    finally:
        far_host.plug_in()
    eventually(lambda: _is_up(tunnel, access), "it is up again")
    assert version(tunnel)


def _is_up(tunnel: Tunnel, access: Access) -> bool:
    try:
        tunnel.ensure_up(access)
    except Unreached:
        return False
    return True
