"""Recognizes pointers of Git LFS, which keeps large files elsewhere and leaves a pointer of three lines in place of each
file.

A pointer must not go live instead of its file. Among files that visitors are shown, one pointer is enough to refuse. So it
is among the files of a program, unless the pointer lies in a folder that no program needs (tests, documentation, examples):
that is only logged. Files that go neither into the bundle nor into the image are not checked. Archives can have pointers,
too: forges pack them into the archives they offer for download.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.exclusions import Reason
from fairway.drivers.runtimes.contract import Progress
from fairway.shared.failures import Refused
from fairway.shared.left_out import some_of

START = b"version https://git-lfs.github.com/spec/v"
LARGEST = 1024  # bytes; a pointer is smaller. Source: github.com/git-lfs/git-lfs, docs/spec.md
ASIDE = frozenset({"test", "tests", "__tests__", "spec", "testdata", "fixtures", "doc", "docs", "example", "examples"})


def names_in(root: Path, reason: Reason) -> Iterator[str]:
    """The relative paths of the files below `root`, except those that `reason` leaves out."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not reason(Path(folder, name)))
        yield from (os.path.relpath(Path(folder, name), root) for name in sorted(files) if not reason(Path(folder, name)))


def refuse_pointers(root: Path, spec: Spec, names: Iterable[str], progress: Progress) -> None:
    """Check the files that are built from or published. Raises `Refused`, which says how many are pointers and names the
    first of them."""
    is_published = spec.kind == "static" and not spec.build
    top = PurePosixPath(str(spec.install.get("publish") or ".")) if is_published else PurePosixPath()
    found = [name for name in names if PurePosixPath(name).is_relative_to(top) and is_pointer(root / name)]
    refuse_found(found, progress, is_published=is_published)


def refuse_found(pointers: list[str], progress: Progress, *, is_published: bool) -> None:
    """Raises `Refused` if one of these pointers matters; logs the others to `progress`."""
    aside = [name for name in pointers if not is_published and ASIDE & set(PurePosixPath(name).parts[:-1])]
    needed = [name for name in pointers if name not in set(aside)]
    if needed:
        raise Refused(
            f"{_what(needed)} of Git LFS instead of the file itself, and Fairway does not fetch from Git LFS. "
            "Keep the files in Git itself, or upload a folder in which “git lfs pull” was run."
        )
    if aside:
        progress.line(f"{_what(aside)} of Git LFS instead of the file itself; nothing seems to need it.", stream="stderr")


def is_pointer(path: Path) -> bool:
    """Whether a file is a pointer of Git LFS. Links are not followed."""
    entry = path.lstat()
    if not stat.S_ISREG(entry.st_mode) or not len(START) < entry.st_size < LARGEST:
        return False
    with path.open("rb") as file:
        return file.read(len(START)) == START


def _what(names: list[str]) -> str:
    return f"{len(names)} file{'s hold' if len(names) > 1 else ' holds'} only a pointer ({some_of(names)})"
