"""Signed heads go to the data directory, and to another place; one that does not answer stops nothing and is said."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fairway.activity.checking import external_copy_failure, head_file
from fairway.activity.heads import parse_head
from fairway.config.data import DataDirectory
from fairway.worker.heads import HeadSigner
from tests.activity.test_chain import append


@pytest.fixture(autouse=True)
def place(settings, tmp_path):
    settings.DATA = DataDirectory(tmp_path / "data")
    return settings.DATA.folder()


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers what it is told to, and remembers what it got."""

    got: list[str] = []  # noqa: RUF012 -- of the one server of a test
    status = 204

    def do_POST(self) -> None:
        self.got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(self.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def address() -> Iterator[str]:
    Receiver.got, Receiver.status = [], 204
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/heads?token=secret"
        server.shutdown()


def test_each_head_is_in_the_other_folder_as_well(db, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    keeper = HeadSigner(elsewhere=str(tmp_path / "elsewhere"))
    for _ in range(3):
        append()
        keeper.keep()
        keeper.keep()
    (file,) = (tmp_path / "elsewhere").iterdir()
    assert [parse_head(line) for line in file.read_text().splitlines()] == head_file().all()
    assert file.stat().st_mode & 0o077 == 0


def test_each_head_is_posted_and_what_was_missed_is_made_up_for_by_the_newest(db, address, caplog):
    keeper = HeadSigner(elsewhere=address)
    append()
    keeper.keep()
    for status in (500, 500, 302):
        Receiver.status = status
        append()
        assert keeper.keep() is not None, "it is kept here all the same"
    assert [record.message for record in caplog.records] == [
        f"The destination for signed heads (http://127.0.0.1) did not take one: it answered {status}"
        for status in (500, 302)
    ], "said once for each reason, without the token"
    assert head_file().elsewhere()["number"] == 1
    Receiver.status = 204
    keeper.keep()
    heads = [parse_head(line) for line in Receiver.got]
    assert [head.number for head in heads] == [1, 2, 3, 4, 4]
    assert heads[-1] == head_file().last()
    assert (head_file().elsewhere()["number"], head_file().elsewhere()["failure"]) == (4, "")


@pytest.mark.parametrize(
    "wrong", ["http://example.invalid/", "https://127.0.0.1:1/", "/no/such/folder", "relative", "https://[x"]
)
def test_a_place_that_cannot_be_is_said_and_stops_nothing(db, wrong, caplog, settings):
    append()
    assert HeadSigner(elsewhere=wrong).keep() is not None
    assert "did not take one" in caplog.text
    assert head_file().last() is not None
    settings.HEADS_TO = wrong
    assert "did not take one" in external_copy_failure()
    settings.HEADS_TO = ""
    assert external_copy_failure() == ""


def test_the_last_head_is_signed_when_the_worker_is_told_to_stop(db, settings):
    settings.HEAD_SECONDS = 3600
    append()
    stop = threading.Event()
    stop.set()
    HeadSigner(elsewhere="").run(stop)
    assert head_file().last() is not None


def test_a_full_disk_is_said_and_the_next_head_covers_all(db, place, caplog, monkeypatch):
    append()
    keeper = HeadSigner(elsewhere="")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("fairway.activity.head_file.HeadFile.add", full)
        assert keeper.keep() is None
    assert "No space left" in caplog.text
    event = append()
    head = keeper.keep()
    assert head is not None
    assert (head.event, head.count) == (event.pk, 2)
    assert json.loads(head.line())["event"] == event.pk
