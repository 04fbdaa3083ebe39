"""Commands on how much of an application runs: scale, sleep, wake, limits."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client
from fairway.cli.output import Json, done
from fairway.cli.places import Slug
from fairway.cli.running import placement_path, want
from fairway.cli.shipping import Env, NoWait, Reason


def scale(
    app: Slug,
    env: Env,
    replicas: Annotated[
        int | None, typer.Argument(min=0, max=8, help="How many instances, 1 to 8; 0 ends a worker.")
    ] = None,
    service: Annotated[str, typer.Option(help="Which of its services; “web” is what visitors reach.")] = "web",
    least: Annotated[int | None, typer.Option("--min", min=1, max=8, help="Scale it by itself: at least so many.")] = None,
    most: Annotated[int | None, typer.Option("--max", min=1, max=8, help="Scale it by itself: at most so many.")] = None,
    cpu: Annotated[float | None, typer.Option("--cpu", help="Target: percent of the CPU that a replica may use.")] = None,
    requests: Annotated[float | None, typer.Option("--requests", help="Target: requests a second, each replica.")] = None,
    latency: Annotated[float | None, typer.Option("--latency", help="Target: 95 % answered within so many ms.")] = None,
    hours: Annotated[
        tuple[str, str, str, int] | None,
        typer.Option("--hours", help="START END ZONE MIN, e.g. “0 8 * * MON-FRI” “0 18 * * MON-FRI” Europe/Berlin 3."),
    ] = None,
    fixed: Annotated[bool, typer.Option("--fixed", help="Do not scale it by itself any more.")] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Run this many instances of a service, or let their number follow the load."""
    wants_policy = any(one is not None for one in (least, most, cpu, requests, latency, hours))
    if sum((replicas is not None, wants_policy, fixed)) != 1:
        raise typer.BadParameter("give a number of instances, or --min and --max with a target, or --fixed")
    with Client() as client:
        if fixed:
            one = client.delete(f"{placement_path(app, env)}/scaling")
            done(one, f"{app} in {env} stays at {_instances(one['replicas'])}.")
            return
        if wants_policy:
            if most is None:
                raise typer.BadParameter("give --max, too: how many instances there may be", param_hint="--max")
            names = ("start", "end", "zone", "minimum")
            given = {"minimum": least or 1, "maximum": most, "cpu": cpu, "requests": requests, "latency_ms": latency}
            in_hours = dict(zip(names, hours, strict=True)) if hours else None
            one = client.put(f"{placement_path(app, env)}/scaling", {**given, "hours": in_hours})
            done(one, f"{app} in {env} runs {least or 1} to {_instances(most)}, as the load asks for.")
            return
        wanted = {"replicas": replicas, "service": service, "reason": reason}
        one = client.put(f"{placement_path(app, env)}/replicas", wanted)
    of = "" if service == "web" else f" of {service}"
    done(one, f"{app} in {env} will run {_instances(replicas or 0)}{of}.")


def _instances(count: int) -> str:
    return f"{count} {'instance' if count == 1 else 'instances'}"


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


def limits(
    app: Slug,
    env: Env,
    service: Annotated[str, typer.Option(help="Which of its services; “web” is what visitors reach.")] = "web",
    memory: Annotated[int | None, typer.Option("--memory", help="MB that each instance may use.")] = None,
    cpus: Annotated[float | None, typer.Option("--cpus", help="CPUs that each instance may use, e.g. 0.5.")] = None,
    processes: Annotated[int | None, typer.Option("--processes", help="Processes and threads of each instance.")] = None,
    default: Annotated[bool, typer.Option("--default", help="As its version says.")] = False,
    as_json: Json = False,
) -> None:
    """Show what each instance of an application may use in an environment, or set it. A restart applies it."""
    wanted = {"memory_mb": memory, "cpus": cpus, "pids": processes}
    is_set = any(value is not None for value in wanted.values())
    if is_set and default:
        raise typer.BadParameter("give limits or --default, not both")
    with Client() as client:
        one = client.get(placement_path(app, env))
        if is_set or default:
            kept = {} if default else one["limits"].get(service, {})
            given = {**kept, **{name: value for name, value in wanted.items() if value is not None}}
            one = client.put(f"{placement_path(app, env)}/limits", {"service": service, **given})
    if not (is_set or default):
        said = "; ".join(f"{name}: {_limits(found)}" for name, found in one["limits"].items())
        done(one, said or f"{app} in {env} has the limits that its version says.")
        return
    done(one, f"{service} of {app} in {env}: {_limits(one['limits'].get(service, {}))}, once it is restarted.")


def _limits(found: dict[str, Any]) -> str:
    words = {"memory_mb": "{} MB of memory", "cpus": "{:g} CPU", "pids": "{} processes"}
    said = [form.format(found[name]) for name, form in words.items() if found.get(name) is not None]
    return ", ".join(said) or "as its version says"
