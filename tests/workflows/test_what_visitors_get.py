"""Success is what visitors get: a version that answers worse than the one before gives the traffic back, ready or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import fairway.deployments.verdict
import fairway.workflows.deploy
from fairway.accounts.rules import SYSTEM
from fairway.applications.models import Application
from fairway.deployments.commands import placements
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.environments.models import Environment
from fairway.workflows import register_all
from tests.releases.conftest import AnsweringProxy, development, fake, proxy  # noqa: F401
from tests.workflows.told import ForwardingProxy, Told

HEALTHY = {"health_path": "/health"}  # it says that it is well, whatever it answers


@pytest.fixture(scope="module")
def answering() -> Iterator[AnsweringProxy]:
    answering = ForwardingProxy()
    yield answering
    answering.http.shutdown()
    answering.http.server_close()


@pytest.fixture
def told(
    fake: FakeRuntime,  # noqa: F811
    proxy: AnsweringProxy,  # noqa: F811
    hello: Application,
    staging: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> Told:
    register_all()
    monkeypatch.setattr(fairway.deployments.verdict, "LEAST", 6)
    return Told(fake, proxy, hello, staging)


def failing(status: str = "500", **more: object) -> dict[str, object]:
    return {"environment": {"STATUS": status}, **HEALTHY, **more}


@pytest.mark.parametrize("volumes", [(), ("data",)], ids=["beside each other", "one after the other"])
def test_a_version_that_fails_visitors_gives_the_traffic_back(told: Told, volumes: tuple[str, ...]) -> None:
    first = told.live(told.version(*volumes, **HEALTHY))
    second = told.ship(told.version(*volumes, **failing()))
    assert second.status == "failed"
    assert "requests to “/” failed after the switch (the application answered 500)" in second.sentence
    assert "of the version before, none of 5 did" in second.sentence
    assert second.probe is not None
    assert second.probe["failed"] > 0
    told.serves(first)
    assert told.placement.current_id == first.pk


def test_a_first_version_that_only_fails_is_not_live(told: Told) -> None:
    """Its image says that it is well; nobody said a health path, and no port alone will do."""
    broken = told.ship(told.version(**failing("503", health_path="/other")))
    assert broken.status == "failed"
    assert broken.sentence.startswith("/other answered 503 for")
    assert told.running() == []
    assert told.page() == ""


def test_without_a_health_path_the_page_itself_decides(told: Told, settings: object) -> None:
    usual = settings.HEALTH_SECONDS  # type: ignore[attr-defined]
    first = told.live()
    settings.HEALTH_SECONDS = 0.3  # type: ignore[attr-defined]
    second = told.ship(told.version(environment={"STATUS": "500"}))
    settings.HEALTH_SECONDS = usual  # type: ignore[attr-defined]
    assert (second.status, second.sentence.partition(";")[0].partition(" for ")[0]) == ("failed", "/ answered 500")
    told.serves(first)
    third = told.live(told.version(environment={"STATUS": "404"}))
    told.serves(third)


def test_what_failed_before_may_go_on_failing(told: Told) -> None:
    """A page that is an error on purpose, or by a database that is away for both, is no fault of the new version."""
    told.live(told.version(**failing("501")))
    second = told.live(told.version(**failing("500")))
    told.serves(second)
    third = told.live(told.version(**HEALTHY))
    told.serves(third)


def test_a_version_after_a_stopped_one_is_judged_by_itself(told: Told) -> None:
    told.live(told.version(**HEALTHY))
    placements.stop(actor=SYSTEM, placement=told.placement)
    told.work()
    second = told.live(told.version(**failing()))  # its health path answers: not everything fails
    told.serves(second)


def test_what_served_before_is_brought_back_whatever_it_answers(told: Told) -> None:
    """It went live when any port would do; a restart of the machine must not take it away."""
    first = told.live()
    artifact = first.artifact
    assert artifact is not None
    artifact.spec = {**artifact.spec, "environment": {"STATUS": "503"}}
    artifact.save(update_fields=["spec"])
    placements.stop(actor=SYSTEM, placement=told.placement)
    told.work()
    placements.start(actor=SYSTEM, placement=told.placement)
    told.work()
    told.serves(first)


def test_one_error_is_no_verdict(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that was just being closed, a first request that came too early."""
    told.live(told.version(**HEALTHY))
    answers, asked = ForwardingProxy.answer, []

    def hiccup(self: ForwardingProxy, host: str, path: str) -> tuple[int, dict[str, str]]:
        status, headers = answers(self, host, path)
        asked.append(path)
        return (500 if len(asked) == 1 and self.route(host) else status), headers

    monkeypatch.setattr(ForwardingProxy, "answer", hiccup)
    second = told.live(told.version(**HEALTHY))
    told.serves(second)
