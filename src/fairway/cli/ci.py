"""Commands ``ci …``: CI jobs that may deploy without a stored secret."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.output import Column, Json, answer, done, is_json, say, table
from fairway.cli.places import Slug
from fairway.cli.shipping import Env
from fairway.cli.words import ago

ci = typer.Typer(no_args_is_help=True, help="CI jobs of GitHub or GitLab that may deploy without a stored secret.")


@ci.command("list")
def list_trusts(
    app: Annotated[str, typer.Argument(help="Only those of this application.")] = "", as_json: Json = False
) -> None:
    """The CI jobs that are trusted."""
    with Client() as client:
        found = client.get("/ci-trusts", application=app)
    if is_json():
        answer(found)
        return
    columns = [Column("#", is_number=True), Column("Jobs of"), Column("On"), Column("Deploy"), Column("By"), Column("Last")]
    rows = [
        [
            one["id"],
            f"{one['ci']} {one['repository'] or one['repository_id']}",
            _where(one),
            f"{one['application']['slug']} to {one['environment']['slug']}",
            one["saved_by"],
            ago(one["last_used_at"]) or "never",
        ]
        for one in found
    ]
    table(
        columns, rows, empty="No CI jobs are trusted. Trust some: fairway ci trust APP --env ENV --github ID --branch main"
    )


@ci.command("trust")
def trust(
    app: Slug,
    env: Env,
    github: Annotated[str, typer.Option(metavar="ID", help="The number of a repository on GitHub.")] = "",
    gitlab: Annotated[str, typer.Option(metavar="ID", help="The number of a project on GitLab.")] = "",
    branch: Annotated[str, typer.Option(help="The branch, e.g. main or release/*.")] = "",
    tag: Annotated[str, typer.Option(help="Tags instead of a branch, e.g. v*.")] = "",
    ci_environment: Annotated[str, typer.Option(help="Only jobs of this environment of the CI.")] = "",
    issuer: Annotated[str, typer.Option(help="Who signs the tokens, on a server of your own.")] = "",
    as_json: Json = False,
) -> None:
    """Let CI jobs of a repository deploy the application, with your rights. In the job: fairway login URL --ci."""
    if bool(github) == bool(gitlab):
        raise typer.BadParameter("give either --github or --gitlab.")
    if bool(branch) == bool(tag):
        raise typer.BadParameter("give either --branch or --tag.")
    wanted = {
        "ci": "github" if github else "gitlab",
        "repository_id": github or gitlab,
        "pattern": branch or tag,
        "ref_kind": "tag" if tag else "branch",
        "ci_environment": ci_environment,
        "issuer": issuer,
    }
    with Client() as client:
        one = client.post(f"/applications/{part(app)}/environments/{part(env)}/ci-trusts", wanted)
    if is_json():
        answer(one)
        return
    say(f"Jobs of {one['ci']} {one['repository_id']} on {_where(one)} may deploy {app} to {env} (#{one['id']}).")
    say(f"A job asks its token for {one['audience']}; “fairway login {one['audience']} --ci” does.")


@ci.command("end")
def end(number: Annotated[int, typer.Argument(metavar="N", min=1, help="Its number.")], as_json: Json = False) -> None:
    """Trust these jobs no more."""
    with Client() as client:
        client.delete(f"/ci-trusts/{number}")
    done({"id": number, "is_ended": True}, f"#{number} is trusted no more.")


def _where(one: dict[str, Any]) -> str:
    what = f"tags {one['pattern']}" if one["ref_kind"] == "tag" else str(one["pattern"])
    return f"{what} in {one['ci_environment']}" if one["ci_environment"] else what
