"""What every runtime must do. Subclass `RuntimeContract` and override the fixtures.

The artifacts hold ``app.py`` of this folder (or a program that answers the same paths), in versions "one" and "two".
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import httpx
import pytest

from fairway.drivers.health import wait_until_ready
from fairway.drivers.runtimes.contract import (
    ArtifactRef,
    HealthCheck,
    Instance,
    InstanceSpec,
    InstanceState,
    Limits,
    NullProgress,
    Runtime,
    Volume,
)
from fairway.shared.failures import Cancelled, Refused, Retry
from tests.services import plainly
from tests.services.waiting import PATIENCE, eventually

T = TypeVar("T")


def ask(instance: Instance, path: str = "/") -> str | None:
    """What the instance answers at `path`, None while it does not."""
    try:
        answer = plainly.get(f"http://{instance.address}{path}", timeout=PATIENCE)
    except httpx.TransportError:
        return None
    return answer.text if answer.status_code == 200 else None


def listens(instance: Instance) -> bool:
    return ask(instance, "/") is not None


class Cancelling:
    """A `Progress` whose run was asked to stop."""

    def line(self, text: str, *, stream: str = "stdout") -> None: ...

    def check(self) -> None:
        raise Cancelled


class Hearing(NullProgress):
    """A `Progress` that keeps what a program printed."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str, *, stream: str = "stdout") -> None:
        if stream != "fairway":
            self.lines.append(text)


class CancellingAfter(Hearing):
    """A `Progress` whose run is asked to stop once a line was printed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def check(self) -> None:
        if self.text in self.lines:
            raise Cancelled


class RuntimeContract:
    """Run against every runtime; each test leaves no instance behind."""

    @pytest.fixture
    def runtime(self) -> Runtime:
        """The runtime under test. Override."""
        raise NotImplementedError

    @pytest.fixture
    def reopen(self, runtime: Runtime) -> Callable[[], Runtime]:
        """A runtime object as a restarted control plane would make it: same options, no memory. Override."""
        raise NotImplementedError

    @pytest.fixture
    def artifact(self) -> ArtifactRef:
        """Version "one" of the application. Override."""
        raise NotImplementedError

    @pytest.fixture
    def another_artifact(self) -> ArtifactRef:
        """Version "two" of the application. Override."""
        raise NotImplementedError

    @pytest.fixture
    def unknown_artifact(self, artifact: ArtifactRef) -> ArtifactRef:
        """One that exists nowhere. Override where a digest alone does not make it unknown."""
        return replace(artifact, digest=f"sha256:{'0' * 64}", location=None)

    @pytest.fixture
    def placement(self, runtime: Runtime) -> Iterator[str]:
        """A placement of this test alone, cleaned afterwards."""
        placement = f"app-{uuid.uuid4().hex[:8]}.test"
        yield placement
        for instance in runtime.instances(placement):
            runtime.ensure_removed(instance.name, grace=0.2)

    @pytest.fixture
    def spec(self, runtime: Runtime, artifact: ArtifactRef, placement: str) -> InstanceSpec:
        """A distributed version "one", not started."""
        runtime.distribute(artifact, None, NullProgress())
        return InstanceSpec(placement, "d1", 0, artifact, health=HealthCheck(path="/health"), stop_grace=5.0)

    @pytest.fixture
    def running(self, runtime: Runtime, spec: InstanceSpec) -> Instance:
        """Version "one", answering."""
        return self.start(runtime, spec)

    def start(self, runtime: Runtime, spec: InstanceSpec) -> Instance:
        """Start and wait until it answers."""
        instance = runtime.ensure_started(spec, NullProgress())
        eventually(lambda: listens(instance), what=f"{instance.name} answers at {instance.address}")
        return self.read(runtime, instance.name)

    def read(self, runtime: Runtime, name: str) -> Instance:
        instance = runtime.instance(name)
        assert instance is not None, f"{name} is gone"
        return instance

    # -- what it says about itself

    def test_it_is_available_and_says_so(self, runtime: Runtime) -> None:
        availability = runtime.availability()
        assert availability.is_available, availability.sentence
        assert availability.sentence

    # -- artifacts

    def test_distributing_twice_is_distributing_once(self, runtime: Runtime, artifact: ArtifactRef) -> None:
        runtime.distribute(artifact, None, NullProgress())
        runtime.distribute(artifact, None, NullProgress())
        assert runtime.is_distributed(artifact)
        assert [stored.digest for stored in runtime.artifacts()].count(artifact.digest) == 1

    def test_an_artifact_that_is_nowhere_is_refused(self, runtime: Runtime, unknown_artifact: ArtifactRef) -> None:
        assert not runtime.is_distributed(unknown_artifact)
        with pytest.raises(Refused) as refused:
            runtime.distribute(unknown_artifact, None, NullProgress())
        assert refused.value.sentence

    def test_starting_what_is_not_here_is_refused(
        self, runtime: Runtime, unknown_artifact: ArtifactRef, placement: str
    ) -> None:
        with pytest.raises(Refused):
            runtime.ensure_started(InstanceSpec(placement, "d1", 0, unknown_artifact), NullProgress())
        assert runtime.instances(placement) == []

    def test_collecting_keeps_what_is_wanted_and_what_runs(
        self, runtime: Runtime, running: Instance, artifact: ArtifactRef, another_artifact: ArtifactRef
    ) -> None:
        runtime.distribute(another_artifact, None, NullProgress())
        others = [stored.digest for stored in runtime.artifacts() if stored.digest != artifact.digest]
        assert another_artifact.digest in others
        assert list(runtime.collect(others, NullProgress())) == []
        wanted = [digest for digest in others if digest != another_artifact.digest]
        assert another_artifact.digest in runtime.collect(wanted, NullProgress())
        assert not runtime.is_distributed(another_artifact)
        assert runtime.is_distributed(artifact)
        assert ask(running) == "one"

    # -- starting

    def test_what_was_started_is_read_back(self, runtime: Runtime, spec: InstanceSpec, running: Instance) -> None:
        assert (running.name, running.placement) == (spec.name, spec.placement)
        assert (running.deployment, running.replica) == ("d1", 0)
        assert (running.state, running.restarts) == (InstanceState.RUNNING, 0)
        assert running.digest == spec.artifact.digest
        assert running.started_at is not None
        assert running.started_at.tzinfo is not None
        assert ask(running) == "one"
        assert runtime.instances(spec.placement) == [running]
        assert running in runtime.instances()

    def test_starting_twice_adopts(self, runtime: Runtime, spec: InstanceSpec, running: Instance) -> None:
        assert runtime.ensure_started(spec, NullProgress()) == running
        assert runtime.instances(spec.placement) == [running]

    def test_starting_at_the_same_time_starts_one(self, runtime: Runtime, spec: InstanceSpec) -> None:
        with ThreadPoolExecutor(4) as pool:
            started = list(pool.map(lambda _: runtime.ensure_started(spec, NullProgress()), range(4)))
        assert len({(instance.name, instance.address, instance.started_at) for instance in started}) == 1
        assert len(runtime.instances(spec.placement)) == 1

    def test_a_restarted_control_plane_adopts(
        self, reopen: Callable[[], Runtime], spec: InstanceSpec, running: Instance
    ) -> None:
        again = reopen()
        assert again.instance(running.name) == running
        assert again.ensure_started(spec, NullProgress()) == running
        assert ask(running) == "one"

    def test_versions_and_replicas_run_beside_each_other(
        self, runtime: Runtime, spec: InstanceSpec, running: Instance, another_artifact: ArtifactRef
    ) -> None:
        runtime.distribute(another_artifact, None, NullProgress())
        replica = self.start(runtime, replace(spec, replica=1))
        newer = self.start(runtime, replace(spec, deployment="d2", artifact=another_artifact))
        assert len({running.address, replica.address, newer.address}) == 3
        assert newer.digest == another_artifact.digest
        assert ask(newer) == "two"
        runtime.ensure_removed(running.name)
        assert [instance.name for instance in runtime.instances(spec.placement)] == sorted([replica.name, newer.name])
        assert ask(replica) == "one"

    def test_the_environment_is_the_given_one_alone(
        self, runtime: Runtime, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FAIRWAY_SECRET_OF_OURS", "do-not-leak")
        monkeypatch.setenv("DO_NOT_LEAK", "do-not-leak")
        given = {"GREETING": "grüß “Gott”\nand = more", "EMPTY": ""}
        instance = self.start(runtime, replace(spec, environment=given))
        seen = ask(instance, "/env") or ""
        assert "GREETING=grüß “Gott”\nand = more\n" in seen
        assert "EMPTY=\n" in seen
        assert "do-not-leak" not in seen

    def test_the_port_is_put_into_the_command(self, runtime: Runtime, spec: InstanceSpec) -> None:
        """`{port}` in an argument is where the application listens: the one it got in PORT."""
        instance = runtime.ensure_started(replace(spec, command=("echo", "listen on {port}", "x{port}y")), NullProgress())
        wanted = eventually(lambda: [line.text for line in runtime.output(instance.name)], what="echo printed")[0]
        port = wanted.split()[2]
        assert port.isdigit()
        assert wanted == f"listen on {port} x{port}y"

    def test_a_command_that_does_not_exist_is_refused_by_name(self, runtime: Runtime, spec: InstanceSpec) -> None:
        with pytest.raises(Refused, match="no-such-program"):
            runtime.ensure_started(replace(spec, command=("no-such-program", "x")), NullProgress())

    def test_a_cancelled_start_stops(self, runtime: Runtime, spec: InstanceSpec) -> None:
        with pytest.raises(Cancelled):
            runtime.ensure_started(spec, Cancelling())
        runtime.ensure_removed(spec.name)
        assert runtime.instance(spec.name) is None

    # -- what it is given as files

    def test_what_it_is_given_as_a_file_is_there_with_it(self, runtime: Runtime, spec: InstanceSpec) -> None:
        given = replace(spec, files={".given/secrets.toml": 'NAME = "grüß “Gott”"\n'})
        running = self.start(runtime, given)
        assert ask(running, "/file?path=.given/secrets.toml") == 'NAME = "grüß “Gott”"\n'
        runtime.ensure_stopped(given.name)
        again = self.start(runtime, given)
        assert ask(again, "/file?path=.given/secrets.toml") == 'NAME = "grüß “Gott”"\n'
        runtime.ensure_removed(given.name)
        assert ask(self.start(runtime, spec), "/file?path=.given/secrets.toml") is None

    # -- running once

    def test_what_runs_once_says_what_it_prints_and_how_it_ended(self, runtime: Runtime, spec: InstanceSpec) -> None:
        for code in (0, 3):
            heard = Hearing()
            once = replace(spec, once="release", environment={"EXIT_AT_START": str(code)})
            assert runtime.run_once(once, heard) == code
            assert heard.lines == ["version one starts"]
        assert runtime.instances(spec.placement) == []
        assert runtime.instance(replace(spec, once="release").name) is None

    def test_what_runs_once_is_told_and_ends_with_its_code(self, runtime: Runtime, spec: InstanceSpec) -> None:
        heard = Hearing()
        assert runtime.run_once(replace(spec, once="release", command=("echo", "on its way")), heard) == 0
        assert heard.lines == ["on its way"]
        with pytest.raises(Refused, match="no-such-program"):
            runtime.run_once(replace(spec, once="release", command=("no-such-program",)), NullProgress())

    def test_what_runs_once_ends_when_it_is_cancelled(self, runtime: Runtime, spec: InstanceSpec) -> None:
        with pytest.raises(Cancelled):
            runtime.run_once(replace(spec, once="release"), CancellingAfter("version one starts"))
        assert runtime.instance(replace(spec, once="release").name) is None

    def test_what_runs_once_stands_beside_what_serves(self, runtime: Runtime, spec: InstanceSpec, running: Instance) -> None:
        once = replace(spec, deployment="d2", once="release", environment={"EXIT_AT_START": "0"})
        assert runtime.run_once(once, NullProgress()) == 0
        assert runtime.instances(spec.placement) == [running]
        assert ask(running) == "one"

    def test_what_runs_once_is_a_holder_of_its_volumes(self, runtime: Runtime, spec: InstanceSpec, placement: str) -> None:
        first = self.on_a_volume(spec, placement)
        self.start(runtime, first)
        once = replace(first, deployment="d2", once="release", environment={**first.environment, "EXIT_AT_START": "0"})
        with pytest.raises(Retry, match="nothing else is started"):
            runtime.run_once(once, NullProgress())
        runtime.ensure_stopped(first.name)
        assert runtime.run_once(once, NullProgress()) == 0
        self.start(runtime, first)

    def test_the_next_attempt_ends_what_the_one_before_left_running(
        self, runtime: Runtime, reopen: Callable[[], Runtime], spec: InstanceSpec
    ) -> None:
        """As after a worker that died, or one that lost its run and does not know it yet."""
        once = replace(spec, once="release", stop_grace=1.0)
        left = Hearing()
        with ThreadPoolExecutor(1) as pool:
            before = pool.submit(runtime.run_once, once, left)
            eventually(lambda: left.lines == ["version one starts"], what="the first one runs")
            assert reopen().run_once(replace(once, environment={"EXIT_AT_START": "5"}), NullProgress()) == 5
            with suppress(Retry):
                before.result(PATIENCE)
        assert runtime.instance(once.name) is None

    # -- dying

    def test_what_dies_is_started_again(self, runtime: Runtime, running: Instance) -> None:
        assert ask(running, "/crash") is None
        eventually(lambda: self.read(runtime, running.name).restarts == 1, what="restarted")
        eventually(lambda: listens(self.read(runtime, running.name)), what="answers again")
        again = self.read(runtime, running.name)
        assert (again.state, again.restarts) == (InstanceState.RUNNING, 1)
        assert again.digest == running.digest

    def test_what_cannot_start_keeps_trying_and_is_seen_to(self, runtime: Runtime, spec: InstanceSpec) -> None:
        runtime.ensure_started(replace(spec, environment={"EXIT_AT_START": "3"}), NullProgress())

        def failing() -> bool:
            seen = self.read(runtime, spec.name)
            return seen.restarts >= 1 and seen.exit_code == 3 and seen.state is not InstanceState.RUNNING

        eventually(failing, what="restarts are counted and the exit code is kept")
        assert any("version one starts" in line.text for line in runtime.output(spec.name))

    # -- stopping and removing

    def test_stopped_is_kept_and_starts_again(self, runtime: Runtime, spec: InstanceSpec, running: Instance) -> None:
        runtime.ensure_stopped(running.name)
        stopped = self.read(runtime, running.name)
        assert (stopped.state, stopped.digest) == (InstanceState.STOPPED, running.digest)
        assert not listens(running)
        runtime.ensure_stopped(running.name)
        assert runtime.instances(spec.placement) == [self.read(runtime, running.name)]
        again = self.start(runtime, spec)
        assert (again.state, ask(again)) == (InstanceState.RUNNING, "one")

    def test_removed_is_gone(self, runtime: Runtime, spec: InstanceSpec, running: Instance) -> None:
        runtime.ensure_removed(running.name)
        assert runtime.instance(running.name) is None
        assert runtime.instances(spec.placement) == []
        assert not listens(running)
        runtime.ensure_removed(running.name)

    def test_what_never_was_is_no_error(self, runtime: Runtime) -> None:
        name = "fairway-never.was-d1-0"
        runtime.ensure_stopped(name)
        runtime.ensure_removed(name)
        assert runtime.instance(name) is None
        assert runtime.usages([name]) == {}
        assert list(runtime.output(name)) == []

    # -- looking at it

    def test_output_is_kept_by_stream_and_order(self, runtime: Runtime, running: Instance) -> None:
        for word in ("first", "second"):
            ask(running, f"/say?text={word}")
        eventually(lambda: len(list(runtime.output(running.name))) >= 5, what="all lines were written")
        lines = list(runtime.output(running.name))
        out = [line.text for line in lines if line.stream == "stdout"]
        assert out == ["version one starts", "first", "second"]
        assert [line.text for line in lines if line.stream == "stderr"] == ["first", "second"]
        assert all(line.at.tzinfo is not None for line in lines)
        assert len(list(runtime.output(running.name, tail=2))) == 2
        assert list(runtime.output(running.name, tail=0)) == []

    def test_output_is_followed_until_removal(self, runtime: Runtime, running: Instance) -> None:
        seen: list[str] = []
        reader = threading.Thread(
            target=lambda: seen.extend(line.text for line in runtime.output(running.name, follow=True)), daemon=True
        )
        stream = runtime.output(running.name, tail=10, follow=True)
        assert next(stream).text == "version one starts"
        reader.start()
        ask(running, "/say?text=%1b[31mlive%1b[0m")
        assert next(stream).text == "\x1b[31mlive\x1b[0m"
        eventually(lambda: "\x1b[31mlive\x1b[0m" in seen, what="the other reader saw it too")
        runtime.ensure_removed(running.name)
        assert [line.text for line in stream] in ([], ["\x1b[31mlive\x1b[0m"])
        reader.join(PATIENCE)
        assert not reader.is_alive()

    def test_following_ends_when_the_run_is_cancelled(self, runtime: Runtime, running: Instance) -> None:
        with pytest.raises(Cancelled):
            list(runtime.output(running.name, follow=True, progress=Cancelling()))

    def test_usage_is_measured_while_it_runs(self, runtime: Runtime, running: Instance) -> None:
        never = "fairway-never.was-d1-0"
        usages = runtime.usages([running.name, never])
        assert list(usages) == [running.name]
        usage = usages[running.name]
        assert usage.memory_bytes > 100_000
        assert usage.cpu_seconds >= 0
        assert usage.memory_limit_bytes == Limits().memory_bytes
        assert usage.restarts == 0
        assert runtime.usages([running.name])[running.name].began == usage.began
        runtime.ensure_stopped(running.name)
        assert runtime.usages([running.name]) == {}
        assert runtime.usages([]) == {}

    def test_usage_says_that_an_instance_began_again(self, runtime: Runtime, spec: InstanceSpec, running: Instance) -> None:
        before = runtime.usages([running.name])[running.name]
        runtime.ensure_stopped(running.name)
        self.start(runtime, spec)
        assert runtime.usages([running.name])[running.name].began != before.began

    # -- what it writes

    def test_what_it_writes_beside_its_code_is_told(self, runtime: Runtime, spec: InstanceSpec) -> None:
        running = self.start(runtime, replace(spec, files={".given/secrets.toml": "given"}))
        before = [one.path for one in runtime.written(running.name)]
        assert before == [], before
        for path in ("uploads/a.png", "uploads/deep/b.png", "db.sqlite3", "__pycache__/x.pyc", "server.log"):
            assert ask(running, f"/write?path={path}") == "one"
        wanted = [("db.sqlite3", False), ("uploads/a.png", True), ("uploads/deep/b.png", True)]
        found = [(one.path, one.folder.endswith("uploads")) for one in runtime.written(running.name)]
        assert found == wanted, found
        runtime.ensure_stopped(running.name)
        assert len(runtime.written(running.name)) == 3
        assert runtime.written("fairway-never.was-d1-0") == ()

    # -- health

    def test_a_health_command_that_succeeds_makes_it_ready(self, runtime: Runtime, spec: InstanceSpec) -> None:
        wanted = replace(spec, health=HealthCheck(command=("echo", "alive"), deadline=PATIENCE))
        name = runtime.ensure_started(wanted, NullProgress()).name
        assert wait_until_ready(runtime, name, wanted.health, NullProgress()).gate == "health command"
        assert self.read(runtime, name).health == "healthy"

    def test_a_health_command_that_fails_holds_it_back_and_says_why(self, runtime: Runtime, spec: InstanceSpec) -> None:
        wanted = replace(spec, port=None, service="db", health=HealthCheck(command=("cat", "/no/such/file"), deadline=2.0))
        name = runtime.ensure_started(wanted, NullProgress()).name
        eventually(lambda: self.read(runtime, name).health_output, what="the first run has failed")
        with pytest.raises(
            Refused, match=r"The service “db”: the health command did not succeed for.*It said “cat|failed 3"
        ):
            wait_until_ready(runtime, name, wanted.health, NullProgress())

    # -- services

    @pytest.fixture
    def worker(self, spec: InstanceSpec) -> InstanceSpec:
        """A service without a port, of the same deployment."""
        return replace(spec, service="worker", port=None)

    def test_a_service_without_a_port_runs_beside_the_main_one(
        self, runtime: Runtime, running: Instance, worker: InstanceSpec, placement: str
    ) -> None:
        started = runtime.ensure_started(worker, NullProgress())
        assert (started.name, started.service, started.address) == (f"fairway-{placement}-d1-worker-0", "worker", "")
        assert (running.service, running.is_main) == ("web", True)
        ready = wait_until_ready(runtime, started.name, HealthCheck(stays_up=0.2), NullProgress())
        assert ready.gate == "it keeps running"
        found = {one.name: one.service for one in runtime.instances(placement)}
        assert found == {running.name: "web", started.name: "worker"}
        assert runtime.ensure_started(worker, NullProgress()).started_at == started.started_at, "it is adopted"
        runtime.ensure_stopped(started.name, grace=0.2)
        assert ask(running) == "one"
        assert self.read(runtime, started.name).state is InstanceState.STOPPED

    def test_a_service_that_ends_is_not_ready(self, runtime: Runtime, worker: InstanceSpec) -> None:
        dying = replace(worker, environment={"EXIT_AT_START": "3"})
        name = runtime.ensure_started(dying, NullProgress()).name
        never = HealthCheck(stays_up=PATIENCE, deadline=4.0)  # on a busy machine it takes a while to end
        with pytest.raises(Refused, match="code 3|was not up|did not stay up"):
            wait_until_ready(runtime, name, never, NullProgress())

    def test_the_services_of_one_deployment_share_its_volumes(
        self, runtime: Runtime, spec: InstanceSpec, worker: InstanceSpec, placement: str
    ) -> None:
        first = self.on_a_volume(spec, placement)
        beside = replace(worker, volumes=first.volumes, environment=first.environment)
        runtime.ensure_started(beside, NullProgress())
        holder = self.start(runtime, first)
        for other in (replace(beside, replica=1), replace(beside, deployment="d2"), replace(first, deployment="d2")):
            with pytest.raises(Retry, match="nothing else is started"):
                runtime.ensure_started(other, NullProgress())
        runtime.ensure_stopped(holder.name)
        with pytest.raises(Retry, match="nothing else is started"):
            runtime.ensure_started(replace(first, deployment="d2"), NullProgress())
        runtime.ensure_stopped(beside.name, grace=0.2)
        assert ask(self.start(runtime, replace(first, deployment="d2"))) == "one"

    # -- volumes

    def test_a_volume_outlives_its_instances(self, runtime: Runtime, spec: InstanceSpec, placement: str) -> None:
        volume = Volume(name=f"{placement}.notes", target="/notes")
        first = self.start(runtime, replace(spec, volumes=(volume,)))
        assert ask(first, "/note?text=kept") == "kept"
        runtime.ensure_removed(first.name)
        second = replace(spec, deployment="d2", volumes=(volume,))
        assert ask(self.start(runtime, second), "/note") == "kept"
        runtime.ensure_removed(second.name)
        runtime.ensure_volume_removed(volume.name)
        third = replace(spec, deployment="d3", volumes=(volume,))
        assert ask(self.start(runtime, third), "/note") is None
        runtime.ensure_removed(third.name)
        runtime.ensure_volume_removed(volume.name)
        runtime.ensure_volume_removed(volume.name)

    def on_a_volume(self, spec: InstanceSpec, placement: str) -> InstanceSpec:
        """The spec, on a volume of this test."""
        volume = Volume(name=f"{placement}.notes", target="/notes")
        return replace(spec, volumes=(volume,))

    def test_a_volume_has_one_holder(self, runtime: Runtime, spec: InstanceSpec, placement: str) -> None:
        first = self.on_a_volume(spec, placement)
        holder = self.start(runtime, first)
        assert holder.volumes == {volume.name for volume in first.volumes}
        for other in (replace(first, replica=1), replace(first, deployment="d2")):
            with pytest.raises(Retry, match="nothing else is started"):
                runtime.ensure_started(other, NullProgress())
        assert [one.name for one in runtime.instances(placement) if one.address] == [first.name]
        assert ask(holder) == "one"
        assert runtime.ensure_started(first, NullProgress()) == holder, "it is still adopted"
        runtime.ensure_stopped(first.name)
        assert ask(self.start(runtime, replace(first, deployment="d2"))) == "one"
        with pytest.raises(Retry, match="nothing else is started"):
            runtime.ensure_started(first, NullProgress())

    def test_of_many_that_start_on_one_volume_at_the_same_time_one_does(
        self, runtime: Runtime, reopen: Callable[[], Runtime], spec: InstanceSpec, placement: str
    ) -> None:
        """Different instances, by different workers."""
        first = self.on_a_volume(spec, placement)

        def start(number: int) -> str:
            try:
                return reopen().ensure_started(replace(first, deployment=f"d{number}"), NullProgress()).name
            except Retry:
                return ""

        with ThreadPoolExecutor(4) as pool:
            started = [name for name in pool.map(start, range(4)) if name]
        assert [one.name for one in runtime.instances(placement) if one.address] == started
        assert len(started) == 1

    def test_a_volume_tells_whether_it_holds_data(self, runtime: Runtime, spec: InstanceSpec, placement: str) -> None:
        wanted = self.on_a_volume(spec, placement)
        names = {volume.name for volume in wanted.volumes}
        assert runtime.stored(wanted) == frozenset(), "it is not even there"
        first = self.start(runtime, wanted)
        assert runtime.stored(wanted) == frozenset()
        assert ask(first, "/note?text=kept") == "kept"
        assert runtime.stored(wanted) == names, "while it runs"
        runtime.ensure_removed(first.name)
        assert runtime.stored(wanted) == names, "and when nothing does"
        for name in names:
            runtime.ensure_volume_removed(name)
        assert runtime.stored(wanted) == frozenset()
