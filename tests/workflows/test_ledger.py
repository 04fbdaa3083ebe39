"""A ledger that locks its file, on both runtimes: never two at once and nothing lost, whoever is killed at which step."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.examples.conftest import docker_environment
from tests.services.docker import Engine, docker_base, docker_engine  # noqa: F401
from tests.services.installation import wait_for
from tests.workflows import ledger
from tests.workflows.desk import Desk
from tests.workflows.held import LEASE, Moments, Workers, fall_asleep, holding, rows
from tests.workflows.test_every_moment import _kill_everywhere

pytestmark = pytest.mark.docker

# Every point of every step is killed at in test_one_writer; here are those between two real programs.
GOOD = ["about:start", "amid:start", "amid:switch", "amid:retire"]
BAD = ["about:start", "end:start", "about:clean-up", "amid:clean-up"]
MORE = 2  # deployments in a row, once nobody is killed any more


@dataclass
class Customer:
    """Somebody who visits all the time: each visit is a number, or our own page that asks to come again."""

    port: int
    host: str
    numbers: list[int] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    pages: set[str] = field(default_factory=set)

    def __enter__(self) -> Customer:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._visit)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _visit(self) -> None:
        while not self._stop.wait(0.05):
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
                try:
                    connection.request("GET", "/visit", headers={"Host": self.host})
                    answer = connection.getresponse()
                    self._note(answer, answer.read())
                except (OSError, http.client.HTTPException) as error:
                    self.odd.append(f"{type(error).__name__} {error}")

    def _note(self, answer: http.client.HTTPResponse, body: bytes) -> None:
        page = answer.headers.get("X-Fairway-Page", "")
        if answer.status == 200:
            self.numbers.append(json.loads(body)["number"])
        elif answer.status == 503 and answer.headers.get("Retry-After"):
            self.pages.add(page)
        else:
            self.odd.append(f"{answer.status} {page}")


@dataclass
class Ground:
    desk: Desk
    moments: Moments
    workers: Workers
    sources: dict[str, dict[str, str]]  # by environment

    def new(self, name: str, environment: str) -> str:
        slug = f"{name}-{environment}"
        self.desk.fairway.create(slug, self.sources[environment], spec=ledger.SPEC)
        return slug

    def ship(self, slug: str, **variables: str) -> int:
        self.desk.configure(slug, environment_of(slug), variables=variables)
        return self.desk.fairway.deploy(slug, environment_of(slug))

    def facts(self, slug: str) -> dict[str, Any]:
        return self.desk.says(slug, "/facts", environment_of(slug))

    def customer(self, slug: str) -> Customer:
        return Customer(self.desk.fairway.proxy_port, f"{slug}.{environment_of(slug)}.localhost")


def environment_of(slug: str) -> str:
    return slug.rpartition("-")[2]


@pytest.fixture(scope="module")
def ground(
    docker_engine: Engine,  # noqa: F811
    docker_base: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("ledger")
    with holding(folder) as (fairway, moments):
        docker_environment(fairway, "containers", {"host": docker_engine.host})
        image = {"kind": "image", "image": ledger.image_of(docker_engine, docker_base)}
        sources = {"staging": fairway.upload(ledger.folder_of(folder / "source")), "containers": image}
        workers = Workers(fairway)
        yield Ground(Desk(fairway, folder), moments, workers, sources)
        workers.end_all()
        for slug in {one["slug"] for one in fairway.call("GET", "/applications")}:
            where = f"/applications/{slug}/environments/{environment_of(slug)}/placement"
            fairway.api("DELETE", f"{where}?volumes_confirmed={slug}.{environment_of(slug)}")
        wait_for(lambda: not rows(fairway, "SELECT id FROM fairway_placement"), "everything is gone", seconds=60)


def was_kept(ground: Ground, slug: str, customer: Customer) -> None:
    """Nobody met another, every number was given once, and those that were given are on the disk."""
    facts = ground.facts(slug)
    assert facts["met"] == []
    written = [line.split(maxsplit=1) for line in facts["lines"]]
    assert [int(number) for number, _ in written] == list(range(1, len(written) + 1))
    visits = [int(number) for number, what in written if what == "visit"]
    assert customer.numbers == sorted(set(customer.numbers))
    assert set(customer.numbers) <= set(visits)
    assert customer.numbers, "somebody was served"


def test_the_worker_is_killed_at_every_step_between_the_old_and_the_new(ground: Ground) -> None:
    kinds = {"good": GOOD, "bad": BAD}
    slugs = {ground.new(kind, place): kind for kind in kinds for place in ground.sources}
    first = {slug: ground.ship(slug, **({"STUBBORN": "1"} if kind == "good" else {})) for slug, kind in slugs.items()}
    for number in first.values():
        ground.desk.fairway.live(number)
    with ExitStack() as visits:
        customers = {slug: visits.enter_context(ground.customer(slug)) for slug in slugs}
        for slug, kind in slugs.items():
            ground.moments.arm(slug, *kinds[kind])
        second = {slug: ground.ship(slug, **({"BROKEN": "1"} if kind == "bad" else {})) for slug, kind in slugs.items()}
        _kill_everywhere(ground.moments, ground.workers, {slug: list(kinds[kind]) for slug, kind in slugs.items()})
        for slug, number in second.items():
            ended = ground.desk.fairway.ended(number)
            assert ended["status"] == ("failed" if slugs[slug] == "bad" else "live"), (ended["sentence"], ended["detail"])
            assert ended["away_seconds"] is not None
            serving = first[slug] if slugs[slug] == "bad" else number
            assert ground.desk.fairway.placement(slug, environment_of(slug))["current"] == serving
        for _ in range(MORE):
            for number in [ground.ship(slug) for slug in slugs]:
                ground.desk.fairway.live(number)
    for slug, customer in customers.items():
        was_kept(ground, slug, customer)
        assert customer.pages == {"starting"}
        assert customer.odd == []
    ground.desk.is_whole()


def test_a_worker_that_wakes_up_late_starts_no_second_one(ground: Ground) -> None:
    slugs = [ground.new("late", place) for place in ground.sources]
    for number in [ground.ship(slug) for slug in slugs]:
        ground.desk.fairway.live(number)
    for slug in slugs:
        ground.moments.arm(slug, "about:start")
    second = {slug: ground.ship(slug, BROKEN="1") for slug in slugs}
    (zombie,) = {ground.moments.await_holder(slug, "about:start") for slug in slugs}
    with ExitStack() as visits:
        customers = {slug: visits.enter_context(ground.customer(slug)) for slug in slugs}
        fall_asleep(ground.desk.fairway, zombie)
        try:
            for slug in slugs:
                ground.moments.let_go(slug, "about:start")
            ground.workers.start()
            for number in second.values():
                assert ground.desk.fairway.ended(number, 60 + 20 * LEASE)["status"] == "failed"
        finally:
            os.kill(zombie, signal.SIGCONT)
        for slug in slugs:
            wait_for(lambda slug=slug: ground.moments.has_let_go(slug, zombie), f"the late one lets go of {slug}")
        for number in [ground.ship(slug) for slug in slugs]:
            ground.desk.fairway.live(number)
    for slug in slugs:
        was_kept(ground, slug, customers[slug])
