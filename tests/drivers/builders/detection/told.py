"""What detection says of a folder, put so that a table of cases stays readable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fairway.drivers.builders.command_line import join_command
from fairway.drivers.builders.contract import Candidate
from fairway.drivers.builders.detection.detect import detect
from fairway.drivers.builders.spec_rules import parse_spec

from ..folders import make

GUNICORN = "gunicorn --bind {host}:{port} --threads 8"
UVICORN = "uvicorn --host {host} --port {port}"
FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"


def best(folder: Path, files: Mapping[str, str]) -> Candidate:
    """The way that is taken to run these files."""
    detection = detect(make(folder, files))
    assert detection.best is not None, detection.advice
    assert parse_spec(detection.best.spec.to_json()) == detection.best.spec
    return detection.best


def line(one: Candidate) -> str:
    """The start command as a person reads it."""
    return join_command(one.spec.command or ())


def added(one: Candidate) -> list[str]:
    """The packages that are added to what the project lists."""
    return list(one.spec.install.get("add", ()))


def remarks(folder: Path) -> str:
    """Every remark on a folder and the way that is taken, one after another."""
    found = detect(folder)
    return "\n".join(f"{note.what} ({note.because})" for note in found.remarks_on(found.best))
