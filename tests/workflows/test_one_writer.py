"""What stores data is there once: one version stops before the next starts, whoever dies meanwhile."""

from __future__ import annotations

import os

import pytest

from fairway.accounts.rules import SYSTEM, Act, Blocked
from fairway.activity.models import Event
from fairway.applications.models import Application
from fairway.deployments.commands import placements, requests
from fairway.deployments.gate import Subject, blockers
from fairway.deployments.models import Deployment
from fairway.deployments.queries import absence
from fairway.drivers.proxy.contract import RouteKind
from fairway.drivers.runtimes.contract import NullProgress
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.environments.models import Environment
from fairway.shared.failures import Refused, Retry
from fairway.worker.reconciler import Reconciler, differences
from fairway.workflows import register_all
from fairway.workflows.specs import instance_spec
from tests.conftest import make_environment
from tests.releases.conftest import AnsweringProxy, answering, development, fake, proxy  # noqa: F401
from tests.workflows.told import Death, Told

POINTS = int(os.environ.get("FAIRWAY_KILL_POINTS", "6"))  # spread over the whole deployment and its way back


@pytest.fixture
def told(fake: FakeRuntime, proxy: AnsweringProxy, hello: Application, staging: Environment) -> Told:  # noqa: F811
    register_all()
    return Told(fake, proxy, hello, staging)


def acts(told: Told, *verbs: str) -> list[tuple[str, str]]:
    """What was done to instances, by the deployment's label."""
    return [(verb, name.split("-")[-2]) for verb, name in told.fake.calls if verb in verbs]


def test_the_old_stops_before_the_new_starts_and_visitors_see_the_starting_page(told: Told) -> None:
    first = told.live(told.version("data"))
    assert absence(told.placement) is not None
    told.proxy.switches.clear()
    with told.fake.world.open() as world:
        world["calls"].clear()
    second = told.live(told.version("data"))
    told.serves(second)
    done = acts(told, "ensure_started", "ensure_stopped", "ensure_removed")
    assert done[:2] == [("ensure_stopped", first.label), ("ensure_started", second.label)]
    kinds = [(route.kind, route.generation) for route in told.proxy.switches if not isinstance(route, str)]
    assert kinds == [(RouteKind.STARTING, second.label), (RouteKind.OPEN, second.label)]
    assert second.away_seconds is not None
    again = absence(told.placement)
    assert again is not None
    assert (again.volumes, again.seconds) == (("data",), second.away_seconds)


def test_without_a_volume_nobody_is_away(told: Told) -> None:
    told.live(told.version())
    assert absence(told.placement) is None
    told.proxy.switches.clear()
    second = told.live(told.version())
    assert [route.kind for route in told.proxy.switches if not isinstance(route, str)] == [RouteKind.OPEN]
    assert second.away_seconds is None
    told.serves(second)


@pytest.mark.parametrize(
    ("old", "new", "is_away"),
    [(("data",), (), False), ((), ("data",), False), (("data",), ("other",), False), (("data", "more"), ("more",), True)],
)
def test_what_two_versions_have_in_common_decides(
    told: Told, old: tuple[str, ...], new: tuple[str, ...], is_away: bool
) -> None:
    told.live(told.version(*old))
    artifact = told.version(*new)
    assert bool(absence(told.placement, artifact)) == is_away
    second = told.live(artifact)
    assert (second.away_seconds is not None) == is_away
    told.serves(second)


def test_an_older_version_that_still_finishes_requests_stops_too(told: Told, settings: object) -> None:
    """Back to what stores data, while its last instance is not yet gone: the runtime knows, whatever the rows say."""
    first = told.live(told.version("data"))
    second = told.live(told.version())
    told.fake.ensure_started(instance_spec(first, 0), NullProgress())
    assert absence(told.placement, first.artifact) is None, "nobody is away for this"
    third = requests.roll_back(actor=SYSTEM, application=told.application, environment=told.environment, to=first)
    told.work()
    third.refresh_from_db()
    assert third.status == "succeeded", third.sentence
    told.serves(third)
    assert second.pk != third.pk


FAILS = {
    "it does not start": {"command": ("no-such-program",)},
    "it dies at once": {"environment": {"EXIT_AT_START": "3"}},
    "it is never ready": {"environment": {"HEALTH_STATUS": "503"}, "health_path": "/health"},
}


@pytest.mark.parametrize("how", FAILS)
def test_a_version_that_fails_gives_the_volume_back_to_the_old(told: Told, settings: object, how: str) -> None:
    first = told.live(told.version("data"))
    settings.HEALTH_SECONDS = 2  # type: ignore[attr-defined] # the old one must be ready again within it on a busy machine
    before = told.fake.instances()[0]
    second = told.ship(told.version("data", **FAILS[how]))
    assert second.status == "failed"
    told.serves(first)
    again = told.fake.instances()[0]
    assert (again.name, again.digest, again.volumes) == (before.name, before.digest, before.volumes)
    assert second.away_seconds is not None
    log = " ".join(text for chunk in second.log_chunks.all() for *_, text in chunk.lines)
    assert f"(#{first.pk}) serves again" in log
    assert "Visitors saw the starting page for" in log


def test_the_old_that_cannot_come_back_is_not_promised(told: Told) -> None:
    first = told.live(told.version("data"))
    told.fake.fail("ensure_started", Refused("It is broken."), times=4)  # the new one's start and each clean-up's
    second = told.ship(told.version("data"))
    assert second.status == "failed"
    assert told.page() == "down"
    placement = told.placement
    assert differences(placement, told.fake.instances(placement.name)) != []
    Reconciler().look()
    told.work()
    told.serves(first)


@pytest.mark.parametrize("fails", [False, True])
def test_a_worker_killed_at_any_point_leaves_neither_two_nor_none(
    told: Told, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    death = Death(monkeypatch, told)
    serving = told.live(told.version("data"))
    what = FAILS["it does not start"] if fails else {}
    death.count = 0
    one = told.ship(told.version("data", **what))
    points, serving = death.count, serving if fails else one
    told.serves(serving)
    for point in sorted({round((number + 0.5) * points / POINTS) for number in range(POINTS)}):
        artifact = told.version("data", **what)
        one = told.ask(artifact)
        death.count, death.at = 0, point
        deaths = told.work()
        one.refresh_from_db()
        assert one.status == ("failed" if fails else "succeeded"), (point, one.sentence, one.detail)
        assert deaths == 1, f"nobody died at {point}"
        serving = serving if fails else one
        told.serves(serving)


def test_cancelled_while_away_starts_the_old_again(told: Told) -> None:
    first = told.live(told.version("data"))
    told.fake.fail("ensure_started", Retry("The machine is busy."), times=1)
    second = told.ask(told.version("data"))
    started = FakeRuntime.ensure_started

    def cancelled(runtime, spec, progress):  # type: ignore[no-untyped-def]
        FakeRuntime.ensure_started = started  # type: ignore[method-assign]
        requests.cancel(actor=SYSTEM, deployment=second)
        return started(runtime, spec, progress)

    FakeRuntime.ensure_started = cancelled  # type: ignore[method-assign]
    try:
        told.work()
    finally:
        FakeRuntime.ensure_started = started  # type: ignore[method-assign]
    second.refresh_from_db()
    assert second.status == "cancelled"
    told.serves(first)


def test_restart_promotion_rollback_and_repair_follow_it(told: Told) -> None:
    first = told.live(told.version("data"))
    second = told.live(told.version("data"))
    back = requests.roll_back(actor=SYSTEM, application=told.application, environment=told.environment)
    told.work()
    back.refresh_from_db()
    assert (back.status, back.returns_to_id) == ("succeeded", first.pk)
    assert back.away_seconds is not None
    again = requests.restart(actor=SYSTEM, application=told.application, environment=told.environment)
    told.work()
    again.refresh_from_db()
    assert (again.status, again.away_seconds is not None) == ("succeeded", True)
    told.serves(again)
    # A stranger has the volume and the one that should is gone: what nobody wants makes way.
    told.fake.ensure_removed(told.fake.instances()[0].name)
    told.fake.ensure_started(instance_spec(second, 0), NullProgress())
    Reconciler().look()
    told.work()
    told.serves(again)
    elsewhere = make_environment("production", position=30)
    promoted = requests.promote(
        actor=SYSTEM, application=told.application, environment=elsewhere, from_environment=told.environment
    )
    told.work()
    promoted.refresh_from_db()
    assert (promoted.status, promoted.away_seconds) == ("succeeded", None)


def test_what_was_stopped_is_away_already(told: Told) -> None:
    told.live(told.version("data"))
    placements.stop(actor=SYSTEM, placement=told.placement)
    told.work()
    assert absence(told.placement) is None
    second = told.live(told.version("data"))
    assert second.away_seconds is None
    told.serves(second)


class TestAVolumeThatIsEmpty:
    def emptied(self, told: Told) -> None:
        with told.fake.world.open() as world:
            world["volumes"].clear()

    def filled(self, told: Told) -> None:
        with told.fake.world.open() as world:
            world["volumes"]["hello.staging.data"] = "precious"

    def test_it_stops_the_start_until_its_data_is_back(self, told: Told) -> None:
        first = told.live(told.version("data"))
        assert told.placement.stored == []
        self.filled(told)
        second = told.live(told.version("data"))
        assert told.placement.stored == ["hello.staging.data"]
        assert second.pk > first.pk
        placements.stop(actor=SYSTEM, placement=told.placement)
        told.work()
        self.emptied(told)
        placements.start(actor=SYSTEM, placement=told.placement)
        told.work()
        assert told.running() == []
        assert "“data” held data and is empty now" in told.placement.drift[0]
        assert told.page() == "down"
        third = told.ship(told.version("data"))
        assert (third.status, "Put the data back" in third.sentence) == ("failed", True)
        assert told.running() == []
        self.filled(told)
        fourth = told.live(told.version("data"))
        told.serves(fourth)

    def test_what_emptied_its_own_goes_on(self, told: Told) -> None:
        self.filled(told)
        told.live(told.version("data"))
        assert told.placement.stored == ["hello.staging.data"]
        self.emptied(told)
        told.live(told.version("data"))

    def test_a_person_may_begin_anew(self, told: Told) -> None:
        self.filled(told)
        told.live(told.version("data"))
        self.emptied(told)
        placements.remove(actor=SYSTEM, placement=told.placement)
        told.work()
        told.live(told.version("data"))


class TestTheGate:
    def codes(self, told: Told, act: Act, **more: object) -> list[str]:
        subject = Subject(told.application, told.environment, **{"placement": told.placement, **more})  # type: ignore[arg-type]
        return [one.code for one in blockers(act, subject, SYSTEM)]

    def test_asked_for_in_a_deployment(self, told: Told) -> None:
        with pytest.raises(Blocked, match="only one instance may write: it cannot run 2 times"):
            told.ask(told.version("data"), replicas=2)
        assert not Deployment.objects.exists()

    def test_asked_for_by_scaling(self, told: Told) -> None:
        told.live(told.version("data"))
        with pytest.raises(Blocked, match="only one instance"):
            placements.scale(actor=SYSTEM, placement=told.placement, replicas=2)
        placements.scale(actor=SYSTEM, placement=told.placement, replicas=1)
        told.live(told.version())
        placements.scale(actor=SYSTEM, placement=told.placement, replicas=2)
        told.work()
        assert len(told.running()) == 2

    def test_given_by_a_person_to_what_is_not_built_yet(self, told: Told) -> None:
        told.live(told.version(), replicas=2)
        told.application.spec = {"kind": "image", "volumes": [["data", "/data"]]}
        assert "volume_replicas" in self.codes(told, Act.DEPLOY)
        assert "volume_replicas" not in self.codes(told, Act.DEPLOY, replicas=1)

    def test_found_in_what_is_promoted_or_started_meanwhile(self, told: Told) -> None:
        """The number is asked about again when it starts."""
        told.live(told.version())
        one = told.ask(told.version("data"))
        told.placement.__class__.objects.update(replicas=3)
        told.work()
        one.refresh_from_db()
        assert (one.status, "only one instance" in one.sentence) == ("failed", True)

    def test_a_way_back_takes_what_the_earlier_version_can(self, told: Told) -> None:
        first = told.live(told.version("data"))
        told.live(told.version(), replicas=1)
        placements.scale(actor=SYSTEM, placement=told.placement, replicas=3)
        told.work()
        back = requests.roll_back(actor=SYSTEM, application=told.application, environment=told.environment)
        told.work()
        back.refresh_from_db()
        assert (back.status, back.returns_to_id, back.replicas) == ("succeeded", first.pk, 1)
        assert told.placement.replicas == 1
        told.serves(back)
        placements.scale(actor=SYSTEM, placement=told.placement, replicas=1)
        taken = requests.request_under(  # as a release falls back to what ran three times before the version of this rule
            Act.FALL_BACK,
            actor=SYSTEM,
            application=told.application,
            environment=told.environment,
            artifact=first.artifact,
            returns_to=first,
            replicas=3,
        )
        assert taken.replicas == 1
        assert Event.objects.filter(verb="placement.switched", subject_id=str(told.placement.pk)).count() == 3
