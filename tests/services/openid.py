"""A certified OpenID provider (``oidc-provider`` from npm), started once per run; each test registers a client."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.services.node import node_program
from tests.services.ports import free_port
from tests.services.sharing import Facts, shared

PACKAGE = "oidc-provider@9.13.3"
LEAST_NODE = 20  # Debian 12 has 18


@dataclass(frozen=True)
class Registered:
    """A client that the provider knows."""

    issuer: str
    client_id: str
    secret: str


def registered(redirect_uri: str, *, method: str = "client_secret_basic") -> Registered:
    """Register a client with this redirect URI, and the one way in which it may send its secret."""
    issuer = shared("openid")["issuer"]
    wanted = {"redirect_uris": [redirect_uri], "token_endpoint_auth_method": method}
    asked = urllib.request.Request(f"{issuer}/reg", json.dumps(wanted).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked) as answer:
        made = json.load(answer)
    return Registered(issuer, made["client_id"], made["client_secret"])


@contextmanager
def provider_for_all() -> Iterator[Facts]:
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    program = Path(__file__).with_suffix(".mjs")
    with node_program(PACKAGE, program, [str(port)], least=LEAST_NODE, ready=lambda: _answers(issuer)):
        yield {"issuer": issuer}


def _answers(issuer: str) -> bool:
    try:
        with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
