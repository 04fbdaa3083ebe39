"""A visitor stays with one of several replicas, as long as it lives; seen with a real Caddy."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from http.cookies import SimpleCookie

import pytest

from fairway.drivers.proxy.configuration import STICKY_COOKIE
from fairway.drivers.proxy.contract import Route, RouteKind

from .conftest import Stage
from .upstreams import Answer, Upstream

Maker = Callable[..., Upstream]
HOST = "shop.localhost"


def stick(stage: Stage, *upstreams: Upstream, generation: str = "d1", kind: RouteKind = RouteKind.OPEN) -> None:
    addresses = tuple(one.address for one in upstreams)
    stage.proxy.ensure_route(Route(HOST, kind, addresses, generation, sticky=True))


def cookie_of(answer: Answer) -> dict[str, str]:
    """What a browser that got this answer sends from then on; of two cookies of one name the last counts."""
    found = answer.headers.get_all("Set-Cookie") or []
    values = [SimpleCookie(one)[STICKY_COOKIE].value for one in found if one.startswith(f"{STICKY_COOKIE}=")]
    return {"Cookie": f"{STICKY_COOKIE}={values[-1]}"} if values else {}


def test_each_visitor_stays_with_one_and_all_are_spread_over_both(stage: Stage, upstream: Maker) -> None:
    stick(stage, upstream("a"), upstream("b"))
    visitors = [stage.get(HOST) for _ in range(8)]
    assert Counter(one.name for one in visitors) == {"a": 4, "b": 4}
    for first in visitors:
        later = [
            stage.get(HOST, path, cookie_of(first), method=method)
            for path in ("/", "/media/x.png")
            for method in ("GET", "POST")
        ]
        assert {one.name for one in later} == {first.name}
        assert not any(cookie_of(one) for one in later), "it is told once"


def test_the_cookie_is_the_proxys_alone_and_names_no_address(stage: Stage, upstream: Maker) -> None:
    one, other = upstream("a"), upstream("b")
    stick(stage, one, other)
    answer = stage.get(HOST)
    (said,) = answer.headers.get_all("Set-Cookie") or []
    value = cookie_of(answer)["Cookie"].partition("=")[2]
    assert said == f"{STICKY_COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax"
    unkeyed = {hashlib.sha256(address.encode()).hexdigest() for address in (one.address, other.address)}
    assert value not in unkeyed, "a hash without a key could be tried out"


def test_the_applications_own_cookies_pass(stage: Stage, upstream: Maker) -> None:
    one = upstream("a")
    one.extra = {"Set-Cookie": "theirs=1; Path=/"}
    stick(stage, one)
    assert "theirs=1; Path=/" in (stage.get(HOST).headers.get_all("Set-Cookie") or [])


def test_after_a_switch_a_visitor_gets_a_new_one_and_stays_there(stage: Stage, upstream: Maker) -> None:
    stick(stage, upstream("a"), upstream("b"))
    before = cookie_of(stage.get(HOST))
    stick(stage, upstream("c"), upstream("d"), generation="d2")
    first = stage.get(HOST, headers=before)
    assert first.name in {"c", "d"}
    assert {stage.get(HOST, headers=cookie_of(first)).name for _ in range(6)} == {first.name}


@pytest.mark.parametrize("value", ["", "a", "0" * 64, "x" * 4000])
def test_a_cookie_that_is_none_of_ours_is_a_new_visitor(stage: Stage, upstream: Maker, value: str) -> None:
    stick(stage, upstream("a"), upstream("b"))
    assert cookie_of(stage.get(HOST, headers={"Cookie": f"{STICKY_COOKIE}={value}"}))


def test_one_that_died_is_left_without_a_lost_request(stage: Stage, upstream: Maker) -> None:
    one, other = upstream("a"), upstream("b")
    one.extra = {"Connection": "close"}  # nothing goes to a connection that outlives its server
    stick(stage, one, other)
    theirs = next(answer for _ in range(4) if (answer := stage.get(HOST)).name == "a")
    one.shutdown()
    one.server_close()
    first = stage.get(HOST, headers=cookie_of(theirs))
    assert (first.status, first.name) == (200, "b")
    assert stage.get(HOST, headers=cookie_of(first)).name == "b"


def test_a_route_says_whether_visitors_stay(stage: Stage, upstream: Maker) -> None:
    one, other = upstream("a"), upstream("b")
    stick(stage, one, other)
    route = stage.proxy.route(HOST)
    assert route == Route(HOST, RouteKind.OPEN, (one.address, other.address), "d1", sticky=True)
    stage.serve(HOST, one, other)
    assert stage.proxy.route(HOST) == Route(HOST, RouteKind.OPEN, (one.address, other.address), "d1")
    assert not cookie_of(stage.get(HOST))
