"""The kinds of resources that this Fairway has. A driver is imported only when it is used, because few processes need
one."""

from __future__ import annotations

import importlib
from pathlib import Path

from fairway.drivers.resources.contract import ResourceDriver

DRIVERS = {"postgres": "fairway.drivers.resources.postgres:Postgres"}
# The versions of each driver, for code that must not import it; a test compares them with the drivers'.
VERSIONS = {"postgres": ("18.6",)}


def open_driver(kind: str, data: Path) -> ResourceDriver:
    """The driver of this kind. Raises KeyError if there is none."""
    module, _, name = DRIVERS[kind].partition(":")
    driver: ResourceDriver = getattr(importlib.import_module(module), name)(data)
    return driver
