from __future__ import annotations

import json
import socket
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


ATTACKS = (
    {"Connection": "X-Fairway-User, X-Fairway-Email, X-Fairway-Name"},
    {"Connection": "close, x-fairway-user", "X-Fairway-User": "root"},
    {"X-Fairway-User": "root", "X-Fairway-Email": "root@example.com", "X-Fairway-Roles": "admin"},
    {"X_Fairway_User": "root", "X-Fairway_Email": "root@example.com", "x_fairway-name": "root"},
    {"Proxy-Connection": "X-Fairway-User", "Keep-Alive": "X-Fairway-User", "TE": "trailers, X-Fairway-User"},
    {"X-Fairway-Proxy": "forged", "X-Fairway-Host": "forged", "X-Fairway-Acting-As": "admin"},
    {"Upgrade": "X-Fairway-User", "Connection": "Upgrade, X-Fairway-User"},
)
TOLD = {"X-Fairway-User": "ada", "X-Fairway-Email": "ada@example.com", "X-Fairway-Name": "Ada {http.request.header.Cookie}"}


def ours(headers: object) -> dict[str, str]:
    """What an application that takes “_” for “-” would believe."""
    assert isinstance(headers, dict)
    return {name.title().replace("_", "-"): value for name, value in headers.items() if "fairway" in name.lower()}


@pytest.mark.parametrize("sent", ATTACKS, ids=lambda sent: next(iter(sent)))
def test_whatever_a_visitor_sends_the_application_hears_what_fairway_said(
    stage: Stage, board: Upstream, web: Upstream, sent: dict[str, str]
) -> None:
    web.extra = TOLD
    answer = stage.get(HOST, headers={**sent, "Cookie": "secret=1"})
    assert answer.name == "board"
    assert ours(answer.json["headers"]) == TOLD, "a name is not read as a placeholder either"


@pytest.mark.parametrize("sent", ATTACKS, ids=lambda sent: next(iter(sent)))
def test_nor_does_any_of_it_reach_an_open_application(
    stage: Stage, upstream: Maker, web: Upstream, sent: dict[str, str]
) -> None:
    stage.serve("shop.localhost", upstream("shop"))
    assert ours(stage.get("shop.localhost", headers=sent).json["headers"]) == {}


def test_what_fairway_does_not_know_of_a_person_is_empty_and_nobody_else_fills_it(
    stage: Stage, board: Upstream, web: Upstream
) -> None:
    web.extra = {"X-Fairway-User": "ada"}
    seen = stage.get(HOST, headers={"X-Fairway-Email": "root@example.com", "Connection": "X-Fairway-Email"}).json["headers"]
    assert ours(seen) == {"X-Fairway-User": "ada", "X-Fairway-Email": "", "X-Fairway-Name": ""}


@pytest.mark.parametrize("kind", [RouteKind.SIGNED_IN, RouteKind.OPEN])
def test_trailers_bring_nothing_either(stage: Stage, board: Upstream, web: Upstream, kind: RouteKind) -> None:
    """A request's trailers come after its body; some servers file them under its headers."""
    web.extra = {"X-Fairway-User": "ada"}
    stage.serve(HOST, board, kind=kind)
    lines = [
        "POST / HTTP/1.1",
        f"Host: {HOST}",
        "Transfer-Encoding: chunked",
        "Trailer: X-Fairway-User",
        "Connection: close",
    ]
    request = "\r\n".join([*lines, "", "0", "X-Fairway-User: root", "", ""])
    with socket.create_connection(("127.0.0.1", stage.port), timeout=15) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b'"name": "board"' in answer
    assert b"root" not in answer


def test_the_probe_is_nobody(stage: Stage, board: Upstream, web: Upstream) -> None:
    answer = stage.get(HOST, headers={"X-Fairway-Probe": stage.token, "X-Fairway-User": "root"})
    assert (answer.name, ours(answer.json["headers"]), web.asked) == ("board", {}, [])
