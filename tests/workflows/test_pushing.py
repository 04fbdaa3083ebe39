"""From ``git push`` to the new version answering: a real Git server whose hook calls the webhook, and a real Fairway."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.services.forge import TOKEN, FakeForge, fake_forge
from tests.services.git_server import GitServer, git_server
from tests.services.installation import Answer, Installation, ask, installed
from tests.services.waiting import eventually, wait_for
from tests.workflows.clone import Clone

# What a forge does after a push, in the hook of a plain repository: it signs as GitHub does.
HOOK = """#!{python}
import hashlib, hmac, json, subprocess, sys, urllib.request
for line in sys.stdin:
    before, after, ref = line.split()
    show = ["git", "log", "-1", "--format=%B", after]
    message = subprocess.run(show, capture_output=True, text=True).stdout if after.strip("0") else ""
    told = {{"ref": ref, "before": before, "after": after, "pusher": {{"name": "grace"}},
            "repository": {{"clone_url": {url!r}}}, "head_commit": {{"id": after, "message": message}}}}
    place, secret = open({told!r}).read().split()
    body = json.dumps(told).encode()
    headers = {{"Content-Type": "application/json", "X-GitHub-Event": "push", "Host": "localhost",
               "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}}
    with urllib.request.urlopen(urllib.request.Request(place, body, headers)) as answer:
        sys.stderr.write(answer.read().decode())
"""
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("git")) as one:
        yield one


@pytest.fixture(scope="module")
def fairway(tmp_path_factory: pytest.TempPathFactory, server: GitServer) -> Iterator[Installation]:
    settings = {"FAIRWAY_SOURCE_ADDRESSES": "any", "GIT_SSL_CAINFO": str(server.certificate), "FAIRWAY_LEASE_SECONDS": "2"}
    with installed(tmp_path_factory.mktemp("push") / "fairway", **settings) as one:
        yield one


class Pushed(Clone):
    """An application from a repository of its own, its trigger for development, and a clone that pushes."""

    @property
    def told(self) -> Path:
        """The file from which the hook reads the webhook's address and secret; they are made after the repository."""
        return self.folder / "webhook"

    def commit(self, version: str, message: str = "") -> str:
        (self.folder / "clone/index.html").write_text(f"<!doctype html><title>Page</title><h1>Page {version}</h1>")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message or f"Version {version}")
        return self.git("rev-parse", "HEAD")

    def push(self, *words: str) -> None:
        self.git("push", "--quiet", *(words or ("origin", "HEAD:main")))

    def says(self) -> str:
        return self.fairway.visit(f"{self.slug}.development.localhost").text

    def deliveries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.fairway.call("GET", f"/triggers/{self.trigger['id']}/deliveries")
        return found

    def deployment_of(self, commit: str) -> int:
        """The number of the deployment that was requested for this commit."""

        def look() -> int:
            return next((one["deployment"] or 0 for one in self.deliveries() if one["commit"] == commit), 0)

        return eventually(look, f"{commit} is deployed")

    def send(self, told: dict[str, Any], **headers: str) -> Answer:
        """Call the webhook directly, signed."""
        body = json.dumps(told).encode()
        made = hmac.new(self.trigger["secret"].encode(), body, hashlib.sha256).hexdigest()
        given = {"Host": "localhost", "Content-Type": "application/json", "X-GitHub-Event": "push"}
        given |= {"X-Hub-Signature-256": f"sha256={made}", **headers}
        return ask(self.fairway.port, "POST", f"/hooks/{self.trigger['url'].rpartition('/')[2]}", given, body)

    def payload(self, commit: str, number: int = 0) -> dict[str, Any]:
        return {"ref": "refs/heads/main", "after": commit, "repository": {"clone_url": self.url}, "number": number}


@pytest.fixture
def pushed(fairway: Installation, server: GitServer, tmp_path: Path) -> Pushed:
    slug = f"pushed{next(_numbers)}"
    url = server.url(slug)
    one = Pushed(fairway, server, tmp_path, slug, url)
    server.repository(slug, HOOK.format(python=sys.executable, url=url, told=str(one.told)))
    (tmp_path / "clone").mkdir()
    one.git("init", "--quiet", "--initial-branch", "main")
    one.git("remote", "add", "origin", url)
    fairway.create(slug, {"kind": "git", "url": url, "ref": "main"})
    where = f"/applications/{slug}/environments/development/triggers"
    one.trigger = fairway.call("POST", where, {"pattern": "main"})
    place = f"http://127.0.0.1:{fairway.port}/hooks/{one.trigger['url'].rpartition('/')[2]}"
    one.told.write_text(f"{place} {one.trigger['secret']}")
    return one


@pytest.fixture
def forge(pushed: Pushed) -> Iterator[FakeForge]:
    """The forge of the repository, which is told of deployments."""
    with fake_forge() as one:
        one.project = pushed.slug
        wanted = {"kind": "github", "api_url": one.address, "token": TOKEN}
        pushed.fairway.call("POST", f"/applications/{pushed.slug}/forge", wanted)
        yield one
        pushed.fairway.call("DELETE", f"/applications/{pushed.slug}/forge")


def told_of(forge: FakeForge, environment: str) -> list[str]:
    """What the forge was told of the deployments in this environment, in order."""
    return [state for number, state in forge.told if forge.deployments[number]["environment"] == environment]


def test_a_push_goes_live(pushed: Pushed, forge: FakeForge) -> None:
    commit = pushed.commit("1.0", "Open the harbour\n\nFor everybody.")
    pushed.push()
    number = pushed.deployment_of(commit)
    shown = pushed.fairway.live(number)
    assert "Page 1.0" in pushed.says()
    assert (shown["door"], shown["reason"]) == ("webhook", "Push to main by grace: Open the harbour")
    assert shown["commit"] == commit
    delivery = pushed.deliveries()[0]
    assert (delivery["outcome"], delivery["deployment"], delivery["pusher"]) == ("requested", number, "grace")
    second = pushed.commit("1.1")
    pushed.push()
    pushed.fairway.live(pushed.deployment_of(second))
    assert "Page 1.1" in pushed.says()
    once = ["queued", "in_progress", "success"]
    wait_for(lambda: len(forge.told) == 7, "the forge is told")
    assert told_of(forge, "development") == [*once, *once, "inactive"]
    statuses = [(one["sha"], one["state"]) for one in forge.statuses if one["context"] == "fairway/development"]
    assert statuses == [(sha, state) for sha in (commit, second) for state in ("pending", "pending", "success")]
    assert forge.statuses[-1]["target_url"].endswith(f"/deployments/{pushed.deployment_of(second)}")
    pushed.push("origin", "HEAD:refs/heads/other")
    wait_for(lambda: pushed.deliveries()[0]["ref"] == "other", "the other branch is told of")
    assert pushed.deliveries()[0]["outcome"] == "ignored"
    pushed.push("origin", ":refs/heads/other")
    wait_for(lambda: "was deleted" in pushed.deliveries()[0]["sentence"], "its deletion is told of")


def test_the_pushed_commit_is_deployed_and_not_the_branch(pushed: Pushed) -> None:
    """The newest delivery is of a commit that the branch has left behind."""
    first = pushed.commit("old")
    pushed.git("push", "--quiet", "origin", "HEAD:refs/heads/quiet")
    pushed.commit("new")
    pushed.git("push", "--quiet", "origin", "HEAD:refs/heads/quiet")
    assert pushed.send(pushed.payload(first)).status == 202
    pushed.fairway.live(pushed.deployment_of(first))
    assert "Page old" in pushed.says()


def test_a_commit_that_is_gone_is_said(pushed: Pushed) -> None:
    pushed.commit("1.0")
    pushed.push("origin", "HEAD:refs/heads/quiet")
    assert pushed.send(pushed.payload("ab" * 20)).status == 202
    shown = pushed.fairway.ended(pushed.deployment_of("ab" * 20))
    assert shown["status"] == "failed"
    assert "There is no commit abababababab at" in shown["sentence"]


def test_two_hundred_pushes_end_on_the_newest(pushed: Pushed) -> None:
    first = pushed.commit("1.0")
    pushed.push("origin", "HEAD:refs/heads/quiet")
    last = pushed.commit("2.0")
    pushed.push("origin", "HEAD:refs/heads/quiet")
    told = [pushed.payload(first, number) for number in range(1, 200)]
    with ThreadPoolExecutor(8) as senders:
        statuses = [answer.status for answer in senders.map(pushed.send, told)]
    assert set(statuses) == {202}
    assert pushed.send(pushed.payload(last, 200)).status == 202
    pushed.fairway.live(pushed.deployment_of(last))
    assert "Page 2.0" in pushed.says()
    outcomes = {one["outcome"] for one in pushed.deliveries()}
    assert outcomes <= {"requested", "superseded"}
    active = pushed.fairway.call("GET", f"/deployments?application={pushed.slug}&status=active")
    assert active["items"] == []


def test_the_same_delivery_twice_at_once_is_deployed_once(pushed: Pushed) -> None:
    commit = pushed.commit("1.0")
    pushed.push("origin", "HEAD:refs/heads/quiet")
    start = threading.Barrier(4)

    def send(_: int) -> int:
        start.wait()
        return pushed.send(pushed.payload(commit), **{"X-GitHub-Delivery": "the same"}).status

    with ThreadPoolExecutor(4) as senders:
        assert sorted(senders.map(send, range(4))) == [202, 409, 409, 409]
    pushed.fairway.live(pushed.deployment_of(commit))
    assert [one["times"] for one in pushed.deliveries() if one["ref"] != "quiet"] == [3, 1]
    assert len(pushed.fairway.call("GET", f"/deployments?application={pushed.slug}")["items"]) == 1


def test_a_worker_that_dies_loses_no_push_and_doubles_none(pushed: Pushed) -> None:
    """Killed while pushes come, again and again: each push was answered, and the newest is live, requested once."""
    commits = []
    for number in range(4):
        commits.append(pushed.commit(f"1.{number}"))
        pushed.push("origin", "HEAD:refs/heads/quiet")
        worker = pushed.fairway.pid_of("worker")
        assert pushed.send(pushed.payload(commits[-1])).status == 202
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: another_worker(pushed.fairway, worker), "another worker runs")  # noqa: B023
    pushed.fairway.live(pushed.deployment_of(commits[-1]))
    assert "Page 1.3" in pushed.says()
    numbers = [one["deployment"] for one in pushed.deliveries() if one["deployment"]]
    assert len(numbers) == len(set(numbers))
    made = pushed.fairway.call("GET", f"/deployments?application={pushed.slug}")["items"]
    assert sorted(one["id"] for one in made) == sorted(numbers)


def another_worker(fairway: Installation, than: int) -> int:
    with suppress(AssertionError, OSError):  # none at the moment
        return fairway.pid_of("worker") if fairway.pid_of("worker") != than else 0
    return 0


def test_a_body_that_is_too_large_is_refused_and_recorded(pushed: Pushed) -> None:
    commit = pushed.commit("1.0")
    with suppress(ConnectionError):  # it answers before all of it was sent
        assert pushed.send({**pushed.payload(commit), "padding": "x" * (30 * 2**20)}).status == 413
    assert pushed.deliveries()[0]["code"] == "too_large"
    large = pushed.send({**pushed.payload(commit), "padding": "x" * (20 * 2**20)})
    assert large.status == 202, large.text


def test_a_push_goes_from_development_to_production_though_workers_die(pushed: Pushed, forge: FakeForge) -> None:
    """A pipeline of three environments: the same bytes travel, built once, each promoted once; the forge is told of
    each state once."""
    fairway, slug = pushed.fairway, pushed.slug
    line = ["development", "staging", "production"]
    for origin, environment in pairwise(line):
        given = {"from_environment": origin, "after_minutes": 0}
        fairway.call("POST", f"/applications/{slug}/environments/{environment}/stages", given)
    commit = pushed.commit("1.0")
    pushed.push()
    fairway.live(pushed.deployment_of(commit))

    def made() -> dict[str, dict[str, Any]]:
        found = fairway.call("GET", f"/deployments?application={slug}")["items"]
        assert len(found) == len({one["environment"]["slug"] for one in found}), "none is promoted twice"
        return {one["environment"]["slug"]: one for one in found}

    for environment in line[1:]:
        worker = fairway.pid_of("worker")
        eventually(lambda: environment in made(), f"it is promoted to {environment}")  # noqa: B023
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: another_worker(fairway, worker), "another worker runs")  # noqa: B023
        fairway.live(made()[environment]["id"])
        assert "Page 1.0" in fairway.visit(f"{slug}.{environment}.localhost").text
    assert len({fairway.deployment(one["id"])["digest"] for one in made().values()}) == 1
    wait_for(lambda: len(forge.told) == 9, "the forge is told")
    for environment in line:
        assert told_of(forge, environment) == ["queued", "in_progress", "success"]
        assert forge.said_of(f"fairway/{environment}") == ["pending", "pending", "success"]
    assert len(forge.deployments) == 3
    stages = fairway.call("GET", f"/stages?application={slug}")
    assert [one["last_promotion"]["deployment"] for one in stages] == [made()[name]["id"] for name in line[1:]]
    assert fairway.call("GET", "/audit/verification")["is_intact"]
