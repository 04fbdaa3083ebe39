"""With ``FAIRWAY_REQUIRE_SERVICES=1`` a test that skips itself fails: what was not tried is not proven.

One place instead of a word at every skip, so that none can forget it; also not a test that asks Fairway itself whether it
applies, and would pass unseen if Fairway answered wrongly.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

IS_STRICT = os.environ.get("FAIRWAY_REQUIRE_SERVICES") == "1"
ALLOWED = (  # the beginnings of reasons that lack no service
    "runs on PostgreSQL",  # it does, in tests/postgres
    "no IPv6 loopback",  # a matter of the kernel
    "MariaDB 10.11 is a package of Debian 12",  # a matter of the distribution; the product says so, too
    "systemd-analyze",  # there is no systemd in the machines this runs on
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IS_STRICT and report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not reason.startswith(ALLOWED):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} skipped itself where everything is required: {reason}"
    return report
