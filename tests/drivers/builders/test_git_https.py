"""A real Git server over https that asks who is there: a token opens it, stays out of sight, and goes to no other host."""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fairway.drivers.builders import fetch_git as fetching
from fairway.drivers.builders.fetch_git import fetch_git, resolve_ref
from fairway.drivers.builders.git_access import SignIn, git_environment
from fairway.drivers.builders.git_url import parse_git_url
from fairway.shared.failures import NeedsPerson, Refused

from .conftest import Heard
from .test_fetch_git import Repository, make

TOKEN = "glpat-s3cret-token"


@dataclass
class Server:
    """What was asked of it, and where it sends people: to itself, or elsewhere."""

    port: int
    root: Path
    asked: list[tuple[str, str]] = field(default_factory=list)  # (path, Authorization)
    elsewhere: str = ""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/app/.git"

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    def sign_in(self, **values: str) -> SignIn:
        return SignIn(**{"host": self.host, "username": "bot", "secret": TOKEN, **values})


def handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = self.headers.get("Authorization", "")
            server.asked.append((self.path, said))
            if server.elsewhere:
                self.answer(302, b"Location: " + (server.elsewhere + self.path).encode(), b"")
            elif said != "Basic " + base64.b64encode(f"bot:{TOKEN}".encode()).decode():
                self.answer(401, b'WWW-Authenticate: Basic realm="git"', b"")
            else:
                headers, _, body = self.backend().partition(b"\r\n\r\n")
                self.answer(200, headers, body)

        def answer(self, status: int, headers: bytes, body: bytes) -> None:
            self.wfile.write(b"HTTP/1.0 %d -\r\n%s\r\nContent-Length: %d\r\n\r\n%s" % (status, headers, len(body), body))

        do_POST = do_GET

        def backend(self) -> bytes:
            path, _, query = self.path.partition("?")
            environment = {
                "GIT_PROJECT_ROOT": str(server.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "bot",
                "PATH": os.environ["PATH"],
                "GIT_CONFIG_COUNT": "2",
                **{"GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"},
                **{"GIT_CONFIG_KEY_1": "uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_1": "true"},
            }
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return subprocess.run(
                ("git", "http-backend"), env=environment, input=body, capture_output=True, check=True
            ).stdout

        def log_message(self, *_: Any) -> None: ...

    return Handler


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tls")
    made = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    files = ("-keyout", str(place / "key"), "-out", str(place / "cert"))
    subprocess.run((*made, *names, *files), check=True, capture_output=True)
    return place


@pytest.fixture
def serve(certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("GIT_SSL_CAINFO", str(certificate / "cert"))
    running = []

    def start() -> Server:
        server = Server(0, tmp_path / "served")
        https = ThreadingHTTPServer(("127.0.0.1", 0), handler(server))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate / "cert", certificate / "key")
        https.socket = tls.wrap_socket(https.socket, server_side=True)
        server.port = https.server_address[1]
        threading.Thread(target=https.serve_forever, daemon=True).start()
        running.append(https)
        return server

    yield start
    for https in running:
        https.shutdown()
        https.server_close()


@pytest.fixture
def private(git: str, tmp_path: Path) -> Repository:
    made = Repository(make(tmp_path / "served/app", {}))
    made.git("init", "--quiet")
    made.commit("Private", app__py="print(1)\n")
    return made


def test_a_token_opens_a_repository_and_is_seen_nowhere(
    serve: Any, private: Repository, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, started = serve(), []
    real = fetching.run

    def watched(argv: Any, **options: Any) -> Any:
        started.append(f"{argv} {options['env']}")
        return real(argv, **options)

    monkeypatch.setattr(fetching, "run", watched)
    checkout = fetch_git(server.url, "main", tmp_path / "here", sign_in=server.sign_in(), progress=heard)
    assert checkout.commit == private.git("rev-parse", "HEAD") == resolve_ref(server.url, sign_in=server.sign_in())
    assert (checkout.folder / "app.py").read_text() == "print(1)\n"
    assert TOKEN not in " ".join([*started, *heard.lines])
    assert all(TOKEN not in path for path, _ in server.asked)
    assert not any(TOKEN.encode() in place.read_bytes() for place in (tmp_path / "here").rglob("*") if place.is_file())


@pytest.mark.parametrize("wrong", [{"secret": "wrong-token"}, {"username": "somebody"}])
def test_a_wrong_token_needs_a_person(
    serve: Any, private: Repository, tmp_path: Path, heard: Heard, wrong: dict[str, str]
) -> None:
    server = serve()
    with pytest.raises(NeedsPerson, match="does not let Fairway in") as caught:
        fetch_git(server.url, "main", tmp_path / "here", sign_in=server.sign_in(**wrong), progress=heard)
    assert TOKEN not in str(caught.value) + caught.value.detail
    with pytest.raises(NeedsPerson, match="does not let Fairway in"):
        fetch_git(server.url, "main", tmp_path / "here", progress=heard)


def test_a_token_goes_to_no_other_host(serve: Any, private: Repository, tmp_path: Path, heard: Heard) -> None:
    """Neither to another server with the repository's name, nor where the right one sends us."""
    ours, theirs = serve(), serve()
    with pytest.raises(NeedsPerson, match="choose one for that host"):
        fetch_git(theirs.url, "main", tmp_path / "here", sign_in=ours.sign_in(), progress=heard)
    ours.elsewhere = f"https://{theirs.host}"
    with pytest.raises(Refused, match="redirects somewhere else"):
        fetch_git(ours.url, "main", tmp_path / "here", sign_in=ours.sign_in(), progress=heard)
    assert theirs.asked == []


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("Username for 'https://git.example': ", "bot"),
        ("Password for 'https://bot@git.example': ", TOKEN),
        ("Password for 'https://bot@GIT.example:443': ", TOKEN),
        ("Password for 'https://bot@git.example:8443': ", ""),
        ("Password for 'https://bot@evil.example': ", ""),
        ("Password for 'http://bot@git.example': ", ""),
        ("Password for 'https://git.example@evil.example': ", ""),
        ("Password for 'https://evil.example/git.example': ", ""),
        ("Passphrase for key: ", ""),
    ],
)
def test_what_git_asks_is_answered_for_one_host_only(tmp_path: Path, asked: str, answer: str) -> None:
    url = parse_git_url("https://git.example/app.git")
    sign_in = SignIn("git.example", "bot", TOKEN)
    environment = git_environment(tmp_path, url, deploy_key=None, known_hosts=None, pinned=None, sign_in=sign_in)
    said = subprocess.run((environment["GIT_ASKPASS"], asked), capture_output=True, text=True, check=False)
    assert said.stdout == answer
    assert (said.returncode == 0) == bool(answer)
