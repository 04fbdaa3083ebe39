"""The process runtime keeps the contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fairway.drivers.runtimes.contract import ArtifactRef, Runtime, Volume
from fairway.drivers.runtimes.process import ProcessRuntime
from tests.drivers.runtimes.chains import ChainContract
from tests.drivers.runtimes.process.conftest import Bundled


class TestProcessRuntime(ChainContract):
    PYTHON = "{python}"

    @pytest.fixture
    def runtime(self, data: Path) -> Runtime:
        return ProcessRuntime.open({}, data=data)

    @pytest.fixture
    def reopen(self, data: Path) -> Callable[[], Runtime]:
        return lambda: ProcessRuntime.open({}, data=data)

    @pytest.fixture
    def artifact(self, bundled: Bundled) -> ArtifactRef:
        return bundled("one")

    @pytest.fixture
    def another_artifact(self, bundled: Bundled) -> ArtifactRef:
        return bundled("two")

    def volume_environment(self, volume: Volume) -> dict[str, str]:
        """The target, taken inside the application's folder."""
        return {"VOLUME_NOTES": volume.target.lstrip("/")}
