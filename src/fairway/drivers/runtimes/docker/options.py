"""The options of an environment for its Docker Engine and for building images. Pure."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fairway.drivers.hosts.address import SshAddress, is_ssh
from fairway.shared.names import Invalid, parse_image, parse_variable

DEFAULT_HOST = "unix:///var/run/docker.sock"
BUILDERS = ("auto", "classic", "buildx")
_PORTS = re.compile(r"(\d{1,5})-(\d{1,5})")


@dataclass(frozen=True)
class DockerOptions:
    """The parsed options of the ``docker`` runtime and its image builder.

    `host` is the Engine's address: ``unix:///path``, or ``ssh://user@host[:port][/path]`` for an Engine that is reached over
    SSH (``tcp://`` is refused, because whoever can reach such an Engine controls its machine). `publish` is the address on
    the Engine's machine on which instances are published; any but the loopback address is reached directly, e.g. over a
    private network. `ports` is the range of ports on which instances are published. The default is below Linux's ephemeral
    ports (32768–60999), so that an outgoing connection never takes the port of a stopped instance. `python_image` and
    `node_image` are the base images of generated Dockerfiles. `build_args` are the only values that builds receive from
    outside (a package index, a proxy). `build_network` is the network in which builds run.
    """

    host: str = DEFAULT_HOST
    publish: str = "127.0.0.1"
    ports: range = range(21000, 29000)
    python_image: str = "python:3.12-slim"
    node_image: str = "node:22-slim"
    build_args: Mapping[str, str] = field(default_factory=dict, repr=False)
    build_network: str = "default"
    builder: str = "auto"

    @classmethod
    def parse(cls, options: Mapping[str, object]) -> DockerOptions:
        """Parse the options of an environment. Raises `Invalid` that names the unknown or wrong one."""
        unknown = sorted(set(options) - set(cls.__dataclass_fields__))
        if unknown:
            known = ", ".join(cls.__dataclass_fields__)
            raise Invalid(unknown[0], "is not an option of the docker runtime; it knows {known}.", known=known)
        return cls(
            host=_host(options.get("host") or os.environ.get("DOCKER_HOST") or DEFAULT_HOST),
            publish=_publish(options.get("publish") or cls.publish),
            ports=_ports(options.get("ports") or "21000-28999"),
            python_image=parse_image(str(options.get("python_image") or cls.python_image), field="python_image"),
            node_image=parse_image(str(options.get("node_image") or cls.node_image), field="node_image"),
            build_args=_build_args(options.get("build_args") or {}),
            build_network=_one_of("build_network", options.get("build_network") or "default", ("default", "host", "none")),
            builder=_one_of("builder", options.get("builder") or "auto", BUILDERS),
        )


def _host(value: object) -> str:
    host = str(value)
    if is_ssh(host):
        return str(SshAddress.parse(host))
    if not host.startswith("unix:///"):
        raise Invalid(
            "host",
            "“{value}” is not a Docker host; write it like “unix:///var/run/docker.sock” or “ssh://deploy@docker.example.com”.",
            value=host[:60],
        )
    return host


def _publish(value: object) -> str:
    try:
        address = ipaddress.IPv4Address(str(value))
    except ValueError:
        address = ipaddress.IPv4Address(0)
    if address.is_unspecified or address.is_multicast:
        raise Invalid("publish", "“{value}” is not an IPv4 address of the host, e.g. “10.0.0.5”.", value=str(value)[:40])
    return str(address)


def _ports(value: object) -> range:
    found = _PORTS.fullmatch(str(value))
    first, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1024 <= first < last <= 65535:
        raise Invalid(
            "ports",
            "“{value}” is not a range of ports between 1024 and 65535; write it like “21000-28999”.",
            value=str(value)[:40],
        )
    return range(first, last + 1)


def _build_args(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise Invalid("build_args", "is not a table of names and values, e.g. {“PIP_INDEX_URL”: “https://…”}.")
    return {parse_variable(str(name), field="build_args"): str(text) for name, text in value.items()}


def _one_of(field_name: str, value: object, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise Invalid(
            field_name, "“{value}” is unknown; use one of {names}.", value=str(value)[:40], names=", ".join(allowed)
        )
    return str(value)
