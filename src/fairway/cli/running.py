"""Commands on a placement: stop, start, domains, access, remove, logs."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.failures import Code
from fairway.cli.output import Json, answer, confirm_by_name, done, err, is_json, say, status
from fairway.cli.places import Confirm, Slug
from fairway.cli.shipping import Env, NoWait, Reason
from fairway.cli.watch import print_line, wait_for
from fairway.cli.words import word
from fairway.shared.hostnames import readable_hostname

PATIENCE = 180.0  # seconds; timeout of waiting for a start or stop; the worker continues
FOLLOW_EVERY = 1.0


def stop(app: Slug, env: Env, reason: Reason = "", no_wait: NoWait = False, as_json: Json = False) -> None:
    """Stop an application in an environment. Running requests finish; visitors see a friendly page."""
    want(app, env, "stopping", {"reason": reason}, {"stopped"}, no_wait)


def start(app: Slug, env: Env, reason: Reason = "", no_wait: NoWait = False, as_json: Json = False) -> None:
    """Start a stopped application."""
    want(app, env, "starting", {"reason": reason}, {"healthy"}, no_wait)


def domains(
    app: Slug,
    env: Env,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[DOMAIN]...", help="All of its domains; none removes them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set the custom domains of an application."""
    with Client() as client:
        one = client.put(f"{placement_path(app, env)}/domains", {"domains": names or []})
    done(one, f"{app} in {env} answers at {', '.join(map(readable_hostname, one['urls']))}.")


def access(
    app: Slug,
    who: Annotated[str, typer.Argument(help="public or signed_in.")],
    env: Env,
    as_json: Json = False,
) -> None:
    """Set who may open an application: everybody, or people signed in here."""
    with Client() as client:
        one = client.put(f"{placement_path(app, env)}/access", {"access": who.replace("-", "_")})
    done(one, f"{app} in {env} is open to {'everybody' if one['access'] == 'public' else 'signed-in people'}.")


def remove(
    app: Slug,
    env: Env,
    confirm: Confirm = "",
    volumes: Annotated[bool, typer.Option("--volumes", help="Delete its stored data there too.")] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Remove an application from one environment."""
    name = f"{app}.{env}"
    with Client() as client:
        client.get(placement_path(app, env))
        confirm_by_name(name, confirm, f"This removes {app} from {env}{' with its stored data' if volumes else ''}.")
        one = client.delete(placement_path(app, env), reason=reason, volumes_confirmed=name if volumes else "")
    done(one, f"{app} is being removed from {env}.")


def logs(
    app: Slug,
    env: Env,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep following new lines; Ctrl-C stops.")] = False,
    deployment: Annotated[
        int | None, typer.Option("--deployment", min=1, help="Show the log of this deployment instead.")
    ] = None,
    tail: Annotated[int, typer.Option(min=1, max=5000, help="How many of the last lines.")] = 200,
    as_json: Json = False,
) -> None:
    """What the instances print, or what a deployment wrote."""
    with Client() as client:
        try:
            if deployment is None:
                _instance_output(client, app, env, tail, follow)
            else:
                _deployment_log(client, app, env, deployment, follow)
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


def want(app: str, env: str, what: str, body: dict[str, Any], health: set[str], no_wait: bool) -> None:
    """Ask for something of a placement, and wait until its health is one of these."""
    with Client() as client:
        one = client.post(f"{placement_path(app, env)}/{what}", body)

        def is_there() -> bool:
            nonlocal one
            one = client.get(placement_path(app, env))
            return one["health"] in health

        in_time = no_wait or wait_for(is_there, seconds=PATIENCE)
    if is_json():
        answer(one)
    elif no_wait:
        say(f"{app} in {env}: {what}.", "running")
    else:
        late = f"{app} in {env} is not there yet after {PATIENCE:.0f} s."
        sentence = f"{word(one['health'])}  {app} in {env}" if in_time else late
        say(f"{sentence}  {one['url'] if one['health'] == 'healthy' else ''}".rstrip(), one["health"])
    if not in_time:
        raise typer.Exit(int(Code.FAILED))


def _instance_output(client: Client, app: str, env: str, tail: int, follow: bool) -> None:
    seen: set[tuple[str, str, str]] = set()
    since = ""
    while True:
        lines = client.get(f"{placement_path(app, env)}/output", tail=tail, since=since)
        fresh = [line for line in lines if _mark(line) not in seen]
        _print_output(fresh, has_more=follow)
        if not follow:
            return
        if lines:
            since = max(lines, key=lambda line: datetime.fromisoformat(line["at"].replace("Z", "+00:00")))["at"]
            seen = {_mark(line) for line in lines if line["at"] == since} | (seen if not fresh else set())
        time.sleep(FOLLOW_EVERY)


def _print_output(lines: list[dict[str, Any]], *, has_more: bool) -> None:
    if is_json() and not has_more:
        answer(lines)
        return
    names = {line["instance"] for line in lines}
    for line in lines:
        if is_json():
            _json_line(line)
        else:
            who = f"{_short(line['instance'])} │ " if len(names) > 1 else ""
            print_line(f"{who}{line['text']}")
    if not lines and not has_more:
        err().print(status("unknown", "Nothing has been printed yet."))


def _short(instance: str) -> str:
    """An instance among others of its deployment: ``0``, ``worker-0``."""
    return re.sub(r".*-d[0-9]+-", "", instance)


def _deployment_log(client: Client, app: str, env: str, number: int, follow: bool) -> None:
    client.get(f"/deployments/{number}")
    after = 0
    while True:
        log = client.get(f"/deployments/{number}/log", after=after, limit=2000)
        for line in log["lines"]:
            if is_json():
                _json_line(line)
            else:
                print_line(line["text"])
        after = log["next"]
        if log["collected_at"]:
            err().print(status("unknown", f"Its log was cleaned up {log['collected_at']}: old logs are not kept forever."))
        if log["is_complete"] or (not follow and not log["lines"]):
            return
        if not log["lines"]:
            time.sleep(FOLLOW_EVERY)


def _json_line(line: dict[str, Any]) -> None:
    import json

    print(json.dumps(line, ensure_ascii=False), flush=True)


def _mark(line: dict[str, Any]) -> tuple[str, str, str]:
    return line["at"], line["instance"], line["text"]


def placement_path(app: str, env: str) -> str:
    """Where the API has a placement."""
    return f"/applications/{part(app)}/environments/{part(env)}/placement"
