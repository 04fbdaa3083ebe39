"""Commands ``backup`` and ``restore`` for this machine's Fairway."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from fairway.cli.machine import DEFAULT_DATA, Data


def backup(
    file: Annotated[Path | None, typer.Argument(help="The archive to write; it must not exist.", show_default=False)] = None,
    data: Data = Path(DEFAULT_DATA),
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave out keys and certificates; keep a copy of keys/ elsewhere.")
    ] = False,
    without_volumes: Annotated[
        bool,
        typer.Option("--without-volumes", help="Leave out the data that applications of the process runtime have stored."),
    ] = False,
) -> None:
    """Save everything into one file while Fairway keeps working. FAIRWAY_DATABASE_URL as for fairway up."""
    place = (file or Path(time.strftime("fairway-%Y%m%d-%H%M%S.tar.gz"))).expanduser().absolute()
    options = [*(["--without-keys"] if without_keys else []), *(["--without-volumes"] if without_volumes else [])]
    _run("backup", data, place, *options)
    size = place.stat().st_size / 2**20
    sys.stdout.write(f"Saved to {place} ({size:.1f} MB). Volumes on Docker hosts are not in it.\n")
    if not without_keys:
        sys.stdout.write("It opens every stored secret: keep it where you keep passwords.\n")


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The archive.")],
    data: Data = Path(DEFAULT_DATA),
    keys: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="The folder keys/, for a backup made without them.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move the data directory that is there aside, and overwrite the database.")
    ] = False,
) -> None:
    """Create an installation from a backup; in the database of FAIRWAY_DATABASE_URL, if that is set."""
    options = [*(["--keys", str(keys.absolute())] if keys else []), *(["--replace"] if replace else [])]
    _run("restore", data, file.absolute(), *options)


def _run(name: str, data: Path, file: Path, *options: str) -> None:
    environment = {**os.environ, "FAIRWAY_DATA": str(data.expanduser().absolute())}
    command = [sys.executable, "-m", f"fairway.config.{name}", str(file), *options]
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
