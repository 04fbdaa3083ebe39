"""Commands for release.yaml: plan, apply, export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fairway.cli import words
from fairway.cli.client import Client
from fairway.cli.failures import BadInput
from fairway.cli.output import Json, agree, answer, done, err, is_json, out, status, styled
from fairway.cli.release_named import Release, find_release, title

LARGEST = 1024 * 1024  # bytes; the API's limit is lower and has its own error
File = Annotated[str, typer.Argument(metavar="FILE", help="A release.yaml; “-” reads it from stdin.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, for scripts.")]
SIGNS = {
    "create": ("+", "green", "release {what}"),
    "edit": ("~", "yellow", "release {what}: {detail}"),
    "add": ("+", "green", "{what}  {detail}"),
    "change": ("~", "yellow", "{what}  {detail}"),
    "remove": ("−", "red", "{what}"),
    "need": ("+", "green", "{what} needs {detail}"),
    "unneed": ("−", "red", "{what} no longer needs {detail}"),
}


def plan(file: File, as_json: Json = False) -> None:
    """What applying a release.yaml would do. Nothing is changed."""
    text = read(file)
    with Client() as client:
        steps = client.post("/releases/file/plan", {"text": text})
    if is_json():
        answer(steps)
    else:
        _print(out(), steps)


def apply(file: File, yes: Yes = False, as_json: Json = False) -> None:
    """Create or change a release according to a release.yaml, completely or not at all. First shows the plan and asks."""
    text = read(file)
    with Client() as client:
        steps = client.post("/releases/file/plan", {"text": text})
        if steps:
            _print(err(), steps)
            agree("Do this?", yes)
        made = client.post("/releases/file/application", {"text": text})
    count = len(made["steps"])
    said = f"{count} {'change' if count == 1 else 'changes'} made" if count else "nothing to change"
    done(made, f"{title(made['release'])}: {said}.")


def export(name: Release, as_json: Json = False) -> None:
    """The release as release.yaml, on stdout."""
    with Client() as client:
        found = client.get(f"/releases/{find_release(client, name)['id']}/file")
    if is_json():
        answer(found)
    else:
        print(found["text"], end="")


def read(file: str) -> str:
    """The content of a text file, or of stdin. Raises `BadInput` if it cannot be read."""
    try:
        data = sys.stdin.read(LARGEST + 1).encode() if file == "-" else _bytes(Path(file))
        text = data.decode("utf-8-sig")
    except OSError as problem:
        raise BadInput(f"{file} cannot be read: {problem.strerror or problem}.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not text in UTF-8.") from None
    if len(data) > LARGEST:
        raise BadInput(f"{file} is larger than {words.size(LARGEST)}.")
    return text


def _bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(LARGEST + 1)


def _print(console: Any, steps: list[dict[str, str]]) -> None:
    if not steps:
        console.print(status("done", "Nothing to do: the release already matches the file."))
    for step in steps:
        sign, colour, form = SIGNS[step["verb"]]
        line = styled(f"{sign if words.is_unicode() else sign.replace('−', '-')} ", colour)
        line.append(form.format(**step).rstrip(), style="")
        console.print(line, soft_wrap=True)


def attach(group: typer.Typer) -> None:
    for command in (plan, apply, export):
        group.command(rich_help_panel="As a file")(command)
