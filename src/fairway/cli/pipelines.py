"""Commands ``pipelines …``: promoting versions from one environment to the next automatically."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.output import Column, Json, answer, confirm_by_name, done, is_json, table
from fairway.cli.places import Slug

pipelines = typer.Typer(no_args_is_help=True, help="Promote versions from environment to environment automatically.")
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The stage's number.")]
After = Annotated[
    int | None, typer.Option(metavar="MINUTES", min=0, help="How long a version must have been healthy without a break.")
]


@pipelines.command("list")
def list_stages(
    app: Annotated[str, typer.Argument(help="Only those of this application.")] = "", as_json: Json = False
) -> None:
    """The stages of pipelines, and what each waits for."""
    with Client() as client:
        found = client.get("/stages", application=app)
    if is_json():
        answer(found)
        return
    columns = [
        Column("#", is_number=True),
        Column("Application"),
        Column("Promotes"),
        Column("By"),
        Column("Waits for", wraps=True),
    ]
    rows = [[one["id"], one["application"]["slug"], _what(one), one["saved_by"], _waits_for(one)] for one in found]
    add = "fairway pipelines add APP --from development --to staging --after 30"
    table(columns, rows, empty=f"Nothing is promoted automatically. Set it up: {add}")


@pipelines.command("add")
def add(
    app: Slug,
    origin: Annotated[str, typer.Option("--from", metavar="ENV", help="Where versions come from.")],
    to: Annotated[str, typer.Option("--to", metavar="ENV", help="Where they are promoted to.")],
    after: After = 10,
    as_json: Json = False,
) -> None:
    """Promote every version that was healthy for a while. What runs there now counts, too."""
    wanted = {"from_environment": origin, "after_minutes": after}
    with Client() as client:
        one = client.post(f"/applications/{part(app)}/environments/{part(to)}/stages", wanted)
    done(one, f"{app} is promoted {_what(one)} (#{one['id']}).")


@pipelines.command("edit")
def edit(
    number: Number,
    origin: Annotated[str, typer.Option("--from", metavar="ENV", help="Where versions come from.")] = "",
    after: After = None,
    as_json: Json = False,
) -> None:
    """Change a stage; what is left out stays. It then promotes with your rights."""
    changes: dict[str, Any] = {"from_environment": origin} if origin else {}
    if after is not None:
        changes["after_minutes"] = after
    _change(number, changes)


@pipelines.command("pause")
def pause(number: Number, as_json: Json = False) -> None:
    """Promote nothing until it is resumed."""
    _change(number, {"is_paused": True})


@pipelines.command("resume")
def resume(number: Number, as_json: Json = False) -> None:
    """Promote again, with your rights."""
    _change(number, {"is_paused": False})


@pipelines.command("promotions")
def promotions(number: Number, as_json: Json = False) -> None:
    """What a stage has promoted, newest first, and what it could not."""
    with Client() as client:
        found = client.get(f"/stages/{number}/promotions")
    if is_json():
        answer(found)
        return
    columns = [
        Column("Time (UTC)"),
        Column("Version"),
        Column("Deployment", is_number=True),
        Column("What became of it", wraps=True),
    ]
    rows = [
        [one["tried_at"][:16].replace("T", " "), one["version"], one["deployment"] or "", one["sentence"] or "requested"]
        for one in found
    ]
    table(columns, rows, empty="This stage has not promoted anything yet.")


@pipelines.command("delete")
def delete(
    number: Number,
    confirm: Annotated[str, typer.Option(metavar="NAME", help="The environment it promotes to, to confirm it.")] = "",
    as_json: Json = False,
) -> None:
    """Delete a stage: nothing is promoted by it from then on."""
    with Client() as client:
        one = client.get(f"/stages/{number}")
        where = one["environment"]["slug"]
        confirm_by_name(where, confirm, f"Nothing will be promoted to {where} automatically any more.")
        client.delete(f"/stages/{number}")
    done(
        {"stage": number, "is_deleted": True},
        f"{one['application']['slug']} is no longer promoted to {where} automatically.",
    )


def _change(number: int, changes: dict[str, Any]) -> None:
    with Client() as client:
        one = client.patch(f"/stages/{number}", changes)
    sentence = f"#{number} is paused." if one["is_paused"] else f"{one['application']['slug']} is promoted {_what(one)}."
    done(one, sentence)


def _what(one: dict[str, Any]) -> str:
    minutes = one["after_minutes"]
    after = f" after {minutes} min" if minutes else " at once"
    return f"from {_origin(one)} to {one['environment']['slug']}{after}"


def _origin(one: dict[str, Any]) -> str:
    return str(one["from_environment"]["slug"]) if one["from_environment"] else "another environment"


def _waits_for(one: dict[str, Any]) -> str:
    if one["lost_right"]:
        return str(one["lost_right"])
    last, version, origin = one["last_promotion"], one["version"], _origin(one)
    words = {
        "paused": "it is paused",
        "nothing": f"nothing runs in {origin}",
        "taken_back": f"{origin} was rolled back",
        "there": f"{version} is there",
        "unhealthy": f"{version} is not healthy in {origin}",
        "waiting": f"{version} follows at {str(one['due_at'])[:16].replace('T', ' ')} UTC",
        "due": f"{version} follows in a moment",
    }
    if one["state"] in words:
        return words[one["state"]]
    return f"deployment #{last['deployment']}" if last["deployment"] else str(last["sentence"])
