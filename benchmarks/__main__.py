"""``python -m benchmarks [NAME …]``: the figures of the design, beside their goals and the floor of the same run.

Each benchmark is a process of its own. Prints a table; writes ``artifacts/bench.json``. Exit code 1 when one breaks: a goal
that is missed is a finding, not a failure.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure

NAMES = (
    "idle_memory",
    "request_to_live",
    "request_to_live_docker",
    "switching",
    "rolling",
    "killed",
    "engine_runs",
    "sampling",
    "release_rollout",
    "viewers",
    "long_history",
    "fresh_demo",
)
LIMIT = 600  # seconds a benchmark may take
ROOT = Path(__file__).parent.parent
MARKS = {True: "[green]✓[/]", False: "[red]✗[/]", None: ""}


def main(wanted: list[str]) -> int:
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        sys.stderr.write(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}.\n")
        return 2
    console, found = Console(width=None if sys.stdout.isatty() else 120), []
    for name in wanted or NAMES:
        with console.status(f"{name} …"):
            found.append(_run(name))
    console.print(_table(found))
    _write(found)
    return 1 if any(one["error"] for one in found) else 0


def _run(name: str) -> dict[str, Any]:
    began = time.monotonic()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FAIRWAY_")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling anew at each start would be what is measured
    found: dict[str, Any] = {"benchmark": name, "figures": [], "skipped": "", "error": ""}
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {**found, "error": f"not done within {LIMIT} s", "seconds": LIMIT}
    for line in done.stdout.splitlines():
        said = json.loads(line) if line.startswith("{") else {}
        found["skipped"] = said.get("skipped", found["skipped"])
        found["figures"] += [Figure(**said["figure"])] if "figure" in said else []
    if done.returncode:
        found["error"] = done.stderr.strip()[-2000:] or f"exit code {done.returncode}"
    return {**found, "seconds": round(time.monotonic() - began, 1)}


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table("figure", "measured", "floor", "ratio", "goal", "", title=_machine())
    for column in (1, 2, 3):
        table.columns[column].justify = "right"
    for one in found:
        for figure in one["figures"]:
            floor = f"{figure.floor:,.3g} {figure.unit}" if figure.floor else ""
            ratio = f"{figure.ratio:.2f}×" if figure.ratio else ""
            table.add_row(
                figure.name, f"{_shown(figure.value)} {figure.unit}", floor, ratio, figure.goal, MARKS[figure.is_met]
            )
        if one["skipped"]:
            table.add_row(one["benchmark"], f"[yellow]skipped: {one['skipped']}[/]")
        if one["error"]:
            table.add_row(one["benchmark"], f"[red]broke: {one['error'].splitlines()[-1][:120]}[/]")
    return table


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"


def _write(found: list[dict[str, Any]]) -> None:
    def plain(figure: Figure) -> dict[str, Any]:
        return {**vars(figure), "ratio": figure.ratio, "goal": figure.goal, "is_met": figure.is_met}

    folder = ROOT / "artifacts"
    folder.mkdir(exist_ok=True)
    benchmarks = [{**one, "figures": [plain(figure) for figure in one["figures"]]} for one in found]
    content = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": _machine(), "benchmarks": benchmarks}
    (folder / "bench.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
