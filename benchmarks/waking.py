"""How long the first requests to a sleeping application wait, and whether any of them is lost.

    .venv/bin/python -m benchmarks.waking [CLIENTS]

It starts a Fairway of its own with a small application, measures how long its deployments need to start it, puts it to sleep
and sends so many first requests at once (1,000 by default), every second one a POST.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.services.installation import installed, wait_for
from tests.workflows import tinyapp

ROUNDS = 3
POSTS = """    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

"""


async def first_requests(port: int, host: str, clients: int) -> tuple[Counter[str], list[float]]:
    """Send them all, each on a connection of its own; the answers by status, and how long each took."""
    began, answers, took = time.perf_counter(), Counter[str](), []
    at_once = asyncio.Semaphore(clients)

    async def one(number: int) -> None:
        method, body = ("POST", b"x" * 1000) if number % 2 else ("GET", b"")
        head = f"{method} /?n={number} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        async with at_once:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(head.encode() + body)
                answer = await reader.read()
                writer.close()
                answers[answer.split(b" ", 2)[1].decode() if answer else "nothing"] += 1
            except OSError as error:
                answers[type(error).__name__] += 1
        took.append(time.perf_counter() - began)

    await asyncio.gather(*(one(number) for number in range(clients)))
    return answers, sorted(took)


def main(clients: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * clients)), hard))
    with TemporaryDirectory() as folder, installed(Path(folder) / "fairway") as fairway:
        source = tinyapp.make(Path(folder) / "source", "1")
        program = (source / "main.py").read_text().replace("    def log_message", POSTS + "    def log_message")
        (source / "main.py").write_text(program.replace("request_queue_size = 128", "request_queue_size = 2048"))
        fairway.create("nap", fairway.upload(source), spec=tinyapp.SPEC)
        number = fairway.deploy("nap")
        fairway.live(number)
        steps = {step["name"]: step["seconds"] for step in fairway.deployment(number)["steps"]}
        print(f"start and check of a deployment: {steps['start'] + steps['check']:.2f} s")
        here = "/applications/nap/environments/staging/placement"
        for _ in range(ROUNDS):
            fairway.call("POST", f"{here}/sleeping", {})
            wait_for(lambda: placement(fairway)["health"] == "sleeping", "it sleeps")
            answers, took = asyncio.run(first_requests(fairway.proxy_port, "nap.staging.localhost", clients))
            wait_for(lambda: placement(fairway)["health"] == "healthy", "it is awake")
            woke = placement(fairway)["sleep"]["wake_seconds"]
            print(
                f"{clients} first requests: {dict(answers)}, first after {took[0]:.2f} s, "
                f"median {took[clients // 2]:.2f} s, last {took[-1]:.2f} s; woken in {woke} s"
            )


def placement(fairway: Any) -> Any:
    return fairway.placement("nap")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
