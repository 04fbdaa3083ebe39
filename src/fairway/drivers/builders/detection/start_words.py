"""Converts start commands that people wrote for their own machine into commands for Fairway, which has installed everything
already.

It removes entering a virtual environment, installing dependencies, and the path of a program in a virtual environment that
is not part of the source. For ``cd backend && …`` the application in that folder is started, if its manifest lies there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fairway.drivers.builders.command_line import AND, THEN, Program, programs_of
from fairway.drivers.builders.detection.source_folder import MANIFESTS, SourceFolder

INSTALLS = re.compile(
    r"(?:python3? -m )?(?:pip3?|uv pip) install\b.*|(?:npm|pnpm|bun) (?:install|i|ci)\b.*|yarn(?: install\b.*)?"
    r"|(?:poetry|pipenv|bundle|composer|pdm) install\b.*|uv sync\b.*|corepack\b.*|(?:npm|pnpm) i -g\b.*"
)
_ENTERS = re.compile(r"(?:source|\.) \S*(?:bin|Scripts)/activate")
_IN_ENVIRONMENT = re.compile(r"(?:(?P<environment>\S+)/)?(?:bin|Scripts)/(?P<program>[\w.-]+)")
_RUNNERS = ("poetry", "pipenv", "uv", "pdm", "rye", "hatch")
_WITH_VALUE = ("--with", "--extra", "--group", "--python", "-p", "--env-file", "--directory", "--project", "-e")
_PORT_SAID = re.compile(r"\A(?P<before>--port=|(?:--bind=|--listen=|-b)?(?:[\d.]+|localhost|\*|\[::1?\])?:)\d{2,5}\Z")
_ELSEWHERE = ("--fd", "--uds", "-c", "--config", "-u", "--unix-socket")  # other options that say where a server listens
_SERVERS = {  # servers, with the options that set the port of those that do not read PORT themselves
    "gunicorn": (),
    "uvicorn": ("--port", "{port}"),
    "hypercorn": ("--bind", "{host}:{port}"),
    "waitress-serve": ("--listen={host}:{port}",),
    "daphne": ("-b", "{host}", "-p", "{port}"),
    "runserver": ("{host}:{port}",),
    "http.server": ("{port}", "--bind", "{host}"),
    "flask run": ("--host", "{host}", "--port", "{port}"),
    "fastapi run": ("--host", "{host}", "--port", "{port}"),
}
_PLACES = ("--chdir", "--app-dir", "--pythonpath", "--cwd", "--prefix")


@dataclass(frozen=True)
class Start:
    """A start command for Fairway: its words, and the folder in which it starts ("" for the top)."""

    words: tuple[str, ...]
    folder: str = ""


def for_here(source: SourceFolder, words: Sequence[str]) -> Start:
    """The command as it is started here. A command that only installs stays as it is."""
    kept = [program for program in programs_of(words) if not _is_done_already(" ".join(program.argv))]
    if not kept or all(program.argv[0] == "cd" for program in kept):
        return Start(tuple(words))
    folder, kept = _entered(source, kept)
    here = [Program(_installed(source, _unwrapped(program.argv)), program.variables, program.may_fail) for program in kept]
    last = here[-1]
    return Start(joined([*here[:-1], Program(_with_port(last.argv), last.variables)]), folder)


def joined(programs: Sequence[Program]) -> tuple[str, ...]:
    """The programs as the words of one command."""
    words: list[str] = []
    for number, program in enumerate(programs):
        words += [*(f"{name}={text}" for name, text in program.variables.items()), *program.argv]
        words += [THEN if program.may_fail else AND] if number < len(programs) - 1 else []
    return tuple(words)


def code_folder(words: Sequence[str]) -> str:
    """The folder whose code a command runs (``--chdir backend``, ``python backend/app.py``); "" for the top."""
    for number, word in enumerate(words):
        name, is_set, value = word.partition("=")
        if name in _PLACES:
            return (value if is_set else "".join(words[number + 1 : number + 2])).removeprefix("./").strip("/")
    file = next((word.removeprefix("./") for word in words if word.endswith(".py") and not word.startswith("-")), "")
    return file.rpartition("/")[0]


def _with_port(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a server with Fairway's port in place of a number, or with an option for it if they name no port."""
    server = _server(argv)
    if server not in _SERVERS:
        return argv
    replaced = [_PORT_SAID.sub(r"\g<before>{port}", word) for word in argv]
    for at, word in enumerate(replaced[1:], start=1):
        if word.isdigit() and replaced[at - 1] in ("--port", "-p", "runserver", "http.server"):
            replaced[at] = "{port}"
    names_port = any("{port}" in word or "$" in word or word in _ELSEWHERE for word in replaced)
    return tuple(replaced) if names_port else (*replaced, *_SERVERS[server])


def _server(argv: tuple[str, ...]) -> str:
    """The name of the server: the program, the module that Python runs, or a command of one of them (``manage.py
    runserver``)."""
    if "runserver" in argv:
        return "runserver"
    name = argv[0].rpartition("/")[2]
    name = argv[2] if name.startswith("python") and argv[1:2] == ("-m",) and len(argv) > 2 else name
    return f"{name} run" if name in ("flask", "fastapi") and "run" in argv else name


def _is_done_already(line: str) -> bool:
    return bool(INSTALLS.fullmatch(line) or _ENTERS.fullmatch(line))


def _entered(source: SourceFolder, programs: list[Program]) -> tuple[str, list[Program]]:
    """(folder, programs): the folder that the first program enters, if its manifest lies there and none at the top, and
    the programs without that step."""
    first, *rest = programs
    entered, remaining = "", programs
    match first.argv:
        case ("cd", entered) if rest:
            remaining = rest
        case (("npm" | "pnpm" | "yarn"), *_):
            at = next((at for at, word in enumerate(first.argv[:-1]) if word in ("--prefix", "--cwd", "-C", "--dir")), 0)
            entered = first.argv[at + 1] if at else ""
            remaining = [Program((*first.argv[:at], *first.argv[at + 2 :]), first.variables, first.may_fail), *rest]
        case ("node", file) if "/" in file.removeprefix("./"):
            entered, _, name = file.removeprefix("./").partition("/")
            remaining = [Program(("node", name), first.variables, first.may_fail), *rest]
    folder = entered.removeprefix("./").rstrip("/")
    has_own = source.has_folder(folder) and any(source.has(f"{folder}/{name}") for name in MANIFESTS)
    return (folder, remaining) if folder and has_own and source.first(*MANIFESTS) is None else ("", programs)


def _unwrapped(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The words without a program that only enters the environment, which is already active (``poetry run``)."""
    if argv[0] == "nohup" and len(argv) > 1:
        return argv[1:]
    if argv[0] not in _RUNNERS or argv[1:2] != ("run",):
        return argv
    rest = list(argv[2:])
    while rest and rest[0].startswith("-") and rest[0] not in ("-m", "--module"):
        rest = rest[2:] if rest[0] in _WITH_VALUE else rest[1:]
    if not rest:
        return argv
    return ("python", *rest) if rest[0].endswith(".py") or rest[0] == "-m" else tuple(rest)


def _installed(source: SourceFolder, argv: tuple[str, ...]) -> tuple[str, ...]:
    """The words with the program's name alone, if they name its path in a virtual environment."""
    found = _IN_ENVIRONMENT.fullmatch(argv[0])
    if not found:
        return argv
    environment = found["environment"] or "."
    is_here = source.has(argv[0].removeprefix("./")) and not source.has(f"{environment}/pyvenv.cfg")
    is_of_one = found["environment"] or re.match(r"python|pip|gunicorn|uvicorn|flask", found["program"])
    return argv if is_here or not is_of_one or argv[0].startswith("/usr") else (found["program"], *argv[1:])
