"""GitHub's real webhook payloads (``@octokit/webhooks-examples`` from npm), fetched once per run."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.services.sharing import Facts, shared

PACKAGE = "@octokit/webhooks-examples@7.6.1"


def payloads() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each event's name with one payload of github.com."""
    index = Path(shared("github payloads")["folder"]) / "api.github.com/index.json"
    for one in json.loads(index.read_text()):
        for example in one["examples"]:
            yield one["name"], example


@contextmanager
def payloads_for_all() -> Iterator[Facts]:
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not installed; on Debian: apt-get install nodejs npm")
    with TemporaryDirectory(prefix="fairway-payloads-") as folder:
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"{PACKAGE} could not be installed: {done.stderr[-2000:]}")
        yield {"folder": str(Path(folder) / "node_modules/@octokit/webhooks-examples")}
