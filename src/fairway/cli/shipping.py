"""Commands on deployments: deploy, promote, rollback, restart, approve, reject, cancel, watch."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli import how, words
from fairway.cli.client import Client, part
from fairway.cli.failures import BadInput, Code, Missing
from fairway.cli.how import RunOptions, merged_spec, save
from fairway.cli.output import Column, Json, agree, answer, done, err, is_json, note, say, styled, table
from fairway.cli.places import Slug
from fairway.cli.sources import Archive, Git, Image, Ref, SourceOptions, body_of
from fairway.cli.watch import follow

Env = Annotated[str, typer.Option("--env", "-e", metavar="ENV", help="The environment.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return as soon as it is queued.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="The reason; kept in the history.")]
BreakGlass = Annotated[
    str, typer.Option("--break-glass", metavar="WHY", help="Deploy despite a lock or freeze. Admins only; recorded.")
]
WhenOpen = Annotated[
    bool, typer.Option("--when-open", help="If a freeze or a temporary lock blocks it, wait until that ends.")
]
StartBy = Annotated[str, typer.Option("--start-by", help="Wait no longer than until then, e.g. 2026-03-02T12:00Z.")]
Strategy = Annotated[
    str | None,
    typer.Option(metavar="all|canary", help="How it gets the requests: at once, or in growing shares."),
]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Your comment.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The deployment's number.")]


def deploy(
    app: Slug,
    env: Env,
    image: Image = "",
    git: Git = "",
    path: Archive = None,
    ref: Ref = "",
    credential: Annotated[str, typer.Option(help="A stored credential, for private sources.")] = "",
    artifact: Annotated[
        int | None, typer.Option(min=1, help="An existing version, by its number: nothing is built.")
    ] = None,
    replicas: Annotated[int | None, typer.Option(min=1, max=8, help="How many instances.")] = None,
    kind: how.Kind = None,
    framework: how.Framework = None,
    root: how.Root = None,
    dockerfile: how.Dockerfile = None,
    build: how.Build = None,
    start: how.Start = None,
    release: how.Release = None,
    publish: how.Publish = None,
    python: how.Python = None,
    node: how.Node = None,
    port: how.PortNumber = None,
    health: how.Health = None,
    start_seconds: how.StartSeconds = None,
    memory: how.Memory = None,
    sticky: how.Sticky = None,
    volume: how.Volumes = None,
    service: how.Services = None,
    access: Annotated[
        str | None,
        typer.Option(metavar="public|signed_in", help="Who may open it, from its very first deployment there on."),
    ] = None,
    reason: Reason = "",
    break_glass: BreakGlass = "",
    when_open: WhenOpen = False,
    start_by: StartBy = "",
    strategy: Strategy = None,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Deploy an application. It is created if it does not exist."""
    changes = RunOptions.of(locals()).spec()
    options = SourceOptions(image, git, path, ref, credential)
    with Client() as client:
        # so that a mistyped environment is noticed before anything is sent or created
        client.get(f"/environments/{part(env)}")
        is_new = not _exists(client, app)
        source = body_of(client, options)
        if is_new and source is None:
            advice = "To create it, specify its source: --image REF, --git URL[#REF] or --path DIR."
            raise Missing(f"There is no application “{app}”, or you may not see it.", advice=advice)
        if is_new:
            client.post(
                "/applications", {"name": app, "slug": app, "source": source, "spec": merged_spec({}, changes) or None}
            )
            note(f"{app} is created.")
        elif changes:
            save(client, app, changes)
            note(f"Saved in the settings of {app}, starting with this deployment.")
        body = {
            "application": app,
            "environment": env,
            "source": None if is_new else source,
            "artifact": artifact,
            "replicas": replicas,
            "access": access.replace("-", "_") if access else None,
            "reason": reason,
            "break_glass": break_glass,
            "when_open": when_open,
            "start_by": start_by or None,
            "strategy": strategy,
        }
        _ship(client, "/deployments", body, no_wait)


def promote(
    app: Slug,
    origin: Annotated[str, typer.Option("--from", metavar="ENV", help="Where it runs now.")],
    to: Annotated[str, typer.Option("--to", metavar="ENV", help="Where to run it as well.")],
    reason: Reason = "",
    break_glass: BreakGlass = "",
    when_open: WhenOpen = False,
    start_by: StartBy = "",
    strategy: Strategy = None,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Deploy what runs in one environment to another: the same artifact, without a rebuild."""
    body = {
        "application": app,
        "from_environment": origin,
        "environment": to,
        "reason": reason,
        "break_glass": break_glass,
        "when_open": when_open,
        "start_by": start_by or None,
        "strategy": strategy,
    }
    with Client() as client:
        _ship(client, "/promotions", body, no_wait)


def rollback(
    app: Slug,
    env: Env,
    to: Annotated[int | None, typer.Option("--to", metavar="N", min=1, help="The deployment to return to.")] = None,
    reason: Reason = "",
    break_glass: BreakGlass = "",
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Restore the previous version, with its configuration."""
    body = {"application": app, "environment": env, "to": to, "reason": reason, "break_glass": break_glass}
    with Client() as client:
        _ship(client, "/rollbacks", body, no_wait)


def restart(app: Slug, env: Env, reason: Reason = "", no_wait: NoWait = False, as_json: Json = False) -> None:
    """Restart what runs, without interruption unless it stores data."""
    with Client() as client:
        _ship(client, f"/applications/{part(app)}/environments/{part(env)}/placement/restart", {"reason": reason}, no_wait)


def watch(number: Number, as_json: Json = False) -> None:
    """Watch a deployment until it has ended."""
    with Client() as client:
        one = client.get(f"/deployments/{number}")
        _end(follow(client, one, wait=True))


def cancel(number: Number, reason: Reason = "", as_json: Json = False) -> None:
    """Cancel a deployment. What served before keeps serving."""
    with Client() as client:
        one = client.post(f"/deployments/{number}/cancellation", {"reason": reason})
    if is_json():
        answer(one)
    elif one["status"] == "cancelled":
        say(f"Deployment {number} is cancelled.", "cancelled")
    else:
        say(f"Deployment {number} is being cancelled: it cleans up first. Watch it: fairway watch {number}", "cancelling")


def approve(number: Number, comment: Comment = "", yes: Yes = False, as_json: Json = False) -> None:
    """Approve a deployment that waits for approval. First shows what it would change, and asks."""
    with Client() as client:
        one = _looked_at(client, number)
        agree(f"Approve deployment {number}?", yes)
        made = _say(client, one, "approve", comment)
    missing = made["approvals"]["needed"] - made["approvals"]["given"]
    after = f"{missing} more to go" if missing > 0 else f"it goes on by itself. Watch it: fairway watch {number}"
    done(made, f"Deployment {number} is approved; {after}.", "approved")


def reject(
    number: Number,
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why.")],
    as_json: Json = False,
) -> None:
    """Reject a deployment that waits for approval, with a reason. This ends it."""
    with Client() as client:
        made = _say(client, _looked_at(client, number), "reject", comment)
    done(made, f"Deployment {number} is rejected: {comment}", "rejected")


def approvals(as_json: Json = False) -> None:
    """The deployments that wait for approval."""
    with Client() as client:
        rows = client.pages("/deployments", limit=200, status="awaiting_approval")
    if is_json():
        answer(rows)
        return
    columns = [
        Column("#", is_number=True), Column("Application"), Column("Environment"), Column("Version"), Column("By"),
        Column("When", 60), Column("Until", 90), Column("Reason", 110),
    ]  # fmt: skip
    shown = [
        (row["id"], row["application"]["slug"], row["environment"]["slug"], words.version(row)[:24], row["requested_by"],
         words.ago(row["created_at"]), words.instant(row["approve_by"]), row["reason"][:60])
        for row in rows
    ]  # fmt: skip
    table(columns, shown, empty="No deployment waits for approval.")


def _looked_at(client: Client, number: int) -> dict[str, Any]:
    """Show what the deployment would change and return it as it was then, because an answer is bound to its fingerprint."""
    one: dict[str, Any] = client.get(f"/deployments/{number}")
    found = one["approvals"]
    if not one["awaits_approval"]:
        raise BadInput(f"Deployment {number} does not wait for an approval.", advice="What waits: fairway approvals")
    console = err()
    console.print(f"{one['application']['name']} → {one['environment']['name']}, asked for by {one['requested_by']}")
    console.print(
        f"  {found['version_now'] or 'nothing'} → {words.version(one)} ({words.short(one['digest'])})", soft_wrap=True
    )
    for setting in found["settings"]:
        console.print(styled(f"    {setting['kind']}: {setting['name']}", "bright_black"), soft_wrap=True)
    if found["newer_configuration"]:
        console.print(f"  Configuration version {found['newer_configuration']} was saved since; this would not use it.")
    console.print(
        styled(f"  {found['given']} of {found['needed']} approvals: {found['who']}", "bright_black"), soft_wrap=True
    )
    return one


def _say(client: Client, one: dict[str, Any], decision: str, comment: str) -> Any:
    body = {"decision": decision, "fingerprint": one["approvals"]["fingerprint"], "comment": comment}
    return client.post(f"/deployments/{one['id']}/approvals", body)


def _exists(client: Client, app: str) -> bool:
    try:
        client.get(f"/applications/{part(app)}")
    except Missing:
        return False
    return True


def _ship(client: Client, path: str, body: dict[str, Any], no_wait: bool) -> None:
    made = client.post(path, body)
    if sentence := words.away(made.get("away")):
        note(sentence)
    _end(follow(client, made, wait=not no_wait))


def _end(code: Code) -> None:
    if code:
        raise typer.Exit(int(code))
