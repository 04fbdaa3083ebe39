"""Which addresses a fetch may reach: decided on the numbers a name resolves to, and then kept to those numbers.

Whoever may type a URL could otherwise make Fairway ask the private network it stands in. The name is resolved once, every
number is judged by what it means (`fairway.shared.addresses`), the connection is pinned to a judged one, so that a second
answer of the name server changes nothing, and what was really connected to is judged again.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

from fairway.shared.addresses import Address, effective_addresses, is_public, is_special_purpose
from fairway.shared.failures import NeedsPerson, Retry

AddressPolicy = Callable[[Address], bool]
_NOBODYS = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # of the documentation; no machine has them


def public_only(address: Address) -> bool:
    """True for addresses of the public internet, but not for those of them that are this machine's own."""
    return is_public(address) and not is_own(address)


def intranet_too(address: Address) -> bool:
    """True for public addresses and a company's own network, but not for this machine, under whichever of its addresses,
    and its link (cloud metadata)."""
    return not is_special_purpose(address) and not is_own(address)


def is_own(address: Address) -> bool:
    """Whether packets to it stay on this machine. Asked of the kernel, which sends none for it."""
    return any(_is_bindable(one) or _is_its_own_source(one) for one in effective_addresses(address))


def permitted_address(host: str, port: int, policy: AddressPolicy) -> str:
    """A number of `host` that may be asked. Raises `NeedsPerson` when one of them may not be, `Retry` when there is none."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Retry(f"The name {host} cannot be resolved; check its spelling and this machine's network.") from error
    numbers = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for number in numbers:
        judge(host, number, policy)
    return numbers[0].partition("%")[0]


def judge(host: str, number: str, policy: AddressPolicy) -> None:
    """Raises `NeedsPerson` where `number`, which `host` resolved or connected to, may not be asked."""
    address = ipaddress.ip_address(number)
    if policy(address):
        return
    where = "leads to this machine itself" if is_own(address) or address.is_loopback else "is on a private network"
    raise NeedsPerson(
        f"{host} {where} ({number}), where Fairway does not fetch from; an administrator can allow private addresses."
    )


def _is_bindable(address: Address) -> bool:
    """Only a machine's own addresses can be bound, unless an administrator lifted that (`ip_nonlocal_bind`)."""
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
    """Whether the kernel would speak to it from that very address: it does so only to itself."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ipaddress.ip_address(probe.getsockname()[0]) == address
    except (OSError, ValueError):
        return False
