"""A Node.js program whose port stands in its code listens on PORT all the same."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fairway.drivers.builders import build_node
from tests.services.ports import free_port

SCRIPT = Path(build_node.__file__).with_name(build_node.MOVED_PORT)
SAYS = (
    "const s = require('http').createServer(); s.on('listening', () => {{ console.log(s.address().port); s.close() }}); {}"
)


@pytest.mark.parametrize(
    "listens",
    ["s.listen(3941)", "s.listen('3941')", "s.listen({port: 3941})", "s.listen({port: 3941, host: 'localhost'})",
     "s.listen(3941, 'localhost')", "s.listen(3941, '127.0.0.1', () => {})"],
)  # fmt: skip
def test_the_port_in_the_code_becomes_the_given_one(listens: str) -> None:
    given = str(free_port())
    assert _port_of(listens, given) == given


def test_other_ports_stay() -> None:
    other = str(free_port())
    assert _port_of(f"s.listen({other})", str(free_port())) == other


def _port_of(listens: str, given: str) -> str:
    variables = {"PATH": os.environ["PATH"], "PORT": given, "HOST": "127.0.0.1", "FAIRWAY_MOVED_PORT": "3941"}
    argv = ["node", "--require", str(SCRIPT), "-e", SAYS.format(listens)]
    return subprocess.run(argv, env=variables, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
