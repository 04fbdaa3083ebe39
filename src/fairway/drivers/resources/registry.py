"""The kinds of resources this Fairway knows. A driver is loaded when it is asked for: few processes need one."""

from __future__ import annotations

import importlib
from pathlib import Path

from fairway.drivers.resources.contract import ResourceDriver

DRIVERS = {"postgres": "fairway.drivers.resources.postgres:Postgres"}
# The same as the drivers' own, for those who only show or check them; a test compares the two.
VERSIONS = {"postgres": ("18.6",)}


def open_driver(kind: str, data: Path) -> ResourceDriver:
    """Raises KeyError for a kind that is none."""
    module, _, name = DRIVERS[kind].partition(":")
    driver: ResourceDriver = getattr(importlib.import_module(module), name)(data)
    return driver
