"""A private, real Docker Engine and a private registry for tests; both are gone afterwards.

Import the fixtures into a conftest. The whole test run shares one Engine and one registry. With
``FAIRWAY_TEST_DOCKER_HOST=unix:///…`` a given Engine is used, and left running.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
import httpx
import pytest

from fairway.drivers.runtimes.contract import RegistryCredential
from tests.services import plainly
from tests.services.docker_base import base_tar
from tests.services.ports import free_port
from tests.services.sharing import Facts, one_at_a_time, shared
from tests.services.waiting import PATIENCE, eventually

PLACES = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin"
BASE = "fairway-tests/base:1"
USER, PASSWORD = "deployer", "correct horse"
# bcrypt of PASSWORD: the registry reads nothing else, and Python has no bcrypt
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n"
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def missing(sentence: str) -> None:
    """Skip naming what is missing."""
    pytest.skip(sentence)


def program(name: str, package: str) -> str:
    found = shutil.which(name, path=PLACES)
    if found is None:
        missing(f"{name} is not installed; on Debian: apt-get install {package}")
    assert found is not None
    return found


def start(argv: list[str], log: Path, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A child that ends when we do, even when we are killed."""
    with log.open("wb") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment or {**os.environ, "PATH": PLACES},
            preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM),  # noqa: PLW1509 -- one system call
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def await_true(look: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    eventually(lambda: process.poll() is not None or look(), f"{process.args} starts")
    if process.poll() is not None:
        pytest.fail(f"{process.args} did not start:\n{log.read_text()[-3000:]}")


@dataclass
class Engine:
    """A running Docker Engine: its address, and how to stop and start it when it is our own; `options` are dockerd's."""

    host: str
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    options: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()  # the command that enters its network namespace

    def client(self) -> contextlib.closing[docker.APIClient]:
        """A client of its own for a test's look behind the runtime's back."""
        return contextlib.closing(docker.APIClient(self.host, version="auto", timeout=PATIENCE))

    def launch(self, pool: str = "") -> None:
        """Start dockerd in the engine's folder and wait until it answers; `pool` is where its networks come from."""
        assert self.folder is not None
        # several test processes may run beside each other
        pool = pool or f"base=10.{100 + os.getpid() % 99}.0.0/16,size=24"
        flags = ["--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false", "--shutdown-timeout=2"]
        places = {"host": self.host, "data-root": self.folder / "data", "exec-root": self.folder / "exec"}
        argv = [*self.inside, program("dockerd", "docker.io"), *flags, *self.options, f"--default-address-pool={pool}"]
        argv += [f"--{name}={place}" for name, place in places.items()] + [f"--pidfile={self.folder}/pid"]
        log = self.folder / "log"
        self.process = start(argv, log)
        await_true(self.answers, self.process, log)

    def answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as knock:  # the SDK would leave a socket behind each failed attempt
                knock.connect(self.host.removeprefix("unix://"))
            with self.client() as client:
                return bool(client.ping())
        except OSError:
            return False
        except docker.errors.DockerException:
            return False

    def halt(self) -> None:
        """Stop it and keep its folder."""
        assert self.process is not None
        stop(self.process)

    def end(self) -> None:
        """Stop it: containers first, so that it has nothing to wait for, then networks, whose bridges are the host's."""
        assert self.folder is not None
        assert self.process is not None
        with contextlib.suppress(docker.errors.DockerException), self.client() as client:
            for container in client.containers(all=True, quiet=True):
                client.remove_container(container["Id"], force=True)
            for network in client.networks(filters={"type": "custom"}):
                client.remove_network(network["Id"])
        stop(self.process)
        for line in Path("/proc/mounts").read_text().splitlines():  # dockerd leaves its network namespace mounted
            if line.split()[1].startswith(f"{self.folder}/"):
                subprocess.run([program("umount", "mount"), line.split()[1]], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def private_engine(*options: str) -> Engine:
    """A new Engine of our own, started with these options of dockerd; the caller ends it."""
    if os.geteuid() != 0:
        missing("a private Docker Engine needs root; or set FAIRWAY_TEST_DOCKER_HOST")
    folder = Path(tempfile.mkdtemp(prefix="fairway-dk-"))
    engine = Engine(f"unix://{folder}/docker.sock", folder, options=options)
    try:
        engine.launch()
    except BaseException:
        if engine.process is not None:
            stop(engine.process)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return engine


def shared_engine() -> Engine:
    """The Engine of this test run."""
    return Engine(os.environ.get("FAIRWAY_TEST_DOCKER_HOST") or shared("engine")["host"])


@contextmanager
def engine_for_all() -> Iterator[Facts]:
    """The same, from start to end."""
    program("dockerd", "docker.io")
    engine = private_engine()
    try:
        yield {"host": engine.host}
    finally:
        engine.end()


def shared_base() -> str:
    """The base image, with this machine's certificate authorities, under the name `BASE`."""
    return base_on(shared_engine().host)


@functools.cache
def base_on(host: str) -> str:
    """The same on the Engine at `host`."""
    with one_at_a_time("base"), Engine(host).client() as client:
        if not client.images(BASE):
            client.import_image_from_file(str(base_tar()), repository="fairway-tests/plain", tag="1")
            build(client, BASE, {"Dockerfile": _BASE_DOCKERFILE, "ca.crt": _authorities()})
    return BASE


_BASE_DOCKERFILE = """
FROM fairway-tests/plain:1
COPY ca.crt /etc/ssl/certs/ca-certificates.crt
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt PIP_DISABLE_PIP_VERSION_CHECK=1
CMD ["python3"]
"""


def _authorities() -> bytes:
    """A proxy in front of the package registries may have its own authority: what holds here must hold in builds."""
    places = (os.environ.get("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt", ssl.get_default_verify_paths().cafile)
    found = next((Path(place) for place in places if place and Path(place).is_file()), None)
    assert found is not None, "this machine has no file of certificate authorities (package ca-certificates)"
    return found.read_bytes()


def build(client: docker.APIClient, tag: str, files: dict[str, str | bytes]) -> str:
    """Build an image of a few files behind Fairway's back; returns its id."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(raw), 0o755
            archive.addfile(entry, io.BytesIO(raw))
    context.seek(0)
    events = list(client.build(fileobj=context, custom_context=True, tag=tag, rm=True, decode=True, network_mode="host"))
    assert not any("error" in event for event in events), json.dumps(events[-3:])
    return str(client.inspect_image(tag)["Id"])


@dataclass(frozen=True)
class Registry:
    """A running registry that wants a user name and password."""

    host: str
    folder: Path

    @property
    def credential(self) -> RegistryCredential:
        return RegistryCredential(self.host, USER, PASSWORD)

    def push(self, client: docker.APIClient, image: str, name: str, tag: str) -> str:
        """Push a local image as ``host/name:tag``; returns its manifest digest. The local names are removed again."""
        repository = f"{self.host}/{name}"
        client.tag(image, repository, tag)
        sign_in = {"username": USER, "password": PASSWORD, "serveraddress": self.host}
        events = list(client.push(repository, tag, stream=True, decode=True, auth_config=sign_in))
        assert not any("error" in event for event in events), json.dumps(events[-3:])
        digest = next(event["aux"]["Digest"] for event in events if "aux" in event)
        client.remove_image(f"{repository}:{tag}")
        with contextlib.suppress(docker.errors.NotFound):
            client.remove_image(f"{repository}@{digest}")
        return str(digest)


def shared_registry(address: str = "127.0.0.1") -> Registry:
    """The registry of this test run on one of the machine's addresses."""
    facts = shared("registry", address)
    return Registry(facts["host"], Path(facts["folder"]))


@contextmanager
def registry_for_all(address: str) -> Iterator[Facts]:
    """The same, from start to end."""
    binary = program("docker-registry", "docker-registry")
    folder = Path(tempfile.mkdtemp(prefix="fairway-registry-"))
    host = f"{address}:{free_port()}"
    (folder / "htpasswd").write_text(HTPASSWD)
    (folder / "config.yml").write_text(_registry_config(folder, host))
    log = folder / "log"
    process = start([binary, "serve", str(folder / "config.yml")], log)
    try:
        await_true(lambda: _asks_for_sign_in(host), process, log)
        yield {"host": host, "folder": str(folder)}
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def _registry_config(folder: Path, host: str) -> str:
    config = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "store")}, "delete": {"enabled": True}},
        "http": {"addr": host, "secret": "of-this-test-run"},
        "auth": {"htpasswd": {"realm": "fairway tests", "path": str(folder / "htpasswd")}},
    }
    return json.dumps(config)  # JSON is YAML


def _asks_for_sign_in(host: str) -> bool:
    try:
        return plainly.get(f"http://{host}/v2/").status_code == 401
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def docker_engine() -> Engine:
    """One real Docker Engine for the whole test run."""
    return shared_engine()


@pytest.fixture(scope="session")
def docker_base(docker_engine: Engine) -> str:
    """The name of a base image with Python and Node, for ``python_image`` and ``node_image``."""
    return shared_base()


@pytest.fixture(scope="session")
def docker_registry() -> Registry:
    """One private registry with basic authentication for the whole test run."""
    return shared_registry()
