"""Commands ``login``, ``logout``, ``whoami`` and ``tokens …``."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from fairway.cli import account
from fairway.cli.client import Client
from fairway.cli.failures import BadInput
from fairway.cli.output import Column, Json, answer, facts, is_json, note, out, read_secret, say, styled, table
from fairway.cli.words import ago, word

tokens = typer.Typer(no_args_is_help=True, help="Your API tokens.")


def login(
    url: Annotated[str, typer.Argument(help="Where Fairway is, e.g. https://fairway.example.com.")] = "",
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the token from stdin.")] = False,
    ci: Annotated[bool, typer.Option("--ci", help="As a CI job that is trusted: fairway ci trust.")] = False,
    app: Annotated[str, typer.Option(help="With --ci, where several places trust the job.")] = "",
    env: Annotated[str, typer.Option(help="With --ci, where several places trust the job.")] = "",
    as_json: Json = False,
) -> None:
    """Sign in with a token: asked for, piped in, from FAIRWAY_TOKEN, or for a CI job's own. Create one in your profile in
    the browser."""
    where = account.parse_url(url) if url else account.current_account().url
    if ci:
        _login_as_job(where, app, env)
        return
    given = "" if token_stdin else os.environ.get("FAIRWAY_TOKEN", "").strip()
    token = given or read_secret(f"Token for {where}").strip()
    if not token:
        raise BadInput("No token was given.", advice=f"Create one at {where} under your profile, and paste it here.")
    new = account.Account(where, token)
    with Client(new) as client:
        me = client.get("/me")
    file = account.store(new)
    if is_json():
        answer({"url": where, "username": me["username"], "file": str(file)})
        return
    if where.startswith("http://") and not _is_local(where):
        note("This address is not encrypted, so the token can be read on the way. Use https:// if you can.")
    say(f"Signed in at {where} as {me['name']}.")


def _login_as_job(where: str, app: str, env: str) -> None:
    """Exchange the job's token for one of Fairway, and store it for the commands that follow."""
    from fairway.cli.ci_token import job_token

    wanted = {"token": job_token(where), "application": app, "environment": env}
    with Client(account.Account(where)) as client:
        given = client.post("/ci-tokens", wanted)
    file = account.store(account.Account(where, given["token"]))
    place = {name: given[name] for name in ("application", "environment", "expires_at")}
    if is_json():
        answer({"url": where, **place, "file": str(file)})
        return
    say(f"This job may deploy {place['application']} to {place['environment']} for a quarter of an hour.")


def logout(as_json: Json = False) -> None:
    """Forget the stored token. It keeps working until it is revoked: fairway tokens revoke."""
    had = account.delete_account()
    if is_json():
        answer({"was_signed_in": had})
    else:
        say("Signed out on this machine." if had else "Nobody was signed in on this machine.")


def whoami(as_json: Json = False) -> None:
    """The person whom this token belongs to, and what it may do."""
    with Client() as client:
        me = client.get("/me")
        if is_json():
            answer({**me, "url": client.account.url})
            return
        facts(
            [
                ("Person", me["username"] if me["name"] == me["username"] else f"{me['username']} ({me['name']})"),
                ("At", client.account.url),
                ("Roles", ", ".join(_grant(one) for one in me["grants"])),
                ("Acting as", word(me["acting_as"]) if me["acting_as"] else ""),
                ("Known by", me["identified_by"]),
            ]
        )


@tokens.command("list")
def list_tokens(as_json: Json = False) -> None:
    """Your valid tokens."""
    with Client() as client:
        rows = client.get("/tokens")
    if is_json():
        answer(rows)
        return
    columns = [Column("ID", is_number=True), Column("Name"), Column("Starts"), Column("Role"), Column("Limited to"),
               Column("Last used"), Column("Expires", 70)]  # fmt: skip
    shown = [
        (row["id"], row["name"], f"{row['prefix']}…", word(row["role"]) or "all of yours",
         " in ".join(filter(None, (row["application"], row["environment"]))),
         ago(row["last_used_at"]) or "never", (row["expires_at"] or "never")[:10])
        for row in rows
    ]  # fmt: skip
    table(columns, shown, empty="You have no tokens. Create one: fairway tokens create NAME")


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="What it is for, e.g. ci-main.")],
    role: Annotated[str, typer.Option(help="Limit it to a role: admin, release_manager, deployer or viewer.")] = "",
    app: Annotated[str, typer.Option(help="Limit it to an application.")] = "",
    env: Annotated[str, typer.Option(help="Limit it to an environment.")] = "",
    days: Annotated[int, typer.Option(min=0, max=3650, help="Days until it expires; 0 means never.")] = 0,
    as_json: Json = False,
) -> None:
    """Create a token. Its text is shown only once."""
    expires = (datetime.now(UTC) + timedelta(days=days)).isoformat() if days else None
    with Client() as client:
        limits = {"role": role, "application": app, "environment": env}
        made = client.post("/tokens", {"name": name, **limits, "expires_at": expires})
    if is_json():
        answer(made)
        return
    note("Copy it now; it is not shown again.")
    out().print(styled(made["token"], "bold"), soft_wrap=True)


@tokens.command("revoke")
def revoke_token(number: Annotated[int, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Revoke one of your tokens. It stops working at once."""
    with Client() as client:
        client.delete(f"/tokens/{number}")
    if is_json():
        answer({"id": number, "is_revoked": True})
    else:
        say(f"Token {number} is revoked.")


def _grant(one: dict[str, Any]) -> str:
    words = [word(one["role"])]
    words += [f"in {one['environment']}"] if one["environment"] else []
    words += [f"of {one['application']}"] if one["application"] else []
    return " ".join(words)


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "127.0.0.1", "::1"} or host.endswith(".localhost")
