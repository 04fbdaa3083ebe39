"""Files that an application writes and its next deployment loses are told once, and a volume keeps them."""

from __future__ import annotations

from typing import Any

import pytest

from fairway.activity.models import Event
from fairway.applications.models import Application
from fairway.cli import words
from fairway.deployments.queries import log_lines
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.environments.models import Environment
from fairway.shared.failures import Retry
from fairway.worker import reconciler
from fairway.worker.reconciler import Reconciler
from fairway.workflows import register_all
from tests.releases.conftest import AnsweringProxy, answering, development, fake, proxy  # noqa: F401
from tests.workflows.told import Told


@pytest.fixture
def told(fake: FakeRuntime, proxy: AnsweringProxy, hello: Application, staging: Environment) -> Told:  # noqa: F811
    register_all()
    return Told(fake, proxy, hello, staging)


def write(told: Told, *paths: str) -> None:
    with told.fake.world.open() as world:
        for facts in world["instances"].values():
            facts["written"] = [*facts.get("written", ()), *paths]


def news() -> int:
    return Event.objects.filter(verb="placement.writes_seen").count()


def test_the_next_deployment_says_what_goes_with_the_old_version(told: Told) -> None:
    told.live(replicas=2)
    write(told, "uploads/a.png", "uploads/b.png")
    two = told.live()
    said = [line["text"] for line in log_lines(two) if line["step"] == "retire"]
    assert "Files it wrote beside its code go with it: uploads/ (2 files). A volume would keep them." in said
    assert [one["name"] for one in told.placement.lost_writes] == ["uploads/"]
    three = told.live()
    assert not any("go with it" in line["text"] for line in log_lines(three))
    assert told.placement.lost_writes == [], "a version that wrote nothing is done with it"


def test_the_reconciler_finds_it_while_it_serves_and_tells_it_once(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "WRITES_FIRST", 0.0)
    monkeypatch.setattr(reconciler, "WRITES_EVERY", 0.0)
    monkeypatch.setattr(reconciler, "proxy", lambda: told.proxy)
    told.live()
    looking = Reconciler()
    for paths in ((), ("db.sqlite3",), (), ("db.sqlite3",)):
        write(told, *paths)
        looking.look()
    assert news() == 1
    (lost,) = told.placement.lost_writes
    assert lost["name"] == "db.sqlite3"
    write(told, "uploads/a.png")
    looking.look()
    assert news() == 2


def test_what_a_volume_keeps_is_not_said_to_be_lost(told: Told) -> None:
    told.live()
    write(told, "uploads/a.png")
    told.live(told.version("uploads"))
    assert told.placement.writes
    assert told.placement.lost_writes == []


def test_a_look_that_fails_fails_nothing(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: FakeRuntime, name: str) -> Any:
        raise Retry("The Engine is away.")

    told.live()
    monkeypatch.setattr(FakeRuntime, "written", broken)
    two = told.live()
    assert any("could not be looked at" in line["text"] for line in log_lines(two))
    told.serves(two)


def test_the_command_line_says_it_with_what_keeps_it() -> None:
    placement = {
        "environment": {"name": "Staging"},
        "application": {"slug": "hello"},
        "lost_writes": [{"name": "db.sqlite3", "target": ""}, {"name": "uploads/", "target": "/uploads"}],
    }
    assert words.lost_writes(placement) == (
        "In Staging it writes files that will be lost at the next deployment: db.sqlite3, uploads/. "
        "A volume keeps them: fairway apps edit hello --volume data:/uploads"
    )
    assert words.lost_writes({**placement, "lost_writes": []}) == ""
