"""The process runtime keeps the contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fairway.drivers.health import wait_until_ready
from fairway.drivers.runtimes.contract import ArtifactRef, HealthCheck, InstanceSpec, NullProgress, Runtime
from fairway.drivers.runtimes.process import ProcessRuntime
from fairway.shared.failures import Refused
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

    def test_the_application_that_failed_is_not_taken_for_what_runs_before_it(
        self, runtime: Runtime, spec: InstanceSpec
    ) -> None:
        before, fails = (self.PYTHON, "-c", "import time; time.sleep(1)"), (self.PYTHON, "-c", "raise SystemExit(3)")
        runtime.ensure_started(replace(spec, command=(*before, "&&", *fails)), NullProgress())
        with pytest.raises(Refused, match="^The application exited with code 3, [2-9] times in a row"):
            wait_until_ready(runtime, spec.name, HealthCheck(), NullProgress(), most_restarts=2)
