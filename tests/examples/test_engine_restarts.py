"""The Docker Engine is restarted while nothing happens and in the middle of every step of a deployment: all ends well."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.examples.conftest import docker_environment
from tests.examples.engine import containers_of, is_healthy
from tests.services.docker import BASE, Engine, base_tar, private_engine
from tests.services.installation import Installation, installed, wait_for
from tests.services.relay import Relay, relaying
from tests.services.rolling import SPEC, write_app
from tests.services.waiting import PATIENCE
from tests.workflows.desk import locked

pytestmark = pytest.mark.docker

SLUG, PLACE = "sturdy", "sturdy.restarted"
HOST = "sturdy.restarted.localhost"
SETTINGS = {"FAIRWAY_DRAIN_SECONDS": "10", "FAIRWAY_WATCH_SECONDS": "5"}
AWAY = ("does not answer", "No Docker Engine answers")
HOW = {"restarted": signal.SIGTERM, "killed": signal.SIGKILL}
CUT_AT = [
    ("prepare", "restarted"),
    ("distribute", "killed"),
    ("start", "restarted"),
    ("check", "killed"),
    ("switch", "restarted"),
    ("switch", "killed"),
    ("retire", "killed"),
]


@dataclass
class Ground:
    """An installation, and an Engine of its own that may be restarted behind a relay."""

    fairway: Installation
    engine: Engine
    relay: Relay
    artifacts: list[int]

    def end_engine(self, how: signal.Signals) -> None:
        assert self.engine.process is not None
        self.engine.process.send_signal(how)
        self.engine.process.wait(timeout=PATIENCE)

    def start_engine(self) -> None:
        """As a service manager would, again and again: on a busy machine containerd may take longer than it waits for it."""
        for left in reversed(range(4)):
            try:
                return self.engine.launch()
            except pytest.fail.Exception:
                if not left:
                    raise

    def containers(self) -> list[dict[str, Any]]:
        return containers_of(self.engine, PLACE)

    def deploy(self) -> int:
        self.artifacts.reverse()
        return self.fairway.deploy(SLUG, "restarted", artifact=self.artifacts[0])

    def serves(self, number: int) -> bool:
        """Exactly this deployment: what answers, what the Engine runs, what Fairway has seen."""
        answer = self.fairway.visit(HOST)
        running = [one["Config"]["Labels"]["fairway.deployment"] for one in self.containers() if one["State"]["Running"]]
        seen = is_healthy(self.fairway, SLUG, "restarted")
        return (answer.status, answer.text, running, seen) == (200, str(number), [f"d{number}"], True)


def ground_with(*options: str) -> Iterator[Ground]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fairway-re-")))
        engine = private_engine(*options)
        stack.callback(engine.end)
        with engine.client() as client:
            client.import_image_from_file(str(base_tar()), repository=BASE.partition(":")[0], tag=BASE.partition(":")[2])
        relay = stack.enter_context(relaying(folder / "relay.sock", Path(engine.host.removeprefix("unix://"))))
        fairway = stack.enter_context(installed(folder / ".local" / "fairway", **SETTINGS))
        docker_environment(fairway, "restarted", {"host": relay.host, "build_network": "host", "builder": "classic"})
        sources = [fairway.upload(write_app(folder / name, name, BASE)) for name in ("one", "two")]
        fairway.create(SLUG, sources[0], spec=SPEC)
        fairway.call(
            "PUT", f"/applications/{SLUG}/environments/restarted/configuration", {"variables": {"READY_AFTER": "1"}}
        )
        live = [fairway.live(fairway.deploy(SLUG, "restarted", source=source)) for source in sources]
        yield Ground(fairway, engine, relay, [one["artifact"] for one in live])


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """The Engine as it is installed: it ends its containers when it ends."""
    yield from ground_with()


@pytest.fixture
def kept() -> Iterator[Ground]:
    yield from ground_with("--live-restore")


@pytest.fixture(autouse=True)
def engine_is_there(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "ground" in request.fixturenames:
        ground = request.getfixturevalue("ground")
        if not ground.engine.answers():
            ground.start_engine()


@pytest.mark.parametrize(("step", "how"), CUT_AT)
def test_in_the_middle_of_a_deployment(ground: Ground, step: str, how: str) -> None:
    with Cut(ground, HOW[how]).at(step) as number:
        wait_for(lambda: waits(ground, number), "the step waits for the Engine")
        ground.start_engine()
    ended = ground.fairway.ended(number)
    assert ended["status"] == "live", f"{ended['sentence']}\n{ground.fairway.log_of(number)}"
    wait_for(lambda: ground.serves(number), f"{number} serves, and nothing else runs")


class Cut:
    """A deployment whose Engine ends inside one step."""

    def __init__(self, ground: Ground, how: signal.Signals) -> None:
        self.ground, self.how = ground, how

    @contextmanager
    def at(self, step: str) -> Iterator[int]:
        with getattr(self, f"_{step}")() as number:
            yield number

    def _end(self) -> None:
        self.ground.end_engine(self.how)

    @contextmanager
    def _prepare(self) -> Iterator[int]:
        """Gone before the run begins, after it was asked for: the gate is asked again, by a worker that knows nothing."""
        self.ground.fairway.kill_worker()
        number = self.ground.deploy()
        self._end()
        yield number

    @contextmanager
    def _distribute(self) -> Iterator[int]:
        number = self.ground.deploy()
        with self.ground.relay.trap(r"^GET .*/images/", self._end) as sprung:
            assert sprung.wait(PATIENCE)
            yield number

    @contextmanager
    def _start(self) -> Iterator[int]:
        with self.ground.relay.trap(r"^POST .*/containers/create", self._end) as sprung:
            number = self.ground.deploy()
            assert sprung.wait(PATIENCE)
            yield number

    @contextmanager
    def _check(self) -> Iterator[int]:
        number = self.ground.deploy()
        self.ground.fairway.reached(number, "check")
        with self.ground.relay.trap(rf"^GET .*/containers/fairway-{PLACE}-d{number}-0", self._end) as sprung:
            assert sprung.wait(PATIENCE)
            yield number

    @contextmanager
    def _switch(self) -> Iterator[int]:
        """Gone while the route is written: the traffic moves to an instance that just ended."""
        number = self.ground.deploy()
        self.ground.fairway.reached(number, "check")
        with locked(self.ground.fairway.data / "caddy" / "routes" / ".lock"):
            self.ground.fairway.reached(number, "switch")
            self._end()
        yield number

    @contextmanager
    def _retire(self) -> Iterator[int]:
        with self.ground.relay.trap(r"^POST .*/stop", self._end) as sprung:
            number = self.ground.deploy()
            assert sprung.wait(PATIENCE)
            yield number


def waits(ground: Ground, number: int) -> bool:
    """The page says what it waits for; nothing has been given up."""
    deployment = ground.fairway.deployment(number)
    assert deployment["is_active"], deployment["sentence"]
    told = ground.fairway.call("GET", f"/events?verb=deployment.waiting&subject_id={number}")["items"]
    return any(away in one["comment"] for one in told for away in AWAY)


@pytest.mark.parametrize("how", HOW)
def test_while_idle_an_engine_takes_its_containers_along_and_they_come_back(ground: Ground, how: str) -> None:
    current = ground.fairway.placement(SLUG, "restarted")["current"]
    wait_for(lambda: ground.serves(current), "it serves")
    ground.end_engine(HOW[how])
    wait_for(lambda: ground.fairway.visit(HOST).status == 502, "its port is gone with the Engine")
    assert not ground.fairway.call("GET", "/environments/restarted")["runtime_now"]["is_available"]
    ground.start_engine()
    wait_for(lambda: ground.serves(current), "it serves again")


def test_while_idle_with_live_restore_the_containers_stay(kept: Ground) -> None:
    current = kept.fairway.placement(SLUG, "restarted")["current"]
    wait_for(lambda: kept.serves(current), "it serves")
    [before] = kept.containers()
    for how in HOW.values():
        kept.end_engine(how)
        assert Path(f"/proc/{before['State']['Pid']}").exists(), "the application runs on"
        kept.start_engine()
        wait_for(lambda: kept.serves(current), "it serves again")
        [after] = kept.containers()
        assert (after["Id"], after["State"]["Pid"]) == (before["Id"], before["State"]["Pid"])


def test_an_engine_that_stays_away_can_be_waited_for_or_not(ground: Ground) -> None:
    """Cancelled meanwhile, it ends when the Engine can be asked again, and the old version serves."""
    current = ground.fairway.placement(SLUG, "restarted")["current"]
    with Cut(ground, signal.SIGTERM).at("check") as number:
        wait_for(lambda: waits(ground, number), "the step waits for the Engine")
        ground.fairway.call("POST", f"/deployments/{number}/cancellation", {"reason": "too long"})
        ground.fairway.reached(number, "clean-up")
        ground.start_engine()
    assert ground.fairway.ended(number)["status"] == "cancelled"
    wait_for(lambda: ground.serves(current), "the old version serves, and nothing else runs")
