"""The address of a host: ``ssh://user@host[:port][/path/of/docker.sock]``. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass

from fairway.shared.hostnames import NotAHostname, canonical_hostname
from fairway.shared.names import Invalid

SCHEME = "ssh://"
DOCKER_SOCKET = "/var/run/docker.sock"
# Each part begins with a letter, a digit or “_”, so that none can be read as an option of ssh.
_ADDRESS = re.compile(
    r"ssh://(?P<user>[a-z_][a-z0-9_.-]{0,31})@(?P<host>\[[0-9a-f:]+\]|[a-z0-9][a-z0-9.-]*)(?::(?P<port>[0-9]{1,5}))?(?P<path>/.*)?"
)
_PATH = re.compile(r"(?:/[A-Za-z0-9_@+][A-Za-z0-9._@+-]*){1,16}")


@dataclass(frozen=True)
class SshAddress:
    """An account on a machine, and the socket of its Docker Engine. `str()` gives the canonical form."""

    user: str
    host: str
    port: int = 22
    socket: str = DOCKER_SOCKET

    @classmethod
    def parse(cls, text: str, *, field: str = "host") -> SshAddress:
        """Parse an address. Raises `Invalid` that names `field`."""
        found = _ADDRESS.fullmatch(text.strip())
        if found is None:
            raise Invalid(
                field,
                "“{value}” is not the address of a Docker host; write it like “ssh://deploy@docker.example.com” "
                "(a port and the path of the Docker socket may follow).",
                value=text.strip()[:80],
            )
        return cls(
            found["user"],
            _host(found["host"], field),
            _port(found["port"], field),
            _socket(found["path"] or DOCKER_SOCKET, field),
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port != 22 else ""
        return f"{SCHEME}{self.user}@{host}{port}{self.socket if self.socket != DOCKER_SOCKET else ''}"

    @property
    def token(self) -> str:
        """A short, unique name for the folder of this host."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:16]

    @property
    def known_as(self) -> str:
        """The host's name in a file of known hosts. Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"


def is_ssh(text: object) -> bool:
    """Whether the text is meant as an address over SSH, whether or not it can be parsed."""
    return isinstance(text, str) and text.strip().startswith(SCHEME)


def loopback_of(address: SshAddress, installation: str) -> str:
    """The loopback address at which the host's instances are reached from this machine: one address of 127.64.0.0/10 per
    host, always the same.

    So ports keep their numbers, and routes stay valid when a tunnel or the worker restarts.
    """
    digest = hashlib.sha256(f"{installation}/{address}".encode()).digest()
    return f"127.{64 + digest[0] % 64}.{digest[1]}.{1 + digest[2] % 254}"


def _host(text: str, field: str) -> str:
    host = text.strip("[]")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return canonical_hostname(host)
    except NotAHostname:
        raise Invalid(field, "“{value}” is neither a host name nor an address.", value=host[:80]) from None


def _port(text: str | None, field: str) -> int:
    port = int(text or 22)
    if not 1 <= port <= 65535:
        raise Invalid(field, "names port {port}; a TCP port is between 1 and 65535.", port=port)
    return port


def _socket(path: str, field: str) -> str:
    if not _PATH.fullmatch(path) or len(path) > 100:
        raise Invalid(
            field, "“{value}” is not the path of a socket; write it like “/run/user/1000/docker.sock”.", value=path[:80]
        )
    return path
