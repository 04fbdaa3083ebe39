"""From an opened request to its own address, and until nothing of it is left: a real Git server, a real Fairway, a forge."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.services.forge import TOKEN, FakeForge, fake_forge
from tests.services.git_server import GitServer, git_server
from tests.services.installation import Answer, Installation, ask, installed
from tests.services.waiting import eventually, wait_for
from tests.workflows.clone import Clone
from tests.workflows.test_pushing import another_worker

# Prints and shows all that it can reach, and stores something.
APP = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

print(dict(os.environ), flush=True)
Path(os.environ["VOLUME_NOTES"], "notes.txt").write_text("kept")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"version": VERSION, "environment": dict(os.environ)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
SECRET = "hunter2-of-the-environment"
_numbers = itertools.count(1)
_seconds = itertools.count(1)
BEGAN = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("git")) as one:
        yield one


@pytest.fixture(scope="module")
def fairway(tmp_path_factory: pytest.TempPathFactory, server: GitServer) -> Iterator[Installation]:
    settings = {"FAIRWAY_SOURCE_ADDRESSES": "any", "GIT_SSL_CAINFO": str(server.certificate), "FAIRWAY_LEASE_SECONDS": "2"}
    with installed(tmp_path_factory.mktemp("previews") / "fairway", **settings) as one:
        yield one


class Requested(Clone):
    """An application from a repository of its own, with previews in development, and a clone that pushes to requests."""

    def commit(self, version: str, number: int) -> str:
        """A commit of the request with this number, where forges keep it."""
        clone = self.folder / "clone"
        (clone / "app.py").write_text(APP.replace("VERSION", repr(version)))
        (clone / "Procfile").write_text("web: python app.py\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"Version {version}")
        self.git("push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{number}/head")
        return self.git("rev-parse", "HEAD")

    def tell(self, number: int, action: str, commit: str, *, origin: int = 1) -> Answer:
        """The webhook of the repository, signed."""
        told = {
            "action": action,
            "repository": {"clone_url": self.url},
            "pull_request": {
                "number": number,
                "state": "closed" if action == "closed" else "open",
                "title": "Fix <b>it</b>",
                "user": {"login": "grace"},
                "updated_at": f"{BEGAN + timedelta(seconds=next(_seconds)):%Y-%m-%dT%H:%M:%SZ}",
                "head": {"ref": "fix", "sha": commit, "repo": {"id": origin}},
                "base": {"ref": "main", "repo": {"id": 1}},
            },
        }
        body = json.dumps(told).encode()
        made = hmac.new(self.trigger["secret"].encode(), body, hashlib.sha256).hexdigest()
        headers = {"Host": "localhost", "Content-Type": "application/json", "X-GitHub-Event": "pull_request"}
        headers["X-Hub-Signature-256"] = f"sha256={made}"
        return ask(self.fairway.port, "POST", f"/hooks/{self.trigger['url'].rpartition('/')[2]}", headers, body)

    def preview(self, number: int) -> dict[str, Any]:
        (one,) = self.fairway.call("GET", f"/previews?application={self.slug}&number={number}")
        return dict(one)

    def name(self, number: int) -> str:
        return f"pr-{number}--{self.slug}"

    def host(self, number: int) -> str:
        return f"{self.name(number)}.development.localhost"

    def goes_live(self, number: int, commit: str) -> dict[str, Any]:
        def look() -> int:
            one = self.preview(number)
            found = self.fairway.deployment(one["deployment"]) if one["deployment"] else {}
            return one["deployment"] if found.get("source", {}).get("ref") == commit or found.get("commit") == commit else 0

        self.fairway.live(eventually(look, f"{commit} is deployed"))
        return self.says(number)

    def says(self, number: int) -> dict[str, Any]:
        return dict(self.fairway.visit(self.host(number)).json)

    def is_over(self, number: int) -> None:
        eventually(lambda: self.preview(number)["state"] == "ended", "the preview has ended")


@pytest.fixture
def requested(fairway: Installation, server: GitServer, tmp_path: Path) -> Requested:
    slug = f"requested{next(_numbers)}"
    one = Requested(fairway, server, tmp_path, slug, server.repository(slug))
    (tmp_path / "clone").mkdir()
    one.git("init", "--quiet", "--initial-branch", "main")
    one.git("remote", "add", "origin", one.url)
    fairway.create(slug, {"kind": "git", "url": one.url, "ref": "main"}, spec={"volumes": [["notes", "/notes"]]})
    here = f"/applications/{slug}/environments/development"
    values = {"variables": {"GREETING": "hello", "DB_PASSWORD": SECRET}, "secrets": {"API_TOKEN": SECRET}}
    fairway.call("PUT", f"{here}/configuration", values)
    one.trigger = fairway.call("POST", f"{here}/triggers", {"pattern": "main", "ref_kind": "request"})
    return one


@pytest.fixture
def forge(requested: Requested) -> Iterator[FakeForge]:
    with fake_forge() as one:
        one.project = requested.slug
        wanted = {"kind": "github", "api_url": one.address, "token": TOKEN}
        requested.fairway.call("POST", f"/applications/{requested.slug}/forge", wanted)
        yield one
        requested.fairway.call("DELETE", f"/applications/{requested.slug}/forge")


def said(forge: FakeForge) -> str:
    return "\n".join(str(one["body"]) for one in forge.comments.values())


def left_of(fairway: Installation, name: str) -> list[str]:
    """What of this name is in the data directory where applications run, are routed and store."""
    process, routes = fairway.data / "process", fairway.data / "caddy/routes"
    places = [process / "instances", process / "volumes", process / "homes", *routes.iterdir()]
    kept = {routes / "generations"}  # requests in flight may still read them; collected later
    return [str(path) for place in places if place.is_dir() and place not in kept for path in place.glob(f"*{name}*")]


def test_a_request_has_an_address_until_it_is_closed(requested: Requested, forge: FakeForge) -> None:
    first = requested.commit("1", 12)
    assert requested.tell(12, "opened", first).status == 202
    shown = requested.goes_live(12, first)
    assert (shown["version"], shown["environment"]["GREETING"]) == ("1", "hello")
    assert shown["environment"]["API_TOKEN"] == SECRET, "it comes from the repository itself"
    wait_for(lambda: f"http://{requested.host(12)}" in said(forge), "the comment names the address")
    second = requested.commit("2", 12)
    requested.tell(12, "synchronize", second)
    assert requested.goes_live(12, second)["version"] == "2"
    wait_for(lambda: f"`{second[:12]}` is live" in said(forge), "the comment follows")
    assert [one["slug"] for one in requested.fairway.call("GET", "/applications")].count(requested.name(12)) == 0
    assert left_of(requested.fairway, requested.name(12)), "so that what follows can fail"
    requested.tell(12, "closed", second)
    requested.is_over(12)
    assert left_of(requested.fairway, requested.name(12)) == []
    assert requested.fairway.visit(requested.host(12)).status == 404
    wait_for(lambda: "The request was closed." in said(forge), "the comment says so")
    assert len(forge.comments) == 1
    assert forge.said_of("fairway/preview")[-1] == "success"
    wait_for(lambda: [state for _number, state in forge.told][-1] == "inactive", "nothing is live any more")
    verbs = [one["verb"] for one in requested.fairway.call("GET", f"/events?application={requested.slug}&limit=50")["items"]]
    assert [verb for verb in reversed(verbs) if verb.startswith("preview.")] == [
        "preview.opened", "preview.ended", "preview.removed",
    ]  # fmt: skip


def test_a_fork_is_built_once_it_is_approved_and_finds_no_secret(requested: Requested) -> None:
    commit = requested.commit("evil", 7)
    requested.tell(7, "opened", commit, origin=99)
    assert requested.preview(7)["is_waiting_for_approval"]
    assert requested.fairway.visit(requested.host(7)).status == 404
    requested.fairway.call("POST", f"/previews/{requested.preview(7)['id']}/approval", {"commit": commit})
    shown = requested.goes_live(7, commit)
    assert (shown["version"], shown["environment"]["GREETING"]) == ("evil", "hello")
    assert SECRET not in json.dumps(shown)
    log = requested.fairway.log_of(requested.preview(7)["deployment"])
    assert SECRET not in log
    requested.tell(7, "closed", commit, origin=99)
    requested.is_over(7)


def test_workers_that_die_leave_nothing_behind(requested: Requested, forge: FakeForge) -> None:
    """Killed after each thing that is told: the preview follows, once, and nothing of it is left at the end."""
    fairway, commits = requested.fairway, [requested.commit("1", 3)]
    for action in ("opened", "synchronize", "closed", "reopened", "closed"):
        if action == "synchronize":
            commits.append(requested.commit("2", 3))
        worker = fairway.pid_of("worker")
        assert requested.tell(3, action, commits[-1]).status == 202
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: another_worker(fairway, worker), "another worker runs")  # noqa: B023
        if action in ("synchronize", "reopened"):
            assert requested.goes_live(3, commits[-1])["version"] == "2"
    requested.is_over(3)
    assert left_of(fairway, requested.name(3)) == []
    wait_for(lambda: "The request was closed." in said(forge), "the comment says so")
    assert len(forge.comments) == 1
    assert fairway.call("GET", "/audit/verification")["is_intact"]
