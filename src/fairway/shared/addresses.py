"""Tells what an IP address may reach, whichever notation or tunnel format it is written in.

An IPv6 address may embed an IPv4 address that a gateway, a tunnel or the kernel itself extracts and connects to. Both
addresses are therefore judged: ``64:ff9b::7f00:1`` is 127.0.0.1 wherever NAT64 is in use.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from ipaddress import IPv4Address as V4
from ipaddress import IPv6Address as V6

Address = V4 | V6


def _networks(*texts: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Other notations of an IPv4 address: only the address in the last four bytes is ever connected to. Sources: RFC 4291 2.5.5
# (compatible, mapped), RFC 2765 (translated), RFC 6052 (NAT64).
_NOTATIONS = _networks("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
# RFC 8215: NAT64 inside a private network. Only that network knows which bytes hold the IPv4 address.
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
_6TO4, _TEREDO = ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32")
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")  # RFC 5214: bytes 8 to 11, before the IPv4 address
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # the only range IANA allocates from
# Never public, although some versions of `ipaddress` say they are: "this network", shared (carriers), protocol
# assignments, the old 6to4 relays, reserved; site-local, documentation. Source: IANA's special-purpose registries.
_NEVER_PUBLIC = _networks(
    *("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4"),
    *("fec0::/10", "3fff::/20", "2001:db8::/32"),
)
_THIS_HOST = _networks(
    "0.0.0.0/8", "240.0.0.0/4"
)  # Linux treats the first as itself; the second contains the broadcast address
# Metadata services, where cloud providers give a machine its credentials. 169.254.169.254 is refused as link-local.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
)


def effective_addresses(address: Address) -> tuple[Address, ...]:
    """The addresses that packets to this one may reach, each in its plainest notation; never empty."""
    if isinstance(address, V4):
        return (address,)
    bare = V6(int(address))  # without the zone (``%eth0``), which names the interface, not the destination
    if _is_plain(bare):
        return (bare, *_embedded(bare))
    return (V4(int(bare) & 0xFFFFFFFF),)


def is_public(address: Address) -> bool:
    """Whether the address, and every address embedded in it, belongs to the public internet."""
    return all(_is_public(found) and found not in _METADATA for found in effective_addresses(address))


def is_special_purpose(address: Address) -> bool:
    """Whether no machine of a private network can have this address: loopback, link-local, multicast, cloud metadata."""
    is_special = any(_is_special(found) or found in _METADATA for found in effective_addresses(address))
    return is_special or address in _LOCAL_NAT64


def _is_plain(address: V6) -> bool:
    """Whether it is more than another notation of an IPv4 address. ``::`` and ``::1`` are addresses of their own."""
    return int(address) < 2 or not any(address in network for network in _NOTATIONS)


def _embedded(address: V6) -> Iterator[V4]:
    """The IPv4 addresses that a tunnel would extract from the address."""
    packed = address.packed
    if address in _6TO4:
        yield V4(packed[2:6])
    if address in _TEREDO:  # the server, and the client's address with its bits inverted (RFC 4380)
        yield V4(packed[4:8])
        yield V4(bytes(byte ^ 0xFF for byte in packed[12:]))
    if packed[8:12] in _ISATAP:
        yield V4(packed[12:])


def _is_public(address: Address) -> bool:
    is_allocated = isinstance(address, V4) or address in _GLOBAL_UNICAST
    is_reserved = address.is_multicast or any(address in network for network in _NEVER_PUBLIC)
    return bool(is_allocated and address.is_global and not is_reserved)


def _is_special(address: Address) -> bool:
    is_kind = address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
    return is_kind or any(address in network for network in _THIS_HOST)
