"""A new version that ends after it was found ready never replaces the one that serves, however soon it runs again."""

from __future__ import annotations

import pytest

from fairway.applications.models import Application
from fairway.drivers.health import HealthResult
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.environments.models import Environment
from fairway.workflows import deploy, register_all
from tests.releases.conftest import AnsweringProxy, answering, development, fake, proxy  # noqa: F401
from tests.workflows.told import Told


@pytest.fixture
def told(
    fake: FakeRuntime,  # noqa: F811
    proxy: AnsweringProxy,  # noqa: F811
    hello: Application,
    staging: Environment,
) -> Told:
    register_all()
    return Told(fake, proxy, hello, staging)


@pytest.mark.parametrize("replicas", [1, 2])
def test_what_ended_between_its_check_and_the_next_look_is_refused(
    told: Told, monkeypatch: pytest.MonkeyPatch, replicas: int
) -> None:
    """It runs again by then, and only the count of restarts that the check saw can tell."""
    first = told.live(replicas=replicas)
    check_all = deploy.check_all

    def then_it_ends(runtime: FakeRuntime, specs: list, *given: object, **more: object) -> list[HealthResult]:
        results = check_all(runtime, specs, *given, **more)
        if any(spec.deployment != first.label for spec in specs):
            runtime.crash(specs[-1].name)
        return results

    monkeypatch.setattr(deploy, "check_all", then_it_ends)
    second = told.ship()
    assert (second.status, "was ready and then ended" in second.sentence) == ("failed", True), second.sentence
    told.serves(first)


def test_what_ended_before_it_was_ready_may_go_live(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for a database by dying is common."""
    first = told.live()
    check_all = deploy.check_all

    def it_ends_before(runtime: FakeRuntime, specs: list, *given: object, **more: object) -> list[HealthResult]:
        runtime.crash(specs[0].name)
        return check_all(runtime, specs, *given, **more)

    monkeypatch.setattr(deploy, "check_all", it_ends_before)
    second = told.live()
    assert second.pk > first.pk
    told.serves(second)
