"""Commands ``notifications …``: where people and programs hear of what happens."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client
from fairway.cli.output import Column, Json, answer, confirm_by_name, done, is_json, read_secret, table

notifications = typer.Typer(
    no_args_is_help=True, help="Who hears of what happens: Slack, Teams, Discord, mail, and webhooks of your own."
)
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The channel's number.")]
KINDS = {"slack": "Slack", "teams": "Teams", "discord": "Discord", "webhook": "webhook", "mail": "mail"}
STATES = {"waiting": "waiting", "delivered": "delivered", "given_up": "given up"}


@notifications.command("list")
def list_channels(as_json: Json = False) -> None:
    """Every channel, and how it is doing."""
    with Client() as client:
        found = client.get("/channels")
    if is_json():
        answer(found)
        return
    columns = [
        Column("#", is_number=True),
        Column("Name"),
        Column("Kind"),
        Column("Goes to"),
        Column("Hears", wraps=True),
        Column("State", wraps=True),
    ]
    rows = [[one["id"], one["name"], KINDS[one["kind"]], _place(one), _hears(one), _state(one)] for one in found]
    table(columns, rows, empty="Nobody is told. Add a channel: fairway notifications add NAME --kind slack")


@notifications.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call it, e.g. “Operations”.")],
    kind: Annotated[str, typer.Option(help="slack, teams, discord, webhook or mail.")],
    url: Annotated[str, typer.Option(help="Where a webhook of your own is; those of chats are asked for.")] = "",
    to: Annotated[list[str] | None, typer.Option(help="A mail address; repeatable.")] = None,
    hear: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="A kind of event, e.g. deployment_failed; repeatable. Usual ones if left out."),
    ] = None,
    env: Annotated[list[str] | None, typer.Option(help="Only of this environment; repeatable.")] = None,
    app: Annotated[list[str] | None, typer.Option(help="Only of this application; repeatable.")] = None,
    language: Annotated[str, typer.Option(help="en or fr; this installation's if left out.")] = "",
    as_json: Json = False,
) -> None:
    """Add a channel. The URL of a chat's webhook is a secret, so it is read from stdin or asked for; arguments can be read
    by others on this machine."""
    if (env or app) and not hear:
        raise typer.BadParameter("say with --hear what it hears of them.")
    wanted: dict[str, Any] = {"name": name, "kind": kind, "addresses": to or [], "language": language}
    if hear:
        wanted["routes"] = [{"topics": hear, "environments": env or [], "applications": app or []}]
    if url and kind != "webhook":
        raise typer.BadParameter("is for a webhook of your own; the URL of a chat is read from stdin or asked for.")
    if url:
        wanted["url"] = url
    elif kind != "mail":
        wanted["url"] = read_secret("URL of the webhook")
    with Client() as client:
        one = client.post("/channels", wanted)
    secret = f"\nSecret: {one['secret']}\nIt signs what is sent, and is not shown again." if one["secret"] else ""
    number = one["id"]
    done(one, f"{name} is channel {number}.{secret}\nSee whether it works: fairway notifications test {number}")


@notifications.command("test")
def send_test(number: Number, as_json: Json = False) -> None:
    """Send a test now, and say what the receiver answered."""
    with Client() as client:
        found = client.post(f"/channels/{number}/test")
    done(found, "\n".join(f"{one['address']}: {one['sentence']}".removeprefix(": ") for one in found))


@notifications.command("deliveries")
def deliveries(number: Number, as_json: Json = False) -> None:
    """What was sent there or waits to be sent, newest first, and what was answered."""
    with Client() as client:
        found = client.get(f"/channels/{number}/deliveries")
    if is_json():
        answer(found)
        return
    columns = [
        Column("#", is_number=True),
        Column("Time (UTC)"),
        Column("About", wraps=True),
        Column("State"),
        Column("Tries", is_number=True),
        Column("Answer", wraps=True),
    ]
    rows = [
        [
            one["id"],
            one["created_at"][:16].replace("T", " "),
            f"{one['verb']} {one['about']} {one['address']}".strip(),
            STATES[one["state"]],
            one["tries"],
            one["sentence"],
        ]
        for one in found
    ]
    table(columns, rows, empty="Nothing has been sent to this channel yet.")


@notifications.command("again")
def again(
    number: Number,
    delivery: Annotated[int, typer.Argument(metavar="DELIVERY", min=1, help="Its number in “deliveries”.")],
    as_json: Json = False,
) -> None:
    """Send a notice again that was delivered or given up; it keeps its id."""
    with Client() as client:
        one = client.post(f"/channels/{number}/deliveries/{delivery}/again")
    done(one, "It is sent again.")


@notifications.command("pause")
def pause(number: Number, as_json: Json = False) -> None:
    """Tell this channel nothing until it is resumed."""
    _change(number, {"is_paused": True}, "is paused.")


@notifications.command("resume")
def resume(number: Number, as_json: Json = False) -> None:
    """Tell this channel of what happens from now on, also if its receiver was gone."""
    _change(number, {"is_paused": False}, "hears of what happens from now on.")


@notifications.command("remove")
def remove(
    number: Number,
    confirm: Annotated[str, typer.Option(metavar="NAME", help="The channel's name, to confirm it.")] = "",
    as_json: Json = False,
) -> None:
    """Delete a channel; what waited to be sent is not sent."""
    with Client() as client:
        one = client.get(f"/channels/{number}")
        confirm_by_name(one["name"], confirm, "Its URL and its secret are forgotten.")
        client.delete(f"/channels/{number}")
    done({"channel": number, "is_deleted": True}, f"{one['name']} is removed.")


def _change(number: int, changes: dict[str, Any], said: str) -> None:
    with Client() as client:
        one = client.patch(f"/channels/{number}", changes)
    done(one, f"{one['name']} {said}")


def _place(one: dict[str, Any]) -> str:
    return ", ".join(one["addresses"]) if one["kind"] == "mail" else str(one["url"])


def _hears(one: dict[str, Any]) -> str:
    return "; ".join(_route(route) for route in one["routes"]) or "nothing"


def _route(route: dict[str, list[str]]) -> str:
    named = [*route["environments"], *route["applications"]]
    return ", ".join(route["topics"]) + (f" ({', '.join(named)})" if named else "")


def _state(one: dict[str, Any]) -> str:
    if one["disabled_because"]:
        return f"disabled: {one['disabled_because']}"
    if one["is_paused"]:
        return "paused"
    last = one["last_delivery"]
    said = [str(last["sentence"])] if last else ["nothing sent yet"]
    said += [f"{one['waiting']} waiting"] if one["waiting"] else []
    said += [f"{one['given_up']} given up"] if one["given_up"] else []
    return ", ".join(filter(None, said))
