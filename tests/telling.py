"""Tells of a failed test at once, while the others go on: on the screen in a line, in ``artifacts/failures.txt`` whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PLACE = Path(__file__).parent.parent / "artifacts" / "failures.txt"


class Telling:
    """The plugin, in the process that reports."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        if "PYTEST_CURRENT_TEST" not in os.environ:  # else a test runs pytest: what failed beside it stays told
            PLACE.unlink(missing_ok=True)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.failed:
            return
        PLACE.parent.mkdir(exist_ok=True)
        with PLACE.open("a") as file:
            file.write(f"=== {report.nodeid} ({report.when})\n{report.longreprtext}\n{report.capstderr[-4000:]}\n\n")
        if (terminal := self._config.pluginmanager.get_plugin("terminalreporter")) is not None:
            terminal.write_line(f"\nFAILED {report.nodeid} ({report.when}); more in artifacts/failures.txt")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Telling(config), "fairway-telling")
