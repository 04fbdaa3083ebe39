"""`fairway alerts`: what is wrong now, and what people do about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.failures import BadInput, Code
from fairway.cli.output import Column, Json, answer, done, is_json, status, table
from fairway.cli.places import Slug

alerts = typer.Typer(help="What is wrong now; without a command, lists it and exits with 1 if there is anything.")
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The number of the alert.")]
Silence = Annotated[int, typer.Argument(metavar="N", min=1, help="The number of the silence.")]
MARKS = {"critical": "failed", "warning": "degraded"}
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@alerts.callback(invoke_without_command=True)
def list_alerts(
    context: typer.Context,
    env: Annotated[str, typer.Option("--env", "-e", help="Only of this environment.")] = "",
    app: Annotated[str, typer.Option("--app", "-a", help="Only of this application.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Also what is over; then the exit code is 0.")] = False,
    as_json: Json = False,
) -> None:
    """List what is wrong now. The exit code is 0 if nothing is, 1 if something is."""
    if context.invoked_subcommand is not None:
        return
    state = "all" if everything else "open"
    with Client() as client:
        rows = client.get("/alerts", state=state, environment=env, application=app, limit=200)["items"]
    if is_json():
        answer(rows)
    else:
        columns = [Column("#", is_number=True), Column("State"), Column("What"), Column("Where"), Column("Lasted"),
                   Column("Taken care of by", 110), Column("Why", 100)]  # fmt: skip
        shown = [
            (row["id"], _state(row), row["kind"].replace("_", " "), row["label"], _lasted(row["seconds"]),
             row["acknowledged_by"], row["sentence"])
            for row in rows
        ]  # fmt: skip
        table(columns, shown, empty="Nothing is wrong.")
    if rows and not everything:
        raise typer.Exit(int(Code.FAILED))


def _state(row: dict[str, Any]) -> Any:
    if row["ended_at"]:
        return status("live", "over")
    return status(MARKS[row["severity"]], row["severity"] + (" (silenced)" if row["is_silenced"] else ""))


def _lasted(seconds: int) -> str:
    if seconds < 3600:
        return f"{max(1, seconds // 60)} min"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min" if seconds < 86400 else f"{seconds // 86400} d"


@alerts.command("acknowledge")
def acknowledge(number: Number, as_json: Json = False) -> None:
    """Say that you take care of an alert."""
    with Client() as client:
        found = client.post(f"/alerts/{number}/acknowledgement")
    done(found, f"{found['acknowledged_by']} takes care of alert {number}.")


@alerts.command("rules")
def rules(
    env: Slug,
    kind: Annotated[str, typer.Argument(help="Change this kind of alert; without it, the rules are listed.")] = "",
    threshold: Annotated[float | None, typer.Option(help="From which value on there is an alert.")] = None,
    minutes: Annotated[int | None, typer.Option(help="For how long, or within how many minutes.")] = None,
    is_on: Annotated[bool | None, typer.Option("--on/--off", help="Whether there are alerts of this kind at all.")] = None,
    as_json: Json = False,
) -> None:
    """List or change when there are alerts in an environment."""
    path = f"/environments/{part(env)}/alerts"
    with Client() as client:
        found = client.get(path)
        change = {"threshold": threshold, "minutes": minutes, "is_on": is_on}
        change = {name: value for name, value in change.items() if value is not None}
        if change and not kind:
            raise BadInput("Say which kind of alert to change.", advice=f"Use one of {', '.join(found['rules'])}.")
        if change:
            known = found["rules"] | {kind: found["rules"].get(kind, {}) | change}
            found = client.put(path, {"rules": known})
    if is_json():
        answer(found)
        return
    columns = [Column("Alert"), Column("State"), Column("Threshold", is_number=True), Column("Minutes", is_number=True)]
    shown = [
        (name, "on" if rule["is_on"] else "off", "–" if rule["threshold"] is None else f"{rule['threshold']:g}",
         rule["minutes"])
        for name, rule in found["rules"].items()
    ]  # fmt: skip
    table(columns, shown, empty="There are no rules.")


@alerts.command("silences")
def silences(env: Slug, as_json: Json = False) -> None:
    """List what is silenced in an environment."""
    with Client() as client:
        found = client.get(f"/environments/{part(env)}/alerts")["silences"]
    if is_json():
        answer(found)
        return
    columns = [Column("#", is_number=True), Column("What"), Column("Application"), Column("Until"), Column("By"),
               Column("Why", 100)]  # fmt: skip
    shown = [
        (row["id"], row["kind"] or "every alert", row["application"] or "all", row["until"], row["created_by"],
         row["reason"])
        for row in found
    ]  # fmt: skip
    table(columns, shown, empty="Nothing is silenced here.")


@alerts.command("silence")
def silence(
    env: Slug,
    lasts: Annotated[str, typer.Option("--for", metavar="TIME", help="How long: 30m, 8h, 2d; at most 31d.")],
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; shown to everybody.")],
    app: Annotated[str, typer.Option("--app", "-a", help="Only of this application.")] = "",
    kind: Annotated[str, typer.Option(help="Only this kind of alert.")] = "",
    as_json: Json = False,
) -> None:
    """Let channels hear of no alert in an environment for a while."""
    until = datetime.now(UTC) + _time(lasts)
    body = {"until": until.isoformat(), "reason": reason, "application": app, "kind": kind}
    with Client() as client:
        found = client.post(f"/environments/{part(env)}/silences", body)
    done(found, f"Silenced until {found['until']} (silence {found['id']}).")


@alerts.command("end-silence")
def end_silence(number: Silence, as_json: Json = False) -> None:
    """End a silence now."""
    with Client() as client:
        client.delete(f"/silences/{number}")
    done({"ended": number}, "The silence is over.")


def _time(text: str) -> timedelta:
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and len(number) < 7 and unit in UNITS):
        raise BadInput(f"“{text}” is no time.", advice="Write 30m, 8h or 2d.")
    return timedelta(**{UNITS[unit]: int(number)})
