"""A clone of a repository that an application comes from, with its trigger."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import run
from typing import Any

from tests.services.git_server import GitServer
from tests.services.installation import Installation

PERSON = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in
          (("NAME", "Grace Hopper"), ("EMAIL", "grace@example.com"))}  # fmt: skip


@dataclass
class Clone:
    """The clone is in `folder`; the application with this slug comes from `url`."""

    fairway: Installation
    server: GitServer
    folder: Path
    slug: str
    url: str
    trigger: dict[str, Any] = field(default_factory=dict)

    def git(self, *words: str) -> str:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **PERSON}
        environment["GIT_SSL_CAINFO"] = str(self.server.certificate)
        done = run(("git", *words), cwd=self.folder / "clone", env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
