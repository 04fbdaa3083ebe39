"""A small Flask application: one page that says who answered, and shows every answer it gets."""

from __future__ import annotations

import os
import platform
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, Response, jsonify, render_template

VERSION = os.environ.get("APP_VERSION") or Path(__file__).with_name("VERSION").read_text().strip()
GREETING = os.environ.get("GREETING", "Hello, world")
STARTED_AT = datetime.now(UTC)
STARTED = time.monotonic()

app = Flask(__name__)


def facts() -> dict[str, str | int]:
    """What this very process knows about itself."""
    return {
        "version": VERSION,
        "greeting": GREETING,
        "instance": f"{socket.gethostname()} · {os.getpid()}",
        "python": platform.python_version(),
        "started_at": STARTED_AT.isoformat(timespec="seconds"),
        "uptime_seconds": int(time.monotonic() - STARTED),
    }


@app.get("/")
def index() -> str:
    return render_template("index.html", **facts())


@app.get("/api/facts")
def api_facts() -> Response:
    answer = jsonify(facts())
    answer.headers["Cache-Control"] = "no-store"
    return answer


@app.get("/health")
def health() -> Response:
    return jsonify(status="ok", version=VERSION)
