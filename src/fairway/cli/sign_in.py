"""Commands ``sign-in …``: the providers with which people sign in."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.failures import BadInput
from fairway.cli.looking_back import grant_text, parse_grant
from fairway.cli.output import Column, Json, answer, facts, is_json, read_secret, say, table

sign_in = typer.Typer(no_args_is_help=True, help="GitHub and the OpenID Connect providers with which people sign in.")
GITHUB = "https://github.com"
KINDS = {"openid": "OpenID Connect", "github": "GitHub"}
WHOSE = {"everybody": "everybody who has one", "emergency": "emergency accounts only"}
Name = Annotated[str, typer.Argument(metavar="NAME", help="Its short name, e.g. google.")]


@sign_in.command("list")
def list_providers(as_json: Json = False) -> None:
    """Every sign-in provider."""
    with Client() as client:
        rows = client.get("/sign-in-providers")
    if is_json():
        answer(rows)
        return
    columns = [Column("Name"), Column("Shown as"), Column("Issuer"), Column("Lets in"), Column("Offered")]
    shown = [(one["slug"], one["name"], one["issuer"], one["admits"], "yes" if one["is_enabled"] else "no") for one in rows]
    table(columns, shown, empty="No provider is set up. Add one: fairway sign-in set NAME --issuer URL --client-id ID")


@sign_in.command("show")
def show_provider(name: Name, as_json: Json = False) -> None:
    """One provider; its client secret is never shown."""
    with Client() as client:
        _show(client.get(f"/sign-in-providers/{part(name)}"))


@sign_in.command("set")
def set_provider(
    name: Name,
    kind: Annotated[str, typer.Option(help="openid or github; only when it is added.")] = "",
    issuer: Annotated[str, typer.Option(help="Exactly as the provider writes it, e.g. https://accounts.google.com.")] = "",
    client_id: Annotated[str, typer.Option(help="The client ID that the provider gave Fairway.")] = "",
    title: Annotated[str, typer.Option(help="What the button says; the short name if left out.")] = "",
    domain: Annotated[list[str] | None, typer.Option(help="Let in only verified addresses of it; repeatable.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Let in only members of it; repeatable.")] = None,
    role: Annotated[
        list[str] | None, typer.Option(metavar="GROUP=ROLE[@ENV][/APP]", help="Give members of a group a role; repeatable.")
    ] = None,
    groups_claim: Annotated[str | None, typer.Option(help="The claim that lists groups, e.g. groups.")] = None,
    scopes: Annotated[str | None, typer.Option(help="What is asked for, e.g. “openid email profile groups”.")] = None,
    admits: Annotated[str, typer.Option(help="linked: who connected it; anybody: accounts are created.")] = "",
    default_role: Annotated[str | None, typer.Option(help="The role of people whose account is created.")] = None,
    offered: Annotated[
        bool | None, typer.Option("--offered/--not-offered", help="Whether the sign-in page offers it.")
    ] = None,
    keep_secret: Annotated[bool, typer.Option("--keep-secret", help="Do not ask; keep the stored secret.")] = False,
    as_json: Json = False,
) -> None:
    """Add a provider, or change what is given. The client secret is read from stdin or asked for; arguments can be read by
    others on this machine."""
    with Client() as client:
        kept = next((one for one in client.get("/sign-in-providers") if one["slug"] == name), None)
        body = _kept(kept) if kept else {"name": title or name}
        given: dict[str, Any] = {
            "kind": kind or None,
            "name": title or None,
            "issuer": issuer or None,
            "client_id": client_id or None,
            "domains": domain,
            "required_groups": group,
            "roles": [_role(one) for one in role] if role else None,
            "groups_claim": groups_claim,
            "scopes": scopes,
            "admits": admits or None,
            "default_role": default_role,
            "is_enabled": offered,
        }
        body |= {key: value for key, value in given.items() if value is not None}
        if body.get("kind") == "github" and not body.get("issuer"):
            body["issuer"] = GITHUB
        for key, option in (("issuer", "--issuer"), ("client_id", "--client-id")):
            if not body.get(key):
                raise BadInput(f"A new provider needs {option}.")
        if not keep_secret:
            body["secret"] = read_secret("Client secret")
        one = client.put(f"/sign-in-providers/{part(name)}", body)
    _show(one)
    say(f"See whether it works: fairway sign-in try {name}")


@sign_in.command("try")
def try_provider(name: Name, as_json: Json = False) -> None:
    """Ask the provider, and say what is wrong."""
    with Client() as client:
        found = client.post(f"/sign-in-providers/{part(name)}/trial")
    if is_json():
        answer(found)
        return
    say(f"The provider answers as it should, and knows the client. People will sign in at {found['signs_in_at']}.")


@sign_in.command("remove")
def remove_provider(name: Name, as_json: Json = False) -> None:
    """Remove a provider, and the roles that its groups gave. People keep their accounts."""
    with Client() as client:
        client.delete(f"/sign-in-providers/{part(name)}")
    if is_json():
        answer({"slug": name, "is_removed": True})
    else:
        say(f"{name} is removed.")


@sign_in.command("passwords")
def set_passwords(
    whose: Annotated[str, typer.Argument(metavar="[everybody|emergency]", help="Who may use a password.")] = "",
    account: Annotated[
        list[str] | None, typer.Option(help="An administrator whose account is an emergency account; repeatable.")
    ] = None,
    two_step: Annotated[
        bool | None,
        typer.Option("--require-two-step/--no-require-two-step", help="Whether everybody must enter a code after it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show or say who may sign in with a password, and whether a code must follow. What is left out stays what it is."""
    with Client() as client:
        found = client.get("/password-policy")
        if whose or account or two_step is not None:
            body = {"passwords": whose or found["passwords"], "emergency": account or found["emergency"]}
            if two_step is not None:
                body["two_step_required"] = two_step
            found = client.put("/password-policy", body)
    if is_json():
        answer(found)
        return
    required = "required of everybody" if found["two_step_required"] else "up to each person"
    facts(
        [
            ("Passwords", WHOSE[found["passwords"]]),
            ("Emergency accounts", ", ".join(found["emergency"])),
            ("Two-step sign-in", required),
        ]
    )


def _kept(one: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value for key, value in one.items() if key not in ("slug", "has_secret", "redirect_uri", "is_from_environment")
    }


def _role(text: str) -> dict[str, str]:
    group, equals, role = text.rpartition("=")
    if not equals or not group.strip():
        raise BadInput(f"“{text[:60]}” is not GROUP=ROLE.", advice="For example: --role developers=deployer")
    return {"group": group.strip(), **parse_grant(role.strip())}


def _show(one: dict[str, Any]) -> None:
    if is_json():
        answer(one)
        return
    facts(
        [
            ("Name", one["name"]),
            ("Kind", KINDS[one["kind"]]),
            ("Issuer", one["issuer"]),
            ("Client ID", one["client_id"]),
            ("Client secret", "stored" if one["has_secret"] else ""),
            ("Scopes", one["scopes"]),
            ("Lets in", one["admits"]),
            ("Mail domains", ", ".join(one["domains"])),
            ("Only members of", ", ".join(one["required_groups"])),
            ("Role of new people", one["default_role"]),
            ("Claim with groups", one["groups_claim"]),
            ("Roles of groups", ", ".join(f"{each['group']} = {grant_text(each)}" for each in one["roles"])),
            ("Offered", "yes" if one["is_enabled"] else "no"),
            ("Set by", "the environment of Fairway" if one["is_from_environment"] else ""),
            ("Redirect URI", one["redirect_uri"]),
        ]
    )
