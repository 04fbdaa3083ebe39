"""Commands ``config …`` and ``credentials …``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fairway.cli import words
from fairway.cli.client import Client, part
from fairway.cli.failures import BadInput
from fairway.cli.output import Column, Json, answer, is_json, note, out, read_secret, read_value, say, styled, table
from fairway.cli.places import Slug
from fairway.cli.shipping import Env

config = typer.Typer(no_args_is_help=True, help="Settings and secrets of an application in an environment.")
credentials = typer.Typer(no_args_is_help=True, help="Credentials for private registries and repositories.")
Comment = Annotated[str, typer.Option("--comment", "-m", help="The reason; kept with the version.")]
Names = Annotated[list[str], typer.Argument(metavar="NAME...")]


@config.command("show")
def show_config(
    app: Slug,
    env: Env,
    version: Annotated[int | None, typer.Option(min=1, help="An earlier version.")] = None,
    as_json: Json = False,
) -> None:
    """The settings that the next deployment uses. Of secrets, only the names are shown."""
    with Client() as client:
        one = client.get(_path(app, env) + (f"/versions/{version}" if version else ""))
    if is_json():
        answer(one)
        return
    rows = [(name, value) for name, value in sorted(one["variables"].items())]
    rows += [(name, styled("•••• secret", "bright_black")) for name in one["secrets"]]
    columns = [Column("Name"), Column("Value", wraps=True)]
    table(columns, rows, empty=f"Nothing is set. Set a variable: fairway config set {app} NAME=VALUE --env {env}")
    if one["version"]:
        out().print(
            styled(f"\nVersion {one['version']}, {words.ago(one['created_at'])} by {one['created_by']}", "bright_black")
        )


@config.command("set")
def set_config(
    app: Slug,
    pairs: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...")],
    env: Env,
    comment: Comment = "",
    as_json: Json = False,
) -> None:
    """Set variables. For secrets use set-secret: arguments can be read by others on this machine."""
    changes = dict(_pair(text) for text in pairs)
    with Client() as client:
        latest = client.get(_path(app, env))
        body = {"variables": {**latest["variables"], **changes}, "comment": comment, "based_on": latest["version"]}
        saved = client.put(_path(app, env), body)
    _saved(app, env, latest, saved)


@config.command("set-secret")
def set_secret(
    app: Slug,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    env: Env,
    comment: Comment = "",
    as_json: Json = False,
) -> None:
    """Set a secret: piped in, or asked for without showing it. It can never be read again."""
    value = read_value(f"Value of {name}")
    if not value:
        raise BadInput(f"The value of {name} is empty.", advice="Pipe it in, or remove the secret with “config unset”.")
    with Client() as client:
        latest = client.get(_path(app, env))
        body: dict[str, Any] = {"secrets": {name: value}, "comment": comment, "based_on": latest["version"]}
        if name in latest["variables"]:
            body["variables"] = {key: kept for key, kept in latest["variables"].items() if key != name}
        saved = client.put(_path(app, env), body)
    _saved(app, env, latest, saved)


@config.command("unset")
def unset_config(app: Slug, names: Names, env: Env, comment: Comment = "", as_json: Json = False) -> None:
    """Remove variables or secrets."""
    with Client() as client:
        latest = client.get(_path(app, env))
        unknown = [name for name in names if name not in latest["variables"] and name not in latest["secrets"]]
        if unknown:
            raise BadInput(
                f"{', '.join(unknown)} is not set.", advice=f"See what is set: fairway config show {app} --env {env}"
            )
        body = {
            "variables": {name: value for name, value in latest["variables"].items() if name not in names},
            "removed_secrets": [name for name in names if name in latest["secrets"]],
            "comment": comment,
            "based_on": latest["version"],
        }
        saved = client.put(_path(app, env), body)
    _saved(app, env, latest, saved)


@config.command("diff")
def diff_config(
    app: Slug,
    env: Env,
    version: Annotated[int | None, typer.Option(min=1, help="The later version. Default: the latest.")] = None,
    since: Annotated[int | None, typer.Option(min=0, help="The earlier version. Default: the one before it.")] = None,
    as_json: Json = False,
) -> None:
    """What changed between two versions."""
    with Client() as client:
        number = version or client.get(_path(app, env))["version"]
        changes = client.get(f"{_path(app, env)}/versions/{number}/changes", since=since) if number else []
    if is_json():
        answer(changes)
        return
    if not changes:
        note("Nothing changed.")
    for change in changes:
        for sign, style, value in _diff_lines(change):
            out().print(styled(f"{sign} {change['name']}={value}", style), soft_wrap=True)


@config.command("versions")
def list_versions(
    app: Slug, env: Env, limit: Annotated[int, typer.Option(min=1, max=1000)] = 20, as_json: Json = False
) -> None:
    """Every version, newest first."""
    with Client() as client:
        rows = client.pages(f"{_path(app, env)}/versions", limit=limit)
    if is_json():
        answer(rows)
        return
    columns = [Column("Version", is_number=True), Column("Saved"), Column("By"), Column("Settings", 60, is_number=True),
               Column("Comment", wraps=True)]  # fmt: skip
    shown = [
        (row["version"], words.ago(row["created_at"]), row["created_by"], len(row["variables"]) + len(row["secrets"]),
         row["comment"])
        for row in rows
    ]  # fmt: skip
    table(columns, shown, empty="Nothing has ever been set here.")


@config.command("restore")
def restore_config(app: Slug, version: Annotated[int, typer.Argument(min=1)], env: Env, as_json: Json = False) -> None:
    """Save an earlier version's content as a new version."""
    with Client() as client:
        saved = client.post(f"{_path(app, env)}/versions/{version}/restoration")
    if is_json():
        answer(saved)
    else:
        say(f"Version {saved['version']} holds what version {version} held. It takes effect with the next deployment.")


SCOPE_HELP = "Where it may be used: shop, shop@staging, @staging or all; repeatable."


@credentials.command("repositories")
def list_repositories(
    name: Annotated[str, typer.Argument(help="The credential's name.")],
    search: Annotated[str, typer.Option(help="Only those whose path or description contains it.")] = "",
    as_json: Json = False,
) -> None:
    """The repositories that a credential may read at GitHub, GitLab, Gitea or Forgejo; the newest 50 that match."""
    with Client() as client:
        found = client.get(f"/credentials/{part(name)}/repositories", search=search)
    if is_json():
        answer(found)
        return
    rows = [
        [one["path"], one["branch"], "private" if one["is_private"] else "", one["url"]] for one in found["repositories"]
    ]
    table(
        [Column("Repository"), Column("Branch"), Column(""), Column("Address", wraps=True)],
        rows,
        empty="No repository matches.",
    )


@credentials.command("list")
def list_credentials(as_json: Json = False) -> None:
    """Every stored credential, without its secret."""
    with Client() as client:
        rows = client.get("/credentials")
    if is_json():
        answer(rows)
        return
    columns = [Column("Name"), Column("Kind"), Column("Host"), Column("User"), Column("For"), Column("Stored", 70)]
    shown = [
        (
            *(row["name"], words.word(row["kind"]), row["host"], row["username"]),
            ", ".join(_scope_words(each) for each in row["scopes"]) or "nothing",
            words.ago(row["created_at"]),
        )
        for row in rows
    ]
    table(
        columns, shown, empty="No credential is stored. Store one: fairway credentials set NAME --host HOST --username USER"
    )


@credentials.command("set")
def set_credential(
    name: Annotated[str, typer.Argument(help="Its name, e.g. company-registry.")],
    host: Annotated[str, typer.Option(help="The registry or Git host.")],
    kind: Annotated[str, typer.Option(help="registry, deploy_key or https (a token for Git).")] = "registry",
    username: Annotated[str, typer.Option(help="The user, for registries and https.")] = "",
    known_hosts: Annotated[Path | None, typer.Option(help="A known_hosts file, for deploy keys.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help=SCOPE_HELP)] = None,
    as_json: Json = False,
) -> None:
    """Store or replace a credential. The password or private key is piped in or asked for, and never shown again."""
    secret = read_secret("Private key" if kind.replace("-", "_") == "deploy_key" else "Password or token")
    body: dict[str, Any] = {"kind": kind.replace("-", "_"), "host": host, "username": username, "secret": secret}
    if scope:
        body["scopes"] = [_scope(one) for one in scope]
    if known_hosts is not None:
        try:
            body["known_hosts"] = known_hosts.expanduser().read_text()
        except (OSError, UnicodeDecodeError):
            raise BadInput(f"“{known_hosts}” cannot be read.") from None
    with Client() as client:
        one = client.put(f"/credentials/{part(name)}", body)
    if is_json():
        answer(one)
    else:
        say(f"{name} is stored for {one['host']}.")


@credentials.command("scope")
def scope_credential(
    name: Annotated[str, typer.Argument(help="The credential.")],
    scopes: Annotated[list[str], typer.Argument(metavar="APP@ENV…", help=SCOPE_HELP)],
    as_json: Json = False,
) -> None:
    """Replace the applications and environments that may use a credential."""
    with Client() as client:
        one = client.put(f"/credentials/{part(name)}/scopes", {"scopes": [_scope(each) for each in scopes]})
    if is_json():
        answer(one)
    else:
        say(f"{name} may be used for {', '.join(_scope_words(each) for each in one['scopes'])}.")


@credentials.command("delete")
def delete_credential(name: str, as_json: Json = False) -> None:
    """Delete a credential that no application uses."""
    with Client() as client:
        client.delete(f"/credentials/{part(name)}")
    if is_json():
        answer({"name": name, "is_deleted": True})
    else:
        say(f"{name} is deleted.")


def _scope(text: str) -> dict[str, str]:
    application, _, environment = text.partition("@")
    return {
        name: "" if value in ("", "all") else value
        for name, value in (("application", application), ("environment", environment))
    }


def _scope_words(one: dict[str, str]) -> str:
    if not one["application"] and not one["environment"]:
        return "all"
    return one["application"] + (f"@{one['environment']}" if one["environment"] else "")


def _path(app: str, env: str) -> str:
    return f"/applications/{part(app)}/environments/{part(env)}/configuration"


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadInput(
            f"“{text[:40]}” is not NAME=VALUE.", advice="For example: fairway config set shop LOG_LEVEL=info -e staging"
        )
    return name, value


def _saved(app: str, env: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    if is_json():
        answer(after)
    elif before["version"] == after["version"]:
        say(f"Nothing changed; version {after['version']} stays.", "skipped")
    else:
        say(f"Version {after['version']} is saved. To apply it, run: fairway deploy {app} --env {env}")


def _diff_lines(change: dict[str, Any]) -> list[tuple[str, str, str]]:
    hidden = change["is_secret"]
    after = change["after"] if not hidden else "•••• (changed)" if change["kind"] == "changed" else "••••"
    lines = []
    if change["kind"] != "added":
        lines.append(("-", "red", "••••" if hidden else change["before"]))
    if change["kind"] != "removed":
        lines.append(("+", "green", after))
    return lines
