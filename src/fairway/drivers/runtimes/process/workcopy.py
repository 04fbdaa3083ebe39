"""What one instance sees as its own files: a copy of the application, what it is given as files, its volumes, its temporary
folder.

The bundle itself stays as it was built: ``app/`` is copied, because applications write beside their code, and everything
heavy beside it (``.venv``, ``node_modules``) is linked. Static sites are served from the bundle directly.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from fairway.drivers.runtimes.contract import Volume
from fairway.drivers.runtimes.process.bundle import APP, MANIFEST, Bundle
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid, parse_relative_path

LINKED = frozenset({"node_modules", ".venv"})  # inside app/ too: large, and read only
PACKAGES = frozenset({"node_modules"})


def prepare(bundle: Bundle, folder: Path, volumes: Mapping[Volume, Path], files: Mapping[str, str]) -> Path:
    """Make ``<folder>/work`` for this bundle and return the application's working folder.

    A volume appears at its target, taken as a path inside the application's folder (``/data`` is ``./data``). Files the
    application brings at that place move into a volume that is still empty, as with containers. The `files` are written
    anew, but for those the application brings itself.
    """
    if bundle.kind == "static" and not volumes and not files:
        return bundle.app
    work = folder / "work"
    if not work.exists():
        _copy(bundle, work)
    app = work / APP / bundle.start_in
    for volume, place in volumes.items():
        _attach(app, volume, place)
    for path, text in files.items():
        if not brings(bundle, path):
            _write(app, path, text)
    return app


def brings(bundle: Bundle, path: str) -> bool:
    """Whether the application has a file of its own there."""
    return os.path.lexists(bundle.app / bundle.start_in / path)


def _write(app: Path, path: str, text: str) -> None:
    """For the owner alone, and in one step: what the application put there since, a link too, is replaced, not followed."""
    *folders, name = parse_relative_path(path, field="file").parts
    owner = app.lstat()
    with ExitStack() as stack:
        try:
            at = _opened(stack, app, owner)
            for folder in folders:
                with suppress(FileExistsError):
                    os.mkdir(folder, 0o700, dir_fd=at)
                at = _opened(stack, folder, owner, at)
        except NotADirectoryError:  # a link too
            raise Refused(
                f"“{path}” has no place in the application: one of its folders is a file or a link there."
            ) from None
        draft = f".{name}.draft"
        with suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=at)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
        with open(fd, "w", encoding="utf-8") as file:
            _give(fd, owner)
            file.write(text)
        os.rename(draft, name, src_dir_fd=at, dst_dir_fd=at)


def _opened(stack: ExitStack, folder: Path | str, owner: os.stat_result, at: int | None = None) -> int:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
    stack.callback(os.close, fd)
    _give(fd, owner)
    return fd


def _give(fd: int, owner: os.stat_result) -> None:
    """The application's user owns its folder already where it ran before."""
    if os.fstat(fd).st_uid != owner.st_uid:
        os.fchown(fd, owner.st_uid, owner.st_gid)


def _copy(bundle: Bundle, work: Path) -> None:
    draft = work.with_name(".work")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    for entry in bundle.folder.iterdir():
        if entry.name == APP:
            _copy_app(entry, draft / APP)
        elif entry.name != MANIFEST:
            (draft / entry.name).symlink_to(entry)
    draft.rename(work)


def _copy_app(source: Path, target: Path) -> None:
    linked: list[Path] = []

    def skip(folder: str, names: list[str]) -> list[str]:
        wanted = LINKED if Path(folder) == source else PACKAGES  # a workspace has them in its packages, too
        found = [name for name in sorted(wanted & set(names)) if Path(folder, name).is_dir()]
        linked.extend(Path(folder, name).relative_to(source) for name in found)
        return found

    shutil.copytree(source, target, symlinks=True, ignore=skip)
    for name in linked:
        (target / name).symlink_to(source / name)
    for folder, _, files in os.walk(target):
        for place in (Path(folder), *(Path(folder) / name for name in files)):
            if not place.is_symlink():
                place.chmod(place.stat().st_mode | 0o200)


def _attach(app: Path, volume: Volume, place: Path) -> None:
    try:
        inside = parse_relative_path(volume.target.lstrip("/"), field=f"volume “{volume.name}”")
    except Invalid as error:
        raise Refused(f"The target of {error}") from error
    target = app / inside
    if inside == inside.parent:
        raise Refused(f"The volume “{volume.name}” cannot replace the whole application; give it a folder, e.g. /data.")
    place.mkdir(parents=True, mode=0o700, exist_ok=True)
    if target.is_symlink():
        target.unlink()
    elif target.is_dir():
        _move_in(target, place)
    elif target.exists():
        raise Refused(f"The volume “{volume.name}” needs the folder {volume.target}, but the application has a file there.")
    _stay_inside(app, target)  # before anything is made: the application may have put a link there since it last ran
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(place)


def _move_in(target: Path, place: Path) -> None:
    if not any(place.iterdir()):
        for entry in target.iterdir():
            shutil.move(entry, place / entry.name)
    shutil.rmtree(target)


def _stay_inside(app: Path, target: Path) -> None:
    """A link inside the application must not lead what is put into it out of it."""
    if not target.parent.resolve().is_relative_to(app.resolve()):
        inside = target.relative_to(app)
        raise Refused(f"“{inside}” leads out of the application through a link; remove the link, or choose another place.")
