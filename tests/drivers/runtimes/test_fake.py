"""The shipped fake keeps the contract, fails when it is told to, and can be shared by several processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, InstanceSpec, InstanceState, NullProgress, Runtime
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.shared.failures import Cancelled, NeedsPerson, Refused, Retry
from tests.drivers.runtimes.contract import RuntimeContract, ask
from tests.services.waiting import eventually

ONE = ArtifactRef(ArtifactKind.IMAGE, f"sha256:{'1' * 64}", reference="one")
SPEC = InstanceSpec("hello.test", "d1", 0, ONE)


class FakeContract(RuntimeContract):
    @pytest.fixture
    def artifact(self) -> ArtifactRef:
        return ONE

    @pytest.fixture
    def another_artifact(self) -> ArtifactRef:
        return ArtifactRef(ArtifactKind.BUNDLE, f"sha256:{'2' * 64}", reference="two", location=Path("/nowhere"))


class TestFakeInMemory(FakeContract):
    @pytest.fixture
    def runtime(self) -> Iterator[Runtime]:
        runtime = FakeRuntime()
        yield runtime
        runtime.close()

    @pytest.fixture
    def reopen(self, runtime: Runtime) -> Callable[[], Runtime]:
        return lambda: runtime


class TestFakeOnDisk(FakeContract):
    @pytest.fixture
    def runtime(self, tmp_path: Path) -> Iterator[Runtime]:
        runtime = FakeRuntime.open({}, data=tmp_path)
        yield runtime
        runtime.close()

    @pytest.fixture
    def reopen(self, tmp_path: Path) -> Iterator[Callable[[], Runtime]]:
        opened: list[FakeRuntime] = []

        def reopen() -> Runtime:
            opened.append(FakeRuntime.open({}, data=tmp_path))
            return opened[-1]

        yield reopen
        for runtime in opened:
            runtime.close()


@pytest.fixture
def fake() -> Iterator[FakeRuntime]:
    runtime = FakeRuntime()
    runtime.distribute(ONE, None, NullProgress())
    yield runtime
    runtime.close()


@pytest.mark.parametrize("failure", [Retry("busy"), Refused("bad"), NeedsPerson("sign in")])
def test_it_fails_as_often_as_it_was_told(fake: FakeRuntime, failure: Retry | Refused | NeedsPerson) -> None:
    fake.fail("ensure_started", failure, times=2)
    for _ in range(2):
        with pytest.raises(type(failure), match=failure.sentence):
            fake.ensure_started(SPEC, NullProgress())
    assert fake.ensure_started(SPEC, NullProgress()).state is InstanceState.RUNNING
    assert [verb for verb, _ in fake.calls] == ["distribute", *["ensure_started"] * 3]


def test_it_hangs_until_it_is_released(fake: FakeRuntime) -> None:
    fake.hang("ensure_started")
    worker = threading.Thread(target=lambda: fake.ensure_started(SPEC, NullProgress()))
    worker.start()
    eventually(lambda: ("ensure_started", SPEC.name) in fake.calls, what="called")
    assert fake.instance(SPEC.name) is None
    fake.release("ensure_started")
    worker.join()
    assert fake.instance(SPEC.name) is not None


def test_a_hanging_verb_hears_the_cancellation(fake: FakeRuntime) -> None:
    class Later:
        checks = 0

        def line(self, text: str, *, stream: str = "stdout") -> None: ...

        def check(self) -> None:
            self.checks += 1
            if self.checks > 2:
                raise Cancelled

    fake.hang("ensure_started")
    with pytest.raises(Cancelled):
        fake.ensure_started(SPEC, Later())


def test_it_starts_as_slowly_as_it_was_told_and_only_once(fake: FakeRuntime) -> None:
    slow = replace(SPEC, environment={"START_SECONDS": "0.2"})
    began = time.monotonic()
    fake.ensure_started(slow, NullProgress())
    assert time.monotonic() - began >= 0.2
    fake.ensure_started(replace(SPEC, environment={"START_SECONDS": "86400"}), NullProgress())  # it is there


def test_it_can_fail_for_good(fake: FakeRuntime) -> None:
    instance = fake.ensure_started(SPEC, NullProgress())
    fake.crash(instance.name, 9, for_good=True)
    failed = fake.instance(instance.name)
    assert failed is not None
    assert (failed.state, failed.exit_code) == (InstanceState.FAILED, 9)
    assert ask(instance) is None


def test_another_process_sees_and_ends_the_same_world(tmp_path: Path) -> None:
    here = FakeRuntime.open({}, data=tmp_path)
    here.distribute(ONE, None, NullProgress())
    here.ensure_started(SPEC, NullProgress())
    program = (
        "import sys; from pathlib import Path; from fairway.drivers.runtimes.fake import FakeRuntime\n"
        "fake = FakeRuntime.open({}, data=Path(sys.argv[1]))\n"
        "print(fake.instances()[0].name); fake.ensure_removed(fake.instances()[0].name)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == SPEC.name
    assert here.instances() == []
    here.close()


def test_a_tag_always_means_the_same_digest(fake: FakeRuntime) -> None:
    assert fake.resolve("a/b:1", None) == fake.resolve("a/b:1", None)
    assert fake.resolve("a/b:1", None).digest != fake.resolve("a/b:2", None).digest
    assert fake.resolve(f"a/b@{ONE.digest}", None).digest == ONE.digest


def test_it_can_be_unavailable(tmp_path: Path) -> None:
    assert not FakeRuntime.open({"available": False}, data=tmp_path).availability().is_available
