"""Commands ``schedules …``: commands that run again and again with the version that is live."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.output import Column, Json, answer, confirm_by_name, done, is_json, status, table
from fairway.cli.places import Slug
from fairway.cli.shipping import Env, Reason

if TYPE_CHECKING:
    from rich.text import Text

schedules = typer.Typer(no_args_is_help=True, help="Scheduled jobs: run a command again and again with the live version.")
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The scheduled job's number.")]
Name = Annotated[str, typer.Option(help="What it is called.")]
Cron = Annotated[
    str, typer.Option("--schedule", "-s", metavar="CRON", help="Five fields of cron, e.g. “30 2 * * MON-FRI”, or @daily.")
]
Zone = Annotated[str, typer.Option(help="An IANA time zone, e.g. Europe/Paris, whose clock counts.")]
Words = Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="The program and its arguments, after “--”.")]
MoreWords = Annotated[list[str] | None, typer.Argument(metavar="-- COMMAND...", help="Another command, after “--”.")]


@schedules.command("list")
def list_schedules(
    app: Annotated[str, typer.Argument(help="Only those of this application.")] = "", as_json: Json = False
) -> None:
    """Every scheduled job, and when it runs next."""
    with Client() as client:
        found = client.get("/schedules", application=app)
    if is_json():
        answer(found)
        return
    columns = [
        Column("#", is_number=True),
        Column("Name"),
        Column("Where"),
        Column("When"),
        Column("Next (UTC)"),
        Column("Last"),
        Column("Command", wraps=True),
    ]
    rows = [
        [
            one["id"],
            one["name"],
            f"{one['application']['slug']} in {one['environment']['slug']}",
            f"{one['schedule']} {one['zone']}",
            _next(one),
            _last(one),
            shlex.join(one["command"]),
        ]
        for one in found
    ]
    table(columns, rows, empty="Nothing is scheduled. Schedule a command: fairway schedules add APP --env ENV …")


@schedules.command("add")
def add(app: Slug, command: Words, env: Env, name: Name, schedule: Cron, zone: Zone = "UTC", as_json: Json = False) -> None:
    """Run a command again and again, e.g. -s "30 2 * * *" -- python manage.py clearsessions."""
    wanted = {"name": name, "command": command, "schedule": schedule, "zone": zone}
    with Client() as client:
        one = client.post(f"/applications/{part(app)}/environments/{part(env)}/schedules", wanted)
    done(one, f"{one['name']} (#{one['id']}) runs next at {_next(one)} UTC.")


@schedules.command("edit")
def edit(
    number: Number,
    command: MoreWords = None,
    name: Name = "",
    schedule: Cron = "",
    zone: Zone = "",
    as_json: Json = False,
) -> None:
    """Change a scheduled job; what is left out stays. It then runs with your rights."""
    given = {"name": name, "command": command, "schedule": schedule, "zone": zone}
    _change(number, {key: value for key, value in given.items() if value})


@schedules.command("resume")
def resume(number: Number, as_json: Json = False) -> None:
    """Let a paused job run again, with your rights."""
    _change(number, {"is_paused": False})


@schedules.command("pause")
def pause(number: Number, as_json: Json = False) -> None:
    """Keep a scheduled job from running until it is resumed."""
    _change(number, {"is_paused": True})


@schedules.command("run")
def run(number: Number, reason: Reason = "", as_json: Json = False) -> None:
    """Run a scheduled job now."""
    with Client() as client:
        one = client.post(f"/schedules/{number}/runs", {"reason": reason})
    done(one, f"It runs as command {one['id']}; “fairway jobs” says how it ended.")


@schedules.command("delete")
def delete(
    number: Number,
    confirm: Annotated[str, typer.Option(metavar="NAME", help="The job's name, to confirm it.")] = "",
    as_json: Json = False,
) -> None:
    """Delete a scheduled job. What it ran stays in the history."""
    with Client() as client:
        one = client.get(f"/schedules/{number}")
        confirm_by_name(one["name"], confirm, f"This deletes the scheduled job “{one['name']}”.")
        client.delete(f"/schedules/{number}")
    done({"schedule": number, "is_deleted": True}, f"“{one['name']}” is deleted.")


def _change(number: int, changes: dict[str, Any]) -> None:
    with Client() as client:
        one = client.patch(f"/schedules/{number}", changes)
    name = f"{one['name']} (#{one['id']})"
    done(one, f"{name} is paused." if one["is_paused"] else f"{name} runs next at {_next(one)} UTC.")


def _next(one: dict[str, Any]) -> str:
    return str(one["next_at"])[:16].replace("T", " ") if one["next_at"] else "paused"


def _last(one: dict[str, Any]) -> Text | str:
    if one["skipped_because"]:
        return "skipped"
    return status(one["last_run"]["status"]) if one["last_run"] else "–"
