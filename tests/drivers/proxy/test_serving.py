from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable

import pytest

from fairway.drivers.proxy.contract import Rest, Route, RouteKind
from tests.services.ports import free_port
from tests.services.waiting import PATIENCE

from .conftest import Stage
from .upstreams import Answer, Upstream

Maker = Callable[..., Upstream]


def configuration(stage: Stage) -> str:
    return json.dumps(stage.process.admin.configuration(), sort_keys=True)


def test_a_new_host_is_served_without_a_reload(stage: Stage, upstream: Maker) -> None:
    before, pid = configuration(stage), stage.process.pid()
    assert stage.get("shop.localhost").status == 404
    stage.serve("shop.localhost", upstream("shop"))
    assert stage.get("shop.localhost").name == "shop"
    stage.proxy.ensure_no_route("shop.localhost")
    assert stage.get("shop.localhost").status == 404
    assert (configuration(stage), stage.process.pid()) == (before, pid)


def test_replicas_take_turns(stage: Stage, upstream: Maker) -> None:
    names = {"a", "b", "c"}
    stage.serve("shop.localhost", *(upstream(name) for name in sorted(names)))
    assert {stage.get("shop.localhost").name for _ in range(16)} == names


@pytest.mark.parametrize("eighths", [1, 2, 4])
def test_a_canary_gets_its_eighths(stage: Stage, upstream: Maker, eighths: int) -> None:
    new, old = upstream("new"), upstream("old")
    rest = Rest("d1", (old.address,), 8 - eighths)
    stage.proxy.ensure_route(Route("shop.localhost", RouteKind.OPEN, (new.address,), "d2", rest=rest))
    names = [stage.get("shop.localhost").name for _ in range(80)]
    assert names.count("new") == eighths * 10


def test_an_ipv6_replica_is_served(stage: Stage, upstream: Maker) -> None:
    try:
        six = upstream("six", family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 loopback on this machine")
    stage.serve("shop.localhost", six)
    assert stage.get("shop.localhost").name == "six"


def test_both_loopbacks_listen(stage: Stage, upstream: Maker) -> None:
    """Browsers resolve *.localhost to either."""
    if "::1" not in stage.process.settings.binds:
        pytest.skip("no IPv6 loopback on this machine")
    stage.serve("shop.localhost", upstream("shop"))
    connection = http.client.HTTPConnection("::1", stage.port, timeout=PATIENCE)
    connection.request("GET", "/", headers={"Host": "shop.localhost"})
    assert connection.getresponse().status == 200
    connection.close()


def test_the_application_sees_the_visitor(stage: Stage, upstream: Maker) -> None:
    stage.serve("shop.localhost", upstream("shop"))
    host = f"shop.localhost:{stage.port}"
    headers = stage.get(host, "/a%2Fb?q=1", {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https"}).json["headers"]
    assert isinstance(headers, dict)
    assert headers["Host"] == host
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "http"
    assert headers["X-Forwarded-Host"] == host
    assert "Accept-Encoding" not in headers or headers["Accept-Encoding"] == "identity"


def test_nobody_can_pretend_to_be_fairway(stage: Stage, upstream: Maker) -> None:
    shop = upstream("shop")
    shop.extra = {"X-Fairway-Page": "down", "X-Fairway-Upstream": "1.2.3.4:5"}
    stage.serve("shop.localhost", shop)
    answer = stage.get("shop.localhost", headers={"X-Fairway-User": "root", "X-Fairway-Probe": "guess"})
    assert not [name for name in answer.headers if name.lower().startswith("x-fairway")]
    assert "x-fairway" not in str(answer.json["headers"]).lower()


def test_the_probe_is_told_the_replica_and_its_token_goes_no_further(stage: Stage, upstream: Maker) -> None:
    shop = upstream("shop")
    stage.serve("shop.localhost", shop)
    answer = stage.get("shop.localhost", headers={"X-Fairway-Probe": stage.token})
    assert answer.headers["X-Fairway-Upstream"] == shop.address
    assert stage.token not in answer.body


@pytest.mark.parametrize(
    "host", ["SHOP.localhost", "Shop.LocalHost.", "shop.localhost.", "shop.localhost:1", "ShOp.localhost.:9"]
)
def test_a_host_is_served_in_any_spelling(stage: Stage, upstream: Maker, host: str) -> None:
    stage.serve("shop.localhost", upstream("shop"))
    assert stage.get(host).name == "shop"


@pytest.mark.parametrize(
    "host",
    [
        *("..", ".", "*", "?", "[a-z]", "shop.*", "shop\\.localhost", "../open/shop.localhost", "open/shop.localhost"),
        *(
            "{env.HOME}",
            "%2e%2e",
            "..%2fopen",
            "shop.localhost/..",
            "shop.localhost,a",
            "",
            "xn--é",
            "a" * 300,
            "generations",
        ),
    ],
)
def test_a_tricky_host_finds_nothing(stage: Stage, upstream: Maker, host: str) -> None:
    shop = upstream("shop")
    stage.serve("shop.localhost", shop)
    with socket.create_connection(("127.0.0.1", stage.port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: " + host.encode() + b"\r\nConnection: close\r\n\r\n")
        head = connection.makefile("rb").readline()
    assert head.split()[1] in (b"404", b"400")
    assert not shop.asked


def test_an_absolute_request_line_cannot_escape_either(stage: Stage, upstream: Maker) -> None:
    shop = upstream("shop")
    stage.serve("shop.localhost", shop)
    for target in ("http://../open/shop.localhost", "http://..%2fopen%2fshop.localhost/", "http://*/"):
        with socket.create_connection(("127.0.0.1", stage.port), timeout=PATIENCE) as connection:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n".encode())
            assert connection.makefile("rb").readline().split()[1] in (b"404", b"400")
    assert not shop.asked


@pytest.mark.parametrize(
    ("kind", "status", "english", "french"),
    [
        (None, 404, "Nothing lives here yet", "Rien ici"),
        (RouteKind.STARTING, 503, "Starting…", "Démarrage…"),
        (RouteKind.STOPPED, 503, "Stopped", "Arrêtée"),
        (RouteKind.DOWN, 502, "Not answering", "Pas de réponse"),
    ],
)
def test_a_friendly_page(stage: Stage, kind: RouteKind | None, status: int, english: str, french: str) -> None:
    if kind is not None:
        stage.serve("shop.localhost", kind=kind)
    answer = stage.get("shop.localhost", "/deep/path?x=1")
    assert (answer.status, english in answer.body) == (status, True)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "{ color-scheme: light dark;" in answer.body
    assert ("Retry-After" in answer.headers) is (kind in (RouteKind.STARTING, RouteKind.DOWN))
    answer = stage.get("shop.localhost", headers={"Accept-Language": "fr-FR,fr;q=0.9,en;q=0.5"})
    assert (answer.status, french in answer.body, answer.headers["Content-Language"]) == (status, True, "fr")


def test_a_dead_replica_is_passed_over(stage: Stage, upstream: Maker) -> None:
    stage.serve("shop.localhost", f"127.0.0.1:{free_port()}", upstream("alive"))
    asked = [("GET", None), ("POST", b"x" * 100)] * 8
    answers = [stage.get("shop.localhost", method=method, body=body) for method, body in asked]
    assert {(answer.status, answer.name) for answer in answers} == {(200, "alive")}


def test_without_any_replica_the_page_says_so(stage: Stage) -> None:
    stage.serve("shop.localhost", f"127.0.0.1:{free_port()}")
    answer = stage.get("shop.localhost")
    assert (answer.status, answer.headers["X-Fairway-Page"]) == (502, "down")
    assert "Not answering" in answer.body
    answer = stage.get("shop.localhost", method="POST", body=b"x", headers={"Accept-Language": "fr"})
    assert (answer.status, "Pas de réponse" in answer.body) == (502, True)


def test_a_dead_application_harms_no_other(stage: Stage, upstream: Maker) -> None:
    """With static upstreams and placeholders it did: Caddy kept their health under the placeholder's name."""
    stage.serve("dead.localhost", f"127.0.0.1:{free_port()}")
    stage.serve("shop.localhost", upstream("shop"))
    for _ in range(3):
        assert stage.get("dead.localhost").status == 502
        assert [stage.get("shop.localhost").status for _ in range(8)] == [200] * 8


def test_an_error_of_the_application_stays_its_own(stage: Stage, upstream: Maker) -> None:
    shop = upstream("shop")
    shop.status = 503
    stage.serve("shop.localhost", shop)
    answer = stage.get("shop.localhost")
    assert (answer.status, answer.name, "X-Fairway-Page" in answer.headers) == (503, "shop", False)


def test_events_arrive_while_the_stream_is_open(stage: Stage, upstream: Maker) -> None:
    shop = upstream("shop")
    stage.serve("shop.localhost", shop)
    connection = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=PATIENCE)
    connection.request("GET", "/events", headers={"Host": "shop.localhost"})
    response = connection.getresponse()
    assert response.readline() == b"data: first\n"
    shop.release.set()
    assert b"second" in response.read()
    connection.close()


@pytest.mark.parametrize(("method", "told"), [("GET", (200, "other")), ("POST", (502, None))])
def test_a_replica_that_dies_while_it_answers_loses_no_get(
    stage: Stage, upstream: Maker, method: str, told: tuple[int, object]
) -> None:
    """Also one that was asked so long ago that Caddy itself tries no other. What may change something is not repeated."""
    dying, other = upstream("dying"), upstream("other")
    dying.dies = True
    stage.serve("shop.localhost", dying)
    answers: list[Answer] = []
    asking = threading.Thread(target=lambda: answers.append(stage.get("shop.localhost", "/slow", method=method)))
    asking.start()
    assert dying.entered.wait(PATIENCE)
    time.sleep(2.2)  # longer than `try_duration`, which counts from the request's beginning
    stage.serve("shop.localhost", other, generation="d2")
    other.release.set()
    dying.release.set()
    asking.join()
    [answer] = answers
    assert (answer.status, answer.name) == told
    assert answer.headers["X-Fairway-Page"] == (None if told[0] == 200 else "down")
