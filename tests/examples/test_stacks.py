"""A compose file with a database: it is started with the application, found by its name, and stays while versions change."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples.engine import containers_of
from tests.examples.six import host_of, place
from tests.services.docker import PASSWORD, USER, Engine, Registry, build
from tests.services.installation import Installation, wait_for

pytestmark = pytest.mark.docker

# Keeps what it is told in a file on its volume, which only one process may have open; refuses a wrong password.
LEDGER = """
import fcntl, os, socketserver, sys, time

time.sleep(float(os.environ.get("SLOW", "0")))
book = open("/book/entries", "a+")
try:
    fcntl.flock(book, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    sys.exit("another ledger has the book open")


class Desk(socketserver.StreamRequestHandler):
    def handle(self):
        password, _, entry = self.rfile.readline().decode().strip().partition(" ")
        if password != open("/run/secrets/of_the_ledger").read():
            return
        if entry:
            book.write(entry + "\\n")
            book.flush()
            os.fsync(book.fileno())
        book.seek(0)
        self.wfile.write(book.read().encode() + b".\\n")


print(open("/rules/first.txt").read(), flush=True)
server = socketserver.ThreadingTCPServer(("0.0.0.0", 7000), Desk)
server.daemon_threads = True
server.serve_forever()
"""
READY = "import socket; socket.create_connection(('127.0.0.1', 7000), 2)"
WEB = """
import os, socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def ask(entry=""):
    with socket.create_connection(("ledger_db", 7000), 10) as line:
        line.sendall(f"{os.environ['PASSWORD']} {entry}\\n".encode())
        return line.makefile().read().splitlines()[:-1]

entries = ask()  # it would end here if the ledger were not ready

class Site(BaseHTTPRequestHandler):
    def do_GET(self):
        found = ask(self.path[1:] if self.path.startswith("/entry") else "")
        body = ("%s %s" % (VERSION, " ".join(found))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *given): pass

ThreadingHTTPServer(("0.0.0.0", 8080), Site).serve_forever()
"""


@pytest.fixture(scope="module")
def ledger(docker_engine: Engine, docker_base: str, docker_registry: Registry) -> str:
    """An image in a private registry, and no longer on the Engine; its reference."""
    with docker_engine.client() as client:
        lines = [f"FROM {docker_base}", "COPY ledger.py /", "ENV SLOW=0.5", 'CMD ["python3", "/ledger.py"]']
        made = build(client, "fairway-tests/ledger:1", {"Dockerfile": "\n".join(lines), "ledger.py": LEDGER})
        docker_registry.push(client, made, "team/ledger", "1")
        client.remove_image("fairway-tests/ledger:1")
    return f"{docker_registry.host}/team/ledger:1"


@pytest.fixture(scope="module")
def place_of_stacks(fairway: Installation, containers: str, docker_registry: Registry) -> str:
    given = {"kind": "registry", "host": docker_registry.host, "username": USER, "secret": PASSWORD}
    fairway.call("PUT", "/credentials/of-the-ledger", given)
    return containers


def stack(folder: Path, base: str, ledger: str, version: str, **environment: str) -> Path:
    """The source: an application that is built, and a ledger beside it."""
    folder.mkdir(exist_ok=True)
    compose = {
        "services": {
            "web": {
                "build": ".",
                "ports": ["80:8080"],
                "environment": {"PASSWORD": "${PASSWORD}"},
                "depends_on": {"ledger_db": {"condition": "service_healthy"}},
            },
            "ledger_db": {
                "image": ledger,
                "environment": environment,
                "secrets": ["of_the_ledger"],
                "volumes": ["book:/book", "./rules:/rules:ro"],
                "healthcheck": {"test": ["CMD", "python3", "-c", READY], "interval": "1s", "retries": 20},
            },
        },
        "volumes": {"book": None},
        "secrets": {"of_the_ledger": {"environment": "PASSWORD"}},
    }
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "first.txt").write_text("Nobody writes $twice")
    (folder / "compose.yaml").write_text(json.dumps(compose))
    (folder / "Dockerfile").write_text(f'FROM {base}\nCOPY web.py /\nCMD ["python3", "/web.py"]\n')
    (folder / "web.py").write_text(WEB.replace("VERSION", repr(version)))
    return folder


class Stack:
    """An application with a ledger, in an environment of containers."""

    def __init__(self, fairway: Installation, engine: Engine, slug: str, environment: str) -> None:
        self.fairway, self.engine, self.slug, self.environment = fairway, engine, slug, environment
        self.host = host_of(slug, environment)

    def deploy(self, folder: Path) -> Any:
        return self.fairway.live(self.fairway.deploy(self.slug, self.environment, source=self.fairway.upload(folder)))

    def configure(self, secrets: dict[str, str]) -> None:
        where = f"/applications/{self.slug}/environments/{self.environment}/configuration"
        self.fairway.call("PUT", where, {"variables": {}, "secrets": secrets})

    def says(self, path: str = "/") -> list[str]:
        answer = self.fairway.visit(self.host, path)
        assert answer.status == 200, (answer.status, answer.text[:300])
        return answer.text.split()

    def containers(self, service: str) -> list[dict[str, Any]]:
        found = containers_of(self.engine, f"{self.slug}.{self.environment}")
        return [one for one in found if one["Config"]["Labels"].get("fairway.service", "web") == service]

    def ledger_id(self) -> str:
        (found,) = self.containers("ledger-db")
        return str(found["Id"])


def volumes_of(engine: Engine, placement: str) -> list[str]:
    with engine.client() as client:
        return [one["Name"] for one in client.volumes()["Volumes"] or [] if placement in one["Name"]]


@pytest.fixture
def stacked(
    fairway: Installation, docker_engine: Engine, place_of_stacks: str, docker_base: str, ledger: str, tmp_path: Path
) -> Iterator[Stack]:
    """The first version is live."""
    one = Stack(fairway, docker_engine, "booked", place_of_stacks)
    source = fairway.upload(stack(tmp_path / "first", docker_base, ledger, "one"))
    if fairway.api("GET", f"/applications/{one.slug}").status == 404:
        place(fairway, one.slug, source, one.environment)
    one.configure({"PASSWORD": "correct-horse"})
    fairway.live(fairway.deploy(one.slug, one.environment, source=source))
    yield one
    where, name = f"/applications/{one.slug}/environments/{one.environment}/placement", f"{one.slug}.{one.environment}"
    fairway.call("DELETE", f"{where}?volumes_confirmed={name}")
    wait_for(lambda: not containers_of(docker_engine, name), "it is removed")
    wait_for(lambda: not volumes_of(docker_engine, name), "its volumes are removed")


def test_the_ledger_stays_while_versions_come_and_go(stacked: Stack, docker_base: str, ledger: str, tmp_path: Path) -> None:
    assert stacked.says("/entry-1") == ["one", "entry-1"]
    first = stacked.ledger_id()
    placement = stacked.fairway.placement(stacked.slug, stacked.environment)
    assert placement["health"] == "healthy"
    assert {one["service"] for one in placement["instances"]} == {"web", "ledger-db"}
    where = f"/applications/{stacked.slug}/environments/{stacked.environment}/placement/output"
    said = [line["text"] for line in stacked.fairway.call("GET", where) if "-ledger-db-" in line["instance"]]
    assert said == ["Nobody writes $twice"], "a file of the source"

    stacked.deploy(stack(tmp_path / "second", docker_base, ledger, "two"))
    assert (stacked.says("/entry-2"), stacked.ledger_id()) == (["two", "entry-1", "entry-2"], first)

    third = stacked.deploy(stack(tmp_path / "third", docker_base, ledger, "three", SLOW="1"))
    assert stacked.says() == ["three", "entry-1", "entry-2"], "what it stores is there"
    second = stacked.ledger_id()
    assert second != first
    log = stacked.fairway.log_of(third["id"])
    assert "The service ledger-db stops, because what it runs changes." in log

    back = stacked.fairway.call("POST", "/rollbacks", {"application": stacked.slug, "environment": stacked.environment})
    stacked.fairway.live(back["id"])
    assert stacked.says() == ["two", "entry-1", "entry-2"]


def test_no_entry_is_lost_while_versions_are_exchanged(
    stacked: Stack, docker_base: str, ledger: str, tmp_path: Path
) -> None:
    """Somebody writes all the time; every answered entry is there at the end, and every request was answered."""
    written, wrong, over = [], [], threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            number += 1
            answer = stacked.fairway.visit(stacked.host, f"/entry-{number}")
            (written if answer.status == 200 else wrong).append(f"entry-{number}")

    before, writer = stacked.ledger_id(), threading.Thread(target=write)
    writer.start()
    try:
        for number in range(4):
            had = len(written)
            stacked.deploy(stack(tmp_path / f"next-{number}", docker_base, ledger, f"v{number}"))
            assert len(written) > had, "nobody wrote meanwhile"
    finally:
        over.set()
        writer.join()
    assert wrong == []
    assert stacked.ledger_id() == before
    assert stacked.says()[1:] == written


def test_a_version_whose_ledger_does_not_start_is_taken_back(
    stacked: Stack, docker_base: str, ledger: str, tmp_path: Path
) -> None:
    assert stacked.says("/entry-1") == ["one", "entry-1"]
    broken = stack(tmp_path / "broken", docker_base, ledger, "two", SLOW="no number")
    number = stacked.fairway.deploy(stacked.slug, stacked.environment, source=stacked.fairway.upload(broken))
    ended = stacked.fairway.ended(number)
    assert ended["status"] == "failed"
    assert "ledger-db" in ended["sentence"]
    assert stacked.says() == ["one", "entry-1"]
    assert len(stacked.containers("ledger-db")) == 1


def test_a_ledger_that_somebody_removed_comes_back(stacked: Stack) -> None:
    assert stacked.says("/entry-1") == ["one", "entry-1"]
    before = stacked.ledger_id()
    with stacked.engine.client() as client:
        client.remove_container(before, force=True)
    wait_for(lambda: [one["Id"] for one in stacked.containers("ledger-db")] not in ([], [before]), "another one is there")
    wait_for(lambda: stacked.fairway.visit(stacked.host).status == 200, "it answers again")
    assert stacked.says() == ["one", "entry-1"]
