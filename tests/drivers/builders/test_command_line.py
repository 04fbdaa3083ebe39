"""Command lines become words; what would need a shell is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.drivers.builders.command_line import Program, filled, join_command, programs_of, split_command
from fairway.shared.names import Invalid


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("python main.py", ("python", "main.py")),
        ("gunicorn -b 0.0.0.0:$PORT app:app", ("gunicorn", "-b", "0.0.0.0:{port}", "app:app")),
        ("serve -p ${PORT:-3000} '$'", ("serve", "-p", "{port}", "$")),
        ('node "my server.js"', ("node", "my server.js")),
        ("uvicorn --host $HOST --port $PORT m:a", ("uvicorn", "--host", "{host}", "--port", "{port}", "m:a")),
        ("sh setup.sh && streamlit run app.py", ("sh", "setup.sh", "&&", "streamlit", "run", "app.py")),
        ("python a.py; python b.py", ("python", "a.py", ";", "python", "b.py")),
        ("run --level ${LEVEL:-info} $NAME", ("run", "--level", "${LEVEL:-info}", "${NAME}")),
        ("VITE_PORT=$PORT npm start", ("VITE_PORT={port}", "npm", "start")),
        ("A=1 one && B=2 two", ("A=1", "one", "&&", "B=2", "two")),
        ("exec python main.py", ("python", "main.py")),
        ("echo '$NAME' \"$NAME\"", ("echo", "$NAME", "${NAME}")),
    ],
)
def test_the_words_of_a_line(line: str, command: tuple[str, ...]) -> None:
    environment, words = split_command(line)
    assert (environment, words) == ({}, command)


def test_plain_variables_before_one_program_are_settings() -> None:
    assert split_command("MODE=live LEVEL='very high' python main.py") == (
        {"MODE": "live", "LEVEL": "very high"},
        ("python", "main.py"),
    )


def test_the_programs_of_a_command() -> None:
    _, words = split_command("cd web && A=$PORT one x; exec two")
    assert programs_of(words) == (
        Program(("cd", "web")),
        Program(("one", "x"), {"A": "{port}"}, may_fail=True),
        Program(("two",)),
    )


def test_variables_are_filled_from_the_configuration() -> None:
    values = {"LEVEL": "debug", "EMPTY": ""}
    words = ("${LEVEL:-info}", "x${NAME:-n}y", "${EMPTY:-e}", "${GONE}", "$5", "{port}")
    assert filled(words, values.get) == ("debug", "xny", "e", "", "$5", "{port}")


@pytest.mark.parametrize(
    "command",
    [
        "a | b",
        "a || b",
        "a > log",
        "a &",
        "echo `date`",
        "echo $(date)",
        "(a)",
        "a 'open",
        "a ${X:1}",
        "A=1",
        "a && && b",
        "&& a",
    ],
)
def test_shell_syntax_is_refused(command: str) -> None:
    with pytest.raises(Invalid) as caught:
        split_command(command, field="Procfile, line 1")
    assert caught.value.field.startswith("Procfile, line 1")


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="`$\x00\r\n"), min_size=1), min_size=1, max_size=5))
def test_a_shown_command_reads_back_or_is_refused(words: list[str]) -> None:
    command = tuple(words)
    line = join_command(command)
    try:
        environment, read = split_command(line)
    except Invalid:
        assert any(set(word) <= set(";&|<>()") or "=" in word for word in words)
        return
    assert read == command or environment or command[0] == "exec"


@given(st.from_regex(r"[a-z]+( [a-z]+| \$\{[A-Z]+(:-[a-z]+)?\}| &&| ;){0,6}", fullmatch=True))
def test_variables_and_operators_read_back_too(line: str) -> None:
    try:
        _, words = split_command(line)
    except Invalid:
        return
    assert split_command(join_command(words))[1] == words
