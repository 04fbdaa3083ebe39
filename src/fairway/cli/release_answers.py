"""What a release needs before it may go: readiness, seal, approvals."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli import words
from fairway.cli.client import Client
from fairway.cli.failures import BadInput
from fairway.cli.output import Column, Json, agree, answer, done, err, is_json, out, status, styled, table
from fairway.cli.release_files import Yes
from fairway.cli.release_named import Release, release, title
from fairway.cli.shipping import Env

Comment = Annotated[str, typer.Option("--comment", "-m", help="Your comment.")]


def ready(name: Release, as_json: Json = False) -> None:
    """What stands in the way on each target: who can clear it, and when it clears by itself."""
    with Client() as client:
        found = client.get(f"/releases/{release(client, name)['id']}/readiness")
    if is_json():
        answer(found)
        return
    for one in found:
        when = f", planned for {_instant(one['at'])}" if one["at"] else ""
        says = "nothing is blocking it" if one["is_ready"] else f"{len(one['blockers'])} in the way"
        out().print(status("ready" if one["is_ready"] else "blocked", f"{one['environment']['slug']}: {says}{when}"))
        print_blockers(out(), one["blockers"])


def seal(name: Release, as_json: Json = False) -> None:
    """Fix its content: one fingerprint over packages, digests, configuration versions and dependencies."""
    with Client() as client:
        one = client.post(f"/releases/{release(client, name)['id']}/seal")
    done(
        one,
        f"{title(one)} is sealed: {one['fingerprint'][:12]}. Approve it: fairway releases approve {title(one)} --env ENV",
    )


def settings(
    name: Release,
    use: Annotated[bool, typer.Option("--use", help="Use them: it needs its approvals again.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """The settings that were saved after a release was sealed. It keeps its own until somebody uses the new ones."""
    with Client() as client:
        one = release(client, name)
        rows = client.get(f"/releases/{one['id']}/settings")
        if not (use and rows):
            _print_settings(one, rows)
            return
        for row in rows:
            err().print(_setting_line(row), soft_wrap=True)
        agree(f"Use them for {title(one)}? Approvals given to it are void then.", yes)
        made = client.post(f"/releases/{one['id']}/settings")
    done(made, f"{title(made)} is sealed with the new settings: {made['fingerprint'][:12]}. It needs its approvals again.")


def _print_settings(one: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    if is_json():
        answer(rows)
    elif not rows:
        out().print("No settings were saved since it was sealed." if one["is_sealed"] else f"{title(one)} is not sealed.")
    else:
        for row in rows:
            out().print(_setting_line(row), soft_wrap=True)
        out().print(f"Use them: fairway releases settings {title(one)} --use")


def _setting_line(row: dict[str, Any]) -> str:
    names = ", ".join(f"{each['kind']} {each['name']}" for each in row["changes"])
    return f"{row['package']} on {row['environment']}: {names} ({row['by']}, {words.ago(row['at'])})"


def unseal(name: Release, yes: Yes = False, as_json: Json = False) -> None:
    """Open it for changes; every approval is void. Says first whose, and asks."""
    with Client() as client:
        one = release(client, name)
        _agree_to_void(client, one, yes)
        one = client.delete(f"/releases/{one['id']}/seal")
    done(one, f"{title(one)} can be changed again; its approvals are void.")


def _agree_to_void(client: Client, one: dict[str, Any], yes: bool) -> None:
    """Raises `BadInput` unless whoever asks agrees to what becomes void, if anything does."""
    given = [
        each for each in client.get(f"/releases/{one['id']}/approvals") if each["is_approved"] and not each["voided_at"]
    ]
    if given:
        names = ", ".join(f"{each['person']} for {each['environment']}" for each in given)
        agree(f"These approvals will be void: {names}. Unseal {title(one)}?", yes)


def approve(name: Release, env: Env, comment: Comment = "", yes: Yes = False, as_json: Json = False) -> None:
    """Approve a sealed release for one target. Shows first what it would change there, and asks."""
    with Client() as client:
        one = _looked_at(client, name, env)
        agree(f"Approve {title(one)} for {env}?", yes)
        made = _say(client, one, env, "approve", comment)
    done(made, f"{made['person']} approves {title(one)} for {env} ({made['fingerprint'][:12]}).", "approved")


def reject(
    name: Release,
    env: Env,
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why.")],
    as_json: Json = False,
) -> None:
    """Say no to a sealed release on one target, and why. Shows first what it would change there."""
    with Client() as client:
        one = _looked_at(client, name, env)
        made = _say(client, one, env, "reject", comment)
    done(made, f"{made['person']} rejects {title(one)} for {env}: {made['comment']}", "rejected")


def diff(name: Release, env: Env, as_json: Json = False) -> None:
    """What a release would change on a target: versions, commits, names of settings; never a value."""
    with Client() as client:
        found = _differences(client, release(client, name), env)
    if is_json():
        answer(found)
    else:
        _print(out(), found, env)


def approvals(name: Release, as_json: Json = False) -> None:
    """The answers given to what is sealed now. A yes counts while who gave it may still approve there."""
    with Client() as client:
        rows = client.get(f"/releases/{release(client, name)['id']}/approvals")
    if is_json():
        answer(rows)
        return
    columns = [Column("Environment"), Column("Answer"), Column("Who"), Column("When", 80), Column("Comment", 60)]
    shown = [
        (one["environment"], _answer(one), one["person"], words.ago(one["at"]),
         one["comment"])
        for one in rows
    ]  # fmt: skip
    table(columns, shown, empty="Nobody has answered about its current content.")


def _answer(one: dict[str, Any]) -> Any:
    if not one["counts"]:
        return "approved (no longer counts: may no longer approve)"
    return status("approved" if one["is_approved"] else "rejected")


def print_blockers(console: Any, blockers: list[dict[str, Any]]) -> None:
    """Each reason, who can clear it, and when it clears by itself."""
    for one in blockers:
        console.print(f"  {one['sentence']}", soft_wrap=True)
        if one["who"]:
            console.print(styled(f"    Who can clear it: {one['who']}", "bright_black"), soft_wrap=True)
        if one["clears_at"]:
            console.print(styled(f"    Clears automatically: {_instant(one['clears_at'])}", "bright_black"), soft_wrap=True)


def _looked_at(client: Client, name: str, env: str) -> dict[str, Any]:
    """The release, once what it would change has been shown: an answer is bound to the fingerprint that was there then."""
    one = release(client, name)
    if not one["is_sealed"]:
        advice = f"Seal it: fairway releases seal {title(one)}"
        raise BadInput(f"{title(one)} is not sealed, or changed since it was: there is nothing to answer to.", advice=advice)
    _print(err(), _differences(client, one, env), env)
    return one


def _say(client: Client, one: dict[str, Any], env: str, decision: str, comment: str) -> Any:
    body = {"environment": env, "decision": decision, "fingerprint": one["fingerprint"], "comment": comment}
    return client.post(f"/releases/{one['id']}/approvals", body)


def _differences(client: Client, one: dict[str, Any], env: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/releases/{one['id']}/differences", environment=env)
    return found


def _print(console: Any, found: list[dict[str, Any]], env: str) -> None:
    console.print(styled(f"What it changes on {env}:", "bold"))
    for one in found:
        now, then = _version(one["now"]), _version(one["then"])
        is_same = one["now"] and one["then"] and one["now"]["digest"] == one["then"]["digest"]
        line = f"{one['package']}  {now} → {then}" if not is_same else f"{one['package']}  {now}, the same version"
        console.print(status("skipped" if is_same and not one["settings"] else "running", line), soft_wrap=True)
        for setting in one["settings"]:
            console.print(styled(f"    {setting['kind']}: {setting['name']}", "bright_black"), soft_wrap=True)


def _version(one: dict[str, Any] | None) -> str:
    if one is None:
        return "nothing"
    commit = f" {one['commit'][:10]}" if one["commit"] else ""
    return f"{words.version(one)}{commit} ({words.short(one['digest'])})"


def _instant(text: str) -> str:
    at = words.moment(text)
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""


def attach(group: typer.Typer) -> None:
    for command in (ready, diff, seal, settings, unseal, approve, reject, approvals):
        group.command(rich_help_panel="Agree")(command)
    group.command("freeze", hidden=True, deprecated=True)(seal)  # the old names
    group.command("unfreeze", hidden=True, deprecated=True)(unseal)
