"""Who is believed about whom it asks for: the proxies that were named, from the right, and nobody else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairway.config.forwarded import Forwarded


def asked(peer: str, *headers: tuple[str, str], trusted: tuple[str, ...] = (), own: str = "") -> dict[str, Any]:
    """The scope as the application sees it."""
    seen: dict[str, Any] = {}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)

    given = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": given}
    asyncio.run(Forwarded(application, trusted, own)(scope, None, None))
    return seen


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "203.0.113.9"])
def test_nobody_is_believed_who_was_not_named_not_even_from_this_machine(peer):
    seen = asked(peer, ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"))
    assert (seen["client"][0], seen["scheme"]) == (peer, "http")
    assert seen["headers"] == [], "no view reads what nobody vouches for"


def test_a_named_proxy_is_believed():
    seen = asked("10.0.0.2", ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"), trusted=("10.0.0.0/24",))
    assert (seen["client"][0], seen["scheme"]) == ("203.0.113.9", "https")


@pytest.mark.parametrize(
    "lines",
    [
        ("6.6.6.6, 203.0.113.9",),
        ("6.6.6.6", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.3",),
        ("10.0.0.7, 203.0.113.9:4711",),
    ],
)
def test_what_the_visitor_wrote_before_it_is_not(lines):
    """Each proxy appends whom it heard; the first from the right that is no proxy of ours is the visitor."""
    seen = asked("10.0.0.2", *(("X-Forwarded-For", line) for line in lines), trusted=("10.0.0.2", "10.0.0.3"))
    assert seen["client"][0] == "203.0.113.9"


@pytest.mark.parametrize("said", ["", "unknown", "_hidden", "evil\x00", "<script>", "1.2.3", "x" * 5000])
def test_what_is_no_address_is_not_taken_for_one(said):
    seen = asked("10.0.0.2", ("X-Forwarded-For", said), trusted=("10.0.0.2",))
    assert seen["client"][0] == "10.0.0.2"


@pytest.mark.parametrize("wrong", ["*", "proxy.example.com", "10.0.0.300", "10.0.0.0/99"])
def test_a_proxy_that_is_no_address_stops_the_start(wrong):
    with pytest.raises(ValueError, match="does not appear to be"):
        asked("10.0.0.2", trusted=(wrong,))


def test_fairways_own_proxy_is_known_by_its_secret_and_not_by_its_address():
    said = (("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"))
    seen = asked("127.0.0.1", *said, ("X-Fairway-Pages", "secret"), own="secret")
    assert (seen["client"][0], seen["scheme"], seen["headers"]) == ("203.0.113.9", "https", [])


@pytest.mark.parametrize(("said", "own"), [("guessed", "secret"), ("", "secret"), ("", ""), ("x", "")])
def test_whoever_does_not_know_the_secret_is_not_believed(said, own):
    seen = asked("127.0.0.1", ("X-Forwarded-For", "6.6.6.6"), ("X-Fairway-Pages", said), own=own)
    assert seen["client"][0] == "127.0.0.1"


def test_a_secret_beside_a_guess_is_not_enough():
    two = (("X-Fairway-Pages", "secret"), ("X-Fairway-Pages", "secret"))
    assert asked("127.0.0.1", ("X-Forwarded-For", "6.6.6.6"), *two, own="secret")["client"][0] == "127.0.0.1"
