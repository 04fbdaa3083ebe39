"""The release command runs once before a new version starts; failing, it leaves everything as it was."""

from __future__ import annotations

import pytest
from django.utils import timezone

from fairway.accounts.rules import SYSTEM
from fairway.activity.models import Event
from fairway.applications.commands import save_configuration
from fairway.applications.models import Application
from fairway.deployments.commands import placements, requests
from fairway.deployments.models import Deployment
from fairway.deployments.queries import log_lines, steps_of
from fairway.deployments.rules import Kind
from fairway.drivers.runtimes.contract import OutputLine
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.environments.models import Environment
from fairway.shared.failures import Retry
from fairway.workflows import register_all
from fairway.workflows.releasing import _failed
from tests.releases.conftest import AnsweringProxy, answering, development, fake, proxy  # noqa: F401
from tests.workflows.told import Death, Told

GOOD = {"release": ("echo", "moved the database on")}


@pytest.fixture
def told(fake: FakeRuntime, proxy: AnsweringProxy, hello: Application, staging: Environment) -> Told:  # noqa: F811
    register_all()
    return Told(fake, proxy, hello, staging)


def acts(told: Told) -> list[tuple[str, str]]:
    verbs = ("distribute", "run_once", "ensure_started", "ensure_stopped")
    return [(verb, what.partition("staging-")[2]) for verb, what in told.fake.calls if verb in verbs]


def forget_acts(told: Told) -> None:
    with told.fake.world.open() as world:
        world["calls"].clear()


def translate(one: Deployment) -> list[tuple[str, str]]:
    return [(line["stream"], line["text"]) for line in log_lines(one) if line["step"] == "release"]


def test_it_runs_once_between_distributing_and_starting(told: Told) -> None:
    one = told.live(told.version(**GOOD), replicas=2)
    assert acts(told)[:2] == [("distribute", ""), ("run_once", f"d{one.pk}-release")]
    assert [verb for verb, _ in acts(told)].count("run_once") == 1
    assert [step.name for step in steps_of(one) if step.state == "done"] == list(one.steps)
    assert one.steps.index("release") == one.steps.index("distribute") + 1
    assert translate(one) == [
        ("fairway", "Running the release command: echo 'moved the database on'"),
        ("stdout", "moved the database on"),
        ("fairway", "The release command succeeded."),
    ]
    told.serves(one)


def test_it_has_the_configuration_of_the_new_version_and_no_secret_is_told(told: Told) -> None:
    save_configuration(
        actor=SYSTEM,
        application=told.application,
        environment=told.environment,
        variables={"GREETING": "hello"},
        secrets={"TOKEN": "s3cret-of-ours"},
    )
    one = told.live(told.version(release=("env",)))
    lines = [text for _, text in translate(one)]
    assert "GREETING=hello" in lines
    assert f"FAIRWAY_DEPLOYMENT={one.pk}" in lines
    assert not any("s3cret-of-ours" in line for line in lines)
    assert any(line.startswith("TOKEN=") for line in lines)


def test_a_failing_one_fails_the_deployment_and_the_old_version_serves_on(told: Told) -> None:
    first = told.live(told.version(**GOOD))
    forget_acts(told)
    second = told.ship(told.version(release=("exit", "7")))
    assert (second.status, [step.name for step in steps_of(second) if step.state == "failed"]) == ("failed", ["release"])
    assert second.sentence.startswith("The release command ended with code 7: version ")
    assert second.sentence.endswith("starts. Nothing of the new version was started.")
    assert "starts" in second.detail
    assert not [act for act in acts(told) if act[0] in ("ensure_started", "ensure_stopped")]
    told.serves(first)


def test_on_a_common_volume_the_old_version_stops_first_and_comes_back(told: Told) -> None:
    first = told.live(told.version("data", **GOOD))
    forget_acts(told)
    second = told.live(told.version("data", **GOOD))
    names = [f"d{first.pk}-0", f"d{second.pk}-release", f"d{second.pk}-0"]
    assert list(dict.fromkeys(name for _, name in acts(told) if name)) == names
    third = told.ship(told.version("data", release=("exit", "1")))
    assert third.status == "failed"
    assert third.away_seconds is not None
    told.serves(second)


@pytest.mark.parametrize("act", ["rollback", "restart", "scale"])
def test_what_brings_nothing_new_runs_nothing(told: Told, act: str) -> None:
    told.live(told.version(**GOOD))
    told.live(told.version(**GOOD))
    forget_acts(told)
    there = {"application": told.application, "environment": told.environment}
    if act == "rollback":
        one = requests.roll_back(actor=SYSTEM, **there)
    elif act == "restart":
        one = requests.restart(actor=SYSTEM, **there)
    else:
        placements.scale(actor=SYSTEM, placement=told.placement, replicas=2)
        one = None
    told.work()
    assert "run_once" not in [verb for verb, _ in acts(told)]
    assert "ensure_started" in [verb for verb, _ in acts(told)], "something was done"
    if one is not None:
        one.refresh_from_db()
        assert (one.status, "release" in one.steps) == ("succeeded", False)


def test_without_one_there_is_no_such_step(told: Told) -> None:
    one = told.live()
    assert [step.name for step in steps_of(one)] == ["prepare", "distribute", "start", "check", "switch", "retire"]
    started = Event.objects.filter(verb="deployment.step_started")
    assert "release" not in [event.after["step"] for event in started]


def test_a_promotion_runs_it(told: Told) -> None:
    assert "release" in Deployment(kind=Kind.PROMOTE, artifact=told.version(**GOOD)).steps


def test_it_is_run_again_where_it_could_not_be_told_how_it_ended(told: Told) -> None:
    told.fake.fail("run_once", Retry("The Engine was away."))
    one = told.live(told.version(**GOOD))
    assert [verb for verb, _ in acts(told)].count("run_once") == 2
    told.serves(one)


def test_a_worker_that_dies_anywhere_around_it_leaves_nothing_running(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    told.live(told.version("data", **GOOD))
    death = Death(monkeypatch, told)
    before = death.count
    told.live(told.version("data", **GOOD))
    points = death.count - before
    for point in range(1, points, max(1, points // 6)):
        death.at = death.count + point
        one = told.live(told.version("data", **GOOD))
        told.serves(one)
        with told.fake.world.open() as world:
            assert world["once"] == {}


def test_a_failure_that_is_known_says_what_to_change() -> None:
    printed = [
        "Traceback (most recent call last):",
        '  File "manage.py", line 1',
        "ModuleNotFoundError: No module named 'six'",
    ]
    lines = [OutputLine(timezone.now(), "stderr", text) for text in printed]
    sentence = _failed(1, lines).sentence
    assert sentence.startswith("The release command ended with code 1. The Python module “six” is missing: add “six” to")
    assert sentence.endswith("Nothing of the new version was started.")
