"""Opens the driver of an engine. It is imported only when it is used, because few processes need one."""

from __future__ import annotations

import importlib
from pathlib import Path

from fairway.drivers.resources.contract import ResourceDriver
from fairway.drivers.resources.engines import ENGINES


def open_driver(kind: str, data: Path) -> ResourceDriver:
    """The driver of this kind. Raises KeyError if there is none."""
    module, _, name = ENGINES[kind].driver.partition(":")
    driver: ResourceDriver = getattr(importlib.import_module(module), name)(data)
    return driver
