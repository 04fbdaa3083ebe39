"""What an idle Fairway needs: supervisor, web, worker and Caddy, in proportional set size (PSS).

PSS counts a page shared by n processes as 1/n in each, so the sum counts it once. Pages of Python's and the C library that
programs outside of Fairway use too are counted in part; on a machine that runs no other Python add about 6 MB.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, report
from tests.services.installation import Installation, installed

REST = 10.0  # seconds after the start


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as folder, installed(Path(folder) / "data") as one:
        time.sleep(REST)
        parts = {name: pss(pid) for name, pid in processes(one).items()}
        shown = ", ".join(f"{name} {size:.0f}" for name, size in parts.items())
        yield Figure("idle, everything included", sum(parts.values()), "MB", most=150, about=f"PSS: {shown}")
        for name, size in parts.items():
            yield Figure(f"  {name}", size, "MB")


def processes(one: Installation) -> dict[str, int]:
    """Fairway's own processes by name."""
    assert one.process is not None
    proxies = [pid for pid, folder in _every_folder() if folder == one.data / "caddy"]
    assert len(proxies) == 1, proxies
    return {"supervisor": one.process.pid, "web": one.pid_of("web"), "worker": one.pid_of("worker"), "caddy": proxies[0]}


def pss(pid: int) -> float:
    """In MB (2**20 bytes)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no PSS of {pid}")


def _every_folder() -> Iterator[tuple[int, Path]]:
    """Every process and the folder it works in; only Caddy works in its own."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            yield int(place.name), Path(os.readlink(place / "cwd"))
        except OSError:
            continue


if __name__ == "__main__":
    report(measure)
