"""Commands ``triggers …``: deploy on push."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.failures import Stop
from fairway.cli.output import Column, Json, answer, confirm_by_name, done, is_json, table
from fairway.cli.places import Slug
from fairway.cli.shipping import Env

triggers = typer.Typer(no_args_is_help=True, help="Deploy on push: a push to a branch or tag deploys an application.")
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The trigger's number.")]
Branch = Annotated[str, typer.Option(help="The branch, e.g. main or release/*.")]
Tag = Annotated[str, typer.Option(help="Tags instead of a branch, e.g. v*.")]
Into = Annotated[
    str, typer.Option("--requests-into", metavar="BRANCH", help="A preview for each pull or merge request into this branch.")
]
Paths = Annotated[
    list[str] | None, typer.Option("--path", help="Only if something below this path changed; may be given several times.")
]


@triggers.command("list")
def list_triggers(
    app: Annotated[str, typer.Argument(help="Only those of this application.")] = "", as_json: Json = False
) -> None:
    """Every trigger, and what came to its webhook last."""
    with Client() as client:
        found = client.get("/triggers", application=app)
    if is_json():
        answer(found)
        return
    columns = [
        Column("#", is_number=True),
        Column("On push to"),
        Column("Deploys"),
        Column("By"),
        Column("Last", wraps=True),
    ]
    rows = [
        [
            one["id"],
            _what(one),
            f"{one['application']['slug']} to {one['environment']['slug']}",
            one["saved_by"],
            "paused" if one["is_paused"] else one["lost_right"] or _became(one["last_delivery"]),
        ]
        for one in found
    ]
    table(columns, rows, empty="Nothing is deployed on push. Set it up: fairway triggers add APP --env ENV --branch main")


@triggers.command("add")
def add(
    app: Slug,
    env: Env,
    branch: Branch = "",
    tag: Tag = "",
    requests_into: Into = "",
    path: Paths = None,
    install: Annotated[
        bool, typer.Option("--install", help="Install the webhook at the forge that the application is connected to.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Deploy on push, e.g. --env development --branch main. Prints the webhook's address and its secret, or installs it."""
    if sum(map(bool, (branch, tag, requests_into))) != 1:
        raise typer.BadParameter("give one of --branch, --tag and --requests-into.")
    wanted = {**_kind(branch, tag, requests_into), "paths": path or []}
    with Client() as client:
        one = client.post(f"/applications/{part(app)}/environments/{part(env)}/triggers", wanted)
        if not install:
            _tell_secret(one, f"{_does(one)} (#{one['id']}).")
            return
        try:
            one = client.post(f"/triggers/{one['id']}/webhook")
        except Stop:
            _tell_secret(one, f"{_does(one)} (#{one['id']}), but the webhook has to be added by hand.")
            raise
    done(one, f"{_does(one)} (#{one['id']}). The webhook is installed.")


@triggers.command("edit")
def edit(
    number: Number, branch: Branch = "", tag: Tag = "", requests_into: Into = "", path: Paths = None, as_json: Json = False
) -> None:
    """Change a trigger; what is left out stays (--path "" for any path). It then deploys with your rights."""
    if sum(map(bool, (branch, tag, requests_into))) > 1:
        raise typer.BadParameter("give only one of --branch, --tag and --requests-into.")
    changes: dict[str, Any] = _kind(branch, tag, requests_into) if branch or tag or requests_into else {}
    if path is not None:
        changes["paths"] = [one for one in path if one]
    _change(number, changes)


@triggers.command("pause")
def pause(number: Number, as_json: Json = False) -> None:
    """Ignore pushes until it is resumed."""
    _change(number, {"is_paused": True})


@triggers.command("resume")
def resume(number: Number, as_json: Json = False) -> None:
    """Deploy on push again, with your rights."""
    _change(number, {"is_paused": False})


@triggers.command("renew-secret")
def renew_secret(number: Number, as_json: Json = False) -> None:
    """Make a new secret for the webhook; the one before is refused from now on."""
    with Client() as client:
        one = client.post(f"/triggers/{number}/secret")
    if one["has_webhook"] and not one["webhook_trouble"]:
        done(one, "The secret is renewed, and the forge has it.")
        return
    _tell_secret(one, one["webhook_trouble"] or "Enter the new secret where the repository's webhook is set up.")


@triggers.command("install-webhook")
def install_webhook(number: Number, as_json: Json = False) -> None:
    """Install the webhook at the forge that the application is connected to, or bring it up to date."""
    with Client() as client:
        one = client.post(f"/triggers/{number}/webhook")
    done(one, "The webhook is installed.")


@triggers.command("remove-webhook")
def remove_webhook(number: Number, as_json: Json = False) -> None:
    """Delete the webhook at the forge; the trigger stays."""
    with Client() as client:
        one = client.delete(f"/triggers/{number}/webhook")
    done(one, "The webhook is removed at the forge.")


@triggers.command("webhook")
def webhook(number: Number, as_json: Json = False) -> None:
    """What the forge sent to the webhook last, and what it was answered."""
    with Client() as client:
        found = client.get(f"/triggers/{number}/webhook")
    if is_json():
        answer(found)
        return
    columns = [Column("#", is_number=True), Column("Time (UTC)"), Column("Event"), Column("Answer", is_number=True)]
    rows = [
        [one["number"], (one["at"] or "")[:16].replace("T", " "), one["event"], one["status"] or "none"]
        for one in found["sent"]
    ]
    said = "Nothing was sent yet." if found["tells"] else "The webhook is there. This forge does not tell what it sent."
    table(columns, rows, empty=said)


@triggers.command("redeliver")
def redeliver(
    number: Number,
    sent: Annotated[int, typer.Argument(metavar="REQUEST", min=1, help="The number that `triggers webhook` shows.")],
    as_json: Json = False,
) -> None:
    """Have the forge send one of its requests once more."""
    with Client() as client:
        client.post(f"/triggers/{number}/webhook/sent/{sent}")
    done({"trigger": number, "sent": sent}, "The forge sends it again.")


@triggers.command("deliveries")
def deliveries(number: Number, as_json: Json = False) -> None:
    """What came to the webhook, newest first, and what became of it."""
    with Client() as client:
        found = client.get(f"/triggers/{number}/deliveries")
    if is_json():
        answer(found)
        return
    columns = [
        Column("Time (UTC)"),
        Column("From"),
        Column("Event"),
        Column("Commit"),
        Column("Deployment", is_number=True),
        Column("What became of it", wraps=True),
    ]
    rows = [
        [
            one["received_at"][:16].replace("T", " "),
            one["forge"],
            f"{one['event']} {one['ref']}".strip() + (f" ×{one['times']}" if one["times"] > 1 else ""),
            one["commit"][:7],
            one["deployment"] or "",
            _became(one),
        ]
        for one in found
    ]
    table(columns, rows, empty="Nothing has come to this webhook yet.")


@triggers.command("delete")
def delete(
    number: Number,
    confirm: Annotated[str, typer.Option(metavar="NAME", help="The branch or tag, to confirm it.")] = "",
    as_json: Json = False,
) -> None:
    """Delete a trigger: its webhook is unknown from then on."""
    with Client() as client:
        one = client.get(f"/triggers/{number}")
        confirm_by_name(one["pattern"], confirm, f"Pushes to {_what(one)} will no longer be deployed.")
        client.delete(f"/triggers/{number}")
    done({"trigger": number, "is_deleted": True}, f"Pushes to {_what(one)} are no longer deployed.")


def _change(number: int, changes: dict[str, Any]) -> None:
    with Client() as client:
        one = client.patch(f"/triggers/{number}", changes)
    said = f"#{number} is paused." if one["is_paused"] else f"{_does(one)}."
    done(one, f"{said}\nThe webhook could not be changed: {one['webhook_trouble']}" if one["webhook_trouble"] else said)


def _tell_secret(one: dict[str, Any], sentence: str) -> None:
    done(one, f"{sentence}\nWebhook: {one['url']}\nSecret:  {one['secret']}\nThe secret is not shown again.")


def _kind(branch: str, tag: str, requests_into: str) -> dict[str, str]:
    kind = "request" if requests_into else "tag" if tag else "branch"
    return {"pattern": branch or tag or requests_into, "ref_kind": kind}


def _does(one: dict[str, Any]) -> str:
    app, env = one["application"]["slug"], one["environment"]["slug"]
    if one["ref_kind"] == "request":
        return f"Each request into {one['pattern']} has a preview of {app} in {env}"
    return f"A push to {_what(one)} deploys {app} to {env}"


def _what(one: dict[str, Any]) -> str:
    kind = {"tag": "tag ", "request": "requests into "}.get(one["ref_kind"], "")
    return f"{kind}{one['pattern']}" + (f" in {', '.join(one['paths'])}" if one["paths"] else "")


def _became(one: dict[str, Any] | None) -> str:
    if one is None:
        return "nothing came yet"
    if one["deployment"]:
        return f"deployment #{one['deployment']}"
    return str(one["sentence"] or one["outcome"])
