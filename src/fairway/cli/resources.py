"""resources: databases beside applications, who is bound to them, and their backups."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from fairway.cli.client import Client
from fairway.cli.failures import Code, Stop
from fairway.cli.output import Column, Json, answer, confirm_by_name, done, facts, is_json, note, status, table

resources = typer.Typer(no_args_is_help=True, help="Databases in an environment, the applications that use them, backups.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The resource.")]
App = Annotated[str, typer.Argument(metavar="APP", help="The application.")]
Env = Annotated[str, typer.Option("--env", "-e", help="The environment.")]
Detach = Annotated[bool, typer.Option("--detach", help="Do not wait until it is done.")]
Confirm = Annotated[str, typer.Option("--confirm", metavar="NAME", help="Confirm by name, for scripts.")]
New = Annotated[bool, typer.Option("--new", help="Make the resource for this.")]
LOOK_EVERY = 0.5  # seconds
UNSETTLED = {"preparing", "removing", "binding", "unbinding", "taking"}


@resources.command("list")
def list_resources(as_json: Json = False) -> None:
    """Every resource of the environments you may see."""
    with Client() as client:
        rows = client.get("/resources")
    if is_json():
        answer(rows)
        return
    columns = [Column("Name"), Column("Kind"), Column("Environment"), Column("State"), Column("On disk", 100),
               Column("Connections", 120)]  # fmt: skip
    shown = [
        (one["name"], f"{one['kind']} {one['version']}", one["environment"]["slug"],
         status(_colour(one["state"]), one["state"]), _size(one["size_bytes"]), _connections(one))
        for one in rows
    ]  # fmt: skip
    table(columns, shown, empty="There are no resources. Create one: fairway resources create postgres NAME --env ENV")


@resources.command("show")
def show_resource(name: Name, env: Env, as_json: Json = False) -> None:
    """One resource, the applications bound to it, and its backups."""
    with Client() as client:
        one = client.get(f"/resources/{env}/{name}")
    if is_json():
        answer(one)
        return
    facts(
        [
            ("Resource", f"{one['name']} in {one['environment']['name']}"),
            ("Kind", f"{one['kind']} {one['version']}"),
            ("State", f"{one['state']} {one['sentence']}".strip()),
            ("Port", str(one["port"])),
            ("On disk", _size(one["size_bytes"])),
            ("Connections", _connections(one)),
            ("Created by", one["created_by"]),
            ("Backups", _schedule_words(one["backup_schedule"])),
            *((f"Backup of {trouble['application']['slug']}", _trouble_words(trouble)) for trouble in one["troubles"]),
            *([("Not deleted", one["kept_because"])] if one["kept_because"] else []),
        ]
    )
    _show_bindings(one["bindings"])
    _show_backups(one["backups"])


def _schedule_words(one: dict[str, Any] | None) -> str:
    if one is None or not one["is_on"]:
        return "no schedule"
    keeps = f"keeps {one['daily']} daily, {one['weekly']} weekly, {one['monthly']} monthly"
    return f"{one['schedule']} {one['zone']}, next {one['next_at'][:16].replace('T', ' ')} UTC; {keeps}"


def _trouble_words(one: dict[str, Any]) -> str:
    late = f"late since {one['late_at'][:16].replace('T', ' ')} UTC" if one["late_at"] else ""
    failed = f"backup {one['failed']} failed" if one["failed"] else ""
    return "; ".join(filter(None, (late, failed)))


def _show_bindings(found: list[dict[str, Any]]) -> None:
    columns = [Column("Application"), Column("Variables"), Column("State"), Column("Login", 110), Column("Still works", 130)]
    shown = [
        (one["application"]["slug"], f"{one['variables'][-1]} …", f"{one['state']} {one['sentence']}".strip(), one["login"],
         one["previous_login"])
        for one in found
    ]  # fmt: skip
    table(columns, shown, empty="No application is bound to it.")


def _show_backups(found: list[dict[str, Any]]) -> None:
    columns = [Column("#", is_number=True), Column("Application"), Column("State"), Column("Taken"), Column("Size", 100),
               Column("Rows or keys", 110)]  # fmt: skip
    shown = [
        (one["id"], one["application"]["slug"], f"{one['state']} {one['sentence']}".strip(), (one["taken_at"] or "")[:16],
         _size(one["size_bytes"]), sum(one["rows"].values()))
        for one in found
    ]  # fmt: skip
    table(columns, shown, empty="There are no backups.")


@resources.command("create")
def create_resource(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="postgres, mariadb or redis")],
    name: Name,
    env: Env,
    version: Annotated[str, typer.Option(help="Default: the newest that Fairway offers.")] = "",
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Create a server in an environment and wait until it runs."""
    with Client() as client:
        one = client.post(f"/resources/{env}", {"kind": kind, "name": name, "version": version})
        if not detach:
            one = _settled(client, env, name)
    if one["state"] == "failed":
        raise Stop(f"{name} could not be brought up: {one['sentence']}", Code.FAILED)
    done(one, f"{name} is {one['state']} on port {one['port']}.")


@resources.command("start")
def start_resource(name: Name, env: Env, as_json: Json = False) -> None:
    """Start a resource that is stopped, or try again where it could not be brought up."""
    with Client() as client:
        one = client.post(f"/resources/{env}/{name}/start")
    done(one, f"{name} is being started.")


@resources.command("stop")
def stop_resource(name: Name, env: Env, as_json: Json = False) -> None:
    """Stop a resource; applications that use it cannot meanwhile."""
    with Client() as client:
        one = client.post(f"/resources/{env}/{name}/stop")
    done(one, f"{name} is being stopped.")


@resources.command("try")
def try_resource(name: Name, env: Env, as_json: Json = False) -> None:
    """Really connect, and say what is wrong."""
    with Client() as client:
        one = client.post(f"/resources/{env}/{name}/trial")
    done(
        one,
        f"{name} answers: version {one['version']}, {_size(one['size_bytes'])} on disk, {_connections(one)} connections.",
    )


@resources.command("logs")
def show_log(
    name: Name, env: Env, lines: Annotated[int, typer.Option(min=1, max=1000)] = 100, as_json: Json = False
) -> None:
    """The last lines that the server printed."""
    with Client() as client:
        found = client.get(f"/resources/{env}/{name}/log", lines=lines)
    if is_json():
        answer(found)
        return
    for line in found:
        print(f"{line['at'][:19]} {line['text']}")


@resources.command("bind")
def bind_resource(
    name: Name,
    app: App,
    env: Env,
    alias: Annotated[str, typer.Option("--as", metavar="NAME", help="Begins the variables; stock: STOCK_URL …")] = "",
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Give an application a database of its own; its next deployment uses it."""
    with Client() as client:
        one = client.post(f"/resources/{env}/{name}/bindings", {"application": app, "alias": alias})
        if not detach:
            one = _settled_binding(client, env, name, app)
    done(one, f"{app} is {one['state']}: its next deployment in {env} gets {', '.join(one['variables'])}.")


@resources.command("new-password")
def new_password(name: Name, app: App, env: Env, detach: Detach = False, as_json: Json = False) -> None:
    """A new password for an application; the old one works until you end it."""
    with Client() as client:
        one = client.post(f"/resources/{env}/{name}/bindings/{app}/password")
        if not detach:
            one = _settled_binding(client, env, name, app)
    done(one, f"{app} has a new password from configuration {one['configuration']} on; the old one works until it is ended.")
    note(f"Deploy {app}, then: fairway resources end-password {name} {app} --env {env}")


@resources.command("end-password")
def end_password(name: Name, app: App, env: Env, as_json: Json = False) -> None:
    """End the password before the current one."""
    with Client() as client:
        one = client.post(f"/resources/{env}/{name}/bindings/{app}/end-previous")
    done(one, f"The previous password of {app} is being ended.")


@resources.command("unbind")
def unbind_resource(name: Name, app: App, env: Env, confirm: Confirm = "", as_json: Json = False) -> None:
    """Shut an application out; its database stays in the resource."""
    confirm_by_name(app, confirm, f"This shuts {app} out of {name} in {env}.")
    with Client() as client:
        one = client.post(f"/resources/{env}/{name}/bindings/{app}/unbinding", {"confirmed": app})
    done(one, f"{app} is being unbound from {name}; its database stays.")


@resources.command("backup")
def back_up(name: Name, env: Env, detach: Detach = False, as_json: Json = False) -> None:
    """Back up the database of each bound application; each copy is restored once before it counts."""
    with Client() as client:
        made = client.post(f"/resources/{env}/{name}/backups")
        if not detach:
            made = [_settled_backup(client, one["id"]) for one in made]
    if is_json():
        answer(made)
    else:
        _show_backups(made)
    if any(one["state"] == "failed" for one in made):
        raise Stop("Not every backup could be taken and verified.")


@resources.command("schedule")
def schedule(
    name: Name,
    env: Env,
    when: Annotated[
        str, typer.Option("--schedule", "-s", metavar="CRON", help="Five fields of cron, e.g. “30 2 * * *”, or @daily.")
    ] = "",
    zone: Annotated[str, typer.Option(help="An IANA time zone, e.g. Europe/Paris, whose clock counts.")] = "",
    daily: Annotated[int | None, typer.Option(help="Of how many days one backup is kept.")] = None,
    weekly: Annotated[int | None, typer.Option(help="Of how many weeks one backup is kept.")] = None,
    monthly: Annotated[int | None, typer.Option(help="Of how many months one backup is kept.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Take no backups automatically, and remove none.")] = False,
    as_json: Json = False,
) -> None:
    """Back up automatically, and keep some days, weeks and months; what is left out stays."""
    given = {"schedule": when, "zone": zone, "daily": daily, "weekly": weekly, "monthly": monthly}
    changes = {key: value for key, value in given.items() if value not in ("", None)}
    with Client() as client:
        one = client.patch(f"/resources/{env}/{name}/backup-schedule", {**changes, "is_on": not off})
    done(one, f"Backups of {name}: {_schedule_words(one)}.")


@resources.command("restore")
def restore(
    number: Annotated[int, typer.Argument(metavar="N", min=1, help="The backup's number.")],
    into: Annotated[str, typer.Option("--into", metavar="NAME", help="The resource to restore into.")],
    env: Env,
    new: New = False,
    confirm: Confirm = "",
    as_json: Json = False,
) -> None:
    """Make an application's database what a backup holds; what is there now is kept beside it."""
    with Client() as client:
        one = client.get(f"/backups/{number}")
        what = f"This replaces the database of {one['application']['slug']} in {into} ({env}) by backup {number}."
        if not new:  # a new resource has nothing to replace
            confirm_by_name(into, confirm, what)
        wanted = {"environment": env, "name": into, "confirmed": into, "create": new}
        client.post(f"/backups/{number}/restoration", wanted)
    done(one, f"Backup {number} is being restored into {into}.")


@resources.command("clone")
def clone(
    name: Name,
    app: App,
    env: Env,
    to: Annotated[str, typer.Option("--to", metavar="ENV", help="The environment to clone into.")],
    into: Annotated[str, typer.Option("--into", metavar="NAME", help="The resource there; default: of the same name.")] = "",
    new: New = False,
    confirm: Confirm = "",
    as_json: Json = False,
) -> None:
    """Clone an application's data, e.g. production to staging: restore its newest verified backup there."""
    target = into or name
    if not new:
        what = f"This replaces the database of {app} in {target} ({to}) by its newest verified backup in {name} ({env})."
        confirm_by_name(target, confirm, what)
    wanted = {"application": app, "environment": to, "name": target, "confirmed": target, "create": new}
    with Client() as client:
        one = client.post(f"/resources/{env}/{name}/clones", wanted)
    done(one, f"The data of {app} is being cloned into {target} ({to}).")


@resources.command("download")
def download(
    number: Annotated[int, typer.Argument(metavar="N", min=1, help="The backup's number.")],
    to: Annotated[Path, typer.Option("--to", help="The file to write.")],
) -> None:
    """The dump itself, for pg_restore; of MariaDB SQL, of Redis an RDB file."""
    with Client() as client:
        client.download(f"/backups/{number}/file", to)
    note(f"{to} is written; it is not encrypted.")


@resources.command("delete")
def delete_resource(
    name: Name,
    env: Env,
    confirm: Confirm = "",
    without_backup: Annotated[bool, typer.Option("--without-backup", help="Take no last backup.")] = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Take a last backup, then stop a resource for good; its data is put aside, not erased."""
    first = "without a last backup" if without_backup else "after a last backup"
    confirm_by_name(name, confirm, f"This deletes the resource {name} in {env} {first}; its data is put aside.")
    with Client() as client:
        one = client.post(f"/resources/{env}/{name}/deletion", {"confirmed": name, "last_backup": not without_backup})
        if not detach:
            one = _backed_up_or_kept(client, env, one)
    done(one, f"{name} is being deleted; its data is put aside.")


def _backed_up_or_kept(client: Client, env: str, one: dict[str, Any]) -> dict[str, Any]:
    """Wait while a last backup is taken. Raises `Stop` if it failed, because then nothing is deleted."""
    while one["deletion_asked_at"]:
        time.sleep(LOOK_EVERY)
        found = next((other for other in client.get("/resources") if _is_same(other, one)), None)
        if found is None:  # deleted already
            return one
        one = found
    if one["kept_because"]:
        raise Stop(f"{one['name']} was not deleted, because its last backup failed: {one['kept_because']}", Code.FAILED)
    return one


def _is_same(other: dict[str, Any], one: dict[str, Any]) -> bool:
    return (other["name"], other["environment"], other["port"]) == (one["name"], one["environment"], one["port"])


def _settled(client: Client, env: str, name: str) -> dict[str, Any]:
    while (one := client.get(f"/resources/{env}/{name}"))["state"] in UNSETTLED:
        time.sleep(LOOK_EVERY)
    return dict(one)


def _settled_binding(client: Client, env: str, name: str, app: str) -> dict[str, Any]:
    while True:
        found = client.get(f"/resources/{env}/{name}")["bindings"]
        one = next((one for one in found if one["application"]["slug"] == app), None)
        if one is None:
            raise Stop(f"{app} is not bound to {name} any more.")
        if one["state"] == "failed":
            raise Stop(f"{app} could not be bound: {one['sentence']}")
        if one["state"] not in UNSETTLED:
            return dict(one)
        time.sleep(LOOK_EVERY)


def _settled_backup(client: Client, number: int) -> dict[str, Any]:
    while (one := client.get(f"/backups/{number}"))["state"] in UNSETTLED:
        time.sleep(LOOK_EVERY)
    return dict(one)


def _colour(state: str) -> str:
    return {"running": "healthy", "failed": "failed", "down": "down", "stopped": "stopped"}.get(state, "starting")


def _size(count: int | None) -> str:
    return "" if count is None else f"{count / 1e6:.1f} MB"


def _connections(one: dict[str, Any]) -> str:
    return "" if one["connections"] is None else f"{one['connections']} of {one['most_connections']}"
