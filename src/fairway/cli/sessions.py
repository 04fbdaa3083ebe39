"""Commands ``sessions …``: the browsers in which one is signed in."""

from __future__ import annotations

from typing import Annotated

import typer

from fairway.cli.client import Client
from fairway.cli.output import Column, Json, answer, done, is_json, table

sessions = typer.Typer(no_args_is_help=True, help="The browsers in which you are signed in.")


@sessions.command("list")
def list_sessions(as_json: Json = False) -> None:
    """Where you are signed in, the one that was used last first."""
    with Client() as client:
        found = client.get("/me/sessions")
    if is_json():
        answer(found)
        return
    columns = [
        Column("#", is_number=True),
        Column("Last used (UTC)"),
        Column("Since"),
        Column("Address"),
        Column("Signed in with"),
        Column("Browser", wraps=True),
    ]
    seen = ("last_seen_at", "began_at")
    rows = [
        [
            one["id"],
            *(_moment(one[name]) for name in seen),
            one["address"],
            one["method"],
            one["client"],
        ]
        for one in found
    ]
    table(columns, rows, empty="You are not signed in with a browser.")


@sessions.command("end")
def end(number: Annotated[int, typer.Argument(metavar="N", min=1)], as_json: Json = False) -> None:
    """Sign yourself out in one browser."""
    with Client() as client:
        client.delete(f"/me/sessions/{number}")
    done({"session": number, "is_ended": True}, f"Session #{number} has ended.")


@sessions.command("end-all")
def end_all(as_json: Json = False) -> None:
    """Sign yourself out in every browser. API tokens go on working."""
    with Client() as client:
        client.delete("/me/sessions")
    done({"are_ended": True}, "You are signed out in every browser.")


def _moment(text: str) -> str:
    return text[:16].replace("T", " ")
