"""Decides which IP addresses a fetch may reach, and keeps the connection to them.

Without this, anybody who may type a URL could make Fairway send requests to its own private network. A name is resolved
once, each of its addresses is checked (see `fairway.shared.addresses`), and the connection is made to a checked one, so that
a second answer of the name server changes nothing. The address of the open connection is checked again.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Mapping

from fairway.shared.addresses import Address, effective_addresses, is_public, is_special_purpose
from fairway.shared.failures import NeedsPerson, Retry

AddressPolicy = Callable[[Address], bool]
# Reserved for documentation (RFC 5737, RFC 3849); no machine has them.
_NOBODYS = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


def public_only(address: Address) -> bool:
    """True for addresses of the public internet, except those of this machine."""
    return is_public(address) and not is_own(address)


def intranet_too(address: Address) -> bool:
    """True for public addresses and those of a company's own network, but not for any address of this machine or for
    link-local ones (cloud metadata)."""
    return not is_special_purpose(address) and not is_own(address)


# What an administrator may choose, by the words of the settings; None permits any address.
POLICIES: Mapping[str, AddressPolicy | None] = {"public": public_only, "intranet": intranet_too, "any": None}


def is_own(address: Address) -> bool:
    """Whether packets to this address stay on this machine. The kernel answers this; nothing is sent."""
    return any(_is_bindable(effective) or _is_its_own_source(effective) for effective in effective_addresses(address))


def permitted_address(host: str, port: int, policy: AddressPolicy) -> str:
    """An IP address of `host` that may be connected to. Raises `NeedsPerson` if any of its addresses is not allowed,
    `Retry` if the name cannot be resolved."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Retry(f"The name {host} cannot be resolved; check its spelling and this machine's network.") from error
    numbers = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for number in numbers:
        judge(host, number, policy)
    return numbers[0].partition("%")[0]


def judge(host: str, number: str, policy: AddressPolicy) -> None:
    """Raises `NeedsPerson` if `number`, an IP address that `host` resolved or connected to, is not allowed."""
    address = ipaddress.ip_address(number)
    if policy(address):
        return
    where = "leads to this machine itself" if is_own(address) or address.is_loopback else "is on a private network"
    raise NeedsPerson(
        f"{host} {where} ({number}), where Fairway does not fetch from; an administrator can allow private addresses."
    )


def _is_bindable(address: Address) -> bool:
    """Whether a socket can be bound to it: only to a machine's own addresses, unless an administrator allowed others
    (`ip_nonlocal_bind`)."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    return _binds(family, str(address)) and not _binds(family, _NOBODYS[family])


def _binds(family: socket.AddressFamily, number: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((number, 0))
    except OSError:
        return False
    return True


def _is_its_own_source(address: Address) -> bool:
    """Whether the kernel would send to it from that very address, which it does only for its own addresses."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ipaddress.ip_address(probe.getsockname()[0]) == address
    except (OSError, ValueError):
        return False
