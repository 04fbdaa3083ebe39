"""Commands ``freezes …``: windows during which deployments are closed, or the only ones during which they are open."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client
from fairway.cli.output import Column, Json, answer, confirm_by_name, done, facts, is_json, out, status, table

freezes = typer.Typer(
    no_args_is_help=True, help="Freeze windows: when deployments are blocked, or the only times at which they are allowed."
)
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The freeze window's number.")]
Name = Annotated[str, typer.Option(help="Shown to people whose deployment it blocks.")]
Why = Annotated[str, typer.Option("--reason", "-m", help="The reason; shown to everybody it blocks.")]
Starts = Annotated[str, typer.Option("--from", metavar="TIME", help="Wall time in the zone, e.g. 2026-12-18T18:00.")]
Ends = Annotated[str, typer.Option("--to", metavar="TIME", help="Wall time in the zone, or how long: 8h, 2d12h, 90m.")]
Zone = Annotated[str, typer.Option(help="An IANA time zone, e.g. Europe/Paris.")]
Rule = Annotated[str, typer.Option("--rrule", help="How it recurs, e.g. FREQ=WEEKLY;BYDAY=FR. Default: once.")]
Envs = Annotated[list[str] | None, typer.Option("--env", "-e", help="Only in this environment; repeatable.")]
Apps = Annotated[list[str] | None, typer.Option("--app", "-a", help="Only for this application; repeatable.")]
Allow = Annotated[bool, typer.Option("--allow", help="Deployments are allowed only during it, instead of blocked.")]
KINDS = {"deny": "closed during", "allow": "open only during"}


@freezes.command("list")
def list_freezes(as_json: Json = False) -> None:
    """Every freeze window, and when it happens next."""
    with Client() as client:
        rows = client.get("/freezes")
    if is_json():
        answer(rows)
        return
    columns = [Column("#", is_number=True), Column("Name"), Column("Kind", 90), Column("Where"), Column("Next"),
               Column("Recurs", 110), Column("Reason", 130)]  # fmt: skip
    shown = [
        (row["id"], row["name"], KINDS[row["kind"]], _where(row), _span(row["next"]), row["rrule"] or "once",
         row["reason"][:60])
        for row in rows
    ]  # fmt: skip
    table(columns, shown, empty="There are no freeze windows: deployments are allowed at any time.")


@freezes.command("show")
def show_freeze(number: Number, as_json: Json = False) -> None:
    """One freeze window and its next five occurrences."""
    with Client() as client:
        one = client.get(f"/freezes/{number}")
        following = client.get(f"/freezes/{number}/occurrences")
    if is_json():
        answer(one | {"occurrences": following})
        return
    facts(
        [
            ("Freeze window", f"{one['name']} (#{one['id']})"),
            ("Deployments are", f"{KINDS[one['kind']]} it"),
            ("Why", one["reason"]),
            ("Where", _where(one)),
            ("First", f"{one['starts']} – {one['ends']} {one['zone']}"),
            ("Recurs", one["rrule"] or "once"),
            ("Created by", one["created_by"]),
        ]
    )
    _occurrences(following)


@freezes.command("create")
def create_freeze(
    name: Annotated[str, typer.Argument(help="Shown to people whose deployment it blocks.")],
    starts: Starts,
    ends: Ends,
    zone: Zone,
    reason: Why,
    rrule: Rule = "",
    env: Envs = None,
    app: Apps = None,
    allow: Allow = False,
    as_json: Json = False,
) -> None:
    """Close environments for deployments at certain times. Without --env and --app: all of them."""
    body = {
        "name": name, "reason": reason, "kind": "allow" if allow else "deny", "starts": starts, "ends": ends, "zone": zone,
        "rrule": rrule, "environments": env or [], "applications": app or [],
    }  # fmt: skip
    with Client() as client:
        one = client.post("/freezes", body)
    done(one, f"“{one['name']}” (#{one['id']}) is created; next: {_span(one['next'])}.")


@freezes.command("edit")
def edit_freeze(
    number: Number,
    name: Name = "",
    starts: Starts = "",
    ends: Ends = "",
    zone: Zone = "",
    reason: Why = "",
    rrule: Annotated[str | None, typer.Option("--rrule", help='How it recurs; "" for once.')] = None,
    env: Envs = None,
    app: Apps = None,
    as_json: Json = False,
) -> None:
    """Change a freeze window; options that are left out change nothing."""
    given = {"name": name, "starts": starts, "ends": ends, "zone": zone, "reason": reason}
    body: dict[str, Any] = {key: value for key, value in given.items() if value}
    body |= {
        key: value for key, value in {"rrule": rrule, "environments": env, "applications": app}.items() if value is not None
    }
    with Client() as client:
        one = client.patch(f"/freezes/{number}", body)
    done(one, f"“{one['name']}” is changed; next: {_span(one['next'])}.")


@freezes.command("preview")
def preview_freeze(starts: Starts, ends: Ends, zone: Zone, rrule: Rule = "", as_json: Json = False) -> None:
    """The next five times that a window like this would happen. Nothing is stored."""
    with Client() as client:
        found = client.post("/freezes/preview", {"starts": starts, "ends": ends, "zone": zone, "rrule": rrule})
    if is_json():
        answer(found)
    else:
        _occurrences(found)


@freezes.command("state")
def freeze_state(
    env: Annotated[str, typer.Argument(metavar="ENV", help="The environment.")],
    app: Annotated[str, typer.Option("--app", "-a", help="Of this application.")] = "",
    at: Annotated[str, typer.Option(help="At this time, e.g. 2026-03-01T08:00+01:00. Default: now.")] = "",
    as_json: Json = False,
) -> None:
    """Whether an environment is closed for deployments, and when that changes."""
    query = {"environment": env, **({"application": app} if app else {}), **({"at": at} if at else {})}
    with Client() as client:
        found = client.get("/freezes/state", **query)
    if is_json():
        answer(found)
        return
    if found["is_closed"]:
        out().print(status("locked", f"{env} is closed: {', '.join(found['closed_by'])}. {found['reason']}"))
    else:
        out().print(status("available", f"{env} is open."))
    facts([("Opens", found["opens_at"] if found["is_closed"] else ""), ("Closes", found["closes_at"] or "unknown")])


@freezes.command("delete")
def delete_freeze(
    number: Number,
    confirm: Annotated[str, typer.Option("--confirm", metavar="NAME", help="Confirm by name, for scripts.")] = "",
    as_json: Json = False,
) -> None:
    """Delete a freeze window; deployments that waited for its end continue."""
    with Client() as client:
        one = client.get(f"/freezes/{number}")
        confirm_by_name(one["name"], confirm, f"This deletes the freeze window “{one['name']}”.")
        client.delete(f"/freezes/{number}")
    done({"freeze": number, "is_deleted": True}, f"“{one['name']}” is deleted.")


def _occurrences(found: list[dict[str, str]]) -> None:
    out().print()
    columns = [Column("Starts"), Column("Ends")]
    shown = [(_time(one["starts"]), _time(one["ends"])) for one in found]
    table(columns, shown, empty="It has no future occurrence.")


def _time(text: str) -> str:
    """The time with its UTC offset, so that clock changes are visible."""
    return f"{text[:10]} {text[11:16]} {text[19:]}".replace("Z", "+00:00")


def _span(one: dict[str, str] | None) -> str:
    return f"{_time(one['starts'])} – {_time(one['ends'])}" if one else "over"


def _where(one: dict[str, Any]) -> str:
    places, things = ", ".join(one["environments"]) or "everywhere", ", ".join(one["applications"])
    return f"{places}: {things}" if things else places
