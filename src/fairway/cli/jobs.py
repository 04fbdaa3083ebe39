"""run, jobs: a program of one's own, run once with what is live."""

from __future__ import annotations

import shlex
import time
from typing import Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.failures import Code
from fairway.cli.output import Column, Json, answer, err, is_json, status, styled, table
from fairway.cli.places import Slug
from fairway.cli.shipping import Env, Reason
from fairway.cli.watch import print_line
from fairway.cli.words import ago

QUICK, CALM = 0.2, 1.0  # seconds between two looks: at first, and once it has run for a while
QUICK_FOR = 10.0
MOST_EXIT = 255


def run(
    app: Slug,
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="The program and its words, after “--”.")],
    env: Env,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Run a program once with the live version: its code, settings and data. Ends with the program's exit code."""
    with Client() as client:
        where = f"/applications/{part(app)}/environments/{part(env)}/jobs"
        one = client.post(where, {"command": command, "reason": reason})
        try:
            one = _until_ended(client, one)
        except KeyboardInterrupt:
            client.post(f"/jobs/{one['id']}/cancellation", {"reason": "interrupted"})
            err().print(status("cancelled", f"Command {one['id']} is being ended."))
            raise typer.Exit(int(Code.CANCELLED)) from None
    _tell(one)


def jobs(
    app: Annotated[str, typer.Argument(help="Only those of this application.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """List the programs that were run once, newest first."""
    with Client() as client:
        found = client.get("/jobs", application=app, limit=limit)["items"]
    if is_json():
        answer(found)
        return
    columns = [
        Column("#", is_number=True),
        Column("State"),
        Column("Where"),
        Column("Command", wraps=True),
        Column("By"),
        Column("When"),
    ]
    rows = [
        [
            one["id"],
            status(one["status"]),
            f"{one['application']['slug']} in {one['environment']['slug']}",
            shlex.join(one["command"]),
            one["requested_by"],
            ago(one["created_at"]),
        ]
        for one in found
    ]
    table(columns, rows, empty="No command was run yet. Run one: fairway run APP --env ENV -- COMMAND")


def _until_ended(client: Client, one: dict[str, Any]) -> dict[str, Any]:
    """Print what it prints until it has ended; returns how."""
    number, after, begun = one["id"], 0, time.monotonic()
    while True:
        log = client.get(f"/jobs/{number}/log", after=after, limit=2000)
        for line in log["lines"]:
            _print(line)
        after = log["next"]
        if log["is_complete"]:
            found: dict[str, Any] = client.get(f"/jobs/{number}")
            return found
        if not log["lines"]:
            time.sleep(QUICK if time.monotonic() - begun < QUICK_FOR else CALM)


def _print(line: dict[str, Any]) -> None:
    """What the program printed goes where it printed it; Fairway's own words are no output of the program."""
    if line["stream"] == "fairway" or is_json():
        err().print(styled(line["text"], "bright_black"), soft_wrap=True)
    elif line["stream"] == "stderr":
        err().print(styled(line["text"], ""), soft_wrap=True)
    else:
        print_line(line["text"])


def _tell(one: dict[str, Any]) -> None:
    if is_json():
        answer(one)
    elif one["status"] != "succeeded" and one["exit_code"] is None:
        err().print(status(one["status"], one["sentence"]))
    if one["status"] == "cancelled":
        raise typer.Exit(int(Code.CANCELLED))
    if one["status"] != "succeeded":
        code = one["exit_code"]
        raise typer.Exit(int(Code.FAILED) if code is None else min(code, MOST_EXIT))
