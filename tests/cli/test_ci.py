"""fairway ci and login --ci: a job signs in with what GitHub signed for it, and deploys."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.drivers.identity.test_ci_jobs import GITHUB, token
from tests.services.lying_provider import Liar, lying_provider


@pytest.fixture
def github() -> Iterator[Liar]:
    with lying_provider() as one:
        yield one


@contextmanager
def actions(github: Liar, asked: list[str]) -> Iterator[dict[str, str]]:
    """What GitHub Actions gives a job with ``id-token: write``: an address at which it may ask for its token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            audience = parse_qs(urlsplit(self.path).query)["audience"][0]
            asked.append(audience)
            allowed = self.headers["Authorization"] == "Bearer of-the-runner"
            said = {"value": token(github, GITHUB, aud=audience, jti=f"jti-{len(asked)}")}
            body = json.dumps(said if allowed else {}).encode()
            self.send_response(200 if allowed else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serving.start()
        try:
            yield {
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.server_address[1]}/token?api-version=2.0",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-runner",
            }
        finally:
            server.shutdown()
            serving.join()


def test_a_job_signs_in_and_deploys(fairway, site, github):
    fairway.json("deploy", "ci-shop", "--path", str(site), "--env", "development")
    trust = ("ci", "trust", "ci-shop", "--env", "development", "--github", "74", "--branch", "main")
    said = fairway.json(*trust, "--issuer", github.issuer)
    assert (said["repository_id"], said["pattern"]) == ("74", "main")
    asked: list[str] = []
    with actions(github, asked) as runner:
        by_github = fairway("login", said["audience"], "--ci", "--json", FAIRWAY_TOKEN="", **runner)
        refused = fairway("login", "--ci", FAIRWAY_TOKEN="", **{**runner, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "another"})
    assert json.loads(by_github.out)["application"] == "ci-shop", by_github.err
    assert asked[0] == said["audience"]
    assert "GitHub gave the job no token" in refused.err

    given = {"FAIRWAY_ID_TOKEN": token(github, GITHUB, aud=said["audience"], jti="of-this-job"), "FAIRWAY_TOKEN": ""}
    signed_in = fairway("login", "--ci", **given)
    assert (signed_in.code, "may deploy ci-shop to development" in signed_in.out) == (0, True), signed_in.err
    me = json.loads(fairway("whoami", "--json", FAIRWAY_TOKEN="").out)
    assert {(one["application"], one["environment"]) for one in me["grants"]} == {("ci-shop", "development")}
    again = fairway("login", "--ci", **given)
    assert again.code != 0
    assert "was exchanged before" in again.err
    refused = fairway("deploy", "ci-shop", "--path", str(site), "--env", "staging", FAIRWAY_TOKEN="")
    assert refused.code != 0
    deployed = fairway("deploy", "ci-shop", "--path", str(site), "--env", "development", FAIRWAY_TOKEN="")
    assert deployed.code == 0, deployed.err
    listed = fairway("ci", "list", "ci-shop")
    assert "github octo-org/octo-repo" in listed.out
    assert fairway("ci", "end", str(said["id"])).code == 0
    assert "No CI jobs are trusted" in fairway("ci", "list", "ci-shop").out


def test_outside_of_a_job(fairway):
    said = fairway("login", "--ci", FAIRWAY_TOKEN="")
    assert said.code != 0
    assert "permissions: id-token: write" in said.err
    assert fairway("ci", "trust", "ci-shop", "--env", "development", "--branch", "main").code != 0
