"""Commands on the packages of a release: add, paste, set, remove, and their dependencies."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli import words
from fairway.cli.client import Client
from fairway.cli.failures import BadInput, Stop
from fairway.cli.output import Column, Json, answer, confirm_by_name, done, is_json, status, table
from fairway.cli.places import Confirm
from fairway.cli.release_files import read
from fairway.cli.release_named import Package, Release, find_package, find_release, title
from fairway.cli.watch import wait_for

Source = Annotated[
    str,
    typer.Argument(
        metavar="[SOURCE]",
        help="IMAGE:TAG, https://…/app.git#REF, https://…/app.tar.gz#sha256:…, or one built already: 1.4, “shop-api 1.4”.",
    ),
]
Stage = Annotated[str, typer.Option(help="registered, testing or ready.")]
Artifact = Annotated[
    int | None, typer.Option(min=1, help="Instead of SOURCE: the number of a version that was already built.")
]
Needs = Annotated[list[str] | None, typer.Option("--needs", "-n", metavar="PACKAGE", help="Deployed first; repeatable.")]
Wait = Annotated[bool, typer.Option("--wait", help="Return when its version has been resolved, or cannot be.")]
PATIENCE = 1800.0  # seconds; a source may have to be built


def add(
    name: Release,
    new: Annotated[str, typer.Argument(metavar="NAME", help="The package's name.")],
    source: Source = "",
    stage: Stage = "registered",
    needs: Needs = None,
    app: Annotated[str, typer.Option(help="Its application. Default: the one with the package's name.")] = "",
    artifact: Artifact = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Add a package. Its version is resolved at once."""
    body = {"name": new, "source": source, "stage": stage.lower(), "application": app, "artifact": artifact}
    with Client() as client:
        one = find_release(client, name)
        needed = [find_package(one, each) for each in needs or []]  # before anything is created
        made = client.post(f"/releases/{one['id']}/packages", body)
        for each in needed:
            made = client.put(f"{path(one, made)}/needs/{each['id']}", {})
        made = resolved(client, one, made) if wait else made
    _resolution(made, one, "is added to")


def paste(
    name: Release,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV (name, version, needs, stage, application) or YAML; “-” is stdin.")
    ],
    as_json: Json = False,
) -> None:
    """Add many packages with their dependencies, or none."""
    text = read(file)
    with Client() as client:
        one = find_release(client, name)
        made = client.post(f"/releases/{one['id']}/packages/many", {"text": text})
    if is_json():
        answer(made)
        return
    columns = [Column("Added"), Column("Stage"), Column("Version"), Column("Needs", 90)]
    shown = [(row["name"], status(row["stage"]), row["source_input"], ", ".join(row["needs"])) for row in made]
    table(columns, shown, empty="")


def set_package(
    name: Release,
    which: Package,
    source: Annotated[str, typer.Option(metavar="SOURCE", help="Another version; it is resolved again.")] = "",
    stage: Stage = "",
    new_name: Annotated[str, typer.Option("--name", help="Another name.")] = "",
    artifact: Artifact = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Change a package: its version, stage or name."""
    given = {"source": source, "stage": stage.lower(), "name": new_name, "artifact": artifact}
    body = {key: value for key, value in given.items() if value}
    if not body:
        raise BadInput("There is nothing to change.", advice="Give --source, --stage, --name or --artifact.")
    with Client() as client:
        one = find_release(client, name)
        changed = client.patch(path(one, find_package(one, which)), body)
        changed = resolved(client, one, changed) if wait else changed
    _resolution(changed, one, "is changed in")


def remove(name: Release, which: Package, confirm: Confirm = "", as_json: Json = False) -> None:
    """Remove a package from its release. What was deployed keeps running."""
    with Client() as client:
        one = find_release(client, name)
        row = find_package(one, which)
        if where := [cell["environment"] for cell in row["targets"] if cell["status"] == "deployed"]:
            confirm_by_name(which, confirm, f"{which} is Deployed on {', '.join(where)}, and keeps running there.")
        client.delete(path(one, row), confirmed=which)
    done({"release": one["id"], "package": which, "is_removed": True}, f"{which} is no longer in {title(one)}.")


def depend(
    name: Release,
    which: Package,
    needed: Annotated[str, typer.Argument(metavar="NEEDED", help="The package that is deployed first.")],
    as_json: Json = False,
) -> None:
    """Let PACKAGE be deployed only after NEEDED. A cycle is refused and named."""
    with Client() as client:
        one = find_release(client, name)
        row = client.put(f"{path(one, find_package(one, which))}/needs/{find_package(one, needed)['id']}", {})
    done(row, f"{which} needs {', '.join(row['needs'])}.")


def undepend(
    name: Release,
    which: Package,
    needed: Annotated[str, typer.Argument(metavar="NEEDED", help="What it no longer needs.")],
    as_json: Json = False,
) -> None:
    """PACKAGE no longer needs NEEDED."""
    with Client() as client:
        one = find_release(client, name)
        row = client.delete(f"{path(one, find_package(one, which))}/needs/{find_package(one, needed)['id']}")
    done(row, f"{which} needs {', '.join(row['needs']) or 'nothing'}.")


def path(one: dict[str, Any], row: dict[str, Any]) -> str:
    """The API's path of a package."""
    return f"/releases/{one['id']}/packages/{row['id']}"


def resolved(client: Client, one: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Wait until a package is resolved. Raises `Stop`, which says why, if it cannot be."""

    def is_known() -> bool:
        nonlocal row
        if row["resolution"] == "resolving":
            row = client.get(path(one, row))
        return bool(row["resolution"] != "resolving")

    in_time = wait_for(is_known, seconds=PATIENCE)
    if row["resolution"] == "unresolvable":
        advice = f"Use another one: fairway releases set {title(one)} {row['name']} --source SOURCE"
        raise Stop(
            f"{row['name']} cannot be resolved: {row['sentence']}",
            advice=advice,
            problem={"detail": row["sentence"], "package": row},
        )
    if not in_time:
        raise Stop(f"{row['name']} is not resolved after {words.seconds(PATIENCE)}; resolving continues.")
    return row


def _resolution(row: dict[str, Any], one: dict[str, Any], what: str) -> None:
    if row["resolution"] == "resolved":
        done(row, f"{row['name']} {what} {title(one)}: {words.version(row)} ({words.short(row['digest'])}).")
    elif row["resolution"] == "unresolvable":
        done(row, f"{row['name']} {what} {title(one)}, but cannot be resolved: {row['sentence']}", "unresolvable")
    else:
        done(row, f"{row['name']} {what} {title(one)}; {row['source_input']} is being resolved.", "resolving")


def attach(group: typer.Typer) -> None:
    for command in (add, paste, set_package, remove, depend, undepend):
        group.command("set" if command is set_package else command.__name__, rich_help_panel="What is in it")(command)
