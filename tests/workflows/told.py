"""The deploy workflow over the fake runtime, in one process: what its rules promise, without a whole installation."""

from __future__ import annotations

import http.client
import itertools
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from fairway.accounts.rules import SYSTEM
from fairway.applications.models import Application, Artifact
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.models import Deployment, Placement
from fairway.drivers.proxy.configuration import UPSTREAM_HEADER
from fairway.drivers.proxy.contract import RouteKind
from fairway.drivers.proxy.handlers import PAGE_HEADER
from fairway.drivers.runtimes.contract import Instance, InstanceState
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.engine import clock, transitions
from fairway.engine.models import Run
from fairway.engine.runner import Runner
from fairway.engine.workflow import WORKFLOWS
from fairway.environments.models import Environment
from tests.conftest import make_artifact
from tests.releases.conftest import AnsweringProxy

numbers = itertools.count(1)


class Killed(BaseException):
    """Nobody catches it: the worker is gone."""


class ForwardingProxy(AnsweringProxy):
    """Answers what the replica answers that its route leads to, as the real one does, or with its own page."""

    def answer(self, host: str, path: str) -> tuple[int, dict[str, str]]:
        route = self.route(host)
        if route is None or route.kind is not RouteKind.OPEN:
            return 503, {PAGE_HEADER: route.kind.value if route else "unknown"}
        name, _, port = route.addresses[0].rpartition(":")
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(name, int(port), timeout=5)
            connection.request("GET", path, headers={"Host": host})
            status = connection.getresponse().status
            connection.close()
            return status, {UPSTREAM_HEADER: route.addresses[0]}
        return 503, {PAGE_HEADER: "down"}


@dataclass
class Told:
    """One application in one environment, and workers that follow each other when one dies."""

    fake: FakeRuntime
    proxy: AnsweringProxy
    application: Application
    environment: Environment
    said: list[str] = field(default_factory=list)

    def ask(self, artifact: Artifact | None = None, **more: Any) -> Deployment:
        """Ask for a version; a new one unless one is given."""
        return request_deployment(
            actor=SYSTEM,
            application=self.application,
            environment=self.environment,
            artifact=artifact or self.version(),
            **more,
        )

    def version(self, *volumes: str, **spec: Any) -> Artifact:
        stored = tuple((name, f"/{name}") for name in volumes)
        return make_artifact(self.application, version=f"{next(numbers)}", volumes=stored, **spec)

    def ship(self, artifact: Artifact | None = None, **more: Any) -> Deployment:
        one = self.ask(artifact, **more)
        self.work()
        one.refresh_from_db()
        return one

    def live(self, artifact: Artifact | None = None, **more: Any) -> Deployment:
        one = self.ship(artifact, **more)
        assert one.status == "succeeded", (one.status, one.sentence, one.detail)
        return one

    def work(self) -> int:
        """Until nothing is due; returns how many workers died over it."""
        for deaths in itertools.count():
            try:
                Runner(WORKFLOWS, worker_name=f"told-{next(numbers)}").run_until_idle()
            except Killed:
                Run.objects.exclude(owner="").update(lease_until=clock.now() - timedelta(seconds=1))
                continue
            return deaths
        raise AssertionError

    @property
    def placement(self) -> Placement:
        chosen = Placement.objects.select_related("application", "environment", "current__artifact")
        return chosen.get(application=self.application, environment=self.environment)

    def running(self) -> list[Instance]:
        return [one for one in self.fake.instances() if one.address]

    def serves(self, one: Deployment) -> None:
        """Placement, route and instances are this deployment's, and nothing else is there."""
        placement = self.placement
        assert placement.current_id == one.pk
        found = self.fake.instances()
        assert {instance.deployment for instance in found} == {one.label}
        route = self.proxy.route(placement.host)
        assert route is not None
        assert route.kind is RouteKind.OPEN
        assert set(route.addresses) == {instance.address for instance in found if instance.is_main}
        there = {name: sum(instance.service == name for instance in found) for name in placement.counts}
        assert there == placement.counts

    def page(self) -> str:
        route = self.proxy.route(self.placement.host)
        return route.kind.value if route else ""


class Death:
    """Counts the points where something changes; at the chosen one the worker dies. Looks around at each."""

    def __init__(self, monkeypatch: Any, told: Told) -> None:
        self.count, self.at, self.told = 0, None, told
        for owner, name in ((transitions, "change"), (FakeRuntime, "_called"), (AnsweringProxy, "ensure_route")):
            monkeypatch.setattr(owner, name, self.lethal(getattr(owner, name)))

    def lethal(self, act: Any) -> Any:
        def dangerous(*given: Any, **more: Any) -> Any:
            self.count += 1
            alive = (InstanceState.RUNNING, InstanceState.RESTARTING)
            writers = [one for one in self.told.fake.instances() if one.volumes and one.state in alive]
            assert len({one.deployment for one in writers}) < 2, writers
            assert len({one.service for one in writers}) == len(writers), writers
            if self.count == self.at:
                self.at = None
                raise Killed
            return act(*given, **more)

        return dangerous
