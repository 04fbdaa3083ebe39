"""Options for an application's source: an image, a Git repository, or a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from fairway.cli.client import Client
from fairway.cli.failures import BadInput
from fairway.cli.output import err, note
from fairway.cli.words import size
from fairway.shared.names import is_archive_name

PIECE = 256 * 1024

Image = Annotated[str, typer.Option("--image", metavar="REF", help="An image: registry.example.com/team/app:1.2.")]
Git = Annotated[str, typer.Option("--git", metavar="URL[#REF]", help="A Git repository, with a branch, tag or commit.")]
Archive = Annotated[Path | None, typer.Option("--path", metavar="DIR", help="A folder here (or a .zip or .tar.gz).")]
Ref = Annotated[str, typer.Option("--ref", help="Branch, tag or commit, instead of #REF.")]


@dataclass(frozen=True)
class SourceOptions:
    """The given options; at most one of image, git and path."""

    image: str = ""
    git: str = ""
    path: Path | None = None
    ref: str = ""
    credential: str = ""
    is_quiet: bool = False


def body_of(client: Client, options: SourceOptions, *, required: bool = False) -> dict[str, str] | None:
    """The source for the API; a folder is packed and uploaded. None if no source was given. Raises `BadInput`."""
    given = [name for name in ("image", "git", "path") if getattr(options, name)]
    if len(given) > 1:
        raise BadInput(f"--{given[0]} and --{given[1]} exclude each other.", advice="Give one of --image, --git and --path.")
    if options.ref and given != ["git"]:
        raise BadInput("--ref needs --git.")
    if not given and required:
        raise BadInput("Where does it come from?", advice="Give --image REF, --git URL[#REF] or --path DIR.")
    if not given:
        return None
    source = {"image": _image, "git": _git, "path": _path}[given[0]](client, options)
    return source | ({"credential": options.credential} if options.credential else {})


def _image(client: Client, options: SourceOptions) -> dict[str, str]:
    return {"kind": "image", "image": options.image}


def _git(client: Client, options: SourceOptions) -> dict[str, str]:
    url, _, ref = options.git.partition("#")
    if ref and options.ref:
        raise BadInput("The branch, tag or commit was given twice.", advice="Write it after “#” or with --ref, not both.")
    wanted = ref or options.ref
    return {"kind": "git", "url": url} | ({"ref": wanted} if wanted else {})


def _path(client: Client, options: SourceOptions) -> dict[str, str]:
    path = (options.path or Path()).expanduser()
    if not path.exists():
        raise BadInput(f"There is no “{path}” here.", advice="Give a folder, or a .zip, .tar or .tar.gz file.")
    if path.is_file() and not is_archive_name(path.name):
        raise BadInput(f"“{path}” is neither a folder nor a .zip, .tar or .tar.gz file.")
    name = path.resolve().name
    if path.is_file():
        return _sent(client, path, name)
    with tempfile.TemporaryDirectory(prefix="fairway-") as place:
        packed = _pack(path, Path(place) / "source.tar.gz", options)
        return _sent(client, packed, f"{name}.tar.gz")


def _pack(folder: Path, file: Path, options: SourceOptions) -> Path:
    from fairway.shared.failures import Refused
    from fairway.shared.packing import pack

    try:
        packed = pack(folder, file)
    except Refused as refused:
        raise BadInput(refused.sentence) from None
    except OSError as error:
        raise BadInput(f"“{error.filename or folder}” cannot be read: {error.strerror}.") from None
    if not options.is_quiet:
        note(f"Packed {packed.files} files, {size(packed.bytes)}.")
        for sentence in packed.left_out:
            note(sentence)
    return packed.path


def _sent(client: Client, file: Path, name: str) -> dict[str, str]:
    total = file.stat().st_size
    upload: dict[str, Any] = client.upload(name, _pieces(file, total), total)
    return {"kind": "archive", "upload": upload["checksum"], "name": name}


def _pieces(file: Path, total: int) -> Iterator[bytes]:
    """The file in pieces, with a progress bar on stderr if that is a terminal and it takes a while."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = err()
    columns = (TextColumn("Uploading"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    is_shown = console.is_terminal and total > 4 * PIECE
    with Progress(*columns, console=console, transient=True, disable=not is_shown) as bar, file.open("rb") as source:
        task = bar.add_task("upload", total=total)
        while piece := source.read(PIECE):
            yield piece
            bar.advance(task, len(piece))
