"""The command ``envs host``: an environment's Docker host, reached over SSH."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli import words
from fairway.cli.client import Client, part
from fairway.cli.output import Json, answer, facts, is_json, say, status

TONES = {"connected": "available", "away": "down", "changed": "failed", "unconfirmed": "waiting", "asking": "queued"}


def host(
    env: Annotated[str, typer.Argument(metavar="ENV", help="The environment's slug.")],
    confirm: Annotated[str, typer.Option(metavar="SHA256:…", help="Confirm the host's key by its fingerprint.")] = "",
    look: Annotated[bool, typer.Option("--look", help="Check it now.")] = False,
    as_json: Json = False,
) -> None:
    """Show the Docker host over SSH, the key to let Fairway in with, and the host's own key; confirm that."""
    place = f"/environments/{part(env)}"
    with Client() as client:
        if confirm:
            client.put(f"{place}/host/key", {"fingerprint": confirm})
        if look:
            client.post(f"{place}/host/look", {})
        one = client.get(place)
    if is_json():
        answer(one["ssh_host"])
    elif one["ssh_host"] is None:
        say(f"{one['name']} does not run on a host over SSH.")
    else:
        show_host(one)


def show_host(one: dict[str, Any]) -> None:
    """Print the host's facts and the next command."""
    seen = one["ssh_host"]
    is_new = seen["shown_fingerprint"] != seen["fingerprint"]
    facts(
        [
            ("Docker host", seen["address"]),
            ("", status(TONES[seen["state"]], seen["sentence"])),
            ("Its key", f"{seen['fingerprint']}, confirmed by {seen['confirmed_by']}" if seen["fingerprint"] else ""),
            ("It shows", seen["shown_fingerprint"] if is_new else ""),
            ("Our key", seen["public_key"]),
            ("Looked at", words.ago(seen["seen_at"]) if seen["seen_at"] else ""),
        ]
    )
    if is_new and seen["shown_fingerprint"]:
        say(f"If that is the host's own key, run: fairway envs host {one['slug']} --confirm {seen['shown_fingerprint']}")
