"""A whole Fairway tells of a deployment: a receiver that hangs holds nobody, and a killed worker loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.installation import Installation, installed
from tests.services.receiver import Receiver, receiver
from tests.services.waiting import eventually

ROUTES = [{"topics": ["deployed", "deployment_failed"]}]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("notified") / "data", FAIRWAY_NOTIFY_ADDRESSES="any") as one:
        yield one


@pytest.fixture
def quick() -> Iterator[Receiver]:
    with receiver() as there:
        yield there


@pytest.fixture
def slow() -> Iterator[Receiver]:
    with receiver() as there:
        there.holds.set()
        yield there


def add(one: Installation, name: str, there: Receiver, **more: Any) -> int:
    wanted = {"name": name, "kind": "webhook", "url": there.url(f"/{name}"), "routes": ROUTES, **more}
    number: int = one.call("POST", "/channels", wanted)["id"]
    return number


def states(one: Installation, number: int) -> list[str]:
    return [delivery["state"] for delivery in one.call("GET", f"/channels/{number}/deliveries")]


def deployed(one: Installation, folder: Path, slug: str) -> int:
    (folder / "index.html").write_text(f"<h1>{slug}</h1>")
    one.create(slug, one.upload(folder))
    number = one.deploy(slug)
    one.live(number)
    return number


def test_a_hanging_receiver_holds_nobody_and_a_killed_worker_loses_nothing(
    running: Installation, quick: Receiver, slow: Receiver, tmp_path: Path
) -> None:
    hanging, other = add(running, "slow", slow), add(running, "quick", quick)
    number = deployed(running, tmp_path, "tides")  # it is live, whatever becomes of the messages
    eventually(lambda: quick.came and slow.came, "both were told")
    [told] = quick.came
    assert told.json["type"] == "deployment.succeeded"
    assert told.json["data"]["url"].endswith(f"/deployments/{number}")
    [first] = slow.came
    running.kill_worker()  # while it waits for the answer
    slow.holds.clear()
    again = eventually(lambda: slow.came[1:], "the notice was sent again")[0]
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert again.body == first.body
    eventually(lambda: states(running, hanging) == ["delivered"], "it is known as delivered")
    assert states(running, other) == ["delivered"]
    assert len(quick.came) == 1, "what was taken is not sent again"
    for which in (hanging, other):
        running.call("DELETE", f"/channels/{which}")


def test_after_everything_was_killed_what_happens_is_told(running: Installation, quick: Receiver, tmp_path: Path) -> None:
    which = add(running, "later", quick)
    (tmp_path / "broken.txt").write_text("nothing that runs")
    running.create("broken", running.upload(tmp_path))
    running.kill_control_plane()
    running.start()
    running.ended(running.deploy("broken"))
    told = eventually(lambda: quick.came, "it was told")[0]
    assert told.json["type"] in ("deployment.failed", "deployment.errored")
    assert told.json["data"]["event"]["application"] == "broken"
    running.call("DELETE", f"/channels/{which}")
