"""How a release, and a package of it, is named on the command line."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client
from fairway.cli.failures import BadInput, Missing

Release = Annotated[str, typer.Argument(metavar="RELEASE", help="NAME@VERSION, its number, or its name if no other has it.")]
Package = Annotated[str, typer.Argument(metavar="PACKAGE", help="The package's name.")]


def title(one: dict[str, Any]) -> str:
    """How a release is written wherever one may be typed: ``Autumn@2026.11``."""
    return f"{one['name']}@{one['version']}"


def release(client: Client, given: str) -> dict[str, Any]:
    """The release that is meant, with its packages on its targets. Raises `Missing`, or `BadInput` naming the candidates."""
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


def package(one: dict[str, Any], name: str) -> dict[str, Any]:
    """A package of a release. Raises `Missing`."""
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
    """Where a package stands on a target; nowhere, when the release does not go there."""
    return next((cell for cell in row["targets"] if cell["environment"] == env), {"status": "absent", "sentence": ""})
