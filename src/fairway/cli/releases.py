"""Commands ``releases …``: create, show, change, clone, cancel, delete. Other modules attach theirs at the end."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli import release_answers, release_files, release_packages, release_targets, rollouts, words
from fairway.cli.client import Client
from fairway.cli.output import Column, Json, answer, confirm_by_name, done, facts, is_json, note, out, status, table
from fairway.cli.places import Confirm
from fairway.cli.release_named import Release, find_release, title
from fairway.cli.rollout_watch import ACTIVE, line

releases = typer.Typer(no_args_is_help=True, help="Releases: packages that go out together.")
Version = Annotated[str, typer.Option("--version", metavar="V", help="Its version, e.g. 2026.11.")]
Manager = Annotated[str, typer.Option(help="Who manages it: a user name.")]
Targets = Annotated[list[str] | None, typer.Option("--target", "-t", metavar="ENV", help="A target; repeatable.")]


@releases.command("list")
def list_releases(
    wanted: Annotated[
        str, typer.Option("--status", help="Only these: draft, sealed, scheduled, in_progress, released, …")
    ] = "",
    as_json: Json = False,
) -> None:
    """Every release, newest first."""
    with Client() as client:
        rows = client.get("/releases", status=wanted.lower().replace("-", "_").replace(" ", "_"))
    if is_json():
        answer(rows)
        return
    columns = [Column("Release"), Column("Status"), Column("Packages", is_number=True), Column("Targets", 90),
               Column("Manager", 60), Column("Created", 110), Column("#", 70, is_number=True)]  # fmt: skip
    shown = [
        (title(row), status(row["status"]), len(row["packages"]), ", ".join(row["targets"]), row["manager"],
         words.ago(row["created_at"]), row["id"])
        for row in rows
    ]  # fmt: skip
    nothing = f"No release is {words.word(wanted).lower()}." if wanted else "There are no releases yet."
    table(columns, shown, empty=nothing if wanted else f"{nothing} Create one: fairway releases create NAME --version V")


@releases.command("show")
def show_release(name: Release, as_json: Json = False) -> None:
    """One release: its packages on its targets."""
    with Client() as client:
        one = find_release(client, name)
        under_way = [each for each in client.get(f"/releases/{one['id']}/rollouts") if each["status"] in ACTIVE]
    if is_json():
        answer(one)
        return
    _facts_of(one)
    for each in under_way:
        out().print(line(each))
    out().print()
    _matrix(one)


@releases.command("create")
def create_release(
    name: Annotated[str, typer.Argument(help="Its name, e.g. Autumn.")],
    version: Version,
    description: Annotated[str, typer.Option(help="What is in it, and why.")] = "",
    manager: Manager = "",
    deputy: Annotated[str, typer.Option(help="The deputy: a user name.")] = "",
    target: Targets = None,
    origin: Annotated[
        str, typer.Option("--from", metavar="ENV", help="From exactly what is running and healthy there, by digest.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Create a release. Without --target it is meant for every environment; without --manager you manage it."""
    body = {
        "name": name, "version": version, "description": description, "manager": manager, "deputy": deputy,
        "targets": target or None, "from_environment": origin,
    }  # fmt: skip
    with Client() as client:
        one = client.post("/releases", body)
    done(one, f"{title(one)} is created.")
    if not is_json():
        more = (
            f"with {', '.join(one['packages'])}"
            if one["packages"]
            else f"Add packages: fairway releases add {title(one)} NAME SOURCE"
        )
        note(f"  {more}")


@releases.command("edit")
def edit_release(
    name: Release,
    description: Annotated[str | None, typer.Option(help="What is in it, and why.")] = None,
    manager: Manager = "",
    deputy: Annotated[str | None, typer.Option(help='The deputy; "" for nobody.')] = None,
    target: Targets = None,
    as_json: Json = False,
) -> None:
    """Change a release; options that are left out change nothing. Name and version cannot change."""
    given = {"description": description, "manager": manager or None, "deputy": deputy, "targets": target}
    with Client() as client:
        one = find_release(client, name)
        changed = client.patch(f"/releases/{one['id']}", {key: value for key, value in given.items() if value is not None})
    done(changed, f"{title(changed)} is changed.")


@releases.command("clone")
def clone_release(
    name: Release,
    version: Version,
    new_name: Annotated[str, typer.Option("--name", help="A new name as well.")] = "",
    as_json: Json = False,
) -> None:
    """Create a release with the same packages, people and dependencies and another version."""
    with Client() as client:
        one = find_release(client, name)
        made = client.post(f"/releases/{one['id']}/clones", {"version": version, "name": new_name})
    done(made, f"{title(made)} is created, with {len(made['packages'])} packages of {title(one)}.")


@releases.command("cancel")
def cancel_release(
    name: Release,
    reason: Annotated[str, typer.Option("--reason", "-m", help="The reason; everybody who opens the release sees it.")] = "",
    as_json: Json = False,
) -> None:
    """Cancel a release. What runs keeps running, and can still fall back."""
    with Client() as client:
        one = find_release(client, name)
        changed = client.post(f"/releases/{one['id']}/cancellation", {"reason": reason})
    done(changed, f"{title(one)} is cancelled.", "cancelled")


@releases.command("delete")
def delete_release(name: Release, confirm: Confirm = "", as_json: Json = False) -> None:
    """Delete a release with its packages. What was deployed keeps running; its history is kept."""
    with Client() as client:
        one = find_release(client, name)
        what = f"This deletes {title(one)} with its {len(one['matrix'])} packages; what it deployed keeps running."
        confirm_by_name(title(one), confirm, what)
        client.delete(f"/releases/{one['id']}", confirmed=f"{one['name']} {one['version']}")
    done({"release": one["id"], "is_deleted": True}, f"{title(one)} is deleted.")


def _facts_of(one: dict[str, Any]) -> None:
    cancelled = f"by {one['cancelled_by']}: {one['cancel_reason']}".rstrip(": ") if one["cancelled_by"] else ""
    facts(
        [
            ("Release", f"{title(one)} (#{one['id']})"),
            ("Status", status(one["status"])),
            ("About", one["description"]),
            ("Manager", one["manager"]),
            ("Deputy", one["deputy"]),
            ("Fingerprint", one["fingerprint"][:12] if one["is_sealed"] else ""),
            ("Created", f"{words.ago(one['created_at'])} by {one['created_by']}"),
            ("Cancelled", cancelled),
        ]
    )


def _matrix(one: dict[str, Any]) -> None:
    columns = [
        Column("Package"),
        Column("Stage", 100),
        Column("Version", 120),
        Column("Needs", 140),
        *map(Column, one["targets"]),
    ]
    shown = [
        [
            row["name"],
            status(row["stage"]),
            _version(row),
            ", ".join(row["needs"]),
            *[_cell(cell) for cell in row["targets"]],
        ]
        for row in one["matrix"]
    ]
    table(columns, shown, empty=f"It has no packages yet. Add one: fairway releases add {title(one)} NAME SOURCE")
    for row in one["matrix"]:
        if row["resolution"] == "unresolvable":
            out().print(status("unresolvable", f"{row['name']}: {row['sentence']}"))
        for cell in row["targets"]:
            if cell["sentence"]:
                out().print(status("failed", f"{row['name']} on {cell['environment']}: {cell['sentence']}"))


def _cell(cell: dict[str, Any]) -> Any:
    return "—" if cell["status"] == "absent" else status(cell["status"])


def _version(row: dict[str, Any]) -> Any:
    return words.version(row)[:24] if row["resolution"] == "resolved" else status(row["resolution"])


for family in (release_packages, release_targets, release_answers, rollouts, release_files):
    family.attach(releases)
