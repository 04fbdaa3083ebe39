"""A release as a whole on a target: roll out, watch, decide, plan for later."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli import words
from fairway.cli.client import Client, part
from fairway.cli.failures import Missing
from fairway.cli.output import Column, Json, agree, answer, confirm_by_name, done, err, is_json, out, status, styled, table
from fairway.cli.places import Confirm
from fairway.cli.release_answers import print_blockers
from fairway.cli.release_files import Yes
from fairway.cli.release_named import Release, release, title
from fairway.cli.rollout_watch import ACTIVE, PLANNED, follow
from fairway.cli.shipping import BreakGlass, Env, NoWait, Reason

Number = Annotated[int, typer.Argument(metavar="ROLLOUT", min=1, help="The rollout's number.")]
Parallel = Annotated[int, typer.Option("--parallel", min=1, max=16, help="How many packages are deployed at a time.")]
At = Annotated[str, typer.Option("--at", metavar="WALL", help="Wall time in the zone, e.g. 2026-11-29T20:00.")]
Zone = Annotated[str, typer.Option("--zone", help="An IANA time zone, e.g. Europe/Paris.")]
StartBy = Annotated[
    int, typer.Option("--start-by", metavar="MIN", min=1, help="How long to wait at most if it is blocked then.")
]


def rollout(
    name: Release,
    env: Env,
    parallel: Parallel = 4,
    reason: Reason = "",
    break_glass: BreakGlass = "",
    redeploy: Annotated[bool, typer.Option("--redeploy", help="Also what serves there already, unchanged.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Deploy every package on a target, level by level, and watch it."""
    body = {"parallel": parallel, "reason": reason, "break_glass": break_glass, "redeploy": redeploy}
    with Client() as client:
        one = release(client, name)
        made = client.post(f"/releases/{one['id']}/environments/{part(env)}/rollouts", body)
        follow_to_the_end(client, made, wait=not no_wait)


def watch(number: Number, as_json: Json = False) -> None:
    """Watch a rollout until it has ended or needs a decision."""
    with Client() as client:
        follow_to_the_end(client, client.get(f"/rollouts/{number}"), wait=True, is_known=False)


def decide(
    number: Number,
    choice: Annotated[str, typer.Argument(metavar="CHOICE", help="retry, skip, fall_back_all or stop.")],
    reason: Reason = "",
    yes: Yes = False,
    confirm: Confirm = "",
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Say how a rollout that needs a decision goes on, and watch it. Before it falls back, it asks."""
    wanted = choice.lower().replace("-", "_")
    with Client() as client:
        if wanted == "fall_back_all":
            env = client.get(f"/rollouts/{number}")["environment"]
            ahead = client.get(f"/rollouts/{number}/preview", choice=wanted)[::-1]
            agree_to_fall_back(f"Rollout {number} on {env}", env, ahead, yes=yes, confirm=confirm)
        one = client.post(f"/rollouts/{number}/decision", {"choice": wanted, "reason": reason})
        if wanted == "stop":
            done(one, f"Rollout {number} is stopped; what it deployed stays as it is.", "stopped")
        else:
            follow_to_the_end(client, one, wait=not no_wait)


def agree_to_fall_back(what: str, env: str, ahead: list[dict[str, Any]], *, yes: bool, confirm: str) -> None:
    """Show what would serve instead and have it agreed to; typed, where something is taken down. Raises `BadInput`."""
    if not ahead:
        return
    err().print(styled(f"{what}, last level first:", "bold"))
    for one in ahead:
        line = f"{one['package']}  {one['version']} → {one['before'] or 'nothing: none ran before'}"
        stopped = "  (stopped, as it was)" if one["goes_down"] and one["before"] else ""
        err().print(status("fallen_back", line + stopped), soft_wrap=True)
    if down := [one["package"] for one in ahead if one["goes_down"]]:
        confirm_by_name(env, confirm, f"This takes down {', '.join(down)} on {env}.")
    else:
        agree("Fall back?", yes)


def cancel_rollout(number: Number, reason: Reason = "", as_json: Json = False) -> None:
    """End a rollout now: what is not begun never is, what is in flight goes back to its previous version."""
    with Client() as client:
        one = client.post(f"/rollouts/{number}/cancellation", {"reason": reason})
    is_over = one["status"] not in ACTIVE
    done(one, f"Rollout {number} is {'' if is_over else 'being '}cancelled.", "cancelled" if is_over else "cancelling")


def rollouts(name: Release, as_json: Json = False) -> None:
    """Every rollout and fallback of a release, newest first."""
    with Client() as client:
        one = release(client, name)
        rows = client.get(f"/releases/{one['id']}/rollouts")
    if is_json():
        answer(rows)
        return
    columns = [Column("#", is_number=True), Column("What", 90), Column("Environment"), Column("Status"), Column("Who", 70),
               Column("When"), Column("Why", 120)]  # fmt: skip
    shown = [
        (each["id"], "Roll out" if each["direction"] == "forward" else "Fall back", each["environment"],
         status(each["status"]), each["requested_by"], _when(each), (each["sentence"] or each["reason"])[:60])
        for each in rows
    ]  # fmt: skip
    table(columns, shown, empty=f"It has never been rolled out. Start: fairway releases rollout {title(one)} --env ENV")


def schedule(
    name: Release,
    env: Env,
    at: At,
    zone: Zone,
    start_by: StartBy = 60,
    parallel: Parallel = 4,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Let it start by itself. What would stand in its way then is said now."""
    body = {"at": at, "zone": zone, "start_by_minutes": start_by, "parallel": parallel, "reason": reason}
    with Client() as client:
        one = release(client, name)
        made = client.post(f"/releases/{one['id']}/environments/{part(env)}/schedule", body)
        _planned(client, one, made)


def reschedule(name: Release, env: Env, at: At, zone: Zone, start_by: StartBy = 60, as_json: Json = False) -> None:
    """Move what is planned and has not begun."""
    with Client() as client:
        one = release(client, name)
        number = _the_planned(client, one, env)["id"]
        body = {"at": at, "zone": zone, "start_by_minutes": start_by}
        _planned(client, one, client.put(f"/rollouts/{number}/schedule", body))


def unschedule(name: Release, env: Env, as_json: Json = False) -> None:
    """Take what is planned, and has not begun, off the calendar."""
    with Client() as client:
        one = release(client, name)
        gone = client.delete(f"/rollouts/{_the_planned(client, one, env)['id']}/schedule")
    done(gone, f"{title(one)} is no longer scheduled for {env}.", "cancelled")


def follow_to_the_end(client: Client, one: dict[str, Any], *, wait: bool, is_known: bool = True) -> None:
    """Show a rollout until it has ended or needs a decision; leave with its code. `is_known`: tell only changes."""
    if not wait:
        done(one, f"Rollout {one['id']} has started. Watch it: fairway releases watch {one['id']}", "running")
    elif code := follow(client, one, is_known=is_known):
        raise typer.Exit(int(code))


def _the_planned(client: Client, one: dict[str, Any], env: str) -> dict[str, Any]:
    for each in client.get(f"/releases/{one['id']}/rollouts"):
        if each["environment"] == env and each["status"] in PLANNED:
            found: dict[str, Any] = each
            return found
    raise Missing(f"{title(one)} is not scheduled for {env}.", advice="“fairway releases rollouts” lists what is.")


def _planned(client: Client, one: dict[str, Any], made: dict[str, Any]) -> None:
    if is_json():
        answer(made)
        return
    at, latest = words.moment(made["planned_at"]), words.moment(made["start_by"])
    out().print(status("scheduled", f"{title(one)} starts on {made['environment']} by itself:"))
    wall = f"{made['wall_time'].replace('T', ' ')} {made['zone']}"
    out().print(f"  {wall} ({at:%Y-%m-%d %H:%M} UTC), by {latest:%Y-%m-%d %H:%M} UTC at the latest")
    for target in client.get(f"/releases/{one['id']}/readiness"):
        if target["environment"]["slug"] == made["environment"] and target["blockers"]:
            err().print(styled("At the moment, it could not start then:", "yellow"))
            print_blockers(err(), target["blockers"])


def _when(one: dict[str, Any]) -> str:
    if one["status"] in PLANNED:
        return f"{one['wall_time'].replace('T', ' ')} {one['zone']}"
    return words.ago(one["started_at"] or one["created_at"])


def attach(group: typer.Typer) -> None:
    for command in (rollout, watch, decide, rollouts, schedule, reschedule, unschedule):
        group.command(rich_help_panel="All of it")(command)
    group.command("cancel-rollout", rich_help_panel="All of it")(cancel_rollout)
