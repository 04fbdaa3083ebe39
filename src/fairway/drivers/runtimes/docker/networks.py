"""One network per placement, so that applications cannot reach each other's ports."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from docker import errors

from fairway.drivers.runtimes.docker import failures, plan
from fairway.drivers.runtimes.docker.daemon import Daemon
from fairway.shared.failures import Failure, NeedsPerson

# The Engine's own address pools are enough for about 30 networks. After that, we use small subnets of a range of our own.
OWN_RANGE: Final = ipaddress.IPv4Network("10.213.0.0/16")
OWN_PREFIX: Final = 26


class Networks:
    """The networks of the placements of one data directory."""

    def __init__(self, daemon: Daemon, names: plan.Names) -> None:
        self._daemon = daemon
        self._names = names

    def ensure(self, placement: str) -> None:
        """Make the placement's network, or adopt it.

        The Engine allows two networks of one name to be made at the same moment, and then neither can be used by name. So
        whoever made one looks again, and removes all but the oldest.
        """
        twins = self._named(placement)
        if not twins:
            self._make(placement)
            twins = self._named(placement)
        for twin in sorted(twins, key=lambda network: (network["Created"], network["Id"]))[1:]:
            self._remove(twin["Id"])

    def _make(self, placement: str) -> None:
        if self._create(placement, None):
            return
        for subnet in free_subnets(self._subnets_in_use()):
            if self._create(placement, str(subnet)):
                return
        raise NeedsPerson("The Docker host has no room for another network. Remove unused Docker networks there.")

    def ensure_removed_if_empty(self, placement: str) -> None:
        """Remove the placement's network if nothing is attached to it."""
        for network in self._named(placement):
            self._remove(network["Id"])

    def _remove(self, network_id: str) -> None:
        with suppress(errors.NotFound, Failure), self._daemon.asking("remove a network") as api:
            api.remove_network(network_id)  # the Engine refuses while a container is attached

    def _named(self, placement: str) -> list[dict[str, Any]]:
        name = self._names.network(placement)
        with self._daemon.asking("list networks") as api:
            return [network for network in api.networks(names=[name]) if network["Name"] == name]

    def _create(self, placement: str, subnet: str | None) -> bool:
        """Returns False if the Engine has no addresses left for a network; True also if another worker was first."""
        body = plan.network_body(placement, self._names, subnet=subnet)
        try:
            with self._daemon.asking("create a network", _explain) as api:
                api.create_network(
                    body["Name"],
                    driver=body["Driver"],
                    check_duplicate=body["CheckDuplicate"],
                    labels=body["Labels"],
                    ipam=body.get("IPAM"),
                )
        except Failure as failure:
            if self._named(placement):
                return True
            if failures.says(failure.detail, failures.NO_SUBNET_LEFT):
                return False
            raise
        return True

    def _subnets_in_use(self) -> list[str]:
        with self._daemon.asking("list networks") as api:
            networks: list[dict[str, Any]] = api.networks()
        configs = [config for network in networks for config in (network.get("IPAM") or {}).get("Config") or ()]
        return [*(config["Subnet"] for config in configs if "Subnet" in config), *host_routes()]


def free_subnets(in_use: Collection[str]) -> Iterator[ipaddress.IPv4Network]:
    """Subnets of our own range that overlap none in use (IPv6 subnets cannot)."""
    taken = [network for text in in_use if isinstance(network := ipaddress.ip_network(text), ipaddress.IPv4Network)]
    for subnet in OWN_RANGE.subnets(new_prefix=OWN_PREFIX):
        if not any(subnet.overlaps(network) for network in taken):
            yield subnet


def host_routes(table: Path = Path("/proc/net/route")) -> list[str]:
    """The IPv4 networks to which this machine has a route, except the default route. The Engine does not check the subnets
    it is given against them. Empty if the kernel has no such table."""
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []
    routes = [(_address(row[1]), _address(row[7])) for row in rows]
    return [f"{network}/{mask}" for network, mask in routes if mask != "0.0.0.0"]  # noqa: S104 -- a mask, not an address


def _address(text: str) -> str:
    """Parse an address of eight hexadecimal digits in the kernel's byte order (little-endian)."""
    return str(ipaddress.IPv4Address(bytes.fromhex(text)[::-1]))


def _explain(text: str, status: int | None) -> Failure:
    """When it has no addresses left for a network, the Engine answers 404, which must not pass as `NotFound`."""
    return failures.engine_failure("create a network", text, status=status)
