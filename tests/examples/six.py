"""The six example applications, and how a test tells that one of them really serves."""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.services.installation import Installation
from tests.services.waiting import PATIENCE

ROOT = Path(__file__).parents[2] / "examples"
GREETING = "Ahoy from the harbour"
RERUN = b"\x5a\x00"  # Streamlit's BackMsg with an empty rerun_script (field 11): what a browser sends first


@dataclass(frozen=True)
class Example:
    """`version_in` is the file that holds its version, `facts` the path that tells version and greeting."""

    name: str
    framework: str
    version_in: str
    facts: str

    def copied_to(self, folder: Path) -> Path:
        """A copy of its folder, as it is in the repository."""
        litter = shutil.ignore_patterns("__pycache__", "node_modules", ".venv")
        return Path(shutil.copytree(ROOT / self.name, folder / self.name, ignore=litter))

    def raise_version(self, folder: Path, version: str) -> None:
        """Give a copy another version; its dependencies stay the same."""
        file = folder / self.version_in
        text = file.read_text()
        assert "1.0.0" in text
        file.write_text(text.replace("1.0.0", version, 1))

    def answer(self, fairway: Installation, host: str) -> str:
        """What a visitor of the application is told, through the proxy."""
        if self.name == "streamlit":
            return streamlit_page(fairway, host)
        found = fairway.visit(host, self.facts)
        assert found.status == 200, f"{found.status} {found.text[:500]}"
        return found.text

    def assert_serves(self, fairway: Installation, host: str, version: str = "1.0.0") -> None:
        """That version answers, and it got the configuration of its environment."""
        told = self.answer(fairway, host)
        assert version in told, told[:2000]
        if self.name != "static":  # files have no configuration
            assert GREETING in told, told[:2000]


SIX = (
    Example("streamlit", "Streamlit", "VERSION", "/"),
    Example("fastapi", "FastAPI", "pyproject.toml", "/api/greeting"),
    Example("flask", "Flask", "VERSION", "/api/facts"),
    Example("django", "Django", "VERSION", "/api/planets"),
    Example("express", "Express", "package.json", "/api/guests"),
    Example("static", "Static site", "VERSION", "/VERSION"),
)
FLASK, STATIC = SIX[2], SIX[5]
each_example = pytest.mark.parametrize("example", SIX, ids=lambda example: example.name)
# where only the way to the bytes differs, and what is done with them is tested with all six: one per package manager
some_examples = pytest.mark.parametrize("example", [SIX[1], SIX[2], SIX[4], SIX[5]], ids=lambda example: example.name)


def streamlit_page(fairway: Installation, host: str) -> str:
    """The texts of a Streamlit page: they only come over its websocket, here opened as a browser does, through the proxy."""
    address = f"{host}:{fairway.proxy_port}"
    said = b""
    with (
        socket.create_connection(("127.0.0.1", fairway.proxy_port), timeout=PATIENCE) as line,
        connect(f"ws://{address}/_stcore/stream", sock=line, origin=f"http://{address}", subprotocols=["streamlit"]) as page,
    ):
        page.send(RERUN)
        while b"Old town" not in said:  # the last of the three figures below the title
            message = page.recv(timeout=PATIENCE)
            assert isinstance(message, bytes)
            said += message
    return said.decode(errors="replace")


def place(fairway: Installation, slug: str, source: dict[str, str], environment: str) -> None:
    """An application with its greeting configured for the environment; nothing runs yet."""
    fairway.create(slug, source)
    path = f"/applications/{slug}/environments/{environment}/configuration"
    fairway.call("PUT", path, {"variables": {"GREETING": GREETING}})


def host_of(slug: str, environment: str) -> str:
    return f"{slug}.{environment}.localhost"


def assert_as_deployed(fairway: Installation, live: dict[str, Any]) -> None:
    """What is said of a live deployment was read back: the digest that serves, the probe, the route, the instances."""
    slug, environment = live["application"]["slug"], live["environment"]["slug"]
    assert live["served_digest"] == live["digest"]
    assert live["probe"]["sent"] > 0
    assert live["gate_used"]
    shown = fairway.placement(slug, environment)
    assert (shown["current"], shown["digest"]) == (live["id"], live["digest"])
    assert shown["url"] == f"http://{host_of(slug, environment)}:{fairway.proxy_port}"
