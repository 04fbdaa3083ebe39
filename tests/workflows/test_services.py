"""An application has services: a worker comes and goes with its version, and is never the reason that visitors wait."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from fairway.accounts.rules import SYSTEM, Blocked
from fairway.applications.models import Application, Artifact
from fairway.deployments.commands import placements
from fairway.deployments.commands.requests import roll_back
from fairway.deployments.models import Deployment
from fairway.drivers.proxy.contract import Route
from fairway.drivers.runtimes.contract import InstanceState
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.engine.workflow import Context
from fairway.environments.models import Environment
from fairway.shared.names import Invalid
from fairway.worker.reconciler import Reconciler, differences
from fairway.workflows import register_all, specs
from fairway.workflows.watch import watch
from tests.releases.conftest import AnsweringProxy, answering, development, fake, proxy  # noqa: F401
from tests.workflows.told import Death, Told

WORKER = {"worker": {"command": ["python", "worker.py"]}}


@pytest.fixture
def told(
    fake: FakeRuntime,  # noqa: F811
    proxy: AnsweringProxy,  # noqa: F811
    hello: Application,
    staging: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> Told:
    register_all()
    monkeypatch.setattr(specs, "STAYS_UP", 0.05)  # seconds; nothing here takes long to die
    return Told(fake, proxy, hello, staging)


def with_worker(told: Told, *volumes: str, **more: object) -> Artifact:
    return told.version(*volumes, services={**WORKER, **more})


def services(told: Told) -> list[tuple[str, str]]:
    """Deployment and service of everything that is alive."""
    alive = (InstanceState.RUNNING, InstanceState.RESTARTING)
    return sorted((one.deployment, one.service) for one in told.fake.instances() if one.state in alive)


def test_a_worker_runs_beside_the_web_process_and_gets_no_visitors(told: Told) -> None:
    one = told.live(with_worker(told), replicas=2)
    assert one.counts == {"web": 2, "worker": 1}
    assert services(told) == [(one.label, "web")] * 2 + [(one.label, "worker")]
    worker = next(instance for instance in told.fake.instances() if instance.service == "worker")
    assert (worker.name, worker.address) == (f"fairway-hello.staging-{one.label}-worker-0", "")
    with told.fake.world.open() as world:
        facts = world["instances"][worker.name]
    assert facts["environment"]["FAIRWAY_SERVICE"] == "worker"
    told.serves(one)
    assert {row["service"] for row in told.placement.observed} == {"web", "worker"}


def test_the_next_version_brings_its_own_and_takes_the_old_one_away_after_the_switch(told: Told) -> None:
    first, second = told.live(with_worker(told)), told.live(with_worker(told))
    told.serves(second)
    calls = [(verb, what.partition("staging-")[2]) for verb, what in told.fake.calls]
    new, old = f"{second.label}-worker-0", f"{first.label}-worker-0"
    assert calls.index(("ensure_started", new)) < calls.index(("ensure_stopped", old))
    third = told.live(told.version())
    assert services(told) == [(third.label, "web")], "a version without a worker has none"


def test_a_worker_that_dies_keeps_its_version_from_visitors(told: Told) -> None:
    first = told.live(with_worker(told))
    dying = {"command": ["python", "worker.py"], "environment": {"EXIT_AT_START": "3"}}
    failed = told.ship(told.version(services={"worker": dying}))
    assert failed.status == "failed"
    assert "The service “worker”" in failed.sentence
    told.serves(first)


def test_a_worker_is_scaled_and_can_be_ended(told: Told) -> None:
    one = told.live(with_worker(told))
    placements.scale(actor=SYSTEM, placement=told.placement, replicas=3, service="worker")
    told.work()
    assert services(told) == [(one.label, "web")] + [(one.label, "worker")] * 3
    placements.scale(actor=SYSTEM, placement=told.placement, replicas=0, service="worker")
    told.work()
    assert services(told) == [(one.label, "web")]
    following = told.live(with_worker(told))
    assert services(told) == [(following.label, "web")], "who ended it is not surprised by the next version"
    told.serves(following)


@pytest.mark.parametrize(
    ("replicas", "service", "words"),
    [(1, "beat", "none of its services; it has web, worker"), (9, "worker", "from 0 to 8"), (0, "web", "from 1 to 8")],
)
def test_a_wrong_number_or_service_is_refused(told: Told, replicas: int, service: str, words: str) -> None:
    told.live(with_worker(told))
    with pytest.raises(Invalid, match=words):
        placements.scale(actor=SYSTEM, placement=told.placement, replicas=replicas, service=service)


def test_the_first_visitor_is_already_asked_to_sign_in(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[str] = []
    serve = AnsweringProxy.ensure_route

    def noted(self: AnsweringProxy, route: Route, **more: object) -> None:
        kinds.append(route.kind.value)
        serve(self, route, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(AnsweringProxy, "ensure_route", noted)
    told.live(access="signed_in")
    assert (told.placement.access, told.page()) == ("signed_in", "signed-in")
    assert "open" not in kinds, "not even for a moment"
    told.live()
    assert told.page() == "signed-in"
    with pytest.raises(Invalid, match="first deployment only"):
        told.ask(access="public")
    with pytest.raises(Invalid, match="use one of public, signed_in"):
        told.ask(access="nobody")


def test_nothing_is_scaled_where_nothing_is(told: Told) -> None:
    one = told.ask()
    with pytest.raises(Blocked, match="Nothing is deployed"):
        placements.scale(actor=SYSTEM, placement=told.placement, replicas=2, service="worker")
    one.refresh_from_db()
    assert one.status == "queued"


def test_stop_and_start_take_every_service(told: Told) -> None:
    one = told.live(with_worker(told))
    placements.stop(actor=SYSTEM, placement=told.placement)
    told.work()
    assert services(told) == []
    placements.start(actor=SYSTEM, placement=told.placement)
    told.work()
    told.serves(one)


def test_going_back_brings_the_old_worker_back(told: Told) -> None:
    first = told.live(with_worker(told))
    told.live(told.version())
    undo = roll_back(actor=SYSTEM, application=told.application, environment=told.environment)
    told.work()
    undo.refresh_from_db()
    assert (undo.status, undo.artifact_id) == ("succeeded", first.artifact_id)
    assert services(told) == [(undo.label, "web"), (undo.label, "worker")]


def test_a_worker_that_is_gone_is_seen_and_started_again(told: Told) -> None:
    one = told.live(with_worker(told))
    told.fake.ensure_removed(f"fairway-hello.staging-{one.label}-worker-0")
    assert "Instance 0 of worker is not running." in differences(told.placement, told.fake.instances("hello.staging"))
    Reconciler().look()
    told.work()
    told.serves(one)


def test_web_processes_that_run_well_excuse_no_worker_that_keeps_dying(told: Told) -> None:
    first = told.live(with_worker(told), replicas=4)
    bad = told.live(with_worker(told))
    for _ in range(3):
        told.fake.crash(f"fairway-hello.staging-{bad.label}-worker-0")
    look = SimpleNamespace(payload={"deployment": bad.pk}, run_id=bad.run_id)
    found = watch(cast(Context, look))
    assert found is not None
    assert "restarted 3 times" in found["bad"]
    undo = Deployment.objects.get(pk=found["rolled_back_by"])
    assert (undo.returns_to, undo.artifact) == (first, first.artifact)


def test_what_is_stored_has_the_services_of_one_version_as_its_writers(told: Told) -> None:
    first = told.live(with_worker(told, "data"))
    second = told.live(with_worker(told, "data"))
    told.serves(second)
    calls = [(verb, what.partition("staging-")[2]) for verb, what in told.fake.calls]
    for service in ("", "worker-"):
        old, new = f"{first.label}-{service}0", f"{second.label}-{service}0"
        assert calls.index(("ensure_stopped", old)) < calls.index(("ensure_started", new))
    with pytest.raises(Invalid, match="must be 0 or 1"):
        placements.scale(actor=SYSTEM, placement=told.placement, replicas=2, service="worker")


@pytest.mark.parametrize("volumes", [(), ("data",)], ids=["beside", "in its place"])
def test_wherever_the_worker_of_fairway_dies_one_version_is_whole(
    told: Told, monkeypatch: pytest.MonkeyPatch, volumes: tuple[str, ...]
) -> None:
    death = Death(monkeypatch, told)
    serving = told.live(with_worker(told, *volumes))
    death.count = 0
    serving = told.live(with_worker(told, *volumes))
    moments, died = range(1, death.count + 1, 3), 0
    for moment in moments:
        death.count, death.at = 0, moment
        serving = told.live(with_worker(told, *volumes))
        died += death.at is None
        told.serves(serving)
    assert died >= len(moments) - 3, "a run may have fewer moments than the one that was counted, but not many"
    assert Deployment.objects.exclude(status="succeeded").count() == 0
