"""Commands ``history``, ``events``, ``people …`` and ``openapi``."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from fairway.cli import release_named, words
from fairway.cli.client import Client, part
from fairway.cli.failures import BadInput
from fairway.cli.output import Column, Json, answer, is_json, note, out, say, status, styled, table
from fairway.cli.rights import ask_whether, show_rights

people = typer.Typer(no_args_is_help=True, help="People and their roles.")
App = Annotated[str, typer.Option("--app", "-a", help="Only of this application.")]
OfEnv = Annotated[str, typer.Option("--env", "-e", help="Only in this environment.")]
Person = Annotated[str, typer.Option("--person", help="Only by this person.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many.")]
Since = Annotated[str, typer.Option("--since", help="Since this time, e.g. 2026-03-01T00:00Z.")]
Send = Annotated[bool, typer.Option("--send", help="Send the link to their address; needs a mail server (fairway mail).")]
Username = Annotated[str, typer.Argument(metavar="USERNAME")]


def history(
    app: Annotated[str, typer.Argument(metavar="[APP]", help="Only of this application.")] = "",
    env: OfEnv = "",
    state: Annotated[str, typer.Option("--status", help="live, active, failed, cancelled, …")] = "",
    person: Person = "",
    since: Since = "",
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """Every deployment, newest first."""
    filters = {"application": app, "environment": env, "status": state, "person": person, "since": since}
    with Client() as client:
        rows = client.pages("/deployments", limit=limit, **filters)
    if is_json():
        answer(rows)
        return
    columns = [
        Column("#", is_number=True), Column("Status"), Column("Application"), Column("Environment"), Column("Version"),
        Column("Act", 90), Column("Took", 80, is_number=True), Column("When", 60), Column("By", 100), Column("Reason", 130),
    ]  # fmt: skip
    shown = [
        (row["id"], status(row["status"]), row["application"]["slug"], row["environment"]["slug"], words.version(row)[:24],
         words.KIND_WORDS.get(row["kind"], row["kind"]), words.seconds(row["seconds"]), words.ago(row["created_at"]),
         row["requested_by"], row["reason"][:60])
        for row in rows
    ]  # fmt: skip
    table(
        columns,
        shown,
        empty="No deployment matches. Deploy something: fairway deploy NAME --path . --env ENV",
    )


def events(
    app: App = "",
    env: OfEnv = "",
    person: Person = "",
    verb: Annotated[str, typer.Option(help="A verb or its first word: deployment, environment.locked, …")] = "",
    severity: Annotated[
        str, typer.Option(help="This serious or more: detail, info, warning or error. Without it, everything.")
    ] = "",
    release: Annotated[str, typer.Option(help="Only of this release: NAME@VERSION, its number or its name.")] = "",
    package: Annotated[str, typer.Option(help="Only of this package; needs --release.")] = "",
    rollout: Annotated[int, typer.Option(min=0, help="Only of the rollout with this number.")] = 0,
    text: Annotated[str, typer.Option("--text", help="Only with these words in the sentence, a name or the comment.")] = "",
    since: Since = "",
    until: Annotated[str, typer.Option("--until", help="Before this time, e.g. 2026-03-02T00:00Z.")] = "",
    limit: Limit = 30,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep following new events; Ctrl-C stops.")] = False,
    as_json: Json = False,
) -> None:
    """Who did what, when, and through which interface; newest last."""
    if package and not release:
        raise BadInput("--package needs the release it is part of.", advice="Add --release NAME@VERSION.")
    filters = {"application": app, "environment": env, "person": person, "verb": verb, "since": since, "until": until}
    filters |= {"severity": severity, "text": text, "rollout": str(rollout or "")}
    with Client() as client:
        if release:
            found = release_named.find_release(client, release)
            filters["release"] = str(found["id"])
        if package:
            filters["package"] = str(release_named.find_package(found, package)["id"])
        rows = client.pages("/events", limit=limit, **filters)[::-1]
        if not follow:
            _events(rows)
            return
        try:
            _follow(client, rows, filters)
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


@people.command("list")
def list_people(as_json: Json = False) -> None:
    """Everybody, with their roles. Service accounts are listed, too."""
    with Client() as client:
        rows = client.get("/people")
    if is_json():
        answer(rows)
        return
    columns = [Column("Username"), Column("Name", 80), Column("Roles", wraps=True), Column("Two-step", 100),
               Column("State")]  # fmt: skip
    shown = [
        (row["username"], row["name"], ", ".join(grant_text(grant) for grant in row["grants"]) or "none",
         "service account" if row["is_service"] else "on" if row["two_step"] else "off",
         status("healthy", "Active") if row["is_active"] else status("stopped", "Kept out"))
        for row in rows
    ]  # fmt: skip
    table(columns, shown, empty="There are no people yet.")


@people.command("invite")
def invite(
    username: Username,
    role: Annotated[
        list[str] | None, typer.Option("--role", help="admin, release_manager, deployer, viewer; repeatable.")
    ] = None,
    email: Annotated[str, typer.Option(help="Their address.")] = "",
    send: Send = False,
    as_json: Json = False,
) -> None:
    """Add a person and print their invitation link; it works once, for seven days."""
    roles = [one.replace("-", "_") for one in role or []]
    body = {"username": username, "email": email, "roles": roles, "send_mail": send}
    with Client() as client:
        made = client.post("/people", body)
    _invited(made, made["invitation"])


@people.command("invite-again")
def invite_again(username: Username, send: Send = False, as_json: Json = False) -> None:
    """Create a new invitation (or password) link; older ones stop working."""
    with Client() as client:
        made = client.post(f"/people/{part(username)}/invitation{'?send_mail=true' if send else ''}")
    _invited(made, made)


@people.command("roles")
def set_roles(
    username: Username,
    grants: Annotated[
        list[str] | None, typer.Argument(metavar="[ROLE[@ENV][/APP]]...", help="All roles, e.g. deployer@staging.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Replace a person's roles: deployer, deployer@staging, deployer/shop, deployer@staging/shop."""
    with Client() as client:
        one = client.put(f"/people/{part(username)}/roles", {"grants": [parse_grant(text) for text in grants or []]})
    _person(one, f"{username}: {', '.join(grant_text(grant) for grant in one['grants']) or 'no role'}.")


@people.command("activate")
def activate(username: Username, as_json: Json = False) -> None:
    """Activate a person again."""
    _set_access(username, True)


@people.command("deactivate")
def deactivate(username: Username, as_json: Json = False) -> None:
    """Deactivate a person; their sessions and tokens stop working."""
    _set_access(username, False)


@people.command("reset-two-step")
def reset_two_step(username: Username, as_json: Json = False) -> None:
    """Turn two-step sign-in off for somebody who lost their phone; their sessions end."""
    with Client() as client:
        one = client.delete(f"/people/{part(username)}/two-step")
    _person(one, f"{username} signs in with their password only, until they set two-step sign-in up again.")


people.command("rights")(show_rights)
people.command("may")(ask_whether)


def openapi(as_json: Json = False) -> None:
    """Print the description of the API (OpenAPI 3.1)."""
    with Client() as client:
        answer(client.get("/openapi.json"))


def _events(rows: list[dict[str, Any]]) -> None:
    if is_json():
        answer(rows)
        return
    columns = [Column("#", 70, is_number=True), Column("When"), Column("What happened", wraps=True), Column("Verb", 110),
               Column("Door", 120), Column("Comment", 140)]  # fmt: skip
    shown = [
        (row["id"], words.ago(row["at"]), _sentence(row), row["verb"], row["door"], row["comment"][:60]) for row in rows
    ]
    table(columns, shown, empty="No event matches.")


SEVERITY_COLOURS = {"warning": "yellow", "error": "red"}


def _sentence(one: dict[str, Any]) -> Any:
    return styled(one["sentence"], SEVERITY_COLOURS.get(one["severity"], ""))


def _follow(client: Client, rows: list[dict[str, Any]], filters: dict[str, str]) -> None:
    last = 0
    while True:
        for one in rows:
            last = max(last, one["id"])
            if is_json():
                print(json.dumps(one, ensure_ascii=False), flush=True)
            else:
                at = one["at"][:19].replace("T", " ")
                out().print(f"{at} ", _sentence(one), styled(one["comment"], "bright_black"), soft_wrap=True)
        time.sleep(1.0)
        newest = client.pages("/events", limit=200, **filters)
        rows = [one for one in newest if one["id"] > last][::-1]


def grant_text(one: dict[str, Any]) -> str:
    """A grant as people type it: deployer@staging/shop."""
    scope = (f"@{one['environment']}" if one["environment"] else "") + (
        f"/{one['application']}" if one["application"] else ""
    )
    return f"{one['role']}{scope}"


def parse_grant(text: str) -> dict[str, str]:
    """What people typed, for the API."""
    rest, _, application = text.partition("/")
    role, _, environment = rest.partition("@")
    return {"role": role.replace("-", "_"), "environment": environment, "application": application}


def _invited(value: Any, invitation: dict[str, Any]) -> None:
    if is_json():
        answer(value)
        return
    if invitation["mailed_to"]:
        note(f"The link was sent to {invitation['mailed_to']}; it works once, for seven days.")
    else:
        if invitation["mail_problem"]:
            note(f"The link could not be sent. {invitation['mail_problem']}")
        note("Send them this link yourself; it works once and expires after seven days.")
    out().print(styled(invitation["link"] or invitation["secret"], "bold"), soft_wrap=True)


def _set_access(username: str, is_active: bool) -> None:
    with Client() as client:
        one = client.put(f"/people/{part(username)}/access", {"is_active": is_active})
    _person(one, f"{username} can sign in." if is_active else f"{username} can no longer sign in.")


def _person(one: dict[str, Any], sentence: str) -> None:
    if is_json():
        answer(one)
    else:
        say(sentence)
