"""Procfile lines become argv lists; what would need a shell is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.drivers.builders.procfile import join_command, parse_procfile, split_command
from fairway.shared.names import Invalid


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("web: python main.py", ("python", "main.py")),
        ("web: gunicorn -b 0.0.0.0:$PORT app:app", ("gunicorn", "-b", "0.0.0.0:{port}", "app:app")),
        ("web: serve -p ${PORT:-3000} '$'", ("serve", "-p", "{port}", "$")),
        ('web:node "my server.js"', ("node", "my server.js")),
        ("# note\n\nworker: x\nweb: python a.py # not a comment", ("python", "a.py", "#", "not", "a", "comment")),
        ("web: uvicorn --host $HOST --port $PORT m:a", ("uvicorn", "--host", "{host}", "--port", "{port}", "m:a")),
    ],
)
def test_web_lines(line: str, command: tuple[str, ...]) -> None:
    assert parse_procfile(line).command == command


def test_variables_before_the_program_and_other_processes() -> None:
    procfile = parse_procfile("release: python migrate.py\nweb: MODE=live LEVEL='very high' python main.py\n")
    assert procfile.environment == {"MODE": "live", "LEVEL": "very high"}
    assert procfile.others == ("release",)


@pytest.mark.parametrize(
    "command",
    [
        "cd src && python x",
        "a | b",
        "a; b",
        "a > log",
        "a &",
        "echo `date`",
        "echo $(date)",
        "(a)",
        "a 'open",
        "a $HOME",
        "a ${X:-1}",
        "A=1",
    ],
)
def test_shell_syntax_is_refused(command: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_procfile(f"web: {command}")
    assert caught.value.field.startswith("Procfile, line 1")


@pytest.mark.parametrize(
    ("text", "words"), [("", "no “web:”"), ("just words", "line 1"), ("web:", "line 1"), ("a: b\n???", "line 2")]
)
def test_a_wrong_procfile_says_where(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse_procfile(text)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="`$\x00\r\n"), min_size=1), min_size=1, max_size=5))
def test_a_shown_command_reads_back_or_is_refused(words: list[str]) -> None:
    command = tuple(words)
    line = join_command(command)
    try:
        environment, read = split_command(line)
    except Invalid:
        assert any(set(word) <= set(";&|<>()") or "=" in word for word in words)
        return
    assert read == command or environment
