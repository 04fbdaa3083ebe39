"""A fresh checkout to its first live URL: ``make demo DETACH=1`` in a copy of the committed files, with an empty HOME.

Package caches are warm (uv's and pip's of whoever runs this are used); everything else is new.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, Skipped, report
from tests.services.ports import free_port

ROOT = Path(__file__).parent.parent
WARM = ("UV_CACHE_DIR", "PIP_CACHE_DIR")


def measure() -> Iterator[Figure]:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        raise Skipped("this is not a Git checkout")
    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as folder:
        place, home = Path(folder) / "checkout", Path(folder) / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", "--local", str(ROOT), str(place)], check=True)
        environment = {**os.environ, **_warm(), "HOME": str(home), "VIRTUAL_ENV": ""}
        ports = [f"PORT={free_port()}", f"PROXY_PORT={free_port()}"]
        began = time.monotonic()
        try:
            done = subprocess.run(
                ["make", "demo", "DETACH=1", *ports], cwd=place, env=environment, capture_output=True, text=True, check=False
            )
            took = time.monotonic() - began
            assert done.returncode == 0, done.stdout + done.stderr
        finally:
            subprocess.run(["make", "down"], cwd=place, env=environment, check=False, capture_output=True)
    yield Figure("fresh checkout → first live URL", took, "s", most=60, about="make demo, beside a warm package cache")


def _warm() -> dict[str, str]:
    """Where the caches lie for whoever runs this; HOME will point elsewhere."""
    given = {name: os.environ[name] for name in WARM if name in os.environ}
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return {"UV_CACHE_DIR": str(caches / "uv"), "PIP_CACHE_DIR": str(caches / "pip"), **given}


if __name__ == "__main__":
    report(measure)
