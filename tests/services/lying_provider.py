"""An OpenID provider that lies as it is told to, over real HTTP: a certified one never does what attackers do."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT_ID, SECRET = "fairway", "s3cret-of-fairway"


@cache
def key_pair(number: int = 0) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def elliptic_pair() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(number: int = 0, **more: str) -> dict[str, Any]:
    found = json.loads(RSAAlgorithm.to_jwk(key_pair(number).public_key()))
    return {**found, "kid": f"key-{number}", "use": "sig", **more}


def elliptic_jwk() -> dict[str, Any]:
    return {**json.loads(ECAlgorithm.to_jwk(elliptic_pair().public_key())), "kid": "elliptic", "use": "sig"}


@dataclass
class Liar:
    """Honest until a test changes what it says. `begin` takes what a browser would bring to it, and gives a code."""

    port: int = 0
    description: dict[str, Any] = field(default_factory=dict)  # over the true one; None removes
    claims: dict[str, Any] = field(default_factory=dict)  # over the true ones of the ID token; None removes
    userinfo: dict[str, Any] | None = None
    keys: list[dict[str, Any]] = field(default_factory=lambda: [public_jwk()])
    sign: Callable[[dict[str, Any]], str] | None = None
    secret: str = SECRET
    refuses_form: bool = False  # of the two ways to send a secret, only the header is accepted
    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)  # by path
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def begin(self, url: str) -> dict[str, str]:
        """What the provider would send the browser back with."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def true_claims(self, nonce: str) -> dict[str, Any]:
        now = int(time.time())
        honest = {
            "iss": self.issuer, "sub": "ada-1", "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce,
            "email": "ada@example.com", "email_verified": True, "name": "Ada Lovelace", "preferred_username": "lovelace",
        }  # fmt: skip
        return {name: value for name, value in {**honest, **self.claims}.items() if value is not None}

    def token(self, nonce: str) -> str:
        claims = self.true_claims(nonce)
        return self.sign(claims) if self.sign else signed(claims)


def signed(claims: dict[str, Any], number: int = 0, algorithm: str = "RS256", **header: Any) -> str:
    return jwt.encode(claims, key_pair(number), algorithm=algorithm, headers={"kid": f"key-{number}", **header})


@contextmanager
def lying_provider() -> Iterator[Liar]:
    liar = Liar()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            liar.requests.append(path)
            if path in liar.answers:
                liar.answers[path](self)
            elif path == "/.well-known/openid-configuration":
                said = {
                    "issuer": liar.issuer,
                    "authorization_endpoint": f"{liar.issuer}/auth",
                    "token_endpoint": f"{liar.issuer}/token",
                    "jwks_uri": f"{liar.issuer}/keys",
                    "userinfo_endpoint": f"{liar.issuer}/me" if liar.userinfo is not None else None,
                    "response_types_supported": ["code"],
                    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                    **liar.description,
                }
                answer(self, {name: value for name, value in said.items() if value is not None})
            elif path == "/keys":
                answer(self, {"keys": liar.keys})
            elif path == "/me":
                assert self.headers["Authorization"] == "Bearer access"
                answer(self, liar.userinfo or {})
            else:
                answer(self, {"error": "not_found"}, 404)

        def do_POST(self) -> None:
            liar.requests.append(self.path)
            form = {
                name: values[0]
                for name, values in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()
            }
            if self.path in liar.answers:
                liar.answers[self.path](self)
            elif not self._knows(form):
                answer(self, {"error": "invalid_client"}, 401)
            elif not self._fits(form):
                answer(self, {"error": "invalid_grant"}, 400)
            else:
                nonce = liar.codes[form["code"]]["nonce"]
                answer(self, {"access_token": "access", "token_type": "Bearer", "id_token": liar.token(nonce)})

        def _knows(self, form: dict[str, str]) -> bool:
            if "client_secret" in form:
                return not liar.refuses_form and (form["client_id"], form["client_secret"]) == (CLIENT_ID, liar.secret)
            pair = base64.b64encode(f"{CLIENT_ID}:{liar.secret}".encode()).decode()
            return self.headers["Authorization"] == f"Basic {pair}"

        def _fits(self, form: dict[str, str]) -> bool:
            asked = liar.codes.get(form["code"])
            if asked is None or form["code"] in liar.used:
                return False
            liar.used.append(form["code"])
            made = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
            return made == asked["code_challenge"] and form["redirect_uri"] == asked["redirect_uri"]

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        liar.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serving.start()
        try:
            yield liar
        finally:
            server.shutdown()
            serving.join()


def answer(handler: BaseHTTPRequestHandler, body: object, status: int = 200) -> None:
    raw(handler, json.dumps(body).encode(), status)


def raw(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, kind: str = "application/json") -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
