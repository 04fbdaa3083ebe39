"""An emulator of GitHub (``emulate`` from npm), started once per run."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.services.node import node_program
from tests.services.ports import free_port
from tests.services.sharing import Facts, shared

PACKAGE = "emulate@0.12.2"  # `latest` is another package
REDIRECT_URI = "http://localhost:9/accounts/sign-in/github/callback"


@dataclass(frozen=True)
class Emulated:
    """The emulator, and the OAuth app that it knows."""

    address: str
    client_id: str = "fairway"
    secret: str = "secret-of-github"
    redirect_uri: str = REDIRECT_URI


def emulated() -> Emulated:
    return Emulated(shared("github")["address"])


@contextmanager
def github_for_all() -> Iterator[Facts]:
    port, inner = free_port(), free_port()
    address = f"http://127.0.0.1:{port}"
    program = Path(__file__).with_suffix(".mjs")
    words = [str(port), str(inner), REDIRECT_URI]
    with node_program(PACKAGE, program, words, least=24, ready=lambda: _answers(address)):
        yield {"address": address}


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/api/v3/zen"):
            return True
    except urllib.error.HTTPError as answer:
        return answer.code != 502
    except OSError:
        return False
