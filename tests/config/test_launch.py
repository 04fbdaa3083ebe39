"""What web and worker are forked from."""

from __future__ import annotations

import subprocess
import sys


def test_nothing_loads_the_docker_sdk_before_an_environment_wants_it() -> None:
    """It takes 6 MB, and some 0.15 s of every start."""
    code = "from fairway.config.launch import _load, set_up; set_up(); _load()\nimport sys; print('docker' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr
