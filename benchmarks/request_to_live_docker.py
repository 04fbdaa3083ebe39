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
from benchmarks.figures import Figure, Skipped, report
from benchmarks.request_to_live import VERSIONS, ByFairway, compared
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
        sources = {version: _with_dockerfile(Path(folder) / version, version, base) for version in VERSIONS}
        environment = _environment(one, engine)
        asked = ByFairway(one, sources, "bench-any", environment)
        with_path = ByFairway(one, sources, "bench-health", environment, {"health_path": "/"})
        yield from compared("docker", Contained(one, engine), asked, with_path)


def _with_dockerfile(folder: Path, version: str, base: str) -> Path:
    write_application(folder, version)
    (folder / "Procfile").unlink()
    (folder / "Dockerfile").write_text(DOCKERFILE.format(base=base))
    return folder


def _environment(one: Installation, engine: Engine) -> str:
    wanted = {"name": "Containers", "slug": "containers", "host": "containers.localhost", "runtime": "docker"}
    one.call("POST", "/environments", {**wanted, "options": {"host": engine.host, "build_network": "host"}})
    return "containers"


class Contained:
    """The two images Fairway has built, as containers of the SDK's."""

    floor = "SDK create + start"

    def __init__(self, one: Installation, engine: Engine) -> None:
        self.one, self.api = one, docker.APIClient(engine.host, version="auto", timeout=120)
        self.proxy = CaddyProxy(one.data / "caddy")
        self.images = _images(self.api, one)
        self.network = self.api.create_network("fairway-bench-floor")["Id"]
        self.old = ""

    def round(self, version: str) -> float:
        began = time.monotonic()
        container, port = _started(self.api, self.images[version], self.network)
        await_version(port, "localhost", version)
        self.proxy.ensure_route(Route("floor.localhost", RouteKind.OPEN, (f"127.0.0.1:{port}",), "floor"))
        seen = await_version(self.one.proxy_port, "floor.localhost", version) - began
        if self.old:
            self.api.remove_container(self.old, force=True)
        self.old = container
        return seen

    def end(self) -> None:
        self.api.remove_container(self.old, force=True)
        self.api.remove_network(self.network)
        self.api.close()
        self.proxy.ensure_no_route("floor.localhost")


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
