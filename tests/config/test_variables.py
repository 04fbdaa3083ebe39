"""Environment variables that make no sense stop the start with a sentence, in Fairway and in each of its programs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from fairway.config import settings
from fairway.config.programs import sentence_for
from fairway.config.variables import chosen, networks, number, whole
from tests.services.ports import free_port

NAME = "FAIRWAY_TRIED"


@pytest.mark.parametrize("given", ["abc", "-1", "nan", "inf", "1e99", "٣", "1,5"])
def test_what_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(NAME, given)
    with pytest.raises(ImproperlyConfigured, match=f"^FAIRWAY_TRIED is “{re.escape(given)}”; it must be a whole number"):
        whole(NAME, 5)
    if given == "٣":  # Python reads it as 3
        return
    with pytest.raises(ImproperlyConfigured, match=f"^FAIRWAY_TRIED is “{re.escape(given)}”; it must be a number of at"):
        number(NAME, 5)


@pytest.mark.parametrize(("given", "found"), [("", 5), ("  ", 5), ("7", 7), (" 0 ", 0)])
def test_numbers_are_read_and_have_a_usual_value(monkeypatch: pytest.MonkeyPatch, given: str, found: int) -> None:
    monkeypatch.setenv(NAME, given)
    assert whole(NAME, 5) == number(NAME, 5) == found


def test_limits_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "70000")
    with pytest.raises(ImproperlyConfigured, match="a whole number from 0 to 65535"):
        whole(NAME, 5, most=65535)
    with pytest.raises(ImproperlyConfigured, match="a number from 1 to 9"):
        number(NAME, 5, least=1, most=9)


def test_words_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(NAME, "any", ("any", "none")) == "any"
    assert networks(NAME) == []
    monkeypatch.setenv(NAME, "moon")
    with pytest.raises(ImproperlyConfigured, match="“moon”; it must be one of any, none"):
        chosen(NAME, "any", ("any", "none"))
    with pytest.raises(ImproperlyConfigured, match="“moon”, which is neither an address nor a network"):
        networks(NAME)
    monkeypatch.setenv(NAME, "10.0.0.0/8, ::1,")
    assert networks(NAME) == ["10.0.0.0/8", "::1"]


def test_settings_read_no_number_by_themselves() -> None:
    assert not re.findall(r"(?:int|float)\(os\.environ", Path(settings.__file__).read_text())


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("FAIRWAY_LOG_DAYS", "long", "Fairway cannot start: FAIRWAY_LOG_DAYS is “long”; it must be a number of at least 0."),
        ("FAIRWAY_DATABASE_URL", "postgres://a:b@127.0.0.1:9/x", "Fairway cannot start: The database cannot be used: "),
    ],
)
def test_fairway_says_what_keeps_it_from_starting(tmp_path: Path, variable: str, value: str, said: str) -> None:
    words = ["fairway.config.up", "--data", str(tmp_path / "data"), "--port", str(free_port())]
    done = program(*words, "--proxy-port", str(free_port()), **{variable: value})
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["passwords", "two_step", "keys", "audit", "backup"])
def test_programs_make_no_installation_where_there_is_none(tmp_path: Path, name: str) -> None:
    done = program(f"fairway.config.{name}", "ada", FAIRWAY_DATA=str(tmp_path))
    assert (done.returncode, done.stderr) == (2, f"There is no Fairway in {tmp_path}.\n")
    assert list(tmp_path.iterdir()) == []


def test_a_program_without_its_tables_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o700)
    done = program("fairway.config.passwords", "ada", FAIRWAY_DATA=str(tmp_path))
    assert done.returncode == 2
    assert (
        done.stderr
        == f"The database of {tmp_path} has no tables of this version yet. Start Fairway there once: fairway up\n"
    )
    done = program("fairway.config.passwords", "ada", FAIRWAY_DATA=str(tmp_path), FAIRWAY_WORKER_SLOTS="0")
    assert done.stderr == "FAIRWAY_WORKER_SLOTS is “0”; it must be a whole number of at least 1.\n"


def test_a_defect_keeps_its_traceback() -> None:
    assert sentence_for(KeyError("x")) is None
    assert sentence_for(OperationalError("disk I/O\nerror")) == "The database cannot be used: disk I/O error"


def program(module: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")}
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, check=False, timeout=600)
