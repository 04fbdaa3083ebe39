"""A proxy in memory, for tests and for trials without a network. It records every switch in `switches`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fairway.drivers.proxy.contract import Fence, Rest, Route, unfenced
from fairway.drivers.proxy.routes import checked
from fairway.shared.names import parse_hostname


class FakeProxy:
    """Implements `Proxy`. `in_flight` returns `busy`, which a test fills."""

    def __init__(self) -> None:
        self.switches: list[Route | str] = []  # each is a route that was set, or the host of a route that was removed
        self.busy: dict[str, int] = {}
        self._routes: dict[str, Route] = {}

    def route(self, host: str) -> Route | None:
        return self._routes.get(parse_hostname(host))

    def routes(self) -> Sequence[Route]:
        return [self._routes[host] for host in sorted(self._routes)]

    def labels(self) -> Mapping[tuple[str, str], str]:
        found: dict[tuple[str, str], str] = {}
        for route in self.routes():
            rest = route.rest or Rest("", (), 0)
            found |= {(route.host, address): rest.generation for address in rest.addresses}
            found |= {(route.host, address): route.generation for address in route.addresses}
        return found

    def ensure_route(self, route: Route, *, fence: Fence = unfenced) -> None:
        wanted = checked(route)
        fence()
        if self._routes.get(wanted.host) != wanted:
            self._routes[wanted.host] = wanted
            self.switches.append(wanted)

    def ensure_no_route(self, host: str, *, fence: Fence = unfenced) -> None:
        name = parse_hostname(host)
        fence()
        if self._routes.pop(name, None) is not None:
            self.switches.append(name)

    def collect(self) -> None: ...

    def in_flight(self) -> Mapping[str, int]:
        return dict(self.busy)
