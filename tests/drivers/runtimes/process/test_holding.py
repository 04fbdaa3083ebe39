"""Whatever is left of an instance holds its volume, and the kernel says so: killed shims, escaped children, strangers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from fairway.drivers.runtimes.contract import InstanceSpec, NullProgress, Volume
from fairway.drivers.runtimes.process import ProcessRuntime
from fairway.drivers.runtimes.process.places import read_json
from fairway.shared.failures import Refused, Retry
from tests.drivers.runtimes.contract import eventually
from tests.drivers.runtimes.process.conftest import Bundled

VOLUME = Volume("shop.test.data", "/data")
# An application that leaves somebody behind: in a session of its own, elsewhere, so that it is not ended with the rest.
LEAVES = (
    "import os, subprocess, time\n"
    "child = subprocess.Popen({argv}, start_new_session=True, cwd='/', close_fds={closes})\n"
    "open('data/child', 'w').write(str(child.pid))\n"
    "time.sleep(600)"
)
LEFT = {
    "with its environment, its files closed": (["sleep", "600"], True, r"process \d+ \(sleep\)"),
    "without its environment, its files open": (["env", "-i", "sleep", "600"], False, "starting or ending"),
}


@pytest.fixture
def spec(runtime: ProcessRuntime, bundled: Bundled) -> Iterator[InstanceSpec]:
    yield InstanceSpec("shop.test", "d1", 0, bundled("one"), volumes=(VOLUME,))
    for instance in runtime.instances():
        runtime.ensure_removed(instance.name, grace=0.2)


def next_of(spec: InstanceSpec) -> InstanceSpec:
    return replace(spec, deployment="d2", command=None)


@pytest.mark.parametrize("left", LEFT)
def test_what_a_killed_shim_leaves_behind_holds_the_volume(runtime: ProcessRuntime, spec: InstanceSpec, left: str) -> None:
    argv, closes, who = LEFT[left]
    program = LEAVES.format(argv=argv, closes=closes)
    runtime.ensure_started(replace(spec, command=("{python}", "-c", program)), NullProgress())
    note = runtime.places.volume(VOLUME.name) / "child"
    child = int(eventually(lambda: note.exists() and note.read_text(), what="it has left somebody behind"))
    try:
        state = read_json(runtime.places.instance(spec.name) / "state.json")
        for pid in (state["minder"][0], state["app"][0]):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not runtime._has_shim(state), what="the shim is dead")
        with pytest.raises(Retry, match=who):
            runtime.ensure_started(next_of(spec), NullProgress())
        assert runtime.instance(next_of(spec).name) is None, "nothing of it is left"
    finally:
        os.kill(child, signal.SIGKILL)
    runtime.ensure_stopped(spec.name)
    eventually(lambda: _starts(runtime, next_of(spec)), what="the volume is free")


def _starts(runtime: ProcessRuntime, spec: InstanceSpec) -> bool:
    with suppress(Retry):
        return bool(runtime.ensure_started(spec, NullProgress()))
    return False


@contextmanager
def having_open(place: Path, mode: str) -> Iterator[None]:
    """A stranger, say somebody's shell, with a file open."""
    words = [sys.executable, "-c", f"f = open({str(place)!r}, {mode!r}); print('ready', flush=True); input()"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        yield
        stranger.kill()


def test_a_stranger_who_writes_there_holds_it_and_one_who_reads_does_not(
    runtime: ProcessRuntime, spec: InstanceSpec
) -> None:
    place = runtime.places.volume(VOLUME.name) / "shop.sqlite3"
    place.parent.mkdir(parents=True)
    place.touch()
    with having_open(place, "a"):
        with pytest.raises(Retry, match=r"process \d+ \(python"):
            runtime.ensure_started(spec, NullProgress())
        with pytest.raises(Refused, match="still used by process"):
            runtime.ensure_volume_removed(VOLUME.name)
    with having_open(place, "r"):
        assert runtime.ensure_started(spec, NullProgress()).address


DIES = """
import os, subprocess
from pathlib import Path
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, InstanceSpec, NullProgress, Volume
from fairway.drivers.runtimes.process import ProcessRuntime


usual = subprocess.Popen.communicate


def die(asked, given=None, timeout=None):
    if not given:  # not the shim: what asks which walls there are
        return usual(asked, given, timeout)
    asked.stdin.write(given)
    asked.stdin.close()
    os.kill(os.getpid(), 9)


subprocess.Popen.communicate = die
artifact = ArtifactRef(ArtifactKind.BUNDLE, {digest!r}, location=Path({location!r}))
spec = InstanceSpec("shop.test", "d1", 0, artifact, volumes=(Volume("shop.test.data", "/data"),))
ProcessRuntime(Path({data!r})).ensure_started(spec, NullProgress())
"""


def test_a_starter_that_is_killed_leaves_the_lock_to_what_it_started(
    runtime: ProcessRuntime, spec: InstanceSpec, data: Path
) -> None:
    """The worker dies while the shim is being born: who follows must not start another beside it."""
    program = DIES.format(digest=spec.artifact.digest, location=str(spec.artifact.location), data=str(data))
    died = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    with pytest.raises(Retry):
        runtime.ensure_started(next_of(spec), NullProgress())
    assert runtime.ensure_started(spec, NullProgress()).name == spec.name
