"""What an Internet address means: whom it reaches, whichever notation or wrapping it came in.

An IPv6 address may carry an IPv4 address that a gateway, a tunnel or the kernel itself takes out again and connects to. So
it is judged as that one, too: ``64:ff9b::7f00:1`` is 127.0.0.1 wherever NAT64 stands between.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from ipaddress import IPv4Address as V4
from ipaddress import IPv6Address as V6

Address = V4 | V6


def _networks(*texts: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Only a notation: nothing but the IPv4 address in the last four bytes is ever connected to. Sources: RFC 4291 2.5.5
# (compatible, mapped), RFC 2765 (translated), RFC 6052 (NAT64).
_NOTATIONS = _networks("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
# RFC 8215: a NAT64 inside somebody's network. Where in it the IPv4 address stands is known there only.
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
_6TO4, _TEREDO = ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32")
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")  # RFC 5214: the middle of an address, before its IPv4 address
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # all that was ever given to the IPv6 internet
# Never public, although some versions of `ipaddress` call them so: "this network", shared (carriers), protocol
# assignments, the old 6to4 relays, reserved; site-local, documentation. Source: IANA's special-purpose registries.
_NEVER_PUBLIC = _networks(
    *("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4"),
    *("fec0::/10", "3fff::/20", "2001:db8::/32"),
)
_THIS_HOST = _networks("0.0.0.0/8", "240.0.0.0/4")  # Linux takes the first for itself; the last end in a broadcast
# Where clouds tell a machine its own secrets. Link-local ones (169.254.169.254) are refused as such.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
)


def meant_by(address: Address) -> tuple[Address, ...]:
    """Every address that packets to this one may end at, the plainest notation of each; never empty."""
    if isinstance(address, V4):
        return (address,)
    bare = V6(int(address))  # a zone (``%eth0``) says by which door, not to whom
    if _is_plain(bare):
        return (bare, *_carried(bare))
    return (V4(int(bare) & 0xFFFFFFFF),)


def is_public(address: Address) -> bool:
    """Whether it belongs to the public internet, and nothing it carries lies anywhere else."""
    return all(_is_public(one) and one not in _METADATA for one in meant_by(address))


def is_nobodys_neighbour(address: Address) -> bool:
    """Whether no company could have given it to a machine of its network: loopback, link, group, cloud metadata."""
    return any(_is_special(one) or one in _METADATA for one in meant_by(address)) or address in _LOCAL_NAT64


def _is_plain(address: V6) -> bool:
    """Not just another notation. ``::`` and ``::1`` are addresses of their own."""
    return int(address) < 2 or not any(address in network for network in _NOTATIONS)


def _carried(address: V6) -> Iterator[V4]:
    """The IPv4 addresses a tunnel would take out of it."""
    packed = address.packed
    if address in _6TO4:
        yield V4(packed[2:6])
    if address in _TEREDO:  # the server, and the client behind its NAT, written inverted
        yield V4(packed[4:8])
        yield V4(bytes(byte ^ 0xFF for byte in packed[12:]))
    if packed[8:12] in _ISATAP:
        yield V4(packed[12:])


def _is_public(address: Address) -> bool:
    is_given_out = isinstance(address, V4) or address in _GLOBAL_UNICAST
    is_kept_back = address.is_multicast or any(address in network for network in _NEVER_PUBLIC)
    return bool(is_given_out and address.is_global and not is_kept_back)


def _is_special(address: Address) -> bool:
    is_kind = address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
    return is_kind or any(address in network for network in _THIS_HOST)
