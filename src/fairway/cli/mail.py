"""Commands ``mail …``: set the mail server, and test it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client
from fairway.cli.output import Json, answer, facts, is_json, read_secret, say

mail = typer.Typer(no_args_is_help=True, help="The mail server that invitations and password links go through.")


@mail.command("show")
def show_mail(as_json: Json = False) -> None:
    """The mail server; its password is never shown."""
    with Client() as client:
        one = client.get("/mail")
    _show(one)


@mail.command("set")
def set_mail(
    host: Annotated[str, typer.Option(help="The server, e.g. smtp.example.com.")],
    sender: Annotated[str, typer.Option("--from", help="The address that mail is sent from.")],
    sender_name: Annotated[str, typer.Option("--from-name", help="The name beside it; Fairway if left out.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="587 with starttls, 465 with tls, 25 with none.")] = 0,
    security: Annotated[str, typer.Option(help="starttls, tls or none.")] = "starttls",
    user: Annotated[str, typer.Option(help="The user name to sign in with; the password is piped in or asked for.")] = "",
    keep_password: Annotated[bool, typer.Option("--keep-password", help="Do not ask; keep the stored password.")] = False,
    as_json: Json = False,
) -> None:
    """Set the mail server. The password is read from stdin or asked for; arguments can be read by others on this machine."""
    body: dict[str, Any] = {
        "host": host,
        "sender": sender,
        "sender_name": sender_name,
        "security": security,
        "username": user,
    }
    body |= {"port": port} if port else {}
    body |= {"password": read_secret(f"Password of {user}")} if user and not keep_password else {}
    with Client() as client:
        one = client.put("/mail", body)
    _show(one)
    say("See whether it works: fairway mail test")


@mail.command("unset")
def unset_mail(as_json: Json = False) -> None:
    """Remove the mail server, so that no mail is sent."""
    with Client() as client:
        _show(client.put("/mail", {}))


@mail.command("test")
def send_test(
    to: Annotated[str, typer.Argument(metavar="[ADDRESS]", help="To whom; your own address if left out.")] = "",
    as_json: Json = False,
) -> None:
    """Send a test mail, and say what is wrong if that fails."""
    with Client() as client:
        sent = client.post("/mail/test", {"to": to})
    if is_json():
        answer(sent)
        return
    say(f"The mail server accepted a test mail to {sent['to']}.")


def _show(one: dict[str, Any]) -> None:
    if is_json():
        answer(one)
    elif not one["is_set_up"]:
        say("No mail server is set up, so Fairway sends no mail. Set one: fairway mail set --host HOST --from ADDRESS")
    else:
        facts(
            [
                ("Server", f"{one['host']}:{one['port']}"),
                ("Encryption", one["security"]),
                ("User", one["username"]),
                ("Password", "stored" if one["has_password"] else ""),
                ("Sender", f"{one['sender_name']} <{one['sender']}>"),
                ("Set by", "environment variables (FAIRWAY_SMTP_…)" if one["is_fixed"] else ""),
            ]
        )
