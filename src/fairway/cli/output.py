"""Prints results on stdout and everything else on stderr; tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairway.cli.failures import Stop
from fairway.cli.words import colour, shape, word

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

PIPED_WIDTH = 400  # a pipe has no width: nothing is cut


class _Mode:
    """Whether this run of the program prints JSON."""

    is_json = False


def _choose(value: bool) -> bool:
    _Mode.is_json = _Mode.is_json or value
    return value


Json = Annotated[bool, typer.Option("--json", help="Answer in JSON on stdout.", callback=_choose)]


def is_json() -> bool:
    return _Mode.is_json


def begin() -> None:
    """Reset the choice of the last run; tests run the program more than once per process."""
    _Mode.is_json = False


@dataclass(frozen=True)
class Column:
    """One column. `least` is the terminal width in characters below which it is left out; 0 means never."""

    title: str
    least: int = 0
    is_number: bool = False
    wraps: bool = False


def out() -> Console:
    """The console for results (stdout)."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(file=sys.stdout, highlight=False, width=width, emoji=False, markup=False)


def err() -> Console:
    """The console for progress and explanations (stderr)."""
    from rich.console import Console

    width = None if sys.stderr.isatty() else PIPED_WIDTH
    return Console(file=sys.stderr, highlight=False, width=width, emoji=False, markup=False)


def answer(value: Any) -> None:
    """Print the one JSON document of a ``--json`` run."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def say(sentence: str, state: str = "done") -> None:
    """Print one line that says what was done."""
    if not is_json():
        out().print(status(state, sentence))


def done(value: Any, sentence: str, state: str = "done") -> None:
    """Print the result of an act: the API's response with ``--json``, otherwise one line."""
    if is_json():
        answer(value)
    else:
        say(sentence, state)


def note(sentence: str) -> None:
    """Print one dimmed line on stderr."""
    err().print(styled(sentence, "bright_black"))


def styled(text: str, style: str) -> Text:
    from rich.text import Text

    return Text(text, style=style)


def status(state: str, text: str | None = None) -> Text:
    """A state as shape, word and colour."""
    from rich.text import Text

    return Text.assemble((f"{shape(state)} ", colour(state)), (word(state) if text is None else text, ""))


def table(columns: Sequence[Column], rows: Sequence[Sequence[Any]], *, empty: str) -> None:
    """Print a table without the columns that do not fit a narrow terminal, or the sentence `empty` if there are no rows."""
    console = out()
    if not rows:
        console.print(styled(empty, "bright_black"))
        return
    from rich.table import Table

    shown = [index for index, column in enumerate(columns) if console.width >= column.least]
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for index in shown:
        column = columns[index]
        overflow = "fold" if column.wraps else "ellipsis"
        justify = "right" if column.is_number else "left"
        grid.add_column(column.title, justify=justify, no_wrap=not column.wraps, overflow=overflow)  # type: ignore[arg-type]
    for row in rows:
        grid.add_row(*[_cell(row[index]) for index in shown])
    console.print(grid)


def facts(pairs: Sequence[tuple[str, Any]]) -> None:
    """Print names and values, one pair per line; empty values are left out."""
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    grid.add_column(style="bright_black", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, ""):
            grid.add_row(name, _cell(value))
    out().print(grid)


def _cell(value: Any) -> Any:
    from rich.text import Text

    return value if isinstance(value, Text) else Text("" if value is None else str(value))


def explain(stop: Stop) -> None:
    """Print why the program stops: what happened, each blocker with who can clear it, and what to do."""
    if is_json():
        answer({"error": stop.problem, "exit_code": int(stop.code)})
    console = err()
    blockers = stop.problem.get("blockers") or []
    if not blockers:
        console.print(status("failed", stop.sentence))
    for blocker in blockers:
        console.print(status("locked", str(blocker["sentence"])))
        if blocker.get("who"):
            console.print(styled(f"  Who can clear it: {blocker['who']}", "bright_black"))
        if blocker.get("clears_at"):
            console.print(styled(f"  Clears automatically: {blocker['clears_at']}", "bright_black"))
    if stop.advice:
        console.print(styled(f"  {stop.advice}", "bright_black"))


def confirm_by_name(name: str, given: str, what: str) -> None:
    """Require that a destructive act is confirmed by typing the name, or with ``--confirm NAME``. Raises `BadInput`."""
    from fairway.cli.failures import BadInput

    if not given and sys.stdin.isatty() and not is_json():
        given = typer.prompt(f"{what} Type “{name}” to confirm", default="", show_default=False, err=True)
    if given != name:
        raise BadInput("Nothing was changed: it was not confirmed.", advice=f"Confirm with “--confirm {name}”.")


def agree(question: str, given: bool) -> None:
    """Require that what was just shown is confirmed, at a terminal or with ``--yes``. Raises `BadInput`."""
    from fairway.cli.failures import BadInput

    if not given and sys.stdin.isatty() and not is_json():
        given = typer.confirm(question, err=True)
    if not given:
        raise BadInput("Nothing was changed: it was not confirmed.", advice="Confirm with “--yes”.")


def read_secret(prompt: str) -> str:
    """Read a secret from stdin if something is piped in, else ask for it without echo. Secrets are never arguments."""
    if sys.stdin.isatty():
        return str(typer.prompt(prompt, hide_input=True, err=True))
    return sys.stdin.read().rstrip("\n")


def read_value(prompt: str) -> str:
    """Like `read_secret`, but keeps every byte, so that a key keeps its final newline. Raises `BadInput`."""
    if sys.stdin.isatty():
        return read_secret(prompt)
    try:
        value = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        from fairway.cli.failures import BadInput

        raise BadInput("The input from stdin is not UTF-8 text.", advice="Encode it, for example with base64.") from None
    if value.endswith("\n") and value.count("\n") == 1:
        note("The value ends with a newline, which is kept. To remove it, use: printf %s … | fairway config set-secret …")
    return value
