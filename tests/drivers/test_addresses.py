"""Who is reached decides, not how the number is written: every wrapping of an IPv4 address is judged as that address."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.drivers.addresses import intranet_too, is_own, permitted_address, public_only
from fairway.shared.addresses import effective_addresses, is_public, is_special_purpose
from fairway.shared.failures import NeedsPerson, Retry


def _ends_with(prefix: str) -> Callable[[IPv4Address], IPv6Address]:
    return lambda inner: IPv6Address(int(IPv6Address(prefix)) | int(inner))


def _teredo_client(inner: IPv4Address) -> IPv6Address:
    return IPv6Address(int(IPv6Address("2001:0:808:808::")) | (int(inner) ^ 0xFFFFFFFF))


WRAPPINGS: dict[str, Callable[[IPv4Address], IPv6Address]] = {
    "mapped": _ends_with("::ffff:0:0"),
    "compatible": _ends_with("::"),
    "translated": _ends_with("::ffff:0:0:0"),
    "NAT64": _ends_with("64:ff9b::"),
    "NAT64 inside": _ends_with("64:ff9b:1::"),
    "6to4": lambda inner: IPv6Address((0x2002 << 112) | int(inner) << 80 | 1),
    "Teredo server": lambda inner: IPv6Address((0x20010000 << 96) | int(inner) << 64 | 0xF7F7F7F7),
    "Teredo client": _teredo_client,
    "ISATAP": _ends_with("2606:4700::5efe:0:0"),
}
NOBODYS = [
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "255.255.255.255", "240.0.0.1"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "ff02::1", "::7f00:1", "::ffff:7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1"),
    *("2002:7f00:1::", "2001:0:7f00:1::", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "::ffff:169.254.169.254"),
]
PRIVATE = [
    *("10.0.0.8", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "fec0::1"),
    *("::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::1", "::10.0.0.1"),
]
SPECIAL = ["192.0.0.9", "192.88.99.1", "198.18.0.1", "203.0.113.1", "2001:db8::1", "3fff::1", "100::1", "5f00::1", "4000::1"]
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1"]


@pytest.mark.parametrize("number", NOBODYS)
def test_this_machine_its_link_and_its_clouds_secrets_are_never_asked(number: str) -> None:
    assert not public_only(ip_address(number))
    assert not intranet_too(ip_address(number))


@pytest.mark.parametrize("number", PRIVATE)
def test_a_companys_own_network_is_asked_where_it_may_be(number: str) -> None:
    assert not is_public(ip_address(number))
    assert not is_special_purpose(ip_address(number))


@pytest.mark.parametrize("number", SPECIAL)
def test_what_was_never_given_to_the_internet_is_not_public(number: str) -> None:
    assert not is_public(ip_address(number))


@pytest.mark.parametrize("number", PUBLIC)
def test_public_addresses(number: str) -> None:
    assert public_only(ip_address(number))
    assert intranet_too(ip_address(number))


@given(st.sampled_from(sorted(WRAPPINGS)), st.ip_addresses(v=4) | st.sampled_from([ip_address(n) for n in NOBODYS[:8]]))
def test_no_wrapping_makes_an_address_more_public_or_less_ours(kind: str, inner: IPv4Address) -> None:
    wrapped = WRAPPINGS[kind](inner)
    assert not is_public(wrapped) or is_public(inner)
    assert not is_special_purpose(inner) or is_special_purpose(wrapped) or int(wrapped) == 0


@given(st.ip_addresses())
def test_every_address_means_something_and_judging_never_breaks(address: IPv4Address | IPv6Address) -> None:
    assert effective_addresses(address)
    assert not (is_public(address) and is_special_purpose(address))
    assert is_public(address) in (True, False)


def own_addresses() -> list[str]:
    """All that the kernel delivers here, from its own table; the loopback's are among them."""
    said = subprocess.run(["ip", "-o", "address"], capture_output=True, text=True, check=True).stdout
    return [line.split()[3].partition("/")[0] for line in said.splitlines()]


def test_the_machines_own_addresses_are_not_its_intranet() -> None:
    """A service that listens on all of them, believing the firewall, is as near as one on the loopback address."""
    for number in own_addresses():
        assert is_own(ip_address(number)) or ip_address(number).is_link_local, number
        assert not intranet_too(ip_address(number)), number
        if ip_address(number).version == 4:
            assert not intranet_too(WRAPPINGS["NAT64"](IPv4Address(number))), number


def test_other_machines_are_not_this_one() -> None:
    assert not any(is_own(ip_address(number)) for number in ["1.1.1.1", "10.255.3.4", "2606:4700::1111"])


def test_an_administrator_who_lets_programs_bind_anything_keeps_the_intranet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "bind", lambda *_: None)
    assert not is_own(ip_address("10.255.3.4"))
    assert is_own(ip_address("127.0.0.1"))


@pytest.mark.parametrize(
    "spelling", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "0", "0.0.0.0", "localhost"]
)
def test_every_spelling_of_this_machine_is_refused(spelling: str) -> None:
    with pytest.raises(NeedsPerson, match="this machine itself"):
        permitted_address(spelling, 80, intranet_too)


@pytest.mark.parametrize("spelling", ["[::1]", "::ffff:127.0.0.1", "[::7f00:1]"])
def test_every_spelling_with_colons_is_refused(spelling: str) -> None:
    with pytest.raises(NeedsPerson):
        permitted_address(spelling, 80, intranet_too)


def test_a_name_that_no_resolver_can_even_read_is_said_to_be_unknown() -> None:
    with pytest.raises(Retry, match="cannot be resolved"):
        permitted_address("a" * 64 + ".é", 80, intranet_too)


def test_a_zone_does_not_hide_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1%eth0", 443, 0, 2))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(NeedsPerson):
        permitted_address("router.example", 443, intranet_too)
