"""What a start loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOAD = (
    "from fairway.config.launch import _load, set_up; set_up(); _load({names})\nimport sys; print('{module}' in sys.modules)"
)


def loads(module: str, *names: str) -> bool:
    """Whether starting these processes loads the module."""
    code = LOAD.format(names=names, module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() in ("True", "False"), done.stderr
    return done.stdout.strip() == "True"


def test_nothing_loads_the_docker_sdk_before_an_environment_wants_it() -> None:
    """It takes 6 MB, and some 0.15 s of every start."""
    assert not loads("docker", "web", "worker")


@pytest.mark.parametrize(
    ("module", "name", "is_loaded"),
    [
        ("fairway.config.urls", "web", True),
        ("fairway.config.urls", "worker-2", False),
        ("fairway.worker.main", "worker-2", True),
        ("fairway.worker.main", "web", False),
    ],
)
def test_a_process_that_is_started_again_loads_its_own_half_only(module: str, name: str, is_loaded: bool) -> None:
    """The web's takes more than half of the time in which a dead worker is missed."""
    assert loads(module, name) is is_loaded
