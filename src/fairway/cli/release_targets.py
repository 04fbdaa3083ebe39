"""Commands on a package, or all packages, on a target: distribute, withdraw, deploy, fall back."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli import words
from fairway.cli.client import Client, part
from fairway.cli.failures import Stop
from fairway.cli.output import Json, agree, answer, done, err, is_json, out, say, status, styled
from fairway.cli.release_files import Yes
from fairway.cli.release_named import Package, Release, find_package, find_release, on_target, title
from fairway.cli.release_packages import PATIENCE, path
from fairway.cli.rollouts import follow_to_the_end
from fairway.cli.shipping import BreakGlass, Env, NoWait, Reason
from fairway.cli.watch import follow, wait_for

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
            row = client.post(f"{_there(one, find_package(one, which), env)}/fallback", body)
            row = row if no_wait else _settled(client, one, row, env, "falling_back")
            _stands(row, env, {"distributed", "absent", "falling_back"})
            return
        if consequences := _consequences(client, one, env):
            err().print(styled(f"{title(one)} on {env}, last level first:", "bold"))
            for line in consequences:
                err().print(status("fallen_back", line), soft_wrap=True)
            agree("Fall back?", yes)
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
        for each in begun["skipped"]:
            why = " ".join(blocker["sentence"] for blocker in each["blockers"])
            out().print(status("skipped", f"{each['package']}: {why}"), soft_wrap=True)
        if not begun["started"] and not begun["skipped"]:
            say(f"Everything of {title(one)} is already on {env}.")
    if failed:
        raise typer.Exit(1)


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


def _consequences(client: Client, one: dict[str, Any], env: str) -> list[str]:
    """For every package that is deployed on a target, in the order of the fallback: what will serve instead."""
    levels = _levels({row["name"]: row["needs"] for row in one["matrix"]})
    lines = []
    for row in sorted(one["matrix"], key=lambda row: -levels[row["name"]]):
        cell = on_target(row, env)
        if cell["status"] == "deployed":
            before = client.get(f"/deployments/{cell['before']}") if cell["before"] else None
            then = f"{words.version(before)}, as deployment {before['id']} left it" if before else "nothing: none ran before"
            lines.append(f"{row['name']}  {words.version(row)} → {then}")
    return lines


def _levels(needs: dict[str, list[str]]) -> dict[str, int]:
    """The level of each package; 0 needs nothing. There are no cycles."""
    found: dict[str, int] = {}
    while len(found) < len(needs):
        ready = [name for name in needs if name not in found and all(each in found for each in needs[name])]
        found |= {name: 1 + max((found[each] for each in needs[name]), default=0) for name in ready}
    return found


def _there(one: dict[str, Any], row: dict[str, Any], env: str) -> str:
    return f"{path(one, row)}/environments/{part(env)}"


def attach(group: typer.Typer) -> None:
    for command in (distribute, deploy, fallback):
        group.command(rich_help_panel="On a target")(command)
