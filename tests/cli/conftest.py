"""The real program against a real installation, and its exit code, stdout and stderr."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from fairway.cli.main import main
from tests.services.installation import Installation, installed
from tests.services.waiting import PATIENCE


@dataclass
class Said:
    """How one run of the program ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Fairway:
    """Runs `fairway …` with one token in a home of its own."""

    url: str
    token: str
    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")}
        kept |= {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / ".config"), "PYTHONWARNINGS": "error"}
        return {**kept, "FAIRWAY_URL": self.url, "FAIRWAY_TOKEN": self.token, "COLUMNS": "100", **more}

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Said:
        """One run inside this process: starting Python fifty times would be all these tests do."""
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment(**environment), clear=True),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()))),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = 0
            try:
                main(list(arguments))
            except SystemExit as ended:
                code = int(ended.code or 0)
        return Said(code, out.getvalue(), err.getvalue())

    def process(self, *arguments: str, **environment: str) -> Said:
        """One run as a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "fairway.cli.main", *arguments], env=self.environment(**environment),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr + done.stdout, done.stderr + done.stdout
        return Said(done.returncode, done.stdout, done.stderr)

    def json(self, *arguments: str, stdin: str = "") -> Any:
        """The answer of a run that must succeed."""
        said = self(*arguments, "--json", stdin=stdin)
        assert said.code == 0, said.err
        return said.json


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(
        tmp_path_factory.mktemp("cli") / "data", FAIRWAY_SIGN_IN_ADDRESSES="any", FAIRWAY_SOURCE_ADDRESSES="any"
    ) as one:
        yield one


@pytest.fixture
def fairway(running: Installation, tmp_path: Path) -> Fairway:
    return Fairway(f"http://127.0.0.1:{running.port}", running.sign_in["token"], tmp_path)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder that is a web site."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text(f"<h1>{tmp_path.name}</h1>")
    return folder
