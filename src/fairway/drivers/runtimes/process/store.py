"""The bundles in the data directory: each is verified once, is known to be unchanged since, and is removed when unused."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, Progress
from fairway.drivers.runtimes.process.bundle import Bundle, discard, disk_failure, fingerprint, open_up, verify
from fairway.drivers.runtimes.process.places import Places, read_json, write_json
from fairway.shared.failures import Refused

NAME = re.compile(r"[0-9a-f]{64}")


class Store:
    """The folder ``<data>/bundles``."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def distribute(self, artifact: ArtifactRef, progress: Progress) -> None:
        """Copy the bundle here if it is elsewhere, and verify its digest. Raises `Refused`."""
        if artifact.kind is not ArtifactKind.BUNDLE:
            raise Refused("The process runtime runs no images; choose an environment with a docker runtime.")
        progress.check()
        folder = self.places.bundle(artifact.digest)
        if not folder.is_dir() and artifact.location and artifact.location.is_dir():
            self._bring(artifact.location, folder)
        progress.check()
        self._verify(artifact.digest)
        progress.line(f"Bundle {artifact.digest[:19]} verified")

    def open(self, artifact: ArtifactRef) -> Bundle:
        """The bundle, whose content is certain to match its digest. Raises `Refused`."""
        if artifact.kind is not ArtifactKind.BUNDLE:
            raise Refused("The process runtime runs no images; choose an environment with a docker runtime.")
        if not self._is_untouched(artifact.digest):
            self._verify(artifact.digest)
        return Bundle.read(self.places.bundle(artifact.digest))

    def is_whole(self, digest: str) -> bool:
        """Whether the bundle is here, with content that matches its digest."""
        if self._is_untouched(digest):
            return True
        try:
            self._verify(digest)
        except Refused:
            return False
        return True

    def artifacts(self) -> list[ArtifactRef]:
        """Every bundle that has a readable manifest."""
        found = []
        for folder in self._places():
            with suppress(Refused):
                found.append(Bundle.read(folder).ref())
        return found

    def discard_except(self, keep: Collection[str], progress: Progress) -> list[str]:
        """Delete all bundles but these. Returns the deleted digests. Remains of interrupted deletions and copies are
        removed, too."""
        removed = []
        for folder in self._places():
            progress.check()
            digest = f"sha256:{folder.name}"
            if digest not in keep:
                discard(folder)
                self.places.stamp(digest).unlink(missing_ok=True)
                removed.append(digest)
        for rest in (*self.places.bundles.glob(".*.doomed"), *self.places.bundles.glob(".incoming-*")):
            shutil.rmtree(rest, ignore_errors=True)
        return removed

    def _places(self) -> list[Path]:
        if not self.places.bundles.is_dir():
            return []
        return sorted(folder for folder in self.places.bundles.iterdir() if NAME.fullmatch(folder.name))

    def _bring(self, source: Path, target: Path) -> None:
        draft = self.places.bundles / f".incoming-{secrets.token_hex(8)}"
        try:
            self.places.bundles.mkdir(parents=True, mode=0o700, exist_ok=True)
            shutil.copytree(source, draft, symlinks=True)
            with suppress(FileExistsError):
                draft.rename(target)
        except OSError as error:
            raise disk_failure(error, "copying the bundle") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _verify(self, digest: str) -> None:
        folder = self.places.bundle(digest)
        is_here = (folder / "bundle.json").exists()
        if is_here:
            open_up(folder)
        before = fingerprint(folder) if is_here else ""
        verify(folder)
        write_json(self.places.stamp(digest), {"fingerprint": before, "is_open": True})

    def _is_untouched(self, digest: str) -> bool:
        note = read_json(self.places.stamp(digest))
        # An older Fairway made bundles that only its own user can read: those are verified, and opened, again.
        stamp = note.get("fingerprint") if note.get("is_open") else None
        try:
            return bool(stamp) and stamp == fingerprint(self.places.bundle(digest))
        except OSError:
            return False
