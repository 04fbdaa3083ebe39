"""A program of one's own, run once with what is live: it is heard to its end, and never run twice."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import SYSTEM, Blocked
from fairway.activity.models import Event
from fairway.applications.commands import save_configuration
from fairway.applications.models import Application
from fairway.deployments.commands.jobs import cancel_job, run_command
from fairway.deployments.models import JobRun
from fairway.deployments.queries import job_log_lines
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.environments.commands import lock_environment
from fairway.environments.models import Environment
from fairway.shared.failures import Retry
from fairway.shared.names import Invalid
from fairway.workflows import register_all
from fairway.workflows.job import CUT_OFF
from tests.releases.conftest import AnsweringProxy, answering, development, fake, proxy  # noqa: F401
from tests.workflows.told import Death, Told


@pytest.fixture
def told(fake: FakeRuntime, proxy: AnsweringProxy, hello: Application, staging: Environment) -> Told:  # noqa: F811
    register_all()
    return Told(fake, proxy, hello, staging)


def asked(told: Told, *command: str) -> JobRun:
    return run_command(actor=SYSTEM, application=told.application, environment=told.environment, command=command)


def ran(told: Told, *command: str) -> JobRun:
    one = asked(told, *command)
    told.work()
    one.refresh_from_db()
    return one


def printed(one: JobRun) -> list[str]:
    return [line["text"] for line in job_log_lines(one) if line["stream"] != "fairway"]


def test_it_runs_with_what_is_live_and_is_heard(told: Told) -> None:
    live = told.live(replicas=2)
    one = ran(told, "echo", "hello there")
    assert (one.status, one.exit_code, one.deployment_id) == ("succeeded", 0, live.pk)
    assert printed(one) == ["hello there"]
    assert one.log_lines == len(job_log_lines(one)) == 2
    told.serves(live)
    verbs = list(Event.objects.filter(subject_kind="job").order_by("pk").values_list("verb", "subject_id"))
    assert verbs == [(f"job.{verb}", str(one.pk)) for verb in ("requested", "started", "succeeded")]
    assert Event.objects.filter(verb="job.requested").get().after["command"] == "echo 'hello there'"


def test_its_exit_code_is_told(told: Told) -> None:
    told.live()
    one = ran(told, "exit", "3")
    assert (one.status, one.exit_code, one.sentence) == ("failed", 3, "It ended with code 3.")


def test_it_has_the_configuration_and_no_secret_is_told(told: Told) -> None:
    save_configuration(
        actor=SYSTEM,
        application=told.application,
        environment=told.environment,
        variables={"GREETING": "hello"},
        secrets={"TOKEN": "s3cret-of-ours"},
    )
    told.live()
    said = printed(ran(told, "env"))
    assert "GREETING=hello" in said
    assert f"FAIRWAY_DEPLOYMENT={told.placement.current_id}" in said
    assert not any("s3cret" in line for line in said)
    with pytest.raises(Invalid, match="contains the value of a secret; write"):
        asked(told, "login", "--token=s3cret-of-ours")


def test_it_shares_the_volumes_of_what_is_live(told: Told) -> None:
    live = told.live(told.version("data"))
    assert ran(told, "echo", "beside").status == "succeeded"
    told.serves(live)


def test_a_version_that_needs_its_data_does_not_start_meanwhile(told: Told) -> None:
    live = told.live(told.version("data"))
    one = asked(told, "echo", "x")
    with pytest.raises(Blocked, match=f"The command {one.pk} of Fairway is using its data: echo x"):
        told.ask(told.version("data"))
    waiting = told.ask(told.version("data"), when_open=True)
    told.serves(live)
    told.work()
    waiting.refresh_from_db()
    one.refresh_from_db()
    assert (one.status, waiting.status) == ("succeeded", "succeeded"), "it was woken"
    told.live()
    other = asked(told, "echo", "y")
    told.live()
    other.refresh_from_db()
    assert other.status == "succeeded", "what stores nothing is in nobody's way"


def test_it_is_cancelled_and_nothing_of_it_is_left(told: Told) -> None:
    told.live()
    one = asked(told, "echo", "never")
    cancel_job(actor=SYSTEM, job=one, reason="changed my mind")
    told.work()
    one.refresh_from_db()
    assert (one.status, one.exit_code, one.sentence) == ("cancelled", None, "Cancelled by Fairway: changed my mind")
    assert cancel_job(actor=SYSTEM, job=one).status == "cancelled"
    assert printed(one) == []


def test_what_its_worker_left_running_is_ended_and_it_is_not_run_again(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    told.live()
    death = Death(monkeypatch, told)
    outcomes = set()
    for moment in range(1, 40):
        death.count, death.at = 0, moment
        with told.fake.world.open() as world:
            world["calls"].clear()
        one = ran(told, "echo", "once")
        runs = [verb for verb, what in told.fake.calls if verb == "run_once"]
        assert len(runs) <= 1, "never twice"
        assert one.status in {"succeeded", "failed"}
        if one.status == "failed":
            assert one.sentence == CUT_OFF
        outcomes.add(one.status)
        with told.fake.world.open() as world:
            assert not world["once"]
        if death.at is not None:
            break
    death.at = None
    assert outcomes == {"succeeded", "failed"}


def test_a_runtime_that_cannot_run_it_now_says_why(told: Told) -> None:
    told.live()
    told.fake.fail("run_once", Retry("The Engine is away."))
    one = ran(told, "echo", "x")
    assert (one.status, one.sentence) == ("errored", "The Engine is away.")


@pytest.mark.parametrize(
    ("command", "words"),
    [((), "is empty"), (("",), "is empty"), (("x",) * 201, "longer than"), (("x", "a\0b"), "NUL"), (("x", "&&"), "nothing")],
)
def test_a_wrong_command_is_refused(told: Told, command: tuple[str, ...], words: str) -> None:
    told.live()
    with pytest.raises(Invalid, match=words):
        asked(told, *command)
    assert not JobRun.objects.exists()


def test_nothing_is_run_where_nothing_is_live_or_somebody_has_locked_it(told: Told) -> None:
    told.ask()
    with pytest.raises(Blocked, match="Nothing is deployed here yet"):
        asked(told, "echo", "x")
    told.work()
    lock_environment(actor=SYSTEM, environment=told.environment, reason="counting")
    told.environment.refresh_from_db()
    with pytest.raises(Blocked, match="is locked by"):
        asked(told, "echo", "x")
