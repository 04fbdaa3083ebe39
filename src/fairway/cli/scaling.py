"""Commands on how much of an application runs by itself: sleep."""

from __future__ import annotations

from typing import Annotated

import typer

from fairway.cli.client import Client
from fairway.cli.output import Json, done
from fairway.cli.places import Slug
from fairway.cli.running import placement_path, want
from fairway.cli.shipping import Env, NoWait, Reason


def sleep(
    app: Slug,
    env: Env,
    after: Annotated[
        int | None,
        typer.Option(
            "--after", min=1, max=10080, help="Do not put it to sleep now, but after so many minutes without a visit."
        ),
    ] = None,
    never: Annotated[bool, typer.Option("--never", help="Do not let it fall asleep by itself any more.")] = False,
    keep_workers: Annotated[
        bool, typer.Option("--keep-workers", help="Only “web” sleeps; with --after. The other services stay awake.")
    ] = False,
    reason: Reason = "",
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Put an application to sleep until its next visit, or say when it falls asleep by itself."""
    if after is not None and never:
        raise typer.BadParameter("give --after or --never, not both")
    if after is None and keep_workers:
        raise typer.BadParameter("it belongs to a policy; give --after, too", param_hint="--keep-workers")
    if after is None and not never:
        want(app, env, "sleeping", {"reason": reason}, {"sleeping"}, no_wait)
        return
    with Client() as client:
        one = client.put(f"{placement_path(app, env)}/sleep", {"after": after, "keeps_workers": keep_workers})
    when = "never falls asleep by itself" if after is None else f"falls asleep after {after} minutes without a visit"
    done(one, f"{app} in {env} {when}.")


def wake(app: Slug, env: Env, reason: Reason = "", no_wait: NoWait = False, as_json: Json = False) -> None:
    """Wake a sleeping application. Its next visit does so by itself."""
    want(app, env, "waking", {"reason": reason}, {"healthy"}, no_wait)
