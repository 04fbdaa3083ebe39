"""`fairway metrics` against a real installation, whose worker really reads what its applications use."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.cli.metrics import sparkline
from tests.cli.conftest import Fairway
from tests.services.waiting import wait_for

BUSY = """
import http.server, os, threading
def work():
    while True:
        sum(range(10_000))
threading.Thread(target=work, daemon=True).start()
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([0, 1, 2, 4], "▁▃▅█"),
        ([None, 1.0, None], "·█·"),
        ([0, 0], "▁▁"),
        ([], ""),
        ([1.0] * 60, "█" * 30),
    ],
)
def test_a_small_chart_starts_at_nothing_and_has_gaps(values: list[float | None], bars: str) -> None:
    assert sparkline(values) == bars


def test_what_an_application_really_uses_is_shown(fairway: Fairway, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(BUSY)
    (tmp_path / "Procfile").write_text("web: python main.py\n")
    assert fairway("deploy", "busy", "--path", str(tmp_path), "--env", "development").code == 0
    assert "Nothing was measured in this period" in fairway("metrics", "busy", "--env", "development").out
    wait_for(lambda: fairway.json("metrics", "busy", "--env", "development")["services"], "it was read twice")
    found = fairway.json("metrics", "busy", "--env", "development", "--since", "30m")
    (web,) = found["services"]
    used = [value for value in web["cpu"] if value is not None]
    assert max(used) > 0.05, "it computes all the time, beside other tests"
    assert max(filter(None, web["memory_bytes"])) > 2**20
    assert [limit for limit in web["memory_limit_bytes"] if limit][-1] == 512 * 2**20
    assert [mark["kind"] for mark in found["marks"]] == ["deployment"]
    said = fairway("metrics", "busy", "--env", "development").out
    assert "web: memory (of 512 MB)" in said
    assert "deployment #" in said
    assert "succeeded, requested by" in said
    wrong = fairway("metrics", "busy", "--env", "development", "--since", "soon")
    assert (wrong.code, "must be a time from 1m to 90d" in wrong.err) == (2, True)
