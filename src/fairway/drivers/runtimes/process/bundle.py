"""Bundles: the immutable, runnable directories that the `process` runtime starts.

A bundle lies in ``<data>/bundles/<64 hex>/`` and holds ``bundle.json`` (the manifest), ``app/`` (what the application
sees as its working folder) and whatever it needs beside it, such as ``.venv/`` or ``node_modules/``.

Its digest covers the manifest too: a bundle whose default command was edited is another bundle.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef
from fairway.shared.failures import Failure, NeedsPerson, Refused, Retry
from fairway.shared.names import Invalid, parse_relative_path, parse_variable

MANIFEST = "bundle.json"
APP = "app"
FORMAT = 1
PASSING = frozenset({errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.ENOMEM, errno.EMFILE, errno.ENFILE})  # a busy machine's


@dataclass(frozen=True)
class Bundle:
    """One sealed bundle, as its manifest describes it.

    `command` is the default argv; in it ``{port}`` stands for the port, the first word ``{python}`` for the bundle's
    own Python and ``{caddy}`` for Fairway's web server. `environment` holds defaults that the deployment's
    configuration overrides. `path` names folders inside the bundle that come first on ``PATH``. `start_in` is the folder
    of ``app/`` that is the working folder: a package inside its workspace.
    """

    folder: Path
    digest: str
    command: tuple[str, ...]
    kind: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    start_in: str = ""

    @classmethod
    def read(cls, folder: Path) -> Bundle:
        """The bundle in `folder`, from its manifest alone (see `verify` for its content). Raises `Refused`."""
        manifest = _read_manifest(folder)
        digest = manifest.get("digest")
        if not isinstance(digest, str) or not digest.startswith("sha256:"):
            raise Refused(f"The bundle {folder.name[:12]} has no digest in its manifest; build it again.")
        fields = _checked(manifest)
        return cls(folder=folder, digest=digest, **fields)

    @property
    def app(self) -> Path:
        """The application's own files."""
        return self.folder / APP

    def ref(self) -> ArtifactRef:
        """This bundle as an artifact."""
        return ArtifactRef(kind=ArtifactKind.BUNDLE, digest=self.digest, location=self.folder)


def bundle_digest(path: Path, manifest: Mapping[str, Any] | None = None) -> str:
    """``sha256:…`` over the manifest and every path, kind, executable bit, content and link target below `path`.

    Byte code (``__pycache__``, ``*.pyc``) does not count: Python may write it while the application runs. Times and
    owners do not count either, so that the same content always has the same digest. `manifest` stands for a
    ``bundle.json`` that is not written yet; None reads the one that is there.
    """
    described = dict(_read_manifest(path) if manifest is None else manifest)
    for key in ("digest", "format"):
        described.pop(key, None)
    total = hashlib.sha256(b"fairway-bundle-1\0")
    total.update(json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode())
    for name, entry in entries(path):
        total.update(b"\0" + _record(path, name, entry))
    return f"sha256:{total.hexdigest()}"


def seal(folder: Path, manifest: Mapping[str, Any], *, into: Path | None = None) -> ArtifactRef:
    """Turn a finished folder into a bundle: check it, compute its digest, write ``bundle.json``, make it read-only and
    rename it to ``<into>/<64 hex>`` (`into` defaults to the folder's parent and must be on the same file system).

    `folder` is gone afterwards, also when an equal bundle was there already (that one is then returned). Scripts inside
    must not know the folder's old path: make virtual environments relocatable. Raises `Refused` for a bad manifest or a
    folder without ``app/``, `NeedsPerson` when the disk is full.
    """
    if not (folder / APP).is_dir():
        raise Refused(f"The bundle has no “{APP}” folder; there is nothing to run.")
    _checked(manifest)
    digest = bundle_digest(folder, manifest)
    place = (into or folder.parent) / digest.removeprefix("sha256:")
    try:
        _write_manifest(folder, {**manifest, "format": FORMAT, "digest": digest})
        _settle(folder, place)
    except OSError as error:
        raise disk_failure(error, "storing the bundle") from error
    return ArtifactRef(kind=ArtifactKind.BUNDLE, digest=digest, location=place)


def verify(path: Path) -> str:
    """Compute the digest of the bundle at `path` anew and return it. Raises `Refused` when it is not what the manifest
    and the folder's name say: somebody changed it, or it was not written completely."""
    bundle = Bundle.read(path)
    try:
        found = bundle_digest(path)
    except OSError as error:
        raise Refused(f"The bundle {path.name[:12]} cannot be read whole ({error.strerror}); build it again.") from error
    if found != bundle.digest or path.name != bundle.digest.removeprefix("sha256:"):
        raise Refused(
            f"The bundle {path.name[:12]} was changed after it was built; build the application again.",
            detail=f"expected {bundle.digest}, found {found}",
        )
    return found


def fingerprint(path: Path) -> str:
    """A cheap sign (sizes, modes, times) by which a verified bundle is known to be untouched since."""
    total = hashlib.sha256()
    for name, entry in entries(path):
        total.update(f"{name}\0{entry.st_mode}\0{entry.st_size}\0{_changed(entry)}\0".encode(errors="surrogateescape"))
    manifest = (path / MANIFEST).lstat()
    total.update(f"{manifest.st_size}\0{manifest.st_mtime_ns}".encode())
    return total.hexdigest()


def discard(path: Path) -> None:
    """Delete a bundle, read-only folders included. No error when it is gone."""
    if not path.is_dir():
        return
    doomed = path.with_name(f".{path.name}.doomed")  # first out of sight, so that nobody starts half a bundle
    os.chmod(path, 0o700)
    if doomed.exists():
        _erase(doomed)
    path.rename(doomed)
    _erase(doomed)


def entries(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every counted entry below `path` as (relative path, lstat), in a fixed order."""
    pending = [""]
    while pending:
        inside = pending.pop()
        with os.scandir(path / inside if inside else path) as scan:
            found = sorted(scan, key=lambda entry: entry.name)
        for entry in found:
            name = f"{inside}/{entry.name}" if inside else entry.name
            if name == MANIFEST or entry.name == "__pycache__" or entry.name.endswith(".pyc"):
                continue
            yield name, entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                pending.append(name)


def disk_failure(error: OSError, doing: str) -> Failure:
    """The typed failure for an operating-system error met while `doing` something on the disk."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NeedsPerson(f"The disk is full: {doing} was not possible. Free some space, then try again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        place = error.filename or "the data directory"
        return NeedsPerson(f"No permission for {doing}: give Fairway's user write access to {place}.", detail=str(error))
    words = f"{doing[:1].upper()}{doing[1:]} failed: {error.strerror or error}."
    return (Retry if error.errno in PASSING else Refused)(words, detail=str(error))


def _changed(entry: os.stat_result) -> int:
    """When content changed; of a folder not, because byte code written into it changes its time."""
    return 0 if stat.S_ISDIR(entry.st_mode) else entry.st_mtime_ns


def _record(root: Path, name: str, entry: os.stat_result) -> bytes:
    """One entry as the bytes that are hashed: lengths first, so that no two trees have the same record stream."""
    kind, content = _content(root / name, entry)
    encoded = os.fsencode(name)
    return b"%s %d %s %d %s" % (kind, len(encoded), encoded, len(content), content)


def _content(place: Path, entry: os.stat_result) -> tuple[bytes, bytes]:
    if stat.S_ISLNK(entry.st_mode):
        return b"link", os.fsencode(os.readlink(place))
    if stat.S_ISDIR(entry.st_mode):
        return b"folder", b""
    if not stat.S_ISREG(entry.st_mode):
        raise Refused(f"The bundle holds “{place.name}”, which is neither a file, a folder nor a link; remove it.")
    with place.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").digest()
    return (b"program" if entry.st_mode & 0o100 else b"file"), content


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except FileNotFoundError:
        raise Refused(f"The bundle {folder.name[:12]} is not here; build the application again.") from None
    except (OSError, ValueError) as error:
        raise Refused(
            f"The bundle {folder.name[:12]} has an unreadable manifest; build it again.", detail=str(error)
        ) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise Refused(f"The bundle {folder.name[:12]} has a format this Fairway does not know; build it again.")
    return manifest


def _checked(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest's known fields, clean. Raises `Refused` naming the field."""
    command, environment, path = manifest.get("command"), manifest.get("environment", {}), manifest.get("path", [])
    if not isinstance(command, list | tuple) or not command or not all(isinstance(word, str) for word in command):
        raise Refused('The bundle\'s “command” must be a list of words, e.g. ["python", "main.py"].')
    if not isinstance(environment, Mapping) or not all(isinstance(value, str) for value in environment.values()):
        raise Refused("The bundle's “environment” must map names to text.")
    if not isinstance(path, list | tuple) or not all(isinstance(folder, str) for folder in path):
        raise Refused("The bundle's “path” must be a list of folders inside the bundle.")
    try:
        variables = {parse_variable(name): value for name, value in environment.items()}
        folders = tuple(str(parse_relative_path(folder)) for folder in path)
        start_in = str(manifest.get("start_in") or "")
        start_in = str(parse_relative_path(start_in)) if start_in else ""
    except Invalid as error:
        raise Refused(f"The bundle's manifest is wrong: {error}") from error
    return {
        "command": tuple(command),
        "kind": str(manifest.get("kind", "")),
        "environment": variables,
        "path": folders,
        "start_in": start_in,
    }


def _write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    with (folder / MANIFEST).open("w") as file:
        json.dump(manifest, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: Path, place: Path) -> None:
    """Rename into place; whoever comes second drops its own copy, because equal digests mean equal content. A damaged
    bundle found there makes way: building again is what its failure told people to do."""
    place.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    if place.exists() and not _is_whole(place):
        discard(place)
    try:
        folder.rename(place)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        _erase(folder)
        return
    _protect(place)


def _is_whole(place: Path) -> bool:
    try:
        verify(place)
    except Refused:
        return False
    return True


def _protect(place: Path) -> None:
    """Take the write permission away, so that an application cannot change its own bundle by accident. Files that share
    their inode with a package cache keep it: the mode is the cache's too."""
    for name, entry in entries(place):
        if stat.S_ISREG(entry.st_mode) and entry.st_nlink == 1:
            os.chmod(place / name, stat.S_IMODE(entry.st_mode) & ~0o222)
    open_up(place)


def open_up(place: Path) -> None:
    """Let every user read a bundle: applications have users of their own. Only those it is shown to get as far, because
    the folder above is Fairway's alone."""
    for name, entry in entries(place):
        if not stat.S_ISLNK(entry.st_mode):
            _let_read(place / name, stat.S_IMODE(entry.st_mode))
    (place / MANIFEST).chmod(0o444)
    _let_read(place, stat.S_IMODE(place.stat().st_mode))


def _let_read(place: Path, mode: int) -> None:
    wanted = mode | 0o444 | (0o111 if mode & 0o100 else 0)
    if wanted != mode:
        os.chmod(place, wanted)


def _erase(place: Path) -> None:
    for folder, _, _ in os.walk(place):
        os.chmod(folder, 0o700)
    shutil.rmtree(place)
