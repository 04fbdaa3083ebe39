"""A whole Fairway sees an application answer with errors: it writes a mail, says so at every door, and says when it is over.

Nothing is sped up, so the test mostly waits: for a minute of samples, and for a minute without errors.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.installation import Installation, installed
from tests.services.mail import MailServer, mail_server
from tests.services.waiting import eventually

SERVER = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path in ("/break", "/mend"):
            Answers.is_broken = self.path == "/break"
        self.send_response(500 if Answers.is_broken and self.path == "/" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

    is_broken = False


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answers).serve_forever()
"""
HOST = "kettle.staging.localhost"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("alerted") / "data", FAIRWAY_NOTIFY_ADDRESSES="any") as one:
        yield one


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server(None, signs_in=False, required=False) as server:
        yield server


def command(one: Installation, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"FAIRWAY_URL": f"http://localhost:{one.port}", "FAIRWAY_TOKEN": one.sign_in["token"]}
    return subprocess.run(
        [sys.executable, "-m", "fairway.cli.main", *words], env=environment, capture_output=True, text=True, check=False
    )


def visited(one: Installation) -> None:
    for _ in range(30):
        one.visit(HOST)


def test_many_errors_are_told_by_mail_and_everywhere_until_they_are_over(
    running: Installation, mails: MailServer, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text(SERVER)
    (tmp_path / "Procfile").write_text("web: python main.py\n")
    running.create("kettle", running.upload(tmp_path))
    running.live(running.deploy("kettle"))
    wanted = {"host": mails.host, "port": mails.port, "security": "none", "sender": "fairway@example.com"}
    running.call("PUT", "/mail", wanted)
    routes = [{"topics": ["alerts"]}]
    channel = {"name": "on-call", "kind": "mail", "addresses": ["ops@example.com"], "routes": routes}
    running.call("POST", "/channels", channel)
    running.call("PUT", "/environments/staging/alerts", {"rules": {"errors": {"threshold": 10, "minutes": 1}}})
    assert command(running, "alerts").returncode == 0

    running.visit(HOST, "/break")

    def alert() -> Any:
        visited(running)
        return running.call("GET", "/alerts?kind=errors")["items"]

    (found,) = eventually(alert, "the alert began")
    assert (found["severity"], found["application"], found["environment"]) == ("critical", "kettle", "staging")
    listed = command(running, "alerts", "--env", "staging")
    assert listed.returncode == 1
    assert "errors" in listed.stdout
    told = eventually(lambda: mails.mails, "a mail came")
    assert told[0]["Subject"] == "Many errors: kettle · Staging"
    assert "were answered with a server error." in told[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    numbers = running.api("GET", "/metrics").text
    assert 'fairway_alert_firing{application="kettle",environment="staging",kind="errors"' in numbers
    running.call("POST", f"/alerts/{found['id']}/acknowledgement")

    running.visit(HOST, "/mend")
    running.kill_worker()  # whoever follows finds the alert where it was left
    eventually(lambda: not alert(), "the alert ended")
    eventually(lambda: len(mails.mails) == 2, "its end was told")
    assert mails.mails[1]["Subject"] == "Many errors (over): kettle · Staging"
    over = running.call("GET", f"/alerts/{found['id']}")
    assert over["ended_at"]
    assert over["acknowledged_by"]
    began = [one["verb"] for one in running.call("GET", "/events?verb=alert&limit=200")["items"] if one["subject_id"]
             == str(found["id"])]  # fmt: skip
    assert sorted(began) == ["alert.acknowledged", "alert.ended", "alert.started"]
