"""The files of one instance: its copy of the application, the files it is given, its volumes, its temporary folder.

The bundle itself stays unchanged: ``app/`` is copied, because applications write beside their code, and large folders beside
it (``.venv``, ``node_modules``) are linked. Static sites are served from the bundle directly.
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

LINKED = frozenset({"node_modules", ".venv"})  # linked inside app/, too, because they are large and only read
PACKAGES = frozenset({"node_modules"})


def prepare(bundle: Bundle, folder: Path, volumes: Mapping[Volume, Path], files: Mapping[str, str]) -> Path:
    """Make ``<folder>/work`` for this bundle and return the application's working folder.

    A volume appears at its target, taken as a path inside the application's folder (``/data`` is ``./data``). If the
    application has files there, they are moved into the volume if that is still empty, as with containers. The `files` are
    written anew at every start, except those that the application has itself.
    """
    if bundle.kind == "static" and not volumes and not files:
        return bundle.app
    work = folder / "work"
    if not work.exists():
        _copy(bundle, work)
    app = work / APP / bundle.start_in
    for volume, target in volumes.items():
        _attach(app, volume, target)
    for path, text in files.items():
        if not brings(bundle, path):
            _write(app, path, text)
    return app


def brings(bundle: Bundle, path: str) -> bool:
    """Whether the application has a file of its own at this path."""
    return os.path.lexists(bundle.app / bundle.start_in / path)


def _write(app: Path, path: str, text: str) -> None:
    """Write a file for the owner alone, atomically. A file or link that the application has put there is replaced, not
    followed."""
    *folders, name = parse_relative_path(path, field="file").parts
    owner = app.lstat()
    with ExitStack() as stack:
        try:
            at = _opened(stack, app, owner)
            for folder in folders:
                with suppress(FileExistsError):
                    os.mkdir(folder, 0o700, dir_fd=at)
                at = _opened(stack, folder, owner, at)
        except NotADirectoryError:  # also raised for a link
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
    """Give the file to the owner of the application's folder, who may differ from us if the application ran before."""
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
        wanted = LINKED if Path(folder) == source else PACKAGES  # the packages of a workspace have node_modules, too
        found = [name for name in sorted(wanted & set(names)) if Path(folder, name).is_dir()]
        linked.extend(Path(folder, name).relative_to(source) for name in found)
        return found

    shutil.copytree(source, target, symlinks=True, ignore=skip)
    for name in linked:
        (target / name).symlink_to(source / name)
    for folder, _, files in os.walk(target):
        for path in (Path(folder), *(Path(folder) / name for name in files)):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o200)


def _attach(app: Path, volume: Volume, folder: Path) -> None:
    try:
        inside = parse_relative_path(volume.target.lstrip("/"), field=f"volume “{volume.name}”")
    except Invalid as error:
        raise Refused(f"The target of {error}") from error
    target = app / inside
    if inside == inside.parent:
        raise Refused(f"The volume “{volume.name}” cannot replace the whole application; give it a folder, e.g. /data.")
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    if target.is_symlink():
        target.unlink()
    elif target.is_dir():
        _move_in(target, folder)
    elif target.exists():
        raise Refused(f"The volume “{volume.name}” needs the folder {volume.target}, but the application has a file there.")
    _stay_inside(app, target)  # checked before anything is created: the application may have put a link there
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(folder)


def _move_in(target: Path, folder: Path) -> None:
    if not any(folder.iterdir()):
        for entry in target.iterdir():
            shutil.move(entry, folder / entry.name)
    shutil.rmtree(target)


def _stay_inside(app: Path, target: Path) -> None:
    """Raises `Refused` if a link inside the application leads `target` out of it."""
    if not target.parent.resolve().is_relative_to(app.resolve()):
        inside = target.relative_to(app)
        raise Refused(f"“{inside}” leads out of the application through a link; remove the link, or choose another place.")
