"""Commands ``apps …`` and ``envs …``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli import how, words
from fairway.cli.client import Client, part
from fairway.cli.hosts import host, show_host
from fairway.cli.output import Column, Json, answer, confirm_by_name, done, facts, is_json, out, say, status, table
from fairway.cli.sources import Archive, Git, Image, Ref, SourceOptions, body_of

apps = typer.Typer(no_args_is_help=True, help="Applications.")
envs = typer.Typer(no_args_is_help=True, help="Environments.")
Slug = Annotated[str, typer.Argument(metavar="APP", help="The application's slug.")]
EnvSlug = Annotated[str, typer.Argument(metavar="ENV", help="The environment's slug.")]
Confirm = Annotated[str, typer.Option("--confirm", metavar="NAME", help="Confirm by name, for scripts.")]


@apps.command("list")
def list_apps(as_json: Json = False) -> None:
    """Every application, and what runs where."""
    with Client() as client:
        rows, environments = client.get("/applications"), client.get("/environments")
    if is_json():
        answer(rows)
        return
    columns = [Column("Application"), Column("Source", 110), *[Column(environment["name"]) for environment in environments]]
    shown = [[row["slug"], words.source(row["source_kind"], row["source"])[:50], *_cells(row, environments)] for row in rows]
    table(columns, shown, empty="There are no applications yet. Deploy one: fairway deploy NAME --path . --env development")


@apps.command("show")
def show_app(app: Slug, as_json: Json = False) -> None:
    """One application: its source, and what runs where."""
    with Client() as client:
        one = client.get(f"/applications/{part(app)}")
    if is_json():
        answer(one)
        return
    facts(
        [
            ("Application", f"{one['name']} ({one['slug']})"),
            ("About", one["description"]),
            ("Source", f"{one['source_kind']}  {words.source(one['source_kind'], one['source'])}"),
            ("Changed", ", ".join(f"{name}={value}" for name, value in (one["spec"] or {}).items())),
            ("Created", f"{words.ago(one['created_at'])} by {one['created_by']}"),
        ]
    )
    out().print()
    columns = [
        Column("Environment"),
        Column("State"),
        Column("Version"),
        Column("Replicas", 70, is_number=True),
        Column("URL"),
    ]
    placed = [_placement_row(placement) for placement in one["placements"]]
    table(
        columns, placed, empty=f"It is not running anywhere yet. Deploy it: fairway deploy {one['slug']} --env development"
    )
    for placement in one["placements"]:
        if lost := words.lost_writes(placement):
            say(lost)


@apps.command("create")
def create_app(
    name: Annotated[str, typer.Argument(help="Its name; the slug is derived from it.")],
    image: Image = "",
    git: Git = "",
    path: Archive = None,
    ref: Ref = "",
    credential: Annotated[str, typer.Option(help="A stored credential, for private sources.")] = "",
    description: Annotated[str, typer.Option(help="A short description.")] = "",
    as_json: Json = False,
) -> None:
    """Create an application without deploying it."""
    with Client() as client:
        source = body_of(client, SourceOptions(image, git, path, ref, credential), required=True)
        one = client.post("/applications", {"name": name, "description": description, "source": source})
    if is_json():
        answer(one)
    else:
        say(f"{one['name']} is created. Deploy it: fairway deploy {one['slug']} --env development")


@apps.command("edit")
def edit_app(
    app: Slug,
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
    as_json: Json = False,
) -> None:
    """Change how an application runs, from its next deployment on. Options left out change nothing; “” detects it again."""
    changes = how.RunOptions.of(locals()).spec()
    with Client() as client:
        one = how.save(client, app, changes)
    done(one, f"{one['name']} is changed; the next deployment uses it.")


@apps.command("delete")
def delete_app(
    app: Slug,
    confirm: Confirm = "",
    volumes: Annotated[bool, typer.Option("--volumes", help="Delete its stored data too.")] = False,
    as_json: Json = False,
) -> None:
    """Remove an application from every environment and delete it. Its history is kept."""
    what = f"This removes {app} everywhere{' with all its stored data' if volumes else ''}."
    with Client() as client:
        client.get(f"/applications/{part(app)}")
        confirm_by_name(app, confirm, what)
        client.delete(f"/applications/{part(app)}", confirmed=app, volumes=volumes)
    done({"application": app, "is_deleted": True}, f"{app} is deleted.")


@envs.command("list")
def list_envs(as_json: Json = False) -> None:
    """Every environment, in promotion order."""
    with Client() as client:
        rows = client.get("/environments")
    if is_json():
        answer(rows)
        return
    columns = [Column("Environment"), Column("Status"), Column("Host"), Column("Runtime", 60), Column("Lock", 90)]
    shown = [
        (row["slug"], status(row["status"]), row["host"], row["runtime"],
         f"{row['lock']['owner']}: {row['lock']['reason']}" if row["lock"] else "")
        for row in rows
    ]  # fmt: skip
    table(columns, shown, empty="There is no environment that you are allowed to see. Ask an Admin for a role.")


@envs.command("show")
def show_env(env: EnvSlug, as_json: Json = False) -> None:
    """One environment, and whether its runtime can be used right now."""
    with Client() as client:
        one = client.get(f"/environments/{part(env)}")
    if is_json():
        answer(one)
        return
    now = one["runtime_now"]
    facts(
        [
            ("Environment", f"{one['name']} ({one['slug']})"),
            ("About", one["description"]),
            ("Status", status(one["status"])),
            ("Locked", f"by {one['lock']['owner']}: {one['lock']['reason']}" if one["lock"] else ""),
            ("Until", (one["lock"] or {}).get("until")),
            ("Host", one["host"]),
            ("URL", one["url"]),
            ("Runtime", f"{one['runtime']} {now['version']}".strip()),
            ("", status("available" if now["is_available"] else "down", now["sentence"])),
            ("Position", one["position"]),
            ("Protection", "\n".join(one["protection"]) or "none: whoever may deploy may deploy here"),
        ]
    )
    if one["ssh_host"]:
        out().print()
        show_host(one)


@envs.command("create")
def create_env(
    name: Annotated[str, typer.Argument(help="Its name; the slug is derived from it.")],
    host: Annotated[str, typer.Option(help="The domain below which applications are served, e.g. qa.example.com.")],
    runtime: Annotated[str, typer.Option(help="The runtime: process or docker.")] = "process",
    position: Annotated[int | None, typer.Option(help="Its place in the promotion order, lower first.")] = None,
    description: Annotated[str, typer.Option(help="A short description.")] = "",
    docker_host: Annotated[str, typer.Option(help="Its Docker host, e.g. ssh://deploy@docker.example.com.")] = "",
    as_json: Json = False,
) -> None:
    """Create an environment."""
    body: dict[str, Any] = {"name": name, "host": host, "runtime": runtime, "position": position, "description": description}
    if docker_host:
        body |= {"runtime": "docker", "options": {"host": docker_host}}
    with Client() as client:
        one = client.post("/environments", body)
    done(one, f"{one['name']} is created.")
    if one["ssh_host"] and not is_json():
        say(f"Give Fairway access to the host, then confirm its key: fairway envs host {one['slug']}")


envs.command("host")(host)


@envs.command("edit")
def edit_env(
    env: EnvSlug,
    name: Annotated[str, typer.Option(help="A new name; the slug stays the same.")] = "",
    description: Annotated[str | None, typer.Option(help="A short description.")] = None,
    position: Annotated[int | None, typer.Option(help="Its place in the promotion order, lower first.")] = None,
    approvals: Annotated[
        int | None, typer.Option(min=0, help="How many must approve a release or a deployment before it comes here.")
    ] = None,
    needs_ready: Annotated[
        bool | None,
        typer.Option("--needs-ready/--any-stage", help="Whether only packages that are Ready are deployed here."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change an environment; options that are left out change nothing."""
    given = {
        "name": name or None, "description": description, "position": position, "approvals_needed": approvals,
        "needs_ready": needs_ready,
    }  # fmt: skip
    with Client() as client:
        one = client.patch(f"/environments/{part(env)}", {key: value for key, value in given.items() if value is not None})
    done(one, f"{one['name']} is changed.")


@envs.command("protect")
def protect_env(
    env: EnvSlug,
    approvals: Annotated[int | None, typer.Option(min=0, help="How many must approve what comes here.")] = None,
    approver: Annotated[
        list[str] | None, typer.Option(help="A person whose approval counts; repeatable. “” for nobody in particular.")
    ] = None,
    approver_role: Annotated[
        list[str] | None, typer.Option(help="A role whose approval counts; repeatable. “” for the usual ones.")
    ] = None,
    approval_days: Annotated[int | None, typer.Option(min=1, help="How many days a deployment waits for them.")] = None,
    deployer: Annotated[
        list[str] | None, typer.Option(help="A person who may deploy here; repeatable. “” for nobody in particular.")
    ] = None,
    deployer_role: Annotated[
        list[str] | None, typer.Option(help="A role that may deploy here; repeatable. “” for every role that may.")
    ] = None,
    only_releases: Annotated[
        bool | None, typer.Option("--only-releases/--also-single", help="Whether only packages of releases come here.")
    ] = None,
    needs_ready: Annotated[
        bool | None,
        typer.Option("--needs-ready/--any-stage", help="Whether only packages that are Ready are deployed here."),
    ] = None,
    proven_in: Annotated[
        str | None, typer.Option(metavar="ENV", help="Where a version must have been healthy first. “” for nowhere.")
    ] = None,
    proven_hours: Annotated[int | None, typer.Option(min=1, help="For how many hours without a break.")] = None,
    strategy: Annotated[
        str | None, typer.Option(metavar="all|canary", help="How a new version gets the requests of visitors.")
    ] = None,
    when_worse: Annotated[
        str | None,
        typer.Option(metavar="WHAT", help="If a new version answers worse than the one before: tell, roll-back or ignore."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change an environment's protection; options left out change nothing. Without options, show it."""
    given = {
        "approvals_needed": approvals, "approval_people": _named(approver), "approval_roles": _roles(approver_role),
        "approval_days": approval_days, "deploy_people": _named(deployer), "deploy_roles": _roles(deployer_role),
        "only_releases": only_releases, "needs_ready": needs_ready, "proven_in": proven_in, "proven_hours": proven_hours,
        "strategy": strategy, "when_worse": when_worse and when_worse.replace("-", "_"),
    }  # fmt: skip
    changes = {key: value for key, value in given.items() if value is not None}
    path = f"/environments/{part(env)}"
    with Client() as client:
        one = client.patch(path, changes) if changes else client.get(path)
    if is_json():
        answer(one)
        return
    for sentence in one["protection"] or [f"{one['name']} is not protected: whoever may deploy may deploy here."]:
        say(sentence, "locked" if one["protection"] else "available")


def _named(names: list[str] | None) -> list[str] | None:
    return None if names is None else [name for name in names if name]


def _roles(names: list[str] | None) -> list[str] | None:
    return None if names is None else [name.replace("-", "_") for name in names if name]


@envs.command("lock")
def lock_env(
    env: EnvSlug,
    reason: Annotated[str, typer.Option("--reason", "-m", help="The reason; shown to everybody it blocks.")],
    until: Annotated[str, typer.Option(help="When it ends automatically, e.g. 2026-03-01T08:00+01:00.")] = "",
    as_json: Json = False,
) -> None:
    """Lock an environment: nothing new starts there, what runs finishes."""
    with Client() as client:
        one = client.post(f"/environments/{part(env)}/lock", {"reason": reason, "until": until or None})
    done(one, f"{one['name']} is locked.")


@envs.command("unlock")
def unlock_env(env: EnvSlug, as_json: Json = False) -> None:
    """Unlock an environment."""
    with Client() as client:
        one = client.delete(f"/environments/{part(env)}/lock")
    done(one, f"{one['name']} is available.")


@envs.command("delete")
def delete_env(env: EnvSlug, confirm: Confirm = "", as_json: Json = False) -> None:
    """Delete an environment nothing is placed in."""
    with Client() as client:
        client.get(f"/environments/{part(env)}")
        confirm_by_name(env, confirm, f"This deletes the environment {env}.")
        client.delete(f"/environments/{part(env)}")
    done({"environment": env, "is_deleted": True}, f"{env} is deleted.")


def _cells(one: dict[str, Any], environments: list[dict[str, Any]]) -> list[Any]:
    placed = {placement["environment"]["slug"]: placement for placement in one["placements"]}
    cells = []
    for environment in environments:
        placement = placed.get(environment["slug"])
        is_there = placement is not None and placement["current"] is not None
        cells.append(status(placement["health"], words.version(placement)) if placement and is_there else "—")
    return cells


def _placement_row(one: dict[str, Any]) -> list[Any]:
    return [one["environment"]["slug"], status(one["health"]), words.version(one), words.replicas(one), one["url"]]
