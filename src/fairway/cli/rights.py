"""Commands ``people rights`` and ``people may``: what somebody may do, and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.output import Column, Json, answer, is_json, note, say, styled, table

MARKS = {"all": ("yes", "green"), "some": ("some", "yellow"), "none": ("no", "bright_black")}
OfEnv = Annotated[str, typer.Option("--env", "-e", help="Only in this environment.")]
OfApp = Annotated[str, typer.Option("--app", "-a", help="Only for this application.")]


def show_rights(
    username: Annotated[str, typer.Argument(metavar="[USERNAME]", help="Whose; without it, your own.")] = "",
    env: OfEnv = "",
    app: OfApp = "",
    as_json: Json = False,
) -> None:
    """What somebody may do in each environment; “fairway people may” says why."""
    with Client() as client:
        of_whom = f"/people/{part(username)}" if username else "/me"
        found = client.get(f"{of_whom}/rights", environment=env, application=app)
    if is_json():
        answer(found)
        return
    if not found["is_active"]:
        note("The account is deactivated, so nothing is allowed.")
    if found["must_set_up_two_step"]:
        note("With a password, no page is shown before two-step sign-in is set up; API tokens work.")
    if found["acting_as"]:
        note(f"Acting as {found['acting_as']}.")
    places = found["environments"]
    columns = [Column("May", wraps=True), *(Column(place) for place in places)]
    table(columns, [row for row in _rows(found["rights"], "", places) if places], empty="There is no environment.")
    table([Column("May", wraps=True), Column("everywhere")], _rows(found["rights"], "everywhere", [""]), empty="")


def ask_whether(
    username: Annotated[str, typer.Argument(metavar="USERNAME")],
    act: Annotated[str, typer.Argument(metavar="ACT", help="deploy, approve, roll-back, lock-environment, …")],
    env: Annotated[str, typer.Option("--env", "-e", help="In this environment; without it, in every one.")] = "",
    app: Annotated[str, typer.Option("--app", "-a", help="For this application; without it, for every one.")] = "",
    as_json: Json = False,
) -> None:
    """Whether somebody may do one act, and why. Exit code 0: yes, 1: no."""
    with Client() as client:
        found = client.get(f"/people/{part(username)}/may", act=act, environment=env, application=app)
    if is_json():
        answer(found)
    else:
        say(found["sentence"], "healthy" if found["allowed"] else "stopped")
    raise typer.Exit(0 if found["allowed"] else 1)


def _rows(rights: list[dict[str, Any]], title: str, places: list[str]) -> list[list[Any]]:
    """One row for the acts on one kind of thing for which all cells are the same; `title` is that of acts that name no
    environment."""
    by_act: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for right in rights:
        if (right["about"] in {"nothing", "application"}) == bool(title):
            by_act.setdefault((right["act"].partition(".")[0], right["words"]), {})[right["environment"]] = right
    rows: dict[tuple[str, tuple[tuple[str, ...], ...]], list[str]] = {}
    for (kind, words), cells in by_act.items():
        same = tuple((cells[place]["extent"], *cells[place]["applications"]) for place in places)
        rows.setdefault((kind, same), []).append(words)
    return [[", ".join(words), *(_cell(cell) for cell in same)] for (_kind, same), words in rows.items()]


def _cell(cell: tuple[str, ...]) -> Any:
    extent, *applications = cell
    word, colour = MARKS[extent]
    return styled(", ".join(applications) if applications else word, colour)
