"""What visitors see while routes change."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.drivers.proxy.probe import Probe
from tests.services.ports import free_port

from .conftest import Stage
from .upstreams import Upstream, get

Maker = Callable[..., Upstream]
SHOP = "shop.localhost"


class Crowd:
    """Visitors that keep asking, half with kept connections; `seen` counts, `wrong` keeps what was not a 200."""

    def __init__(self, stage: Stage, wanted: frozenset[int] = frozenset({200}), size: int = 4) -> None:
        self.stage, self.wanted = stage, wanted
        self.seen, self.wrong = 0, list[object]()
        self._more = threading.Condition()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(size)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def await_more(self, count: int) -> None:
        with self._more:
            target = self.seen + count
            assert self._more.wait_for(lambda: self.seen >= target, 30)

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                status: object = get(self.stage.port, SHOP).status
            except OSError as error:
                status = repr(error)
            with self._more:
                self.seen += 1
                if status not in self.wanted:
                    self.wrong.append(status)
                self._more.notify_all()


def test_a_hundred_switches_drop_nothing(stage: Stage, upstream: Maker) -> None:
    versions = [upstream("a"), upstream("b"), upstream("c")]
    stage.serve(SHOP, versions[0], generation="d0")
    with Crowd(stage) as crowd, Probe(("127.0.0.1", stage.port), SHOP, token=stage.token, is_new=lambda _: True) as probe:
        for number in range(1, 101):
            stage.serve(SHOP, versions[number % 3], versions[(number + 1) % 3], generation=f"d{number}")
            crowd.await_more(5)
    assert crowd.wrong == []
    assert crowd.seen > 500
    assert probe.figure().failed == 0
    assert probe.figure().sent > 0


def test_changing_the_kind_leaves_no_gap(stage: Stage, upstream: Maker, web: Upstream) -> None:
    """Open, signed-in, starting and back: never an unknown host in between (404)."""
    shop = upstream("shop")
    kinds = [RouteKind.SIGNED_IN, RouteKind.STARTING, RouteKind.OPEN, RouteKind.STOPPED, RouteKind.OPEN, RouteKind.STARTING]
    stage.serve(SHOP, shop)
    with Crowd(stage, frozenset({200, 503})) as crowd:
        for number in range(60):
            kind = kinds[number % len(kinds)]
            stage.serve(SHOP, *([shop] if kind in (RouteKind.OPEN, RouteKind.SIGNED_IN) else []), kind=kind)
            crowd.await_more(4)
    assert crowd.wrong == []


def probe_of(stage: Stage, *new: Upstream, path: str = "/") -> Probe:
    addresses = {upstream.address for upstream in new}
    return Probe(("127.0.0.1", stage.port), SHOP, [path], token=stage.token, is_new=addresses.__contains__)


def test_the_probe_sees_the_new_version(stage: Stage, upstream: Maker) -> None:
    old, new = upstream("old"), upstream("new")
    stage.serve(SHOP, old)
    with probe_of(stage, new) as probe:
        assert not probe.await_new(0.1)
        probe.switching()
        stage.serve(SHOP, new, generation="d2")
        assert probe.await_new(10)
    figure = probe.figure()
    assert (figure.failed, figure.first_failure) == (0, "")
    assert figure.sent > 1
    assert figure.first_seen_ms is not None
    assert 0 <= figure.first_seen_ms <= figure.duration_ms
    keeps = {headers.get("Connection", "") for _, headers in old.asked}
    assert keeps == {""}, "hop-by-hop headers stay with the proxy"


def test_the_probe_counts_what_a_switch_to_nothing_breaks(stage: Stage, upstream: Maker) -> None:
    stage.serve(SHOP, upstream("old"))
    with probe_of(stage) as probe:
        probe.switching()
        stage.serve(SHOP, f"127.0.0.1:{free_port()}", generation="d2")
        probe.switched()
        while not probe.figure().failed:
            probe.await_new(0.02)
    figure = probe.figure()
    assert figure.first_seen_ms is None
    assert "the proxy answered 502 itself (page “down”)" in figure.first_failure
    assert "ms from the switch" in figure.first_failure


def test_a_first_deployment_starts_from_our_own_page(stage: Stage, upstream: Maker) -> None:
    new = upstream("new")
    stage.serve(SHOP, kind=RouteKind.STARTING)
    with probe_of(stage, new) as probe:
        while not probe.figure().sent:
            probe.await_new(0.02)
        probe.switching()
        before = probe.figure().sent
        while probe.figure().sent < before + 4:  # each of the two visitors began one while the route was about to be written
            probe.await_new(0.02)
        stage.serve(SHOP, new)
        probe.switched()
        assert probe.await_new(10)
    assert probe.figure().failed == 0


def test_only_a_new_error_of_the_application_is_a_failure(stage: Stage, upstream: Maker) -> None:
    old, same, worse = upstream("old"), upstream("same"), upstream("worse")
    old.status, same.status, worse.status = 500, 500, 503
    stage.serve(SHOP, old)
    with probe_of(stage, same, worse) as probe:
        while not probe.figure().sent:
            probe.await_new(0.02)
        probe.switching()
        stage.serve(SHOP, same)
        probe.switched()
        assert probe.await_new(10)
        assert probe.figure().failed == 0
        stage.serve(SHOP, worse)
        while not probe.figure().failed:
            probe.await_new(0)
            threading.Event().wait(0.02)
    assert "the application answered 503" in probe.figure().first_failure


def test_the_probe_survives_the_proxy_and_says_so(stage: Stage, upstream: Maker) -> None:
    stage.serve(SHOP, upstream("old"))
    with probe_of(stage) as probe:
        while not probe.figure().sent:
            probe.await_new(0.02)
        stage.process.stop()
        while not probe.figure().failed:
            probe.await_new(0.02)
    assert "no complete answer" in probe.figure().first_failure


def test_the_probe_passes_the_sign_in(stage: Stage, upstream: Maker, web: Upstream) -> None:
    web.status = 401
    old, new = upstream("old"), upstream("new")
    stage.proxy.ensure_route(Route(SHOP, RouteKind.SIGNED_IN, (old.address,), "d1"))
    with probe_of(stage, new) as probe:
        probe.switching()
        stage.proxy.ensure_route(Route(SHOP, RouteKind.SIGNED_IN, (new.address,), "d2"))
        assert probe.await_new(10)
    assert probe.figure().failed == 0
    assert web.asked == []


def test_an_endless_stream_is_an_answer(stage: Stage, upstream: Maker) -> None:
    old, new = upstream("old"), upstream("new")
    stage.serve(SHOP, old)
    with probe_of(stage, new, path="/events") as probe:
        probe.switching()
        stage.serve(SHOP, new)
        assert probe.await_new(10)
    assert probe.figure().failed == 0
