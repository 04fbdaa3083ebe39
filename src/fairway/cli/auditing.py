"""Commands ``audit …``: verify the event chain, print its signed heads, export it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from fairway.cli.audit_file import verify_lines
from fairway.cli.client import Client
from fairway.cli.failures import Code, Missing, Stop
from fairway.cli.looking_back import App, OfEnv, Since
from fairway.cli.output import Json, answer, is_json, note, say

audit = typer.Typer(no_args_is_help=True, help="Whether the record of events is complete and unchanged.")
Data = Annotated[
    Path | None, typer.Option(help="This machine's data directory: reads the database itself; needs no server.")
]
MOST_ASKED = 100  # given heads that are compared with a server's events, one request each
LOOK_EVERY = 1.0  # seconds between two requests whether the verification is finished


@audit.command("verify")
def verify(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Exported JSON lines; needs no server.")] = None,
    data: Data = None,
    head: Annotated[
        list[Path] | None, typer.Option("--head", help="Signed heads that you kept (fairway audit head); repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Walk the whole chain of events: was one changed, is one missing? Exit code 1 if so."""
    kept = _kept(head or [])
    if file is not None:
        found = _of_file(file, kept)
    elif data is not None:
        found = _of_data(data, head or [])
    else:
        with Client() as client:
            found = _of_server(client, kept)
    if is_json():
        answer(found)
    else:
        say(found["sentence"], "done" if found["is_intact"] else "failed")
    if not found["is_intact"]:
        raise typer.Exit(int(Code.FAILED))


@audit.command("head")
def show_head(
    every: Annotated[bool, typer.Option("--all", help="All signed heads, oldest first, not only the newest.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Print the newest signed head as a line of JSON. Keep it elsewhere; compare with fairway audit verify --head FILE."""
    heads = _heads_of(data) if data is not None else _heads_of_server(every)
    if not heads:
        raise Stop("No head has been signed yet; the worker signs one within a minute of the first event.", Code.FAILED)
    for line in heads if every else heads[-1:]:
        print(line)


@audit.command("acknowledge")
def acknowledge(
    reason: Annotated[str, typer.Option("--reason", "-r", help="Which backup was restored, and why; recorded as an event.")],
    as_json: Json = False,
) -> None:
    """Say that an older backup was put back on purpose, so that the newest events are gone. For administrators."""
    with Client() as client:
        made = client.post("/audit/acknowledgement", {"reason": reason})
    if is_json():
        answer(made)
    else:
        say(f"Acknowledged by event {made['acknowledges']}; the chain is compared from there.")


@audit.command("export")
def export(
    app: App = "",
    env: OfEnv = "",
    since: Since = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="For spreadsheets, instead of JSON lines.")] = False,
    as_json: Json = False,
) -> None:
    """Every event as JSON lines on stdout, oldest first, hashes included."""
    query = {"application": app, "environment": env, "since": since, "format": "csv" if as_csv else "jsonl"}
    with Client() as client:
        for line in client.lines("/events/export", **query):
            print(line)


def _of_file(file: Path, kept: Sequence[dict[str, Any]]) -> dict[str, Any]:
    try:
        with file.open(encoding="utf-8") as lines:
            found = verify_lines(lines, kept)
    except (OSError, UnicodeDecodeError) as problem:
        raise Stop(f"{file} cannot be read: {problem}", Code.FAILED) from None
    return {"is_intact": found.broken_at is None and found.checked > 0, **vars(found)}


def _of_data(data: Path, heads: Sequence[Path]) -> dict[str, Any]:
    done = _program(data, *(word for file in heads for word in ("--head", str(file))))
    if not done.stdout.strip():
        raise Stop(f"The database could not be read: {done.stderr.strip()[-500:]}", Code.FAILED)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _program(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FAIRWAY_DATA": str(data.expanduser().absolute())}
    command = [sys.executable, "-m", "fairway.config.audit", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _of_server(client: Client, kept: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Verify through a server: for administrators it verifies the chain now, for others it shows the last result."""
    try:
        found = client.post("/audit/verification")
    except Stop as refusal:
        if refusal.code != Code.REFUSED:
            raise
        note("Only an administrator can have the whole chain checked now; this is the result of the last check.")
        found = client.get("/audit/verification")
    else:
        while found["whole_at"] is None and found["is_intact"]:
            time.sleep(LOOK_EVERY)
            found = client.get("/audit/verification")
    return _compared(client, found, kept) if found["is_intact"] else found


def _compared(client: Client, found: dict[str, Any], kept: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if len(kept) > MOST_ASKED:
        note(f"Only the {MOST_ASKED} newest of these heads are compared; verify an export to compare all.")
    for head in kept[-MOST_ASKED:]:
        event = head["event"]
        try:
            is_there = client.get(f"/events/{event}")["hash"] == head["hash"]
            words = f"Event {event} is not the one for which a head was signed at {head['at']}: events were exchanged."
        except Missing:
            is_there = False
            words = f"Event {event}, for which a head was signed at {head['at']}, is missing, or you may not see it."
        if not is_there:
            return {**found, "is_intact": False, "broken_at": event, "sentence": words}
    return {**found, "sentence": f"{found['sentence']} {len(kept)} signed heads match."} if kept else found


def _kept(files: Sequence[Path]) -> list[dict[str, Any]]:
    """The signed heads in these files, with their signatures verified. Raises `BadInput`."""
    if not files:
        return []
    from fairway.activity.heads import parse_heads
    from fairway.shared.names import Invalid

    heads = []
    for file in files:
        try:
            found = parse_heads(file.read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError, Invalid) as problem:
            raise Stop(f"{file} cannot be used: {problem}", Code.FAILED) from None
        if forged := next((head for head in found if not head.is_authentic()), None):
            raise Stop(f"{file} cannot be used: head {forged.number} in it was changed after it was signed.", Code.FAILED)
        heads += [vars(head) for head in found]
    return heads


def _heads_of(data: Path) -> list[str]:
    done = _program(data, "--print-heads")
    if done.returncode:
        raise Stop(f"The signed heads could not be read: {done.stderr.strip()[-500:]}", Code.FAILED)
    return done.stdout.splitlines()


def _heads_of_server(every: bool) -> list[str]:
    with Client() as client:
        heads = client.get("/audit/heads", limit=10_000 if every else 1)
    return [json.dumps(head, sort_keys=True, separators=(",", ":"), ensure_ascii=False) for head in heads]
