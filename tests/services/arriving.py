"""An application that knows people by OpenID Connect, installed as an entry of the catalogue would be.

Run as a program (``python -m tests.services.arriving NAME``), with the environment of an installation, it installs it there.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.services.installation import Installation

SERVER = """
import base64, hashlib, json, os, secrets
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

ISSUER, CLIENT, SECRET, OWN = (os.environ[name] for name in ("OIDC_ISSUER", "OIDC_ID", "OIDC_SECRET", "OWN_URL"))
BEGUN, PEOPLE = {}, {}


def asked(url, body=None, **headers):
    with urlopen(Request(url, urlencode(body).encode() if body else None, headers), timeout=20) as answer:
        return json.load(answer)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        here = urlsplit(self.path)
        cookie = self.headers.get("Cookie", "").partition("own=")[2].partition(";")[0]
        if here.path == "/oauth/callback":
            return self.came({name: values[0] for name, values in parse_qs(here.query).items()})
        if cookie in PEOPLE:
            return self.say(200, f"<title>Own</title><h1>Hello {PEOPLE[cookie]}</h1>")
        state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
        BEGUN[state] = verifier
        known = asked(f"{ISSUER}/.well-known/openid-configuration")
        assert known["issuer"] == ISSUER, known
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {"client_id": CLIENT, "redirect_uri": f"{OWN}/oauth/callback", "response_type": "code", "state": state,
                 "scope": "openid profile", "code_challenge": challenge, "code_challenge_method": "S256"}
        self.say(302, "", Location=f"{known['authorization_endpoint']}?{urlencode(query)}")

    def came(self, brought):
        known = asked(f"{ISSUER}/.well-known/openid-configuration")
        body = {"grant_type": "authorization_code", "code": brought["code"], "redirect_uri": f"{OWN}/oauth/callback",
                "client_id": CLIENT, "client_secret": SECRET, "code_verifier": BEGUN.pop(brought["state"])}
        token = asked(known["token_endpoint"], body)["access_token"]
        person, own = asked(known["userinfo_endpoint"], Authorization=f"Bearer {token}"), secrets.token_urlsafe(16)
        PEOPLE[own] = person["preferred_username"]
        self.say(302, "", Location="/", **{"Set-Cookie": f"own={own}; Path=/; HttpOnly"})

    def say(self, status, text, **headers):
        self.send_response(status)
        for name, value in {"Content-Type": "text/html", "Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *words):
        pass


print("ready", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
ENTRY = """\
title: Arriving
version: 1.0-1
licence: MIT
home_page: https://arriving.example
category: tools
summary: {en: Knows who comes., fr: Sait qui vient.}
stores: {en: Nothing., fr: Rien.}
memory: 20m
disk: 1m
sign_in: openid
access: [signed_in]
page: /
checked: [process]
first_steps: {en: Open it., fr: Ouvrez-le.}
openid: {callback: /oauth/callback, issuer: OIDC_ISSUER, client_id: OIDC_ID, client_secret: OIDC_SECRET}
variables: {OWN_URL: "{url}"}
"""


def install_arriving(fairway: Installation, name: str) -> int:
    """Install it in ``development``; returns the deployment's number."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FAIRWAY_")}
    environment |= {
        "FAIRWAY_DATA": str(fairway.data),
        "FAIRWAY_PORT": str(fairway.port),
        "FAIRWAY_PROXY_PORT": str(fairway.proxy_port),
        "DJANGO_SETTINGS_MODULE": "fairway.config.settings",
    }
    program = [sys.executable, "-m", "tests.services.arriving", name]
    root = Path(__file__).parents[2]
    done = subprocess.run(program, env=environment, cwd=root, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def _packed() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in {"server.py": SERVER, "Procfile": "web: python server.py\n"}.items():
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(text.encode()), 0o644
            archive.addfile(about, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _main(name: str) -> None:
    import django

    django.setup()
    from fairway.accounts.models import User
    from fairway.accounts.queries import actor_for
    from fairway.activity.rules import Door
    from fairway.catalog import commands
    from fairway.catalog.rules import parse_entry
    from fairway.environments.models import Environment

    commands.packed = lambda _entry: _packed()
    done = commands.install(
        actor=actor_for(User.objects.get(username="admin"), door=Door.CLI),
        entry=parse_entry("arriving", ENTRY),
        environment=Environment.objects.get(slug="development"),
        name=name,
    )
    print(done.deployment.pk)


if __name__ == "__main__":
    _main(sys.argv[1])
