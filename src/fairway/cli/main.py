"""The program `fairway`. It uses only the HTTP API, so anyone with a token can do what it does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from fairway.cli import (
    auditing,
    catalog,
    freezes,
    how,
    jobs,
    looking_back,
    machine,
    mail,
    places,
    releases,
    resources,
    running,
    safekeeping,
    schedules,
    settings,
    shipping,
    signing_in,
)
from fairway.cli.client import AS_OF_VARIABLE, ROLE_VARIABLE
from fairway.cli.failures import Stop
from fairway.cli.output import begin, explain

HELP = "Deploy applications, promote them, roll them back. Start with: fairway deploy NAME --path . --env development"
SHIP, RUN, BACK, SELF = "Ship", "What runs", "Look back", "You and your team"

app = typer.Typer(name="fairway", help=HELP, no_args_is_help=True, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        from fairway import __version__

        print(f"fairway {__version__}")
        raise typer.Exit


@app.callback()
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


def _add(panel: str, *commands: Callable[..., None]) -> None:
    for command in commands:
        app.command(rich_help_panel=panel)(command)


_add(SHIP, shipping.deploy, how.detect, shipping.promote, shipping.rollback, shipping.watch, shipping.cancel)
_add(SHIP, shipping.approvals, shipping.approve, shipping.reject)
app.add_typer(releases.releases, name="releases", rich_help_panel=SHIP)
app.add_typer(catalog.catalog, name="catalog", rich_help_panel=SHIP)
_add(RUN, shipping.restart, running.stop, running.start, running.scale, running.logs, running.domains, running.access)
_add(RUN, jobs.run, jobs.jobs, running.remove)
app.add_typer(schedules.schedules, name="schedules", rich_help_panel=RUN)
app.add_typer(places.apps, name="apps", rich_help_panel=RUN)
app.add_typer(places.envs, name="envs", rich_help_panel=RUN)
app.add_typer(places.envs, name="targets", hidden=True)  # the release desk's name for environments
app.add_typer(freezes.freezes, name="freezes", rich_help_panel=RUN)
app.add_typer(resources.resources, name="resources", rich_help_panel=RUN)
app.add_typer(settings.config, name="config", rich_help_panel=RUN)
_add(BACK, looking_back.history, looking_back.events)
app.add_typer(auditing.audit, name="audit", rich_help_panel=BACK)
_add(SELF, signing_in.login, signing_in.logout, signing_in.whoami)
app.add_typer(signing_in.tokens, name="tokens", rich_help_panel=SELF)
app.add_typer(mail.mail, name="mail", rich_help_panel=SELF)
app.add_typer(settings.credentials, name="credentials", rich_help_panel=SELF)
app.add_typer(looking_back.people, name="people", rich_help_panel=SELF)
_add(SELF, looking_back.openapi)
machine.attach(app)
safekeeping.attach(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the program and exit with its code: 0 live, 1 failed, 2 usage, 3 refused, 4 cancelled, 5 waits for somebody."""
    begin()
    try:
        app(args=arguments)
    except Stop as stop:
        explain(stop)
        sys.exit(int(stop.code))
    except BrokenPipeError:  # `fairway history | head`
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
