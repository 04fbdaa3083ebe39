"""The test application as bundles."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fairway.drivers.runtimes.contract import ArtifactRef
from fairway.drivers.runtimes.process import ProcessRuntime
from fairway.drivers.runtimes.process.bundle import seal

APP = Path(__file__).parent.parent / "app.py"

Bundled = Callable[..., ArtifactRef]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def bundled(data: Path, tmp_path: Path) -> Bundled:
    """Seals the test application, in a version and with further files, into the data directory."""

    def make(version: str, *, files: dict[str, str] | None = None, **manifest: object) -> ArtifactRef:
        app = data / "bundles" / f".draft-{version}" / "app"
        app.mkdir(parents=True)
        shutil.copy(APP, app / "app.py")
        (app / "VERSION").write_text(version)
        for name, text in (files or {}).items():
            (app / name).parent.mkdir(exist_ok=True)
            (app / name).write_text(text)
        return seal(app.parent, {"command": ["{python}", "app.py"], "kind": "python", **manifest})

    return make


@pytest.fixture
def runtime(data: Path) -> ProcessRuntime:
    return ProcessRuntime.open({}, data=data)
