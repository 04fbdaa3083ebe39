"""Procfiles: the web line, the release line, and what is said of the rest."""

from __future__ import annotations

import pytest

from fairway.drivers.builders.detection.procfile import parse_procfile
from fairway.shared.names import Invalid


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("web: python main.py", ("python", "main.py")),
        ("# note\n\nworker: x\nweb: python a.py # not a comment", ("python", "a.py")),
        ("\ufeffweb:\tpython main.py\r\n\r\nrelease: a\r\n", ("python", "main.py")),
        ("Web : bundle exec puma -p ${PORT:-8000}", ("bundle", "exec", "puma", "-p", "{port}")),
        ("web: gunicorn 'a:make(\"#x\")' -b :$PORT", ("gunicorn", 'a:make("#x")', "-b", ":{port}")),
        ("web: a\nweb: b", ("a",)),
        ("web: python manage.py migrate && gunicorn x", ("python", "manage.py", "migrate", "&&", "gunicorn", "x")),
    ],
)
def test_web_lines(text: str, command: tuple[str, ...]) -> None:
    assert parse_procfile(text).command == command


def test_variables_before_the_program_and_other_processes() -> None:
    lines = ["release: A=1 python migrate.py", "web: MODE=live python main.py", "Celery_Beat: TICK=2 celery -A shop beat"]
    procfile = parse_procfile("\n".join([*lines, "console: python manage.py shell"]))
    assert procfile.environment == {"MODE": "live"}
    assert procfile.release == ("A=1", "python", "migrate.py")
    beat = {"command": ["celery", "-A", "shop", "beat"], "environment": {"TICK": "2"}}
    assert procfile.services == {"celery-beat": beat}
    assert procfile.others == ("console",), "what ends when its work is done is no service"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no “web:”"),
        ("worker: celery", "starts worker, but nothing"),
        ("just words", "line 1"),
        ("web:", "line 1"),
        ("a: b\n???", "line 2"),
        ("web: a | b", "line 1"),
        ("web: a\nrelease: b > c", "line 2"),
        ("web: a\nworker: b | c", "line 2"),
        ("web: a\nBeat: b\nbeat: c", "the same service: Beat, beat"),
    ],
)
def test_a_wrong_procfile_says_where(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse_procfile(text)
