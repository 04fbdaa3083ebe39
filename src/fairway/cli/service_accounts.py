"""`fairway service-accounts`: accounts for programs, which work with tokens and cannot sign in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.looking_back import grant_text, parse_grant
from fairway.cli.output import Column, Json, answer, is_json, note, out, say, status, styled, table
from fairway.cli.words import ago, word

service_accounts = typer.Typer(no_args_is_help=True, help="Accounts for programs: roles and tokens, but no sign-in.")
Name = Annotated[str, typer.Argument(metavar="ACCOUNT")]


@service_accounts.command("list")
def list_service_accounts(as_json: Json = False) -> None:
    """Every service account, with its roles."""
    with Client() as client:
        rows = client.get("/service-accounts")
    if is_json():
        answer(rows)
        return
    columns = [Column("Account"), Column("For", 80), Column("Roles", wraps=True), Column("Tokens", is_number=True),
               Column("State")]  # fmt: skip
    shown = [
        (row["username"], row["purpose"], ", ".join(map(grant_text, row["grants"])) or "none", len(row["tokens"]),
         status("healthy", "Active") if row["is_active"] else status("stopped", "Deactivated"))
        for row in rows
    ]  # fmt: skip
    table(columns, shown, empty="There are no service accounts. Create one: fairway service-accounts create NAME ROLE")


@service_accounts.command("create")
def create(
    account: Name,
    grants: Annotated[
        list[str] | None, typer.Argument(metavar="[ROLE[@ENV][/APP]]...", help="Its roles, e.g. deployer@staging.")
    ] = None,
    purpose: Annotated[str, typer.Option("--for", help="What it is for.")] = "",
    as_json: Json = False,
) -> None:
    """Create a service account; then make a token for it."""
    body = {"username": account, "purpose": purpose, "grants": [parse_grant(text) for text in grants or []]}
    with Client() as client:
        made = client.post("/service-accounts", body)
    _said(
        made, f"{made['username']} is created. Make a token for it: fairway service-accounts token {made['username']} NAME"
    )


@service_accounts.command("tokens")
def list_tokens(account: Name, as_json: Json = False) -> None:
    """A service account's valid tokens."""
    with Client() as client:
        rows = client.get(f"/service-accounts/{part(account)}")["tokens"]
    if is_json():
        answer(rows)
        return
    columns = [Column("ID", is_number=True), Column("Name"), Column("Starts"), Column("Role"), Column("Limited to"),
               Column("Last used"), Column("Expires", 70)]  # fmt: skip
    shown = [
        (row["id"], row["name"], f"{row['prefix']}…", word(row["role"]) or "all of its roles",
         " in ".join(filter(None, (row["application"], row["environment"]))),
         ago(row["last_used_at"]) or "never", row["expires_at"][:10])
        for row in rows
    ]  # fmt: skip
    table(columns, shown, empty="It has no tokens.")


@service_accounts.command("token")
def create_token(
    account: Name,
    name: Annotated[str, typer.Argument(help="Where it is used, e.g. nightly-job.")],
    role: Annotated[str, typer.Option(help="Limit it to a role: admin, release_manager, deployer or viewer.")] = "",
    app: Annotated[str, typer.Option(help="Limit it to an application.")] = "",
    env: Annotated[str, typer.Option(help="Limit it to an environment.")] = "",
    days: Annotated[int, typer.Option(min=1, max=366, help="Days until it expires.")] = 90,
    as_json: Json = False,
) -> None:
    """Create a token for a service account. Its text is shown only once."""
    limits = {"role": role.replace("-", "_"), "application": app, "environment": env}
    body = {"name": name, "expires_at": (datetime.now(UTC) + timedelta(days=days)).isoformat(), **limits}
    with Client() as client:
        made = client.post(f"/service-accounts/{part(account)}/tokens", body)
    if is_json():
        answer(made)
        return
    note("Copy it now; it is not shown again.")
    out().print(styled(made["token"], "bold"), soft_wrap=True)


@service_accounts.command("revoke")
def revoke_token(account: Name, number: Annotated[int, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Revoke one of its tokens. It stops working at once."""
    with Client() as client:
        client.delete(f"/service-accounts/{part(account)}/tokens/{number}")
    _said({"id": number, "is_revoked": True}, f"Token {number} of {account} is revoked.")


@service_accounts.command("roles")
def set_roles(
    account: Name,
    grants: Annotated[
        list[str] | None, typer.Argument(metavar="[ROLE[@ENV][/APP]]...", help="All roles, e.g. deployer@staging.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Replace its roles: deployer, deployer@staging, deployer/shop, deployer@staging/shop."""
    with Client() as client:
        client.get(f"/service-accounts/{part(account)}")
        one = client.put(f"/people/{part(account)}/roles", {"grants": [parse_grant(text) for text in grants or []]})
    _said(one, f"{account}: {', '.join(map(grant_text, one['grants'])) or 'no role'}.")


@service_accounts.command("activate")
def activate(account: Name, as_json: Json = False) -> None:
    """Activate a service account again. It needs new tokens."""
    _set_active(account, True)


@service_accounts.command("deactivate")
def deactivate(account: Name, as_json: Json = False) -> None:
    """Deactivate a service account; its tokens end for good."""
    _set_active(account, False)


def _set_active(account: str, is_active: bool) -> None:
    with Client() as client:
        client.get(f"/service-accounts/{part(account)}")
        one = client.put(f"/people/{part(account)}/access", {"is_active": is_active})
    _said(
        one,
        f"{account} is active; make a new token for it." if is_active else f"{account} is deactivated; its tokens ended.",
    )


def _said(value: Any, sentence: str) -> None:
    if is_json():
        answer(value)
    else:
        say(sentence)
