"""Commands ``forges …``: GitHub, GitLab or Gitea shows on the commit where it is deployed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.output import Column, Json, answer, confirm_by_name, done, is_json, read_secret, table
from fairway.cli.places import Slug

forges = typer.Typer(
    no_args_is_help=True, help="Statuses at the forge: the commit on GitHub, GitLab or Gitea shows where it is deployed."
)
Kind = Annotated[str, typer.Option(help="github, gitlab or gitea; told by the repository's address if left out.")]
ApiUrl = Annotated[str, typer.Option("--api-url", help="Where the API is, on a server of your own.")]
Stored = Annotated[
    str, typer.Option("--credential", metavar="NAME", help="Use the token of this stored credential for Git over HTTPS.")
]
STATES = {"waiting": "waiting", "sent": "sent", "given_up": "given up"}


@forges.command("list")
def list_forges(as_json: Json = False) -> None:
    """Every connected forge, and how it is doing."""
    with Client() as client:
        found = client.get("/forges")
    if is_json():
        answer(found)
        return
    columns = [Column("Application"), Column("Forge"), Column("Repository"), Column("By"), Column("State", wraps=True)]
    rows = [[one["application"]["slug"], one["kind"], one["project"], one["saved_by"], _state(one)] for one in found]
    table(columns, rows, empty="No forge is told. Connect one: fairway forges connect APP")


@forges.command("connect")
def connect(app: Slug, kind: Kind = "", api_url: ApiUrl = "", credential: Stored = "", as_json: Json = False) -> None:
    """Tell the forge of the application's repository of its deployments. The token is read from stdin or asked for, because
    arguments can be read by others on this machine; or it is that of a stored credential."""
    has = {"credential": credential} if credential else {"token": read_secret("Token")}
    wanted: dict[str, Any] = {**has, "api_url": api_url} | ({"kind": kind} if kind else {})
    with Client() as client:
        one = client.post(f"/applications/{part(app)}/forge", wanted)
    done(one, f"{one['project']} is told of the deployments of {app}. Try it: fairway forges try {app}")


@forges.command("edit")
def edit(
    app: Slug,
    kind: Kind = "",
    api_url: ApiUrl = "",
    credential: Stored = "",
    token: Annotated[bool, typer.Option("--token", help="Also replace the token, read from stdin or asked for.")] = False,
    as_json: Json = False,
) -> None:
    """Change the connection; what is left out stays. What waited is sent then."""
    changes = {
        "kind": kind,
        "api_url": api_url,
        "credential": credential,
        "token": read_secret("Token") if token else "",
    }
    given = {name: value for name, value in changes.items() if value}
    if not given:
        raise typer.BadParameter("give --kind, --api-url, --credential or --token.")
    _change(app, given)


@forges.command("try")
def try_it(app: Slug, as_json: Json = False) -> None:
    """Find out whether the forge can be told; nothing changes there."""
    with Client() as client:
        one = client.post(f"/applications/{part(app)}/forge/trial")
    done(one, f"It works: {one['project']} can be told.")


@forges.command("pause")
def pause(app: Slug, as_json: Json = False) -> None:
    """Tell it nothing until it is resumed."""
    _change(app, {"is_paused": True})


@forges.command("resume")
def resume(app: Slug, as_json: Json = False) -> None:
    """Tell it of what happens from now on."""
    _change(app, {"is_paused": False})


@forges.command("reports")
def reports(app: Slug, as_json: Json = False) -> None:
    """What was sent, newest first."""
    with Client() as client:
        found = client.get(f"/applications/{part(app)}/forge/reports")
    if is_json():
        answer(found)
        return
    columns = [
        Column("#", is_number=True),
        Column("Deployment", is_number=True),
        Column("Environment"),
        Column("Told"),
        Column("State"),
        Column("What was wrong", wraps=True),
    ]
    rows = [
        [one["id"], one["deployment"], one["environment"]["slug"], one["progress"], STATES[one["state"]], one["sentence"]]
        for one in found
    ]
    table(columns, rows, empty="Nothing was sent yet.")


@forges.command("send-again")
def send_again(
    app: Slug,
    number: Annotated[int, typer.Argument(metavar="N", min=1, help="The number of what was sent.")],
    as_json: Json = False,
) -> None:
    """Send the last status of a deployment again."""
    with Client() as client:
        one = client.post(f"/applications/{part(app)}/forge/reports/{number}/again")
    done(one, f"“{one['progress']}” of deployment #{one['deployment']} is sent again.")


@forges.command("disconnect")
def disconnect(
    app: Slug,
    confirm: Annotated[str, typer.Option(metavar="NAME", help="The repository, to confirm it.")] = "",
    as_json: Json = False,
) -> None:
    """Forget the token, and tell the forge nothing more."""
    with Client() as client:
        one = client.get(f"/applications/{part(app)}/forge")
        confirm_by_name(one["project"], confirm, "Its token is forgotten, and nothing more is sent.")
        client.delete(f"/applications/{part(app)}/forge")
    done({"application": app, "is_disconnected": True}, f"{one['project']} is told nothing more.")


def _change(app: str, changes: dict[str, Any]) -> None:
    with Client() as client:
        one = client.patch(f"/applications/{part(app)}/forge", changes)
    done(one, f"{one['project']}: {_state(one)}")


def _state(one: dict[str, Any]) -> str:
    if one["is_paused"]:
        return "paused"
    waits = f"{one['waiting']} waiting" if one["waiting"] else ""
    failed = f"{one['given_up']} given up" if one["given_up"] else ""
    return str(one["stopped"]) or ", ".join(filter(None, (waits, failed))) or "works"
