"""From the request to the new version at its public address, on a real Docker Engine, against the SDK by hand."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from benchmarks.applications import await_version, write_application
from benchmarks.figures import Figure, Skipped, middle, report
from benchmarks.request_to_live import DRAIN, MOST_RATIO, ROUNDS, by_fairway
from fairway.drivers.proxy import CaddyProxy
from fairway.drivers.proxy.contract import Route, RouteKind
from tests.services.docker import Engine, shared_base, shared_engine
from tests.services.installation import Installation, installed

PORT = 8000
DOCKERFILE = """
FROM {base}
COPY . /app
WORKDIR /app
ENV HOST=0.0.0.0 PORT=8000
EXPOSE 8000
CMD ["python3", "server.py"]
"""


def measure() -> Iterator[Figure]:
    try:
        engine, base = shared_engine(), shared_base()
    except (pytest.skip.Exception, pytest.fail.Exception) as missing:
        raise Skipped(str(missing).splitlines()[0]) from None
    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as folder, installed(Path(folder) / "data") as one:
        sources = {version: _with_dockerfile(Path(folder) / version, version, base) for version in ("one", "two")}
        environment = _environment(one, engine)
        seen, live = by_fairway(one, sources, environment, {"health_path": "/"})
        hand = by_hand(one, engine)
    about = f"median of {ROUNDS}; image cached; floor: SDK create + start, first 200, switch, seen through the proxy"
    yield Figure("request → served, docker", seen, "s", floor=hand, most_ratio=MOST_RATIO, about=about)
    yield Figure(
        "request → “live”, docker",
        live,
        "s",
        floor=hand + DRAIN,
        most_ratio=MOST_RATIO,
        about="story ended; floor + 1 s drain",
    )


def _with_dockerfile(folder: Path, version: str, base: str) -> Path:
    write_application(folder, version)
    (folder / "Procfile").unlink()
    (folder / "Dockerfile").write_text(DOCKERFILE.format(base=base))
    return folder


def _environment(one: Installation, engine: Engine) -> str:
    wanted = {"name": "Containers", "slug": "containers", "host": "containers.localhost", "runtime": "docker"}
    one.call("POST", "/environments", {**wanted, "options": {"host": engine.host, "build_network": "host"}})
    return "containers"


def by_hand(one: Installation, engine: Engine) -> float:
    """The two images Fairway has built, without Fairway."""
    proxy, times = CaddyProxy(one.data / "caddy"), []
    with engine.client() as api:
        images = _images(api, one)
        network = api.create_network("fairway-bench-floor")["Id"]
        old: str | None = None
        for number in range(ROUNDS):
            version = ("one", "two")[number % 2]
            began = time.monotonic()
            container, port = _started(api, images[version], network)
            await_version(port, "localhost", version)
            proxy.ensure_route(Route("floor.localhost", RouteKind.OPEN, (f"127.0.0.1:{port}",), f"d{number}"))
            times.append(await_version(one.proxy_port, "floor.localhost", version) - began)
            if old:
                api.remove_container(old, force=True)
            old = container
        api.remove_container(old, force=True)
        api.remove_network(network)
    proxy.ensure_no_route("floor.localhost")
    return middle(times)


def _started(api: docker.APIClient, image: str, network: str) -> tuple[str, int]:
    """A container with a port on this machine's loopback, as Fairway makes one; its id and that port."""
    networking = api.create_networking_config({network: api.create_endpoint_config()})
    published = api.create_host_config(port_bindings={PORT: ("127.0.0.1", None)})
    container = api.create_container(image, ports=[PORT], networking_config=networking, host_config=published)["Id"]
    api.start(container)
    facts: dict[str, Any] = api.inspect_container(container)
    return container, int(facts["NetworkSettings"]["Ports"][f"{PORT}/tcp"][0]["HostPort"])


def _images(api: docker.APIClient, one: Installation) -> dict[str, str]:
    """The image of each version, told apart by asking."""
    found: dict[str, str] = {}
    for artifact in one.call("GET", "/applications/bench-health/artifacts")["items"]:
        container = api.create_container(artifact["reference"], ["cat", "VERSION"])["Id"]
        api.start(container)
        api.wait(container)
        found[api.logs(container).decode()] = artifact["reference"]
        api.remove_container(container, force=True)
    assert {"one", "two"} <= found.keys(), found
    return found


if __name__ == "__main__":
    report(measure)
