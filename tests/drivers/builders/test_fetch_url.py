"""Downloads from a real server on loopback: checksum, size, redirects, sign-in, private addresses."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fairway.drivers.addresses import Address, public_only
from fairway.drivers.builders.fetch_git import FetchLimits
from fairway.drivers.builders.fetch_url import fetch_url, parse_checksum
from fairway.shared.failures import Cancelled, NeedsPerson, Refused, Retry
from fairway.shared.names import Invalid

from .conftest import Heard

BODY = b"archive" * 50_000
GOOD = hashlib.sha256(BODY).hexdigest()


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, place = {
            "/app": (200, ""),
            "/moved": (302, "/app"),
            "/loop": (302, "/loop"),
            "/inward": (302, f"http://127.0.0.2:{self.server.server_address[1]}/app"),  # type: ignore[attr-defined]
            "/away": (302, "file:///etc/passwd"),
            "/private": (401, ""),
            "/busy": (503, ""),
        }.get(self.path.partition("?")[0], (404, ""))
        body = BODY if status == 200 else b""
        self.send_response(status)
        if place:
            self.send_header("Location", place)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def origin() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/app", "/moved", "/app?token=s3cret"])
@pytest.mark.parametrize("judged", [True, False])
def test_a_file_with_the_right_checksum(origin: str, tmp_path: Path, heard: Heard, path: str, judged: bool) -> None:
    policy = (lambda address: True) if judged else None
    place = fetch_url(f"{origin}{path}", f"sha256:{GOOD}", tmp_path / "a", progress=heard, allow_http=True, policy=policy)
    assert place.read_bytes() == BODY
    assert not any("s3cret" in line for line in heard.lines)


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("/none", Refused, "404"),
        ("/loop", Refused, "redirects more than"),
        ("/away", Refused, "not fetched"),
        ("/private", NeedsPerson, "sign-in"),
        ("/busy", Retry, "503"),
    ],
)
def test_a_bad_answer(origin: str, tmp_path: Path, heard: Heard, path: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        fetch_url(f"{origin}{path}", GOOD, tmp_path / "a", progress=heard, allow_http=True)
    assert not list(tmp_path.iterdir())


def test_a_different_or_large_file_is_refused(origin: str, tmp_path: Path, heard: Heard) -> None:
    with pytest.raises(Refused, match="not the one that was meant"):
        fetch_url(f"{origin}/app", "0" * 64, tmp_path / "a", progress=heard, allow_http=True)
    with pytest.raises(Refused, match="larger"):
        fetch_url(f"{origin}/app", GOOD, tmp_path / "a", progress=heard, allow_http=True, limits=FetchLimits(bytes=1000))
    heard.is_cancelled = True
    with pytest.raises(Cancelled):
        fetch_url(f"{origin}/app", GOOD, tmp_path / "a", progress=heard, allow_http=True)
    assert not list(tmp_path.iterdir())


def test_private_addresses_are_kept_off(origin: str, tmp_path: Path, heard: Heard) -> None:
    with pytest.raises(NeedsPerson, match="leads to this machine itself"):
        fetch_url(f"{origin}/app", GOOD, tmp_path / "a", progress=heard, allow_http=True, policy=public_only)


def test_a_redirect_into_a_private_network_is_not_followed(origin: str, tmp_path: Path, heard: Heard) -> None:
    """Each host on the way is judged, not only the one that was typed."""
    asked: list[str] = []

    def only_the_first(address: Address) -> bool:
        asked.append(str(address))
        return str(address) == "127.0.0.1"

    with pytest.raises(NeedsPerson, match=r"this machine itself \(127.0.0.2\)"):
        fetch_url(f"{origin}/inward", GOOD, tmp_path / "a", progress=heard, allow_http=True, policy=only_the_first)
    assert list(dict.fromkeys(asked)) == ["127.0.0.1", "127.0.0.2"]
    assert asked.count("127.0.0.1") == 2, "judged when it was resolved and again when it was connected to"
    assert not list(tmp_path.iterdir())


def test_a_name_that_leads_into_a_private_network_is_kept_off(
    tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One private number among public ones is enough: the next answer of the name server could be that one."""
    numbers = [(2, 1, 6, "", (number, 443)) for number in ("93.184.216.34", "10.0.0.7")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: numbers)
    with pytest.raises(NeedsPerson, match=r"rebind.example is on a private network \(10.0.0.7\)"):
        fetch_url("https://rebind.example/app", GOOD, tmp_path / "a", progress=heard, policy=public_only)


def test_a_server_that_is_gone_is_tried_again(tmp_path: Path, heard: Heard) -> None:
    with pytest.raises(Retry, match="could not be reached"):
        fetch_url("http://127.0.0.1:9/a", GOOD, tmp_path / "a", progress=heard, allow_http=True)


@pytest.mark.parametrize("url", ["", "app.zip", "http://x/a", "ftp://x/a", "file:///etc/passwd", "https://"])
def test_a_wrong_url_is_refused(url: str, tmp_path: Path, heard: Heard) -> None:
    with pytest.raises(Invalid, match="url"):
        fetch_url(url, GOOD, tmp_path / "a", progress=heard)


def test_checksums() -> None:
    assert parse_checksum(f" SHA256:{GOOD}".replace("SHA", "sha")) == GOOD
    assert parse_checksum(GOOD.upper()) == GOOD
    with pytest.raises(Invalid, match="checksum"):
        parse_checksum("abc")
