"""A forge on loopback that keeps deployments and statuses, written after the documentation of GitHub, GitLab and Gitea, and
that can misbehave: it refuses, is slow, sends elsewhere, or hangs up after it has acted.

`tests/drivers/forges/test_described.py` shows that what Fairway sends is what GitHub's own description of its API allows.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "ghp_0123456789abcdefSecretOfTheForge"
NOTHING = "0" * 40
GITHUB_STATES = {"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}
GITLAB_STATES = {"running", "success", "failed", "canceled"}


@dataclass(frozen=True)
class Trick:
    """What happens to the next request of this method whose path ends so, instead of what is right."""

    status: int = 0  # 0: the connection is cut
    body: str = "{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    acts: bool = False  # it does what was asked for, first
    seconds: float = 0.0
    method: str = ""
    ending: str = ""


@dataclass
class FakeForge:
    """`asked` has every request, `statuses` each commit status and `deployments` each deployment that was made, in order."""

    port: int = 0
    token: str = TOKEN
    rights: set[str] = field(default_factory=lambda: {"statuses", "deployments", "comments", "hooks", "repositories"})
    project: str = "codertocat/hello-world"
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    deployments: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    hooks: dict[int, dict[str, Any]] = field(default_factory=dict)
    repositories: list[dict[str, Any]] = field(default_factory=list)
    redelivered: list[str] = field(default_factory=list)
    told: list[tuple[int, str]] = field(default_factory=list)
    tricks: deque[Trick] = field(default_factory=deque)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(101))
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def will(self, *tricks: Trick) -> None:
        self.tricks.extend(tricks)

    def said_of(self, context: str) -> list[str]:
        """The states of this commit status, in order."""
        return [one["state"] for one in self.statuses if one["context"] == context]

    def answer(self, method: str, path: str, query: Mapping[str, list[str]], headers: Any, content: Any) -> tuple[int, Any]:
        given = headers.get("PRIVATE-TOKEN") or headers.get("Authorization", "").rpartition(" ")[2]
        if given != self.token:
            return 401, {"message": "Bad credentials"}
        if path in {"/user/repos", "/api/v1/user/repos", "/api/v4/projects"}:
            return self._listed(path, query)
        for start in (f"/repos/{self.project}", f"/api/v1/repos/{self.project}"):
            if re.match(rf"{re.escape(start)}(/|$)", path, re.IGNORECASE):
                return self._github(method, path[len(start) :], query, content)
        if found := re.fullmatch(r"/api/v4/projects/([^/]+)(/.*)?", path):
            is_known = unquote(found[1]).lower() == self.project
            return (
                self._gitlab(method, found[2] or "", query, content)
                if is_known
                else (404, {"message": "404 Project Not Found"})
            )
        return 404, {"message": "Not Found"}

    def _listed(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, Any]:
        """What the token may read. GitLab searches by itself."""
        if "repositories" not in self.rights:
            return 403, {"message": "Resource not accessible by personal access token"}
        found = self.repositories
        if path.endswith("/projects"):
            word = query.get("search", [""])[0].lower()
            assert query["membership"] == ["true"]
            found = [one for one in found if word in one.get("path_with_namespace", "").lower()]
        size = int((query.get("per_page") or query["limit"])[0])
        page = int(query["page"][0])
        return 200, found[(page - 1) * size : page * size]

    def _github(self, method: str, rest: str, query: Mapping[str, list[str]], content: Any) -> tuple[int, Any]:
        forbidden = {"message": "Resource not accessible by personal access token"}
        if rest == "":
            return 200, {"full_name": self.project, "permissions": {"push": "statuses" in self.rights, "pull": True}}
        if found := re.fullmatch(r"/statuses/(\w+)", rest):
            if "statuses" not in self.rights:
                return 403, forbidden
            if found[1] == NOTHING:
                return 422, {"message": f"No commit found for SHA: {NOTHING}"}
            self.statuses.append({**content, "sha": found[1]})
            return 201, {"id": next(self.numbers), **content}
        if found := re.fullmatch(r"/commits/(\w+)/status", rest):
            newest = {one["context"]: one for one in self.statuses if one["sha"] == found[1]}
            return 200, {"state": "pending", "statuses": list(newest.values())}
        if found := re.fullmatch(r"/issues/(?:(\d+)/)?comments(?:/(\d+))?", rest):
            return (
                self._comments(method, found[1], found[2], query, content) if "comments" in self.rights else (403, forbidden)
            )
        if rest.startswith("/hooks"):
            return self._hooks(method, rest.removeprefix("/hooks"), query, content)
        if "deployments" not in self.rights:
            return 403, forbidden
        if rest == "/deployments" and method == "GET":
            return 200, [
                one for one in reversed(self.deployments.values())
                if one["sha"] == query["sha"][0] and one["environment"] == query["environment"][0]
            ]  # fmt: skip
        if rest == "/deployments":
            if content["ref"] == NOTHING:
                return 422, {"message": f"No ref found for: {NOTHING}"}
            number = next(self.numbers)
            self.deployments[number] = {**content, "id": number, "sha": content["ref"], "statuses": []}
            return 201, self.deployments[number]
        if found := re.fullmatch(r"/deployments/(\d+)/statuses", rest):
            statuses = self.deployments[int(found[1])]["statuses"]
            if method == "GET":
                return 200, list(reversed(statuses))
            if content["state"] not in GITHUB_STATES or len(content["description"]) > 140:
                return 422, {"message": "Validation Failed"}
            statuses.append(content)
            self.told.append((int(found[1]), content["state"]))
            return 201, {"id": next(self.numbers), **content}
        return 404, {"message": "Not Found"}

    def _comments(
        self, method: str, request: str | None, number: str | None, query: Mapping[str, list[str]], content: Any
    ) -> tuple[int, Any]:
        """Comments on requests; pages as forges have them."""
        if method == "POST":
            made = {"id": next(self.numbers), "request": int(request or 0), "body": content["body"]}
            self.comments[made["id"]] = made
            return 201, made
        if method == "GET":
            size, page = int(query["per_page"][0]), int(query["page"][0])
            found = [one for one in self.comments.values() if one["request"] == int(request or 0)]
            return 200, found[(page - 1) * size : page * size]
        if int(number or 0) not in self.comments:
            return 404, {"message": "Not Found"}
        self.comments[int(number or 0)]["body"] = content["body"]
        return 200, self.comments[int(number or 0)]

    def _hooks(self, method: str, rest: str, query: Mapping[str, list[str]], content: Any) -> tuple[int, Any]:
        """Webhooks. Whoever may not see them is told that there is nothing, as GitHub does."""
        if "hooks" not in self.rights:
            return 404, {"message": "Not Found"}
        if rest == "" and method == "POST":
            made = {**content, "id": next(self.numbers)}
            self.hooks[made["id"]] = made
            return 201, made
        if rest == "":
            size, page = int(query["per_page"][0]), int(query["page"][0])
            return 200, list(self.hooks.values())[(page - 1) * size : page * size]
        number, _, more = rest[1:].partition("/")
        if int(number) not in self.hooks:
            return 404, {"message": "Not Found"}
        if found := re.fullmatch(r"(?:deliveries|events)/(\d+)/(?:attempts|resend)", more):
            self.redelivered.append(found[1])
            return 202, {}
        if more == "deliveries":
            one = {"id": 9, "event": "push", "delivered_at": "2026-12-01T10:00:00Z", "status_code": 502}
            return 200, [one, {**one, "id": 8, "status_code": 202}]
        if more == "events":
            one = {
                "id": 9,
                "trigger": "push_hooks",
                "created_at": "2026-12-01T10:00:00Z",
                "response_status": "internal error",
            }
            return 200, [one, {**one, "id": 8, "response_status": "202"}]
        if method == "DELETE":
            return 204, self.hooks.pop(int(number)) and None
        if method == "PATCH":
            self.hooks[int(number)] |= content
        return 200, self.hooks[int(number)]

    def _gitlab(self, method: str, rest: str, query: Mapping[str, list[str]], content: Any) -> tuple[int, Any]:
        if rest == "":
            return 200, {"path_with_namespace": self.project}
        if found := re.fullmatch(r"/statuses/(\w+)", rest):
            if "statuses" not in self.rights:
                return 403, {"message": "403 Forbidden"}
            if found[1] == NOTHING:
                return 404, {"message": "404 Commit Not Found"}
            newest = {one["context"]: one for one in self.statuses if one["sha"] == found[1]}.get(content["name"])
            if newest and newest["state"] == content["state"] and content["state"] in ("pending", "running"):
                return 400, {"message": f"Cannot transition status via :run from :{content['state']} (Reason(s): …)"}
            self.statuses.append({**content, "sha": found[1], "context": content["name"]})
            return 201, {"id": next(self.numbers), **content}
        if found := re.fullmatch(r"/repository/commits/(\w+)/statuses", rest):
            there = [one for one in self.statuses if one["sha"] == found[1] and one["name"] == query["name"][0]]
            return 200, [{**one, "status": one["state"]} for one in there]
        if found := re.fullmatch(r"/merge_requests/(\d+)/notes(?:/(\d+))?", rest):
            method = "PATCH" if method == "PUT" else method
            return self._comments(method, found[1], found[2], query, content)
        if rest.startswith("/hooks"):
            return self._hooks("PATCH" if method == "PUT" else method, rest.removeprefix("/hooks"), query, content)
        if "deployments" not in self.rights:
            return 403, {
                "error": "insufficient_scope",
                "error_description": "The request requires higher privileges",
                "scope": "api",
            }
        if rest == "/deployments" and method == "GET":
            return 200, [
                one
                for one in reversed(self.deployments.values())
                if one["environment"] == query.get("environment", [one["environment"]])[0]
            ]
        if rest == "/deployments":
            if content["status"] not in GITLAB_STATES:
                return 400, {"error": "status does not have a valid value"}
            number = next(self.numbers)
            self.deployments[number] = {**content, "id": number, "deployable": None}
            self.told.append((number, content["status"]))
            return 201, self.deployments[number]
        if found := re.fullmatch(r"/deployments/(\d+)", rest):
            one = self.deployments[int(found[1])]
            if method == "PUT":
                if content["status"] not in GITLAB_STATES or one["status"] != "running" or content["status"] == "running":
                    return 400, {"message": {"status": ["cannot transition"]}}
                one["status"] = content["status"]
                self.told.append((int(found[1]), content["status"]))
            return 200, one
        return 404, {"message": "404 Not Found"}


@contextmanager
def fake_forge() -> Iterator[FakeForge]:
    """A forge that serves until the block ends."""
    ours, is_over = FakeForge(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts, content = urlsplit(self.path), json.loads(body) if body else None
            with ours.lock:
                ours.asked.append((self.command, parts.path))
                ours.sent.append(content or {})
                trick = next((one for one in ours.tricks if _is_meant(one, self.command, parts.path)), None)
                if trick:
                    ours.tricks.remove(trick)
                if trick is None or trick.acts:
                    status, found = ours.answer(self.command, parts.path, parse_qs(parts.query), self.headers, content)
            if trick is None:
                self._answer(status, json.dumps(found), {})
                return
            if trick.seconds:
                is_over.wait(trick.seconds)
            if trick.status:
                self._answer(trick.status, trick.body, trick.headers)
            else:
                self.close_connection = True
                self.connection.close()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

        def _answer(self, status: int, said: str, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said.encode())))
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a connection that was cut on purpose

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    ours.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield ours
    finally:
        is_over.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def _is_meant(trick: Trick, method: str, path: str) -> bool:
    return (not trick.method or trick.method == method) and path.endswith(trick.ending)


def soon() -> float:
    """A Unix time a minute from now, as GitHub says when a limit ends."""
    return int(time.time()) + 60
