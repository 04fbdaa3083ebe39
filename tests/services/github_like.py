"""A server that answers as GitHub's documentation says, and can be told to answer otherwise: teams, pages, lies."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

CLIENT_ID, SECRET = "Ov23liFairway", "0123456789abcdef-of-github"


@dataclass
class GitHub:
    """Its people are as many as there are tokens; here there is one."""

    port: int = 0
    secret: str = SECRET
    user: dict[str, Any] = field(default_factory=lambda: {"id": 583231, "login": "Ada-L", "name": "Ada Lovelace"})
    emails: list[Any] = field(
        default_factory=lambda: [
            {"email": "ada@home.example", "primary": False, "verified": True},
            {"email": "ada@example.com", "primary": True, "verified": True},
        ]
    )
    organisations: list[str] = field(default_factory=lambda: ["Acme", "Others"])
    teams: list[tuple[str, str]] = field(default_factory=lambda: [("Acme", "platform"), ("Others", "ops")])
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)  # by path: instead of the usual answer
    codes: dict[str, dict[str, str]] = field(default_factory=dict)  # by code: what the browser asked for
    requests: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def begin(self, url: str) -> dict[str, str]:
        """Sign in at the address to which a browser is led; returns what it brings back."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert url.startswith(f"{self.address}/login/oauth/authorize?")
        code = token_hex(10)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, str]]:
        """GitHub answers 200 to what is wrong, except for a client ID that it does not know."""
        if form.get("client_id") != CLIENT_ID:
            return 404, {"error": "Not Found"}
        if form.get("client_secret") != self.secret:
            return 200, {"error": "incorrect_client_credentials"}
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None:
            return 200, {"error": "bad_verification_code"}
        if form.get("redirect_uri") != asked["redirect_uri"]:
            return 200, {"error": "redirect_uri_mismatch"}
        made = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if made.decode() != asked["code_challenge"]:
            return 200, {"error": "bad_verification_code"}
        return 200, {"access_token": "gho_of_ada", "token_type": "bearer", "scope": asked["scope"].replace(" ", ",")}

    def about(self, path: str) -> tuple[int, Any]:
        match path:
            case "/api/v3/user":
                return 200, self.user
            case "/api/v3/user/emails":
                return 200, self.emails
            case "/api/v3/user/orgs":
                return 200, [{"login": login, "id": number} for number, login in enumerate(self.organisations)]
            case "/api/v3/user/teams":
                return 200, [{"slug": slug, "organization": {"login": owner}} for owner, slug in self.teams]
        return 404, {"message": "Not Found"}


@contextmanager
def github_like() -> Iterator[GitHub]:
    github = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            github.requests.append(parts.path)
            if self.headers["Authorization"] != "Bearer gho_of_ada":
                self._answer(401, {"message": "Bad credentials"})
                return
            status, found = github.answers.get(parts.path) or github.about(parts.path)
            if isinstance(found, list):
                asked = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
                size, page = asked.get("per_page", 30), asked.get("page", 1)
                found = found[(page - 1) * size : page * size]
            self._answer(status, found)

        def do_POST(self) -> None:
            github.requests.append(self.path)
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self._answer(*(github.answers.get(self.path) or github.token(form)))

        def _answer(self, status: int, found: Any) -> None:
            body = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        github.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serving.start()
        try:
            yield github
        finally:
            server.shutdown()
            serving.join()
