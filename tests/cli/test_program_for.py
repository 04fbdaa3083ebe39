"""A run of the program loads only the command that is wanted, and nobody sees a difference."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer import core

import fairway.cli
from fairway.cli.main import PLACES, main, program_for


def _built(*words: str) -> dict[str, Any]:
    return typer.main.get_command(program_for(words)).commands  # type: ignore[attr-defined]


@cache
def whole() -> dict[str, Any]:
    return _built()


def test_a_command_is_the_same_when_it_is_built_alone() -> None:
    for name, command in whole().items():
        alone = _built(name)
        assert list(alone) == [name]
        assert _said(alone[name]) == _said(command)


def test_so_is_one_of_a_group() -> None:
    groups = {name: one.commands for name, one in whole().items() if hasattr(one, "commands")}
    assert len(groups) > 10
    for group, name, command in [(group, *one) for group, commands in groups.items() for one in commands.items()]:
        alone = _built("--as", "admin", "--as-of=3", group, name, "--help")
        assert (list(alone), list(alone[group].commands)) == ([group], [name])
        assert _said(alone[group].commands[name]) == _said(command)


def _said(command: Any) -> Any:
    options = [(one.name, one.opts, one.secondary_opts, one.help, one.required) for one in command.params]
    below = {name: _said(one) for name, one in getattr(command, "commands", {}).items()}
    return command.name, command.help, command.hidden, command.rich_help_panel, options, below


@pytest.mark.parametrize("words", [(), ("--help",), ("--as", "admin"), ("stat",), ("--as",), ("--unknown", "x")])
def test_what_names_no_command_gets_them_all(words: tuple[str, ...]) -> None:
    assert list(_built(*words)) == list(whole())


def test_a_group_is_whole_unless_one_of_its_commands_is_named() -> None:
    for words in (("apps",), ("apps", "--help"), ("apps", "lis")):
        assert list(_built(*words)["apps"].commands) == list(whole()["apps"].commands)


def test_whoever_completes_a_line_sees_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_FAIRWAY_COMPLETE", "complete_bash")
    assert list(_built("status")) == list(whole())


def test_every_group_of_commands_has_a_place() -> None:
    places = [place.split(".") for place in " ".join(PLACES.values()).split()]
    modules = [import_module(f"fairway.cli.{one.name}") for one in pkgutil.iter_modules(fairway.cli.__path__)]
    groups = {id(value): name for one in modules for name, value in vars(one).items() if isinstance(value, typer.Typer)}
    placed = [id(getattr(import_module(f"fairway.cli.{module}"), name)) for module, name in places]
    assert not [name for group, name in groups.items() if group not in placed]
    assert len(placed) == len(set(placed))


@pytest.mark.parametrize("words", [("status",), ("down",), ("apps", "list"), ("releases", "show", "x")])
def test_neither_pydantic_nor_other_commands_are_imported(words: tuple[str, ...], tmp_path: Path) -> None:
    code = """
import sys
from fairway.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(*sorted({"pydantic", "pygments", "fairway.cli.mail", "fairway.cli.freezes"} & set(sys.modules)), "that is all")
"""
    environment = os.environ | {"HOME": str(tmp_path), "FAIRWAY_DATA": str(tmp_path), "FAIRWAY_URL": "http://localhost:1"}
    done = subprocess.run([sys.executable, "-c", code, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "that is all", done.stderr


app = typer.Typer()
heard: list[Any] = []


@app.command()
def listen(
    text: Annotated[str, typer.Argument()] = "",
    several: Annotated[list[str] | None, typer.Option()] = None,
    number: Annotated[int, typer.Option(min=1, max=9)] = 4,
    share: float = 0.5,
    folder: Annotated[Path, typer.Option(exists=True, file_okay=False)] = Path("."),
    anything: Path = Path("/x"),
    perhaps: int | None = None,
    flag: Annotated[bool, typer.Option("--flag/--no-flag", envvar="LISTEN_FLAG")] = False,
) -> None:
    heard.append((text, several, number, share, folder, anything, perhaps, flag))


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("ünï",),
        ("--several", "a", "--several", "b"),
        ("--number", "7", "--share", "2"),
        ("--number", "10"),
        ("--number", "x"),
        ("--perhaps", "3", "--flag"),
        ("--folder", "/nowhere"),
        ("--folder", "/etc/passwd"),
        ("--folder", "/etc", "--anything", "/nowhere"),
        ("--bogus",),
    ],
)
@pytest.mark.parametrize("flag", ["", "1", "maybe"])
def test_plain_options_are_taken_as_typer_takes_them(
    words: tuple[str, ...], flag: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LISTEN_FLAG", flag)
    with pytest.raises(SystemExit):
        main(["--version"])  # from now on they are taken as they are
    capsys.readouterr()
    spared = core._TyperParameter.get_runtime_param  # type: ignore[attr-defined]

    def outcome() -> Any:
        heard.clear()
        with pytest.raises(SystemExit) as end:
            app(args=words)
        return end.value.code, heard[:], capsys.readouterr()

    ours = outcome()
    monkeypatch.setattr(core._TyperParameter, "get_runtime_param", spared.usual)  # type: ignore[attr-defined]
    assert ours == outcome()
