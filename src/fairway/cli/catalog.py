"""fairway catalog: applications that are installed in one step."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.failures import BadInput
from fairway.cli.output import Column, Json, answer, facts, is_json, note, say, table
from fairway.cli.shipping import Env, NoWait, Reason
from fairway.cli.watch import follow

catalog = typer.Typer(no_args_is_help=True, help="Applications that are installed in one step.")
Entry = Annotated[str, typer.Argument(metavar="ENTRY", help="The entry, e.g. jupyterlab.")]
SIGN_IN = {
    "header": "Colleagues arrive signed in.",
    "gate": "Colleagues sign in to Fairway; the application does not know who they are.",
    "openid": "Colleagues arrive signed in, by OpenID Connect.",
    "own": "The application has accounts of its own.",
}


@catalog.command("list")
def list_entries(as_json: Json = False) -> None:
    """Everything that can be installed."""
    with Client() as client:
        rows = client.get("/catalog")
    if is_json():
        answer(rows)
        return
    columns = [
        Column("Entry"),
        Column("Version"),
        Column("For"),
        Column("Memory", 90),
        Column("Disk", 90),
        Column("What it is"),
    ]
    shown = [
        (one["id"], one["version"], one["category"], _megabytes(one["memory_bytes"]), _megabytes(one["disk_bytes"]),
         one["summary"]["en"])
        for one in rows
    ]  # fmt: skip
    table(columns, shown, empty="The catalogue is empty.")


@catalog.command("show")
def show_entry(entry: Entry, as_json: Json = False) -> None:
    """What an entry is, needs, stores and asks."""
    with Client() as client:
        one = client.get(f"/catalog/{part(entry)}")
    if is_json():
        answer(one)
        return
    facts(
        [
            ("Entry", f"{one['title']} {one['version']}"),
            ("What it is", one["summary"]["en"]),
            ("Licence", one["licence"]),
            ("Home page", one["home_page"]),
            ("Memory", _megabytes(one["memory_bytes"])),
            ("Disk", _megabytes(one["disk_bytes"])),
            ("Stores", one["stores"]["en"]),
            ("Sign-in", SIGN_IN[one["sign_in"]]),
            ("Access", " or ".join(one["access"])),
            ("Checked on", ", ".join(one["checked"]) or "nothing yet"),
            ("Asks", ", ".join(f"{q['name']} (default: {q['default']})" for q in one["ask"]) or "nothing"),
            ("Installed as", ", ".join(f"{made['application']} ({made['version']})" for made in one["installed"]) or "–"),
        ]
    )


@catalog.command("install")
def install_entry(
    entry: Entry,
    env: Env,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The name of the application; the entry's title if left out.")
    ] = "",
    given: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An answer to what it asks; may be repeated.")
    ] = None,
    access: Annotated[str, typer.Option(metavar="public|signed_in", help="Who may open it.")] = "",
    reason: Reason = "",
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Install an entry as a new application."""
    body: dict[str, Any] = {
        "environment": env,
        "name": name,
        "answers": _answers(given or []),
        "access": access.replace("-", "_"),
        "reason": reason,
    }
    with Client() as client:
        made = client.post(f"/catalog/{part(entry)}/install", body)
        for variable, password in made["passwords"].items():
            note(f"{variable} is shown only now: {password}")
        if is_json() and no_wait:
            answer(made)
            return
        code = follow(client, made["deployment"], wait=not no_wait)
        if not is_json() and not code and not no_wait:
            say(client.get(f"/catalog/{part(entry)}")["first_steps"]["en"])
    if code:
        raise typer.Exit(int(code))


def _answers(given: list[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise BadInput(f"“{text[:60]}” is no answer.", advice="Write --set NAME=VALUE.")
        found[name] = value
    return found


def _megabytes(count: int) -> str:
    return f"{count / 2**20:.0f} MB" if count < 2**30 else f"{count / 2**30:.1f} GB"
