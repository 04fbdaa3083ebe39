from __future__ import annotations

import os
import re
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairway.drivers.proxy import routes as module
from fairway.drivers.proxy.contract import Proxy, Rest, Route, RouteKind
from fairway.drivers.proxy.fake import FakeProxy
from fairway.drivers.proxy.routes import RouteDirectory, parse_address
from fairway.shared.names import Invalid
from tests.exploring import examples

ADDRESS = st.one_of(
    st.builds("{}:{}".format, st.ip_addresses(v=4), st.integers(1, 65535)),
    st.builds("[{}]:{}".format, st.sampled_from(["::1", "fd00::5", "fe80::1:2"]), st.integers(1, 65535)),
)
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


def is_a_name(host: str) -> bool:
    """Not what a program would read as an address: it does not end in a number."""
    return re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.rpartition(".")[2]) is None


HOST = st.builds(".".join, st.lists(LABEL, min_size=1, max_size=4)).filter(is_a_name)
PAGE_ROUTE = st.builds(
    Route, HOST, st.sampled_from([RouteKind.STARTING, RouteKind.STOPPED, RouteKind.DOWN]), st.just(()), st.just("d1")
)
ADDRESSES = st.lists(ADDRESS, min_size=1, max_size=4, unique=True).map(tuple)
GENERATION = st.from_regex(r"d[0-9]{1,9}", fullmatch=True)
SERVING_ROUTE = st.builds(
    Route,
    HOST,
    st.sampled_from([RouteKind.OPEN, RouteKind.SIGNED_IN]),
    ADDRESSES,
    GENERATION,
    st.booleans(),
    st.none() | st.builds(Rest, GENERATION, ADDRESSES, st.just(4)),
)


@pytest.fixture
def directory(tmp_path: Path) -> RouteDirectory:
    return RouteDirectory(tmp_path / "routes")


@pytest.fixture(params=["directory", "fake"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> RouteDirectory | FakeProxy:
    return RouteDirectory(tmp_path / "routes") if request.param == "directory" else FakeProxy()


def replicas(*ports: int) -> tuple[str, ...]:
    return tuple(f"127.0.0.1:{port}" for port in ports)


class TestContract:
    """What the directory and the fake both promise."""

    def test_a_new_host_is_read_back(self, proxy: Proxy) -> None:
        assert proxy.route("shop.localhost") is None
        route = Route("shop.localhost", RouteKind.OPEN, replicas(1, 2, 3), "d42")
        proxy.ensure_route(route)
        assert proxy.route("shop.localhost") == route
        assert list(proxy.routes()) == [route]

    def test_the_last_route_counts_whatever_its_kind(self, proxy: Proxy) -> None:
        for kind in [*RouteKind, *reversed(RouteKind)]:
            route = Route("shop.localhost", kind, replicas(1) if kind in module.SERVING else (), f"d-{kind}")
            proxy.ensure_route(route)
            assert proxy.route("shop.localhost") == route
            assert list(proxy.routes()) == [route]

    def test_a_host_is_the_same_in_any_spelling(self, proxy: Proxy) -> None:
        proxy.ensure_route(Route("Shop.Localhost.", RouteKind.STOPPED))
        assert proxy.route("SHOP.localhost") == Route("shop.localhost", RouteKind.STOPPED)

    def test_a_removed_host_is_gone_and_may_be_removed_again(self, proxy: Proxy) -> None:
        proxy.ensure_route(Route("shop.localhost", RouteKind.OPEN, replicas(1)))
        proxy.ensure_no_route("shop.localhost")
        proxy.ensure_no_route("shop.localhost")
        assert proxy.route("shop.localhost") is None
        assert list(proxy.routes()) == []

    @pytest.mark.parametrize("host", ["", "..", "a/b", "../open", "*", "a b", "10.0.0.1", "a..b", "-a", "x" * 64, "a\n.b"])
    def test_what_is_no_host_is_refused(self, proxy: Proxy, host: str) -> None:
        with pytest.raises(ValueError, match="host"):
            proxy.ensure_route(Route(host, RouteKind.STOPPED))
        with pytest.raises(ValueError, match="host"):
            proxy.ensure_no_route(host)

    @pytest.mark.parametrize(
        "address", ["", "1.2.3.4", "a/b:1", "a,b:1", "1.2.3.4:0", "1.2.3.4:70000", "::1:80", "[1.2.3.4]:80"]
    )
    def test_what_is_no_address_is_refused(self, proxy: Proxy, address: str) -> None:
        with pytest.raises(Invalid, match="address"):
            proxy.ensure_route(Route("shop.localhost", RouteKind.OPEN, (address,)))
        assert proxy.route("shop.localhost") is None

    @pytest.mark.parametrize("addresses", [(), tuple(f"10.0.0.{n}:80" for n in range(1, 10))])
    def test_a_host_is_served_by_one_to_eight(self, proxy: Proxy, addresses: tuple[str, ...]) -> None:
        with pytest.raises(Invalid, match="1 to 8 replicas"):
            proxy.ensure_route(Route("shop.localhost", RouteKind.OPEN, addresses))

    def test_a_page_has_no_replicas(self, proxy: Proxy) -> None:
        with pytest.raises(Invalid, match="answered by a page"):
            proxy.ensure_route(Route("shop.localhost", RouteKind.DOWN, replicas(1)))

    @pytest.mark.parametrize("label", ["../x", "a/b", ".hidden", "x" * 65, "a b"])
    def test_a_generation_is_a_plain_word(self, proxy: Proxy, label: str) -> None:
        with pytest.raises(Invalid, match="generation"):
            proxy.ensure_route(Route("shop.localhost", RouteKind.OPEN, replicas(1), label))

    def test_a_part_of_the_requests_goes_to_another_generation(self, proxy: Proxy) -> None:
        rest = Rest("d42", replicas(3, 4, 5), 7)
        route = Route("shop.localhost", RouteKind.OPEN, replicas(1, 2), "d43", rest=rest)
        proxy.ensure_route(route)
        only_one = Route("shop.localhost", RouteKind.OPEN, replicas(1), "d43", rest=rest)
        assert proxy.route("shop.localhost") == only_one, "one eighth is for one replica"
        named = {address: label for (_host, address), label in proxy.labels().items()}
        assert named == dict.fromkeys(replicas(3, 4, 5), "d42") | {"127.0.0.1:1": "d43"}
        whole = Route("shop.localhost", RouteKind.OPEN, replicas(1, 2), "d43")
        proxy.ensure_route(whole)
        assert proxy.route("shop.localhost") == whole

    @pytest.mark.parametrize("rest", [Rest("d1", replicas(1), 0), Rest("d1", replicas(1), 8), Rest("d+1", replicas(1), 1)])
    def test_a_senseless_rest_is_refused(self, proxy: Proxy, rest: Rest) -> None:
        with pytest.raises(Invalid):
            proxy.ensure_route(Route("shop.localhost", RouteKind.OPEN, replicas(2), "d2", rest=rest))
        assert proxy.route("shop.localhost") is None


class TestDirectory:
    @settings(max_examples=examples(60), deadline=None)
    @given(st.lists(st.one_of(SERVING_ROUTE, PAGE_ROUTE), max_size=6))
    def test_what_was_written_is_read_back(self, written: list[Route]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            directory = RouteDirectory(Path(folder) / "routes")
            for route in written:
                directory.ensure_route(route)
            last = {route.host: route for route in written}
            assert list(directory.routes()) == [last[host] for host in sorted(last)]

    def test_the_path_tells_the_truth(self, directory: RouteDirectory) -> None:
        directory.ensure_route(Route("shop.localhost", RouteKind.OPEN, replicas(1, 2, 3), "d42"))
        link = directory.path / "open" / "shop.localhost"
        assert Path(os.readlink(link)).name.startswith("d42~")
        (name,) = os.listdir(link)
        assert name == ",".join(replicas(1, 2, 3, 1, 2, 3, 1, 2))

    def test_nothing_moves_when_nothing_changes(self, directory: RouteDirectory) -> None:
        route = Route("shop.localhost", RouteKind.OPEN, replicas(1), "d1")
        directory.ensure_route(route)
        before = os.readlink(directory.path / "open" / "shop.localhost")
        directory.ensure_route(route)
        assert os.readlink(directory.path / "open" / "shop.localhost") == before

    def test_a_switch_cut_half_way_is_finished_by_the_next(self, directory: RouteDirectory) -> None:
        """Killed between the new kind and the removal of the old: closed to strangers until the step runs again."""
        closed = Route("shop.localhost", RouteKind.SIGNED_IN, replicas(1), "d2")
        directory.ensure_route(closed)
        generation = os.readlink(directory.path / "signed-in" / "shop.localhost")
        (directory.path / "open" / "shop.localhost").symlink_to(generation)
        assert directory.route("shop.localhost") == closed
        opened = Route("shop.localhost", RouteKind.OPEN, replicas(1), "d3")
        directory.ensure_route(opened)
        assert directory.route("shop.localhost") == opened
        assert not (directory.path / "signed-in" / "shop.localhost").is_symlink()

    def test_old_generations_go_when_their_grace_is_over(
        self, directory: RouteDirectory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(5):
            directory.ensure_route(Route("shop.localhost", RouteKind.OPEN, replicas(number + 1), f"d{number}"))
        kept = directory.path / "generations" / "shop.localhost"
        assert len(list(kept.iterdir())) == 5
        monkeypatch.setattr(module, "GRACE_SECONDS", -1.0)
        directory.collect()
        assert [path.name.partition("~")[0] for path in kept.iterdir()] == ["d4"]
        directory.ensure_no_route("shop.localhost")
        assert not kept.exists()

    def test_readers_never_miss_while_writers_switch(self, directory: RouteDirectory) -> None:
        """Two writers, kinds and replicas changing: the host always has a whole route."""
        choices = [
            Route("shop.localhost", RouteKind.OPEN, replicas(1), "d1"),
            Route("shop.localhost", RouteKind.SIGNED_IN, replicas(2), "d2"),
            Route("shop.localhost", RouteKind.STARTING, (), "d3"),
            Route("shop.localhost", RouteKind.OPEN, replicas(4), "d4"),
        ]
        directory.ensure_route(choices[0])
        done = threading.Event()
        seen: list[Route | None] = []

        def read() -> None:
            while not done.is_set():
                seen.append(directory.route("shop.localhost"))

        def write() -> None:
            for number in range(60):
                directory.ensure_route(choices[number % len(choices)])

        reader, writers = threading.Thread(target=read), [threading.Thread(target=write) for _ in range(2)]
        for thread in (reader, *writers):
            thread.start()
        for writer in writers:
            writer.join()
        done.set()
        reader.join()
        assert seen
        assert set(seen) <= set(choices)

    def test_addresses_that_do_not_fit_a_file_name_are_refused(self, directory: RouteDirectory) -> None:
        for address in ("a-rather-long-machine-name.example.com:8080", "[fd00:1234:1234:1234:1234:1234:1234:1234]:8080"):
            with pytest.raises(Invalid, match="shorter"):
                directory.ensure_route(Route("shop.localhost", RouteKind.OPEN, (address,)))


@pytest.mark.parametrize(
    ("text", "clean"),
    [("10.0.0.5:08080", "10.0.0.5:8080"), ("[0:0::1]:80", "[::1]:80"), ("DB.internal.:5432", "db.internal:5432")],
)
def test_an_address_is_parsed(text: str, clean: str) -> None:
    assert parse_address(text) == clean
