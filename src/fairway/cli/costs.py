"""`fairway costs`: what applications cost in a month."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client
from fairway.cli.failures import BadInput
from fairway.cli.output import Column, Json, answer, is_json, note, out, table


def costs(
    month: Annotated[str, typer.Option("--month", help="Which month, e.g. 2026-11; this one if none is given.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the lines as CSV.")] = False,
    as_json: Json = False,
) -> None:
    """What applications cost in a month, and will by its end if they go on like this."""
    if as_csv and is_json():
        raise BadInput("--csv and --json are two forms of the same figures.", advice="Choose one of them.")
    with Client() as client:
        if as_csv:
            for line in client.lines("/costs/csv", month=month):
                print(line.rstrip("\r\n"))
            return
        found = client.get("/costs", month=month)
    if is_json():
        answer(found)
        return
    _show(found)


def _show(found: dict[str, Any]) -> None:
    numbers = [Column(name, is_number=True) for name in ("Used", "Idle", "Total", "Forecast")]
    columns = [Column("Application"), Column("Environment"), *numbers, Column("Currency")]
    lines = [(one["application"] or "nobody", one["environment"], *_amounts(one)) for one in found["lines"]]
    sums = [("All", "", *_amounts(one)) for one in found["sums"]]
    table(columns, [*lines, *sums], empty=f"Nothing has cost anything in {found['month']}.")
    if found["unpriced"]:
        out().print()
        note(f"No price is set for some days in: {', '.join(found['unpriced'])}. What ran there costs nothing here.")


def _amounts(one: dict[str, Any]) -> tuple[Any, ...]:
    return one["used"], one["idle"], one["total"], one["forecast"] or "–", one["currency"]
