"""A machine elsewhere, for tests: a network namespace of its own with a real Docker Engine and a real sshd in it.

Needs root, iproute2 and openssh-server. The file system is shared, the network is not: what listens there on
127.0.0.1 is not reached from here, and on the host's own address only sshd listens.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.services.docker import Engine, await_true, missing, program, start

NEEDED = {"ip": "iproute2", "sshd": "openssh-server", "ssh": "openssh-client", "dockerd": "docker.io"}
SSHD = """
Port 22
ListenAddress {address}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
"""


@dataclass
class FarHost:
    """One machine elsewhere: `address` is its own, `here` ours on the cable between."""

    name: str
    folder: Path
    address: str
    here: str
    engine: Engine = field(init=False)
    sshd: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        # not “ip netns exec”, which hides the control groups that dockerd needs
        inside = (program("nsenter", "util-linux"), f"--net=/run/netns/{self.name}")
        flags = (f"--insecure-registry={self.here.rpartition('.')[0]}.0/24",)
        self.engine = Engine(f"unix://{self.folder}/docker.sock", self.folder, options=flags, inside=inside)

    @property
    def url(self) -> str:
        """What an environment calls it."""
        return f"ssh://root@{self.address}{self.folder}/docker.sock"

    def build(self) -> None:
        """Lay the cable, start everything."""
        near, far = f"{self.name}n", f"{self.name}f"
        ip("netns", "add", self.name)
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", self.name)
        ip("address", "add", f"{self.here}/30", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", self.name, "address", "add", f"{self.address}/30", "dev", far)
        for device in (far, "lo"):
            ip("-n", self.name, "link", "set", device, "up")
        self.new_host_key()
        (self.folder / "authorized_keys").touch(mode=0o600)
        (self.folder / "sshd_config").write_text(SSHD.format(address=self.address, folder=self.folder))
        self.start_sshd()
        self.engine.launch("base=10.199.0.0/16,size=24")  # its networks are in its own namespace

    def new_host_key(self) -> None:
        for place in (self.folder / "host_key", self.folder / "host_key.pub"):
            place.unlink(missing_ok=True)
        keygen = program("ssh-keygen", "openssh-client")
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / "host_key")], check=True)

    @property
    def fingerprint(self) -> str:
        """Its host key's, as its own ssh-keygen prints it."""
        keygen = program("ssh-keygen", "openssh-client")
        argv = [keygen, "-lf", str(self.folder / "host_key.pub")]
        printed = subprocess.run(argv, check=True, capture_output=True, text=True)
        return printed.stdout.split()[1]

    @property
    def host_key(self) -> str:
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    def let_in(self, *public_keys: str) -> None:
        """Who may sign in from now on."""
        (self.folder / "authorized_keys").write_text("".join(f"{key}\n" for key in public_keys))

    def start_sshd(self) -> None:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        log = self.folder / "sshd.log"
        argv = [*self.engine.inside, program("sshd", "openssh-server"), "-D", "-e", "-f", str(self.folder / "sshd_config")]
        self.sshd = start(argv, log)
        await_true(lambda: "Server listening" in log.read_text(), self.sshd, log)

    def stop_sshd(self) -> None:
        """sshd and every connection through it end at once, as when the machine loses its power; containers run on."""
        assert self.sshd is not None
        self.sshd.kill()
        self.sshd.wait()
        for pid in ip("netns", "pids", self.name).split():
            if Path(f"/proc/{pid}/comm").read_text().strip() == "sshd":
                os.kill(int(pid), signal.SIGKILL)

    def unplug(self) -> None:
        """Nothing gets through any more, and nobody is told."""
        ip("link", "set", f"{self.name}n", "down")

    def plug_in(self) -> None:
        ip("link", "set", f"{self.name}n", "up")

    def end(self) -> None:
        if self.engine.process is not None:
            self.engine.end()
        if self.sshd is not None and self.sshd.poll() is None:
            self.stop_sshd()
        ip("netns", "delete", self.name)  # and with it the cable
        shutil.rmtree(self.folder, ignore_errors=True)


def ip(*arguments: str) -> str:
    done = subprocess.run([program("ip", "iproute2"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout


FIXTURES = itertools.count()  # each module that imports the fixture has one of its own


@pytest.fixture(scope="session")
def far_host() -> Iterator[FarHost]:
    """One machine elsewhere for the whole test run."""
    if os.geteuid() != 0:
        missing("a machine elsewhere (a network namespace with sshd and dockerd) needs root")
    for name, package in NEEDED.items():
        program(name, package)
    number = (os.getpid() + next(FIXTURES) * 7919) % 60_000  # several test processes, and several modules in one, run beside
    net, last = f"10.214.{number // 256 % 256}", 4 * (number % 60)
    folder = Path(tempfile.mkdtemp(prefix="fairway-far-"))
    one = FarHost(f"fw{number}", folder, f"{net}.{last + 2}", f"{net}.{last + 1}")
    try:
        one.build()
        yield one
    finally:
        one.end()
