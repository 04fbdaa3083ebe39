"""Commands ``previews …``: what runs for each pull or merge request."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client
from fairway.cli.output import Column, Json, answer, confirm_by_name, done, is_json, table
from fairway.cli.places import Slug

previews = typer.Typer(no_args_is_help=True, help="Previews: what runs for each pull or merge request, until it ends.")
Request = Annotated[int, typer.Argument(metavar="N", min=1, help="The number of the pull or merge request.")]


@previews.command("list")
def list_previews(
    app: Annotated[str, typer.Argument(help="Only those of this application.")] = "",
    ended: Annotated[bool, typer.Option("--ended", help="Ended ones, too.")] = False,
    as_json: Json = False,
) -> None:
    """What runs for open requests, newest first."""
    with Client() as client:
        found = client.get("/previews", application=app, alive="false" if ended else "true")
    if is_json():
        answer(found)
        return
    columns = [
        Column("Request", is_number=True),
        Column("Application"),
        Column("State"),
        Column("Until (UTC)"),
        Column("URL", wraps=True),
    ]
    rows = [
        [
            one["number"],
            one["application"]["slug"],
            _state(one),
            _until(one),
            one["url"] or one["sentence"] or one["why_ended"],
        ]
        for one in found
    ]
    table(columns, rows, empty="There are no previews. Set them up: fairway triggers add APP --env ENV --requests-into main")


@previews.command("show")
def show(app: Slug, number: Request, as_json: Json = False) -> None:
    """One preview."""
    with Client() as client:
        one = _found(client, app, number)
    lines = [f"{app} {number}: {one['title']}", f"{_state(one)}, until {_until(one)} (UTC)"]
    lines += [f"{word}: {one[key]}" for word, key in _FACTS if one[key]]
    if one["is_waiting_for_approval"]:
        lines.append(f"It comes from a fork. Look at {one['commit']}, then: fairway previews approve {app} {number}")
    done(one, "\n".join(lines))


_FACTS = (
    ("URL", "url"),
    ("Commit", "commit"),
    ("Branch", "branch"),
    ("By", "author"),
    ("Deployment", "deployment"),
    ("Not deployed", "sentence"),
    ("No comment on the request", "trouble"),
    ("Ended", "why_ended"),
)


@previews.command("approve")
def approve(
    app: Slug,
    number: Request,
    commit: Annotated[str, typer.Option(help="The commit that you looked at; the newest one if left out.")] = "",
    as_json: Json = False,
) -> None:
    """Let a commit of a fork be built and run, without secrets."""
    with Client() as client:
        one = _found(client, app, number)
        shown = client.post(f"/previews/{one['id']}/approval", {"commit": commit or one["commit"]})
    done(shown, f"{shown['commit'][:12]} of request {number} is approved and will be deployed.")


@previews.command("keep")
def keep(app: Slug, number: Request, as_json: Json = False) -> None:
    """Let a preview last as long from now on as a new one."""
    with Client() as client:
        shown = client.post(f"/previews/{_found(client, app, number)['id']}/extension")
    done(shown, f"The preview of request {number} stays until {_until(shown)} (UTC).")


@previews.command("remove")
def remove(
    app: Slug,
    number: Request,
    confirm: Annotated[str, typer.Option(metavar="NAME", help="The application's slug, to confirm it.")] = "",
    as_json: Json = False,
) -> None:
    """Remove a preview with all that it stored; it comes back with the next push to the request."""
    with Client() as client:
        one = _found(client, app, number)
        confirm_by_name(app, confirm, f"The preview of request {number} will be removed, with all that it stored.")
        shown = client.delete(f"/previews/{one['id']}")
    done(shown or one, f"The preview of request {number} is being removed.")


def _found(client: Client, app: str, number: int) -> dict[str, Any]:
    found: list[dict[str, Any]] = client.get("/previews", application=app, number=number)
    if not found:
        raise typer.BadParameter(f"there is no preview of request {number} of {app}; see: fairway previews list {app}")
    return found[0]


def _where(one: dict[str, Any]) -> str:
    return str(one["url"] or one["sentence"] or one["why_ended"])


def _state(one: dict[str, Any]) -> str:
    if one["is_waiting_for_approval"]:
        return "waits for approval"
    if one["state"] == "open":
        return "live" if one["url"] else "not deployed" if one["sentence"] else "in progress"
    return str(one["state"])


def _until(one: dict[str, Any]) -> str:
    return str(one["ended_at"] or one["ends_at"])[:16].replace("T", " ")
