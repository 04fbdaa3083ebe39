from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from fairway.drivers.proxy.contract import RouteKind

from .conftest import Stage
from .upstreams import Upstream

Maker = Callable[..., Upstream]
HOST = "board.localhost"


@pytest.fixture
def board(stage: Stage, upstream: Maker) -> Upstream:
    board = upstream("board")
    stage.serve(HOST, board, kind=RouteKind.SIGNED_IN)
    return board


def test_fairway_is_asked_and_its_yes_names_the_person(stage: Stage, board: Upstream, web: Upstream) -> None:
    web.extra = {"X-Fairway-User": "ada", "X-Fairway-Email": "ada@example.com"}
    answer = stage.get(
        HOST,
        "/chart?x=1",
        {"Cookie": "pass=1", "X-Fairway-User": "root", "X-Fairway-Roles": "admin"},
        method="POST",
        body=b"data",
    )
    assert answer.name == "board"
    seen = answer.json["headers"]
    assert isinstance(seen, dict)
    assert (seen["X-Fairway-User"], seen["X-Fairway-Email"]) == ("ada", "ada@example.com")
    assert "X-Fairway-Roles" not in seen, "what Fairway did not say, nobody else may"
    ((path, asked),) = web.asked
    assert path == "/.fairway/access"
    assert (asked["X-Forwarded-Method"], asked["X-Forwarded-Uri"]) == ("POST", "/chart?x=1")
    assert (asked["X-Forwarded-Host"], asked["Cookie"]) == (HOST, "pass=1")
    assert (asked["Host"], asked["X-Fairway-Proxy"]) == (web.address, stage.token)
    assert stage.token not in json.dumps(seen)


@pytest.mark.parametrize("status", [302, 401, 403])
def test_its_no_is_the_answer(stage: Stage, board: Upstream, web: Upstream, status: int) -> None:
    web.status, web.extra = status, {"Location": "http://fairway.localhost/login"}
    answer = stage.get(HOST)
    assert (answer.status, answer.headers["Location"]) == (status, "http://fairway.localhost/login")
    assert board.asked == []


def test_without_an_answer_nobody_passes(stage: Stage, board: Upstream, web: Upstream) -> None:
    web.shutdown()
    web.server_close()
    assert stage.get(HOST).status == 502
    assert board.asked == []


def test_the_hand_over_of_a_sign_in_goes_to_fairway(stage: Stage, board: Upstream, web: Upstream) -> None:
    answer = stage.get(HOST, "/.fairway/enter?ticket=1", {"X-Fairway-Proxy": "forged"})
    assert (answer.name, answer.json["path"]) == ("fairway", "/.fairway/enter?ticket=1")
    headers = answer.json["headers"]
    assert isinstance(headers, dict)
    assert (headers["X-Forwarded-Host"], headers["X-Fairway-Proxy"]) == (HOST, stage.token)
    assert board.asked == []


@pytest.mark.parametrize("token", ["", "wrong"])
def test_the_way_of_the_probe_is_closed_to_others(stage: Stage, board: Upstream, web: Upstream, token: str) -> None:
    web.status = 401
    assert stage.get(HOST, headers={"X-Fairway-Probe": token}).status == 401
    assert board.asked == []


def test_an_open_host_keeps_its_own_fairway_paths(stage: Stage, upstream: Maker, web: Upstream) -> None:
    stage.serve("shop.localhost", upstream("shop"))
    assert stage.get("shop.localhost", "/.fairway/access").name == "shop"
    assert web.asked == []
