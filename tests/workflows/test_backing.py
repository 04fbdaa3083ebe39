"""Services with an image of their own: they stay while versions come and go, and what they store has one writer."""

from __future__ import annotations

from typing import Any

import pytest

from fairway.accounts.rules import SYSTEM, Blocked
from fairway.applications.commands import save_configuration
from fairway.applications.models import Application, Artifact
from fairway.deployments.commands import placements
from fairway.deployments.commands.requests import roll_back
from fairway.deployments.models import Deployment
from fairway.deployments.queries import restarting_services
from fairway.drivers.runtimes.contract import Instance, InstanceState
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.engine import transitions
from fairway.environments.models import Environment
from fairway.worker.reconciler import Reconciler, differences
from fairway.workflows import backing, register_all, specs
from tests.releases.conftest import AnsweringProxy, answering, development, fake, proxy  # noqa: F401
from tests.workflows.told import Killed, Told

ALIVE = (InstanceState.RUNNING, InstanceState.RESTARTING)
ONE, TWO, CACHE = (f"sha256:{letter * 64}" for letter in "abc")


@pytest.fixture
def told(
    fake: FakeRuntime,  # noqa: F811
    proxy: AnsweringProxy,  # noqa: F811
    hello: Application,
    staging: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> Told:
    register_all()
    for module in (specs, backing):
        monkeypatch.setattr(module, "STAYS_UP", 0.05)  # seconds; nothing here takes long to die
    return Told(fake, proxy, hello, staging)


def database(digest: str = ONE, **more: Any) -> dict[str, Any]:
    return {"db": {"image": f"postgres@{digest}", "volumes": [["data", "/var/lib/data"]], **more}}


def stack(told: Told, services: dict[str, Any] | None = None, **more: Any) -> Artifact:
    return told.version(services=services or database(), **more)


def of(told: Told, service: str) -> list[Instance]:
    return [one for one in told.fake.instances() if one.service == service and one.state in ALIVE]


def only(told: Told, service: str) -> Instance:
    (found,) = of(told, service)
    return found


def drift(told: Told) -> list[str]:
    """What differs, without the routes, which are in a proxy of the test's own."""
    return [one for one in differences(told.placement, told.fake.instances()) if not one.endswith("is not routed.")]


def calls(told: Told, verb: str) -> list[str]:
    return [what for called, what in told.fake.calls if called == verb]


def test_a_database_is_ready_before_the_application_starts(told: Told) -> None:
    one = told.live(stack(told, {**database(), "cache": {"image": f"redis@{CACHE}", "depends_on": ["db"]}}))
    db, cache, web = only(told, "db"), only(told, "cache"), only(told, "web")
    assert calls(told, "ensure_started") == [db.name, cache.name, web.name]
    assert (db.digest, cache.digest, web.digest) == (ONE, CACHE, one.artifact.digest)  # type: ignore[union-attr]
    assert (db.address, db.volumes) == ("", {"hello.staging.data"})
    assert [row["service"] for row in told.placement.observed] == ["web", "cache", "db"]
    assert told.placement.all_counts == {"web": 1, "db": 1, "cache": 1}
    assert drift(told) == []


def test_the_next_version_finds_the_database_running(told: Told) -> None:
    told.live(stack(told))
    before = only(told, "db")
    second = told.live(stack(told))
    assert only(told, "db") == before, "with its connections and its cache"
    assert only(told, "web").deployment == second.label
    assert before.name not in calls(told, "ensure_stopped")


def test_a_changed_database_stops_before_its_successor_starts_and_comes_back(told: Told) -> None:
    first = told.live(stack(told))
    old = only(told, "db")
    told.live(stack(told, database(TWO)))
    new = only(told, "db")
    assert (new.digest, new.name == old.name) == (TWO, False)
    made = [(verb, what) for verb, what in told.fake.calls]
    assert made.index(("ensure_stopped", old.name)) < made.index(("ensure_started", new.name))
    undo = roll_back(actor=SYSTEM, application=told.application, environment=told.environment)
    told.work()
    undo.refresh_from_db()
    assert (undo.status, undo.artifact_id) == ("succeeded", first.artifact_id)
    assert only(told, "db").name == old.name


def test_what_restarts_is_known_beforehand(told: Told) -> None:
    same = told.live(stack(told, {**database(), "cache": {"image": f"redis@{CACHE}"}})).artifact
    other = stack(told, {**database(TWO), "cache": {"image": f"redis@{CACHE}"}})
    assert restarting_services(told.placement, same) == ()
    assert restarting_services(told.placement, other) == ("db",)
    assert restarting_services(told.placement, told.version()) == (), "what is gone does not restart"
    placements.stop(actor=SYSTEM, placement=told.placement)
    told.work()
    assert restarting_services(told.placement, other) == (), "nothing runs"


def test_a_failed_version_leaves_the_database_as_it_was(told: Told) -> None:
    first = told.live(stack(told))
    old = only(told, "db")
    for broken in (
        stack(told, database(TWO), command=("no-such-program",)),
        stack(told, database(TWO, environment={"EXIT_AT_START": "3"})),
        stack(told, {**database(), "cache": {"image": f"redis@{CACHE}", "environment": {"EXIT_AT_START": "3"}}}),
    ):
        assert told.ship(broken).status == "failed"
        assert [one.name for one in told.fake.instances() if one.service != "web"] == [old.name]
        assert only(told, "web").deployment == first.label
        assert told.placement.current == first


def test_a_first_version_that_fails_leaves_nothing(told: Told) -> None:
    assert told.ship(stack(told, command=("no-such-program",))).status == "failed"
    assert told.fake.instances() == []


def test_a_version_without_the_database_takes_it_away_after_the_switch(told: Told) -> None:
    told.live(stack(told))
    told.live(told.version())
    assert of(told, "db") == []
    assert {one.service for one in told.fake.instances()} == {"web"}


def test_what_it_is_told_decides_whether_it_stays(told: Told) -> None:
    """A secret that the database uses restarts it, one that only the application uses does not."""
    configure(told, {"MODE": "a"}, {"PASSWORD": "one"})
    artifact = stack(told, database(environment={"PW": "${PASSWORD}", "TZ": "UTC"}))
    told.live(artifact)
    before = only(told, "db")
    configure(told, {"MODE": "b"}, {})
    told.live(artifact)
    assert only(told, "db").name == before.name
    configure(told, {"MODE": "b"}, {"PASSWORD": "two"})
    told.live(artifact)
    after = only(told, "db")
    assert after.name != before.name
    with told.fake.world.open() as world:
        assert world["instances"][after.name]["environment"] == {"PW": "two", "TZ": "UTC"}


def test_files_that_it_is_given_decide_too(told: Told) -> None:
    one, two = ({"/etc/db.conf": f"password = ${{PASSWORD}}\nport = {port}\n"} for port in (5, 7))
    configure(told, {}, {"PASSWORD": "one"})
    told.live(stack(told, database(files=one)))
    before = only(told, "db")
    told.live(stack(told, database(files=one)))
    assert only(told, "db").name == before.name
    told.live(stack(told, database(files=two)))
    changed = only(told, "db")
    assert changed.name != before.name
    configure(told, {}, {"PASSWORD": "two"})
    told.live(stack(told, database(files=two)))
    after = only(told, "db")
    assert after.name != changed.name, "the file holds another password"
    with told.fake.world.open() as world:
        assert world["instances"][after.name]["files"] == {"/etc/db.conf": "password = two\nport = 7\n"}


def test_a_missing_variable_is_named_before_anything_starts(told: Told) -> None:
    with pytest.raises(Blocked, match="PASSWORD"):
        told.ask(stack(told, database(environment={"PW": "${PASSWORD}"})))
    assert told.fake.instances() == []


def test_one_that_is_gone_or_strange_is_seen_and_put_right(told: Told) -> None:
    told.live(stack(told))
    db = only(told, "db")
    told.fake.ensure_removed(db.name)
    assert "Instance 0 of db is not running." in drift(told)
    Reconciler().look()
    told.work()
    assert only(told, "db").name == db.name
    assert drift(told) == []


def test_stop_and_start_take_it_too(told: Told) -> None:
    told.live(stack(told))
    db = only(told, "db")
    placements.stop(actor=SYSTEM, placement=told.placement)
    told.work()
    assert [one for one in told.fake.instances() if one.state in ALIVE] == []
    before = len(calls(told, "ensure_started"))
    placements.start(actor=SYSTEM, placement=told.placement)
    told.work()
    assert only(told, "db").name == db.name
    assert calls(told, "ensure_started")[before:] == [db.name, only(told, "web").name]


def test_a_failed_deployment_to_a_stopped_place_starts_nothing(told: Told) -> None:
    told.live(stack(told))
    placements.stop(actor=SYSTEM, placement=told.placement)
    told.work()
    assert told.ship(stack(told, database(TWO), command=("no-such-program",))).status == "failed"
    assert [one for one in told.fake.instances() if one.state in ALIVE] == []


def test_nothing_is_started_on_a_volume_that_held_data_and_is_empty(told: Told) -> None:
    told.live(stack(told))
    with told.fake.world.open() as world:
        world["volumes"]["hello.staging.data"] = "precious"
    told.live(stack(told))
    assert told.placement.stored == ["hello.staging.data"]
    placements.stop(actor=SYSTEM, placement=told.placement)
    told.work()
    with told.fake.world.open() as world:
        world["volumes"].clear()
    placements.start(actor=SYSTEM, placement=told.placement)
    told.work()
    assert [one for one in told.fake.instances() if one.state in ALIVE] == []
    assert "“data” held data and is empty now" in told.placement.drift[0]
    placements.remove(actor=SYSTEM, placement=told.placement)
    told.work()
    assert told.fake.instances() == []
    told.live(stack(told))


def configure(told: Told, variables: dict[str, str], secrets: dict[str, str]) -> None:
    save_configuration(
        actor=SYSTEM, application=told.application, environment=told.environment, variables=variables, secrets=secrets
    )


class Death:
    """Kills the worker at one of the points where something changes, and looks at each whether one database at most runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
        self.count, self.at, self.told = 0, 0, told
        for owner, name in ((transitions, "change"), (FakeRuntime, "_called"), (AnsweringProxy, "ensure_route")):
            monkeypatch.setattr(owner, name, self.lethal(getattr(owner, name)))

    def lethal(self, act: Any) -> Any:
        def dangerous(*given: Any, **more: Any) -> Any:
            self.count += 1
            assert len(of(self.told, "db")) < 2, "two write into one volume"
            if self.count == self.at:
                self.at = 0
                raise Killed
            return act(*given, **more)

        return dangerous


def test_wherever_the_worker_dies_one_database_runs_and_the_version_is_whole(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    death = Death(monkeypatch, told)
    digests = [ONE, TWO]
    told.live(stack(told, database(TWO)))
    death.count = 0
    told.live(stack(told, database(ONE)))
    moments, died = range(1, death.count + 1, 3), 0
    for moment in moments:
        digests.reverse()
        death.count, death.at = 0, moment
        serving = told.live(stack(told, database(digests[0])))
        died += death.at == 0
        death.at = 0
        assert (only(told, "db").digest, only(told, "web").deployment) == (digests[0], serving.label)
        assert len(told.fake.instances()) == 2
        assert drift(told) == []
    assert died >= len(moments) - 3, "a run may have fewer moments than the one that was counted, but not many"
    assert Deployment.objects.exclude(status="succeeded").count() == 0
