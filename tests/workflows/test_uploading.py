"""Large uploads to a real server: refused while they arrive, and never in memory."""

from __future__ import annotations

import contextlib
import http.client
import json
from pathlib import Path

from tests.services.installation import Answer, Installation
from tests.services.waiting import PATIENCE
from tests.workflows.conftest import UPLOAD_MB as LIMIT

PIECE = bytes(2**16)
MOST_MEMORY = 24 * 2**20  # bytes the web process may grow by: less than one upload


def send(fairway: Installation, pieces: int, *, length: int | None = None) -> tuple[Answer, int]:
    """An upload of so many pieces, with a Content-Length or in chunks; its answer, and how many pieces were taken."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", fairway.port, timeout=PATIENCE)) as connection:
        connection.putrequest("POST", "/api/v1/uploads", skip_host=True)
        headers = {"Host": "localhost", "Authorization": f"Bearer {fairway.sign_in['token']}"}
        headers |= {"Content-Type": "application/octet-stream"}
        headers |= {"Content-Length": str(length)} if length is not None else {"Transfer-Encoding": "chunked"}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        taken = 0
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(pieces):
                connection.send(PIECE if length is not None else b"%x\r\n%s\r\n" % (len(PIECE), PIECE))
                taken += 1
            if length is None:
                connection.send(b"0\r\n\r\n")
        with connection.getresponse() as response:
            return Answer(response.status, response.read(), {}), taken


def resident(fairway: Installation) -> int:
    """Bytes of memory that the web process has."""
    line = next(one for one in Path(f"/proc/{fairway.pid_of('web')}/status").read_text().splitlines() if "VmRSS" in one)
    return int(line.split()[1]) * 1024


def kept(fairway: Installation) -> list[Path]:
    return list((fairway.data / "uploads").glob("*"))


def test_a_declared_size_is_refused_before_a_byte_is_sent(fairway: Installation) -> None:
    before = kept(fairway)
    refused, taken = send(fairway, 0, length=2**30)
    assert (refused.status, json.loads(refused.body)["type"]) == (413, "urn:fairway:problem:too_large")
    assert f"larger than {LIMIT} MB" in refused.text
    assert "FAIRWAY_UPLOAD_MB" in refused.text
    assert (taken, kept(fairway)) == (0, before)


def test_a_gigabyte_in_chunks_is_cut_when_it_passes_the_limit(fairway: Installation) -> None:
    before, memory = kept(fairway), resident(fairway)
    try:
        refused, taken = send(fairway, 2**30 // len(PIECE))
        assert refused.status == 413
    except (ConnectionResetError, http.client.RemoteDisconnected):
        taken = 0  # the connection was cut while we still sent: the answer went with it
    assert taken < 2**30 // len(PIECE)
    assert kept(fairway) == before
    assert resident(fairway) - memory < MOST_MEMORY


def test_what_is_small_enough_is_stored_and_not_held_in_memory(fairway: Installation) -> None:
    memory = resident(fairway)
    pieces = (LIMIT - 1) * 2**20 // len(PIECE)
    stored, _ = send(fairway, pieces)
    assert (stored.status, stored.json["size_bytes"]) == (201, pieces * len(PIECE))
    assert resident(fairway) - memory < MOST_MEMORY
