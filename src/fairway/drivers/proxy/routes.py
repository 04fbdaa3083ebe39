"""The route directory. Caddy serves the routes it contains, and a switch is one atomic rename of a symlink.

    routes/<kind>/<host>                 -> ../generations/<host>/<label>~<random>
    routes/generations/<host>/<label>~…/ one empty file, named “address,address,…”: always eight, repeated if there are
                                          fewer; “sticky,” before them if visitors stay with one replica

During a canary the label is “d43+1+d42”: the first one of the eight addresses is of d43, the other seven are of d42.

A host has one kind. While the kind changes, the new symlink is made before the old one is removed, so a request always finds
one. Writers take a lock, so several workers and threads of one machine may write. Readers need no lock.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from itertools import cycle, islice
from pathlib import Path

from fairway.drivers.proxy.configuration import LOOKUP, SLOTS, STICKY
from fairway.drivers.proxy.contract import Fence, Rest, Route, RouteKind, unfenced
from fairway.shared.names import Invalid, parse_hostname, parse_port

GENERATIONS = "generations"
PAGE = "page"  # name of the file of a route that one of our pages answers
LONGEST_NAME = 255  # bytes in a file name, on every Linux file system
GRACE_SECONDS = 10.0  # by then, every request that was reading a replaced generation is done with it
SERVING = frozenset({RouteKind.OPEN, RouteKind.SIGNED_IN})
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}|")


class RouteDirectory:
    """Reads and writes the routes in `path`, which is created if missing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        for name in (GENERATIONS, *RouteKind):
            (path / name).mkdir(mode=0o700, exist_ok=True)

    def route(self, host: str) -> Route | None:
        """What `host` serves: the first kind in the order in which Caddy looks. Raises `Invalid` if the host is not
        valid."""
        name = parse_hostname(host)
        found = self._look(name)
        if found is None:
            with self._writing():  # look again while nothing changes, because a switch may have caused the miss
                found = self._look(name)
        return found

    def routes(self) -> Sequence[Route]:
        """Every host that has a route, sorted."""
        hosts = {
            entry.name for kind in RouteKind for entry in os.scandir(self.path / kind) if not entry.name.startswith(".")
        }
        return [route for host in sorted(hosts) if (route := self.route(host)) is not None]

    def labels(self) -> Mapping[tuple[str, str], str]:
        """The generation by host and address of a replica, also of what was replaced within the last `GRACE_SECONDS`. If
        several generations have an address, the one that is served counts, else the one that was replaced last."""
        found: dict[tuple[str, str], str] = {}
        for host in os.listdir(self.path / GENERATIONS):
            with suppress(FileNotFoundError):  # collected at this moment
                served = self._targets(host)
                folders = list(os.scandir(self.path / GENERATIONS / host))
                for folder in sorted(folders, key=lambda one: (one.name in served, one.stat().st_mtime)):
                    for name in os.listdir(folder):
                        route = _route(host, RouteKind.OPEN, name, folder.name.rpartition("~")[0])
                        rest = route.rest or Rest("", (), 0)
                        found |= {(host, address): rest.generation for address in rest.addresses}
                        found |= {(host, address): route.generation for address in route.addresses}
        return found

    def ensure_route(self, route: Route, *, fence: Fence = unfenced) -> None:
        """Serve `route` from this moment on.

        `fence` is called while the directory is locked: a worker that takes over from one that passed its fence writes after
        it. Raises `Invalid` (a ValueError) if the host, an address or the label is invalid, or if there are no replicas or
        more than eight: the configuration has eight slots. With 3, 5, 6 or 7 replicas, some get one more slot than others.
        """
        wanted = checked(route)
        with self._writing():
            fence()
            if self._look(wanted.host) != wanted:
                self._point(wanted.kind, wanted.host, self._new_generation(wanted))
            self._remove(wanted.host, [kind for kind in RouteKind if kind is not wanted.kind])
            self._collect(wanted.host)

    def ensure_no_route(self, host: str, *, fence: Fence = unfenced) -> None:
        """Serve nothing under `host`: its visitors see the `unknown` page."""
        name = parse_hostname(host)
        with self._writing():
            fence()
            self._remove(name, RouteKind)
            self._collect(name)

    def collect(self) -> None:
        """Remove the generations that no route leads to and whose grace period is over."""
        with self._writing():
            for host in os.listdir(self.path / GENERATIONS):
                self._collect(host)

    # --- reading

    def _look(self, host: str) -> Route | None:
        for kind in LOOKUP:
            if (found := self._read(kind, host)) is not None:
                return found
        return None

    def _read(self, kind: RouteKind, host: str) -> Route | None:
        try:
            generation = os.readlink(self.path / kind / host)
            files = os.listdir(self.path / kind / generation)
        except FileNotFoundError:
            return None
        return _route(host, kind, files[0], Path(generation).name.rpartition("~")[0]) if files else None

    # --- writing

    @contextmanager
    def _writing(self) -> Iterator[None]:
        lock = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _new_generation(self, route: Route) -> Path:
        """Make a complete directory that no route leads to yet."""
        folder = self.path / GENERATIONS / route.host / f"{_label(route)}~{secrets.token_hex(4)}"
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700)
        os.close(os.open(folder / _file_name(route), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return folder

    def _point(self, kind: RouteKind, host: str, generation: Path) -> None:
        """Switch to the generation. It is synced after the switch, not before: one journal keeps the order of all these
        changes, and requests need not wait for the disk."""
        folder = self.path / kind
        draft = folder / f".{secrets.token_hex(8)}"
        draft.symlink_to(Path("..") / generation.relative_to(self.path))
        old = self._target(kind, host)
        os.rename(draft, folder / host)
        _retire(old)
        _sync(folder)

    def _remove(self, host: str, kinds: Sequence[RouteKind] | type[RouteKind]) -> None:
        for kind in kinds:
            old = self._target(kind, host)
            if old is not None:
                (self.path / kind / host).unlink()
                _retire(old)
                _sync(self.path / kind)

    def _target(self, kind: RouteKind, host: str) -> Path | None:
        try:
            return self.path / kind / os.readlink(self.path / kind / host)
        except FileNotFoundError:
            return None

    def _targets(self, host: str) -> set[str]:
        """The names of the generations to which routes of this host lead."""
        return {target.name for kind in RouteKind if (target := self._target(kind, host)) is not None}

    def _collect(self, host: str) -> None:
        folder = self.path / GENERATIONS / host
        if not folder.is_dir():
            return
        used = self._targets(host)
        for generation in list(folder.iterdir()):
            if generation.name not in used and time.time() - generation.stat().st_mtime > GRACE_SECONDS:
                shutil.rmtree(generation)
        if not any(folder.iterdir()):
            folder.rmdir()


def _retire(generation: Path | None) -> None:
    """Begin the grace period: the modification time of the directory says when it was last served."""
    if generation is not None and generation.is_dir():
        os.utime(generation)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- names -----------------------------------------------------------------------------------------------------------


def checked(route: Route) -> Route:
    """The route as it will be read back. Raises `Invalid`."""
    host = parse_hostname(route.host)
    if not _LABEL.fullmatch(route.generation):
        raise Invalid("generation", "use at most 64 letters, digits, “.”, “_” and “-”, e.g. “d42”.")
    if route.kind not in SERVING:
        if route.addresses:
            raise Invalid("addresses", "a {kind} route is answered by a page; give no addresses.", kind=route.kind)
        return Route(host, route.kind, (), route.generation)
    rest = _checked_rest(route.rest) if route.rest else None
    addresses = _checked_addresses(route.addresses)[: SLOTS - (rest.eighths if rest else 0)]
    checked = Route(host, route.kind, addresses, route.generation, route.sticky, rest)
    if len(_file_name(checked).encode()) > LONGEST_NAME:
        raise Invalid(
            "addresses",
            "eight of them are longer than {longest_name} bytes; use shorter ones (IPv4 fits).",
            longest_name=LONGEST_NAME,
        )
    return checked


def _checked_rest(rest: Rest) -> Rest:
    if not 1 <= rest.eighths < SLOTS:
        raise Invalid("rest", "give it from 1 to {most} eighths.", most=SLOTS - 1)
    if not rest.generation or not _LABEL.fullmatch(rest.generation):
        raise Invalid("generation", "use at most 64 letters, digits, “.”, “_” and “-”, e.g. “d42”.")
    return Rest(rest.generation, _checked_addresses(rest.addresses)[: rest.eighths], rest.eighths)


def _checked_addresses(given: Sequence[str]) -> tuple[str, ...]:
    addresses = tuple(dict.fromkeys(parse_address(address) for address in given))
    if not 1 <= len(addresses) <= SLOTS:
        raise Invalid(
            "addresses", "there are {count}; a host is served by 1 to {slots} replicas.", count=len(addresses), slots=SLOTS
        )
    return addresses


def parse_address(text: str, *, field: str = "address") -> str:
    """``host:port`` of a replica: an IPv4 address, an IPv6 address in brackets, or a host name. Raises Invalid."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise Invalid(field, "“{value}” has no port; write it like “10.0.0.5:8080”.", value=text[:80])
    return f"{_parse_machine(host, field)}:{parse_port(port, field=field)}"


def _parse_machine(host: str, field: str) -> str:
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        parsed = ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        return parse_hostname(host, field=field)
    if bracketed != (parsed.version == 6) or "%" in host:
        raise Invalid(
            field,
            "“{value}” is not an address; write IPv4 plainly and IPv6 in brackets, e.g. “[::1]:8080”.",
            value=host[:80],
        )
    return f"[{parsed}]" if parsed.version == 6 else str(parsed)


def _file_name(route: Route) -> str:
    rest = route.rest or Rest("", (), 0)
    names = [*islice(cycle(route.addresses), SLOTS - rest.eighths), *islice(cycle(rest.addresses), rest.eighths)]
    listed = ",".join(names) or PAGE
    return f"{STICKY}{listed}" if route.sticky else listed


def _label(route: Route) -> str:
    if route.rest is None:
        return route.generation
    return f"{route.generation}+{SLOTS - route.rest.eighths}+{route.rest.generation}"


def _route(host: str, kind: RouteKind, file_name: str, label: str) -> Route:
    names = file_name.removeprefix(STICKY)
    is_sticky = names != file_name
    listed = [] if names == PAGE else names.split(",")
    generation, plus, others = label.partition("+")
    if not plus:
        return Route(host, kind, tuple(dict.fromkeys(listed)), generation, is_sticky)
    share, _, other = others.partition("+")
    own = int(share)
    rest = Rest(other, tuple(dict.fromkeys(listed[own:])), SLOTS - own)
    return Route(host, kind, tuple(dict.fromkeys(listed[:own])), generation, is_sticky, rest)
