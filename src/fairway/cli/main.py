"""The program `fairway`. It uses only the HTTP API, so anyone with a token can do what it does."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.models import CommandInfo

from fairway.cli.client import AS_OF_VARIABLE, ROLE_VARIABLE
from fairway.cli.failures import Stop
from fairway.cli.output import begin, explain
from fairway.cli.plain import spare_pydantic

HELP = "Deploy applications, promote them, roll them back. Start with: fairway deploy NAME --path . --env development"
SHIP, RUN, BACK, SELF, MACHINE = "Ship", "What runs", "Look back", "You and your team", "This machine"

# Where the commands and groups of commands are, in the order in which --help lists them. A command has the name of its
# function. All of them take half a second to load and build, so a run of the program loads only the one that is wanted.
PLACES = {
    SHIP: """
        shipping.deploy how.detect shipping.promote shipping.rollback shipping.watch shipping.cancel
        shipping.approvals shipping.approve shipping.reject releases.releases catalog.catalog
        """,
    RUN: """
        shipping.restart running.stop running.start scaling.scale scaling.sleep scaling.wake scaling.limits
        running.logs metrics.metrics alerts.alerts running.domains running.access
        jobs.run jobs.jobs running.remove schedules.schedules triggers.triggers previews.previews
        pipelines.pipelines ci.ci forges.forges
        places.apps places.envs freezes.freezes resources.resources settings.config
        """,
    BACK: """
        looking_back.history looking_back.events insights.insights costs.costs prices.prices
        auditing.audit evidence.evidence evidence.sbom
        """,
    SELF: """
        signing_in.login signing_in.logout signing_in.whoami
        signing_in.tokens sessions.sessions sign_in.sign_in mail.mail notifications.notifications settings.credentials
        looking_back.people service_accounts.service_accounts security.security looking_back.openapi
        """,
    MACHINE: """
        machine.up machine.down machine.status machine.doctor machine.rotate_keys machine.new_password machine.reset_two_step
        machine.demo safekeeping.backup safekeeping.restore
        """,
}
HIDDEN = {
    "targets": "places.envs",  # the release desk's name for environments
    "seed-demo": "machine.seed_demo",
}
WITH_VALUES = {"--as", "--as-of"}  # options of the program whose value is the next word


def _version(wanted: bool) -> None:
    if wanted:
        from fairway import __version__

        print(f"fairway {__version__}")
        raise typer.Exit


def program(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
    acting_as: Annotated[
        str,
        typer.Option(
            "--as", metavar="ROLE", envvar=ROLE_VARIABLE, help="Act as one of your roles; this can only reduce your rights."
        ),
    ] = "",
    as_of: Annotated[
        str,
        typer.Option(
            "--as-of",
            metavar="EVENT",
            envvar=AS_OF_VARIABLE,
            help="Refuse a change if somebody has changed the same since this event; “fairway events” lists their numbers.",
        ),
    ] = "",
) -> None:
    """Options of the program itself."""
    if as_of and not as_of.isdecimal():
        raise typer.BadParameter("must be the number of an event.", param_hint="--as-of")
    os.environ[ROLE_VARIABLE] = acting_as
    os.environ[AS_OF_VARIABLE] = as_of


def program_for(words: Sequence[str]) -> typer.Typer:
    """The program with what these words need of it. It is whole if they name no command: for ``--help``, and to suggest the
    command that was meant."""
    app = typer.Typer(name="fairway", help=HELP, no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(program)
    if words[:1] == ["--version"]:
        return app
    wanted = _wanted(words)
    named = [one for one in _known() if wanted and wanted[0] == one[0]]
    for name, place, panel in named or _known():
        _add(app, name, place, panel, wanted[1:] if named else [])
    return app


def _known() -> Iterator[tuple[str, str, str | None]]:
    """The name of each command or group, where it is, and the panel of ``--help`` that shows it; None if it is hidden."""
    for panel, places in PLACES.items():
        yield from ((place.partition(".")[2].replace("_", "-"), place, panel) for place in places.split())
    yield from ((name, place, None) for name, place in HIDDEN.items())


def _wanted(words: Sequence[str]) -> list[str]:
    """What follows the program's own options: the name of a command, if there is one, and what is said to it."""
    if any(name.endswith("_COMPLETE") for name in os.environ):  # the shell asks how a line can go on
        return []
    left = list(words)
    while left and left[0].startswith("-"):
        del left[: 2 if left[0] in WITH_VALUES else 1]
    return left


def _add(app: typer.Typer, name: str, place: str, panel: str | None, words: Sequence[str]) -> None:
    module, _, attribute = place.partition(".")
    found: Any = getattr(import_module(f"fairway.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        app.add_typer(_narrowed(found, words), name=name, rich_help_panel=panel, hidden=panel is None)
    else:
        app.command(name, rich_help_panel=panel, hidden=panel is None)(found)


def _narrowed(group: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """The group with only the command that the words name; whole if they name none."""
    named = [one for one in group.registered_commands if words and words[0] == _name(one)]
    if not named:
        return group
    narrow = copy.copy(group)
    narrow.registered_commands, narrow.registered_groups = named, []
    return narrow


def _name(command: CommandInfo) -> str:
    return command.name or (command.callback.__name__ if command.callback else "").replace("_", "-")


def main(arguments: list[str] | None = None) -> None:
    """Run the program and exit with its code: 0 live, 1 failed, 2 usage, 3 refused, 4 cancelled, 5 waits for somebody."""
    begin()
    spare_pydantic()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        program_for(words)(args=words)
    except Stop as stop:
        explain(stop)
        sys.exit(int(stop.code))
    except BrokenPipeError:  # `fairway history | head`
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
