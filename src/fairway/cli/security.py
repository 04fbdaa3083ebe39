"""Command ``security``: what of the installation's security is on, what is weak, and how to fix it."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import typer

from fairway.cli.client import Client
from fairway.cli.output import Json, answer, is_json, out, styled
from fairway.cli.words import is_unicode

LOOKS = {"weak": ("✖", "x", "red"), "off": ("○", "o", "yellow"), "good": ("✔", "+", "green")}
NONE = ("–", "-", "bright_black")


def security(as_json: Json = False) -> None:
    """What of the installation's security is on, what is weak, and how to fix it. Exit code 1 if something is weak."""
    with Client() as client:
        found = client.get("/security")
    if is_json():
        answer(found)
    else:
        print_checks(found)
    raise typer.Exit(1 if found["weak"] else 0)


def print_checks(found: dict[str, Any]) -> None:
    """Print the checks for people: one line each, and below it how to fix it."""
    console = out()
    for title, checks in groupby(found["checks"], key=lambda one: one["group_title"]):
        console.print(styled(title, "bold"))
        for one in checks:
            shape, plain, colour = LOOKS.get(one["state"], NONE)
            mark = styled(f"{shape if is_unicode() else plain} {one['state_word']}: ", colour)
            console.print(mark.append(f"{one['title']}. {one['sentence']}", "none"))
            if one["fix"]:
                console.print(styled(f"    {one['fix']}", "bright_black"))
    weak, count = found["weak"], len(found["checks"])
    console.print(f"{weak} of {count} checks {'is' if weak == 1 else 'are'} weak.")
