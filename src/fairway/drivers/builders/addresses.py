"""Which addresses a fetch may reach: decided on the numbers a name resolves to, and then kept to those numbers.

Whoever may type a URL could otherwise make Fairway ask the private network it stands in. The name is resolved once, every
number is judged, and the connection is pinned to a judged one, so that a second answer of the name server changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

from fairway.shared.failures import NeedsPerson, Retry

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
AddressPolicy = Callable[[Address], bool]


def public_only(address: Address) -> bool:
    """True for addresses of the public internet: no loopback, private, link-local, shared or reserved ones."""
    mapped = getattr(address, "ipv4_mapped", None)
    judged = mapped or address
    return bool(judged.is_global and not judged.is_multicast)


def intranet_too(address: Address) -> bool:
    """True for public addresses and a company's own network, but not for this machine and its link (cloud metadata)."""
    judged = getattr(address, "ipv4_mapped", None) or address
    return not (judged.is_loopback or judged.is_link_local or judged.is_unspecified or judged.is_multicast)


def permitted_address(host: str, port: int, policy: AddressPolicy) -> str:
    """A number of `host` that may be asked. Raises `NeedsPerson` when one of them may not be, `Retry` when there is none."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Retry(f"The name {host} cannot be resolved; check its spelling and this machine's network.") from error
    numbers = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    for number in numbers:
        if not policy(ipaddress.ip_address(number)):
            raise NeedsPerson(
                f"{host} is on a private network ({number}), where Fairway does not fetch from; "
                "an administrator can allow private addresses."
            )
    return numbers[0]
