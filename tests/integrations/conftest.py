"""An installation that trusts the jobs of one repository, and what GitHub gives such a job."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import Fairway, fairway, running, site
from tests.cli.test_ci import actions
from tests.services.installation import Installation
from tests.services.lying_provider import lying_provider

__all__ = ["fairway", "running", "site"]  # fixtures
ROOT = Path(__file__).parents[2]


@dataclass
class Trusted:
    """`ci-shop` in development, which jobs of this repository may deploy. `runner` is what GitHub gives a job."""

    fairway: Fairway
    running: Installation
    site: Path
    address: str
    issuer: str
    runner: dict[str, str]
    token: str

    @property
    def environment(self) -> dict[str, str]:
        """That of a job: this Fairway's command line is on the PATH, and nothing of the test is known."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FAIRWAY_", "GITHUB_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**kept, "PATH": path, "HOME": str(self.fairway.home), **self.runner}

    def newest(self) -> dict[str, str]:
        return dict(self.running.call("GET", "/deployments?application=ci-shop")["items"][0])


@pytest.fixture
def trusted(fairway: Fairway, running: Installation, site: Path) -> Iterator[Trusted]:
    from tests.drivers.identity.test_ci_jobs import GITHUB, token

    fairway.json("deploy", "ci-shop", "--path", str(site), "--env", "development")
    with lying_provider() as github:
        trust = ("ci", "trust", "ci-shop", "--env", "development", "--github", "74", "--branch", "main")
        said = fairway.json(*trust, "--issuer", github.issuer)
        with actions(github, []) as runner:
            signed = token(github, GITHUB, aud=said["audience"], jti=f"of-{site.parent.name}")
            yield Trusted(fairway, running, site, said["audience"], github.issuer, runner, signed)
        fairway("ci", "end", str(said["id"]))
