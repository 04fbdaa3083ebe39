"""Addresses of hosts over SSH: what is one, how it is written, and what must never reach ssh as an option."""

from __future__ import annotations

import pytest

from fairway.drivers.hosts.address import SshAddress, loopback_of
from fairway.drivers.hosts.keys import fingerprint, shown_keys
from fairway.drivers.hosts.reasons import Reason, reason_of
from fairway.shared.names import Invalid


@pytest.mark.parametrize(
    ("text", "known_as", "written"),
    [
        ("ssh://deploy@docker.example.com", "docker.example.com", "ssh://deploy@docker.example.com"),
        ("ssh://deploy@docker.example.com:22", "docker.example.com", "ssh://deploy@docker.example.com"),
        (" ssh://deploy@10.0.0.5:2222 ", "[10.0.0.5]:2222", "ssh://deploy@10.0.0.5:2222"),
        ("ssh://root@[fd00::1]:2222", "[fd00::1]:2222", "ssh://root@[fd00::1]:2222"),
        ("ssh://a@h/run/user/1000/docker.sock", "h", "ssh://a@h/run/user/1000/docker.sock"),
        ("ssh://a@h/var/run/docker.sock", "h", "ssh://a@h"),
    ],
)
def test_an_address_has_one_way_to_be_written(text: str, known_as: str, written: str) -> None:
    address = SshAddress.parse(text)
    assert (address.known_as, str(address)) == (known_as, written)
    assert SshAddress.parse(written) == address


@pytest.mark.parametrize(
    "text",
    [
        *("ssh://docker.example.com", "ssh://@h", "ssh://a@", "ssh://-oProxyCommand=x@h", "ssh://a@-oProxyCommand=x"),
        *(
            "ssh://a:secret@h",
            "ssh://a@h:0",
            "ssh://a@h:70000",
            "ssh://a@h:x",
            "ssh://a@h?x=1",
            "ssh://a@h/x:/etc",
            "ssh://a@h/../x",
        ),
        *(
            "ssh://a b@h",
            "ssh://a@h\n-oX",
            "ssh://a@1.2.3",
            "ssh://a@h..x",
            "ssh://a@[::g]",
            "ssh://a@h/",
            "ssh://A@h",
            "tcp://a@h",
        ),
    ],
)
def test_what_is_no_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        SshAddress.parse(text)
    assert refused.value.field == "host"


def test_every_host_has_a_loopback_address_of_its_own() -> None:
    one, two = (SshAddress.parse(f"ssh://a@{name}") for name in ("one", "two"))
    assert loopback_of(one, "0a1b2c3d") == loopback_of(one, "0a1b2c3d")
    assert len({loopback_of(one, "0a1b2c3d"), loopback_of(two, "0a1b2c3d"), loopback_of(one, "00000000")}) == 3
    for number in range(300):
        first, second, _, last = map(int, loopback_of(one, f"{number:08x}").split("."))
        assert (first, 64 <= second < 128, 1 <= last <= 254) == (127, True, True)


def test_the_best_key_a_host_shows_is_taken_and_its_fingerprint_is_ssh_keygens() -> None:
    blob = "AAAAC3NzaC1lZDI1NTE5AAAAINQ7TYeAa67aRkn3SuB2m/AxyRU6b1K+502FVE7I0lhB"
    output = f"# h:22 SSH-2.0\n[h]:22 ssh-rsa {'A' * 60}\n[h]:22 ssh-ed25519 {blob}\nh junk\nh ssh-dss {'A' * 60}\n"
    assert shown_keys(output) == [f"ssh-ed25519 {blob}", f"ssh-rsa {'A' * 60}"]
    assert fingerprint(f"ssh-ed25519 {blob}").startswith("SHA256:")
    assert len(fingerprint(f"ssh-ed25519 {blob}")) == 50
    assert fingerprint("") == ""


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("root@h: Permission denied (publickey).", Reason.DENIED),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", Reason.UNTRUSTED),
        ("ssh: Could not resolve hostname h: Name or service not known", Reason.UNRESOLVED),
        ("getaddrinfo h: Name or service not known", Reason.UNRESOLVED),  # ssh-keyscan
        ("ssh: connect to host h port 22: Connection refused", Reason.REFUSED),
        ("ssh: connect to host h port 22: Connection timed out", Reason.SILENT),
        ("Timeout, server h not responding.", Reason.SILENT),
        ("something else", Reason.OTHER),
    ],
)
def test_what_ssh_says_is_understood(said: str, reason: Reason) -> None:
    assert reason_of(said) is reason
