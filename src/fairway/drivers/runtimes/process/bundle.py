"""Bundles: the immutable directories that the `process` runtime starts.

A bundle is in ``<data>/bundles/<64 hex>/`` and contains ``bundle.json`` (the manifest), ``app/`` (the application's working
folder) and what it needs beside it, such as ``.venv/`` or ``node_modules/``.

Its digest covers the manifest, too: a bundle whose default command was edited is another bundle.
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
# Errors that a busy machine causes, and that pass.
PASSING = frozenset({errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


@dataclass(frozen=True)
class Bundle:
    """One sealed bundle, as its manifest describes it.

    `command` is the default argv: in it, ``{port}`` stands for the port, and as the first word ``{python}`` for the bundle's
    own Python and ``{caddy}`` for Fairway's web server. `environment` holds defaults, which the deployment's configuration
    overrides. `path` names folders in the bundle that come first on ``PATH``. `start_in` is the folder in ``app/`` that is
    the working folder, e.g. a package in its workspace.
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
    """``sha256:…`` of the manifest and of every path, kind, executable bit, content and link target below `path`.

    Byte code (``__pycache__``, ``*.pyc``) is left out, because Python may write it while the application runs. Times and
    owners are left out, too, so that the same content always has the same digest. `manifest` is that of a ``bundle.json``
    which is not written yet; None reads the existing one.
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

    `folder` is gone afterwards, also if an equal bundle existed already (which is then returned). Scripts in it must not
    contain the folder's old path: make virtual environments relocatable. Raises `Refused` if the manifest is invalid or
    ``app/`` is missing, `NeedsPerson` if the disk is full.
    """
    if not (folder / APP).is_dir():
        raise Refused(f"The bundle has no “{APP}” folder; there is nothing to run.")
    _checked(manifest)
    digest = bundle_digest(folder, manifest)
    target = (into or folder.parent) / digest.removeprefix("sha256:")
    try:
        _write_manifest(folder, {**manifest, "format": FORMAT, "digest": digest})
        _settle(folder, target)
    except OSError as error:
        raise disk_failure(error, "storing the bundle") from error
    return ArtifactRef(kind=ArtifactKind.BUNDLE, digest=digest, location=target)


def verify(path: Path) -> str:
    """Compute the digest of the bundle at `path` and return it. Raises `Refused` if the manifest or the folder's name has
    another one: the bundle was changed, or not written completely."""
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
    """A hash of sizes, modes and times, which is quick to compute. If it is unchanged, a verified bundle is still intact."""
    total = hashlib.sha256()
    for name, entry in entries(path):
        total.update(f"{name}\0{entry.st_mode}\0{entry.st_size}\0{_changed(entry)}\0".encode(errors="surrogateescape"))
    manifest = (path / MANIFEST).lstat()
    total.update(f"{manifest.st_size}\0{manifest.st_mtime_ns}".encode())
    return total.hexdigest()


def discard(path: Path) -> None:
    """Delete a bundle, including read-only folders. No error if it does not exist."""
    if not path.is_dir():
        return
    doomed = path.with_name(f".{path.name}.doomed")  # renamed first, so that a half-deleted bundle cannot be started
    os.chmod(path, 0o700)
    if doomed.exists():
        _erase(doomed)
    path.rename(doomed)
    _erase(doomed)


def entries(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every entry below `path` that the digest covers, as (relative path, lstat), in a fixed order."""
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
    """The failure for an operating-system error that occurred while `doing` something on the disk."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NeedsPerson(f"The disk is full: {doing} was not possible. Free some space, then try again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        place = error.filename or "the data directory"
        return NeedsPerson(f"No permission for {doing}: give Fairway's user write access to {place}.", detail=str(error))
    words = f"{doing[:1].upper()}{doing[1:]} failed: {error.strerror or error}."
    return (Retry if error.errno in PASSING else Refused)(words, detail=str(error))


def _changed(entry: os.stat_result) -> int:
    """When the content changed, in nanoseconds. 0 for a folder, because byte code written into it changes its time."""
    return 0 if stat.S_ISDIR(entry.st_mode) else entry.st_mtime_ns


def _record(root: Path, name: str, entry: os.stat_result) -> bytes:
    """The bytes of one entry that are hashed. They begin with lengths, so that two different trees never give the same
    bytes."""
    kind, content = _content(root / name, entry)
    encoded = os.fsencode(name)
    return b"%s %d %s %d %s" % (kind, len(encoded), encoded, len(content), content)


def _content(path: Path, entry: os.stat_result) -> tuple[bytes, bytes]:
    if stat.S_ISLNK(entry.st_mode):
        return b"link", os.fsencode(os.readlink(path))
    if stat.S_ISDIR(entry.st_mode):
        return b"folder", b""
    if not stat.S_ISREG(entry.st_mode):
        raise Refused(f"The bundle holds “{path.name}”, which is neither a file, a folder nor a link; remove it.")
    with path.open("rb") as file:
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
    """The manifest's known fields, parsed. Raises `Refused` that names the field."""
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


def _settle(folder: Path, target: Path) -> None:
    """Rename the folder to `target`. If an equal bundle is there already, this copy is deleted, because equal digests mean
    equal content. A damaged bundle there is replaced: people were told to build again."""
    target.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    if target.exists() and not _is_whole(target):
        discard(target)
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        _erase(folder)
        return
    _protect(target)


def _is_whole(path: Path) -> bool:
    try:
        verify(path)
    except Refused:
        return False
    return True


def _protect(path: Path) -> None:
    """Remove write permission, so that an application cannot change its own bundle by accident. Files that share their inode
    with a package cache keep it, because the mode is the cache's, too."""
    for name, entry in entries(path):
        if stat.S_ISREG(entry.st_mode) and entry.st_nlink == 1:
            os.chmod(path / name, stat.S_IMODE(entry.st_mode) & ~0o222)
    open_up(path)


def open_up(path: Path) -> None:
    """Let every user read a bundle, because applications have users of their own. Only those to whom it is mounted can reach
    it, because the folder above is Fairway's alone."""
    for name, entry in entries(path):
        if not stat.S_ISLNK(entry.st_mode):
            _let_read(path / name, stat.S_IMODE(entry.st_mode))
    (path / MANIFEST).chmod(0o444)
    _let_read(path, stat.S_IMODE(path.stat().st_mode))


def _let_read(path: Path, mode: int) -> None:
    wanted = mode | 0o444 | (0o111 if mode & 0o100 else 0)
    if wanted != mode:
        os.chmod(path, wanted)


def _erase(path: Path) -> None:
    for folder, _, _ in os.walk(path):
        os.chmod(folder, 0o700)
    shutil.rmtree(path)
