"""Commands on a package, or all packages, on a target: distribute, withdraw, deploy, fall back."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli import words
from fairway.cli.client import Client, part
from fairway.cli.failures import Stop
from fairway.cli.output import Json, answer, confirm_by_name, done, is_json, out, say, status
from fairway.cli.places import Confirm
from fairway.cli.release_files import Yes
from fairway.cli.release_named import Package, Release, find_package, find_release, on_target, title
from fairway.cli.release_packages import PATIENCE, path
from fairway.cli.rollouts import agree_to_fall_back, follow_to_the_end
from fairway.cli.shipping import BreakGlass, Env, NoWait, Reason
from fairway.cli.watch import follow, wait_for
from fairway.shared.sentences import joined

OnePackage = Annotated[str, typer.Argument(metavar="[PACKAGE]", help="One package. Default: all of them.")]
Wait = Annotated[bool, typer.Option("--wait", help="Return when it has been distributed and verified, or has failed.")]


def distribute(
    name: Release,
    which: OnePackage = "",
    *,
    env: Env,
    wait: Wait = False,
    break_glass: BreakGlass = "",
    as_json: Json = False,
) -> None:
    """Distribute packages to a target, where their digests are verified: one, or all that may be distributed."""
    with Client() as client:
        one = find_release(client, name)
        if which:
            body = {"break_glass": break_glass}
            row = client.post(f"{_there(one, find_package(one, which), env)}/distribution", body)
            row = _settled(client, one, row, env, "distributing") if wait else row
            _stands(row, env, {"distributed", "deployed", "distributing"})
        else:
            _distribute_all(client, one, env, wait)


def withdraw(name: Release, which: Package, env: Env, as_json: Json = False) -> None:
    """Withdraw a distributed package from a target."""
    with Client() as client:
        one = find_release(client, name)
        row = client.delete(f"{_there(one, find_package(one, which), env)}/distribution")
    _stands(row, env, {"absent"})


def deploy(
    name: Release, which: Package, env: Env, reason: Reason = "", break_glass: BreakGlass = "", no_wait: NoWait = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Deploy a distributed package. What it needs must be deployed there."""
    with Client() as client:
        one = find_release(client, name)
        body = {"reason": reason, "break_glass": break_glass}
        made = client.post(f"{_there(one, find_package(one, which), env)}/deployment", body)
        if code := follow(client, made, wait=not no_wait):
            raise typer.Exit(int(code))


def fallback(
    name: Release,
    which: OnePackage = "",
    *,
    env: Env,
    yes: Yes = False,
    confirm: Confirm = "",
    reason: Reason = "",
    break_glass: BreakGlass = "",
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Restore exactly what served before: for one package, or in reverse order for the whole release (asks first)."""
    body = {"reason": reason, "break_glass": break_glass}
    with Client() as client:
        one = find_release(client, name)
        if which:
            if on_target(find_package(one, which), env)["before"] is None:
                confirm_by_name(env, confirm, f"Nothing ran before {which} on {env}: it is taken down.")
            row = client.post(f"{_there(one, find_package(one, which), env)}/fallback", body)
            row = row if no_wait else _settled(client, one, row, env, "falling_back")
            _stands(row, env, {"distributed", "absent", "falling_back"})
            return
        ahead = client.get(f"/releases/{one['id']}/environments/{part(env)}/fallback")
        agree_to_fall_back(f"{title(one)} on {env}", env, ahead, yes=yes, confirm=confirm)
        made = client.post(f"/releases/{one['id']}/environments/{part(env)}/fallback", body)
        follow_to_the_end(client, made, wait=not no_wait)


def _distribute_all(client: Client, one: dict[str, Any], env: str, wait: bool) -> None:
    begun = client.post(f"/releases/{one['id']}/environments/{part(env)}/distribution")
    rows = [find_package(one, each) for each in begun["started"]]
    rows = [_settled(client, one, row, env, "distributing", first=True) for row in rows] if wait else rows
    failed = [row["name"] for row in rows if wait and not _is_there(row, env)]
    if is_json():
        answer({**begun, "failed": failed})
    else:
        for row in rows:
            state = on_target(row, env)["status"] if wait else "distributing"
            out().print(status("failed" if row["name"] in failed else state, _sentence(row, env, state)))
        for line in _skipped(begun["skipped"]):
            out().print(status("skipped", line), soft_wrap=True)
        if not begun["started"] and not begun["skipped"]:
            say(f"Everything of {title(one)} is already on {env}.")
    if failed:
        raise typer.Exit(1)


def _skipped(rows: list[dict[str, Any]]) -> list[str]:
    """Each reason once, with every package it keeps out."""
    names: dict[tuple[str, ...], list[str]] = {}
    first: dict[tuple[str, ...], str] = {}
    for one in rows:
        sentences = [blocker["sentence"] for blocker in one["blockers"]]
        key = tuple(sentence.replace(one["package"], "…") for sentence in sentences)
        first.setdefault(key, joined(sentences))
        names.setdefault(key, []).append(one["package"])
    return [f"{', '.join(some)}: {first[key]}" for key, some in names.items()]


def _settled(
    client: Client, one: dict[str, Any], row: dict[str, Any], env: str, while_: str, *, first: bool = False
) -> dict[str, Any]:
    """Wait until the package's state there is no longer `while_`; `first`: the given row may be outdated."""

    def is_settled() -> bool:
        nonlocal row, first
        if first or on_target(row, env)["status"] == while_:
            row, first = client.get(path(one, row)), False
        return bool(on_target(row, env)["status"] != while_)

    if not wait_for(is_settled, seconds=PATIENCE):
        raise Stop(f"{row['name']} is still {words.word(while_).lower()} on {env}; it continues.")
    return row


def _stands(row: dict[str, Any], env: str, good: set[str]) -> None:
    cell = on_target(row, env)
    is_good = cell["status"] in good and not (cell["sentence"] and cell["status"] == "absent")
    done(row, _sentence(row, env, cell["status"]), cell["status"] if is_good else "failed")
    if not is_good:
        raise typer.Exit(1)


def _sentence(row: dict[str, Any], env: str, state: str) -> str:
    where = f"is not on {env}" if state == "absent" else f"{words.word(state)} on {env}"
    why = on_target(row, env)["sentence"]
    return f"{row['name']}  {where}{f': {why}' if why else ''}"


def _is_there(row: dict[str, Any], env: str) -> bool:
    return on_target(row, env)["status"] in {"distributed", "deployed", "deploying"}


def _there(one: dict[str, Any], row: dict[str, Any], env: str) -> str:
    return f"{path(one, row)}/environments/{part(env)}"


def attach(group: typer.Typer) -> None:
    for command in (distribute, deploy, fallback):
        group.command(rich_help_panel="On a target")(command)
