"""Finds the release, and the package, that is named on the command line."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client
from fairway.cli.failures import BadInput, Missing

Release = Annotated[str, typer.Argument(metavar="RELEASE", help="NAME@VERSION, its number, or its name if no other has it.")]
Package = Annotated[str, typer.Argument(metavar="PACKAGE", help="The package's name.")]


def title(one: dict[str, Any]) -> str:
    """The name of a release as it can be typed: ``Autumn@2026.11``."""
    return f"{one['name']}@{one['version']}"


def find_release(client: Client, given: str) -> dict[str, Any]:
    """The named release, with its packages on its targets. Raises `Missing`, or `BadInput`, which lists the candidates."""
    number = given.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 16:
        found: dict[str, Any] = client.get(f"/releases/{int(number)}")
        return found
    every = client.get("/releases")
    fitting = [one for one in every if given in (title(one), f"{one['name']} {one['version']}")]
    fitting = fitting or [one for one in every if one["name"] == given]
    if len(fitting) > 1:
        names = ", ".join(f"{title(one)} (#{one['id']})" for one in fitting[:8])
        raise BadInput(
            f"“{given}” is the name of {len(fitting)} releases: {names}.", advice="Specify which one: NAME@VERSION or #N."
        )
    if not fitting:
        known = ", ".join(title(one) for one in every[:8])
        raise Missing(
            f"There is no release “{given}”, or you may not see it.", advice=f"There are: {known}." if known else ""
        )
    found = client.get(f"/releases/{fitting[0]['id']}")
    return found


def find_package(one: dict[str, Any], name: str) -> dict[str, Any]:
    """The package of this name in a release. Raises `Missing`."""
    for row in one["matrix"]:
        if row["name"] == name:
            found: dict[str, Any] = row
            return found
    known = ", ".join(row["name"] for row in one["matrix"][:12])
    advice = (
        f"Its packages: {known}." if known else f"It has none yet. Add one: fairway releases add {title(one)} NAME SOURCE"
    )
    raise Missing(f"{title(one)} has no package “{name}”.", advice=advice)


def on_target(row: dict[str, Any], env: str) -> dict[str, Any]:
    """The state of a package on a target; absent, if the release is not meant for it."""
    return next((cell for cell in row["targets"] if cell["environment"] == env), {"status": "absent", "sentence": ""})
